"""Train a recorded run again and compare its losses with the record, bit for bit."""

import argparse

from xorlab.cli import arguments

TAGS = {"mlflow.source.git.commit": "commit", "git.dirty": "uncommitted changes"}
"""What a reader calls a tag, where its name does not say it."""


def main(words: list[str] | None = None, *, prog: str | None = None) -> int:
    """Verify a run; return 0 where it is identical, 1 where it differs, 2 where it can't be verified."""
    parser = argparse.ArgumentParser(prog=prog, description=__doc__)
    parser.add_argument("run", metavar="RUN", help=arguments.RUN)
    arguments.add_store(parser)
    return arguments.call(_verify, parser, words)


def _verify(options: argparse.Namespace) -> int:
    from xorlab.remedies import verification
    from xorlab.runs import single
    from xorlab.spec.text import title
    from xorlab.sweeps import terminal
    from xorlab.sweeps.tables import Table
    from xorlab.tracking import provenance

    run = single.find(options.run, options.uri, experiment=options.experiment)
    comparison = verification.verify(run, options.uri)
    print(f"{title(run.spec)}\nRun {run.run_id} of {run.start:%d %b %Y, %H:%M} UTC\n")
    print(verification.describe(comparison), end="\n\n")

    today = {**provenance.environment(), **provenance.commit(provenance.checkout())}
    compared = verification.compare_environments(run.tags, today)
    rows = tuple((TAGS.get(key, key), *values) for key, *values in compared)
    terminal.show(Table(("", "recorded", "today", ""), rows))
    if across := verification.across(run.tags, provenance.here()):
        print(across)
    if comparison.identical:
        return 0
    print(verification.reasons(run.spec.numerics, [name for name, *_, word in rows if word]))
    return 1
