"""Serve MLflow's UI on this machine only, and print the address that shows the runs."""

import argparse

from xorlab.cli import arguments


def main(words: list[str] | None = None, *, prog: str | None = None) -> int:
    """Serve until Ctrl-C; return the exit status."""
    parser = argparse.ArgumentParser(prog=prog, description=__doc__)
    parser.add_argument("--port", type=port, default=5000, help="where it answers (%(default)s)")
    arguments.add_store(parser)
    return arguments.call(_serve, parser, words)


def port(text: str) -> int:
    """Read a port's number."""
    if not 0 < int(text) < 2**16:
        raise ValueError
    return int(text)


def _serve(options: argparse.Namespace) -> int:
    from xorlab.tracking import passwords, server, store

    uri = store.uri(options.uri)
    is_server = uri.startswith("http")
    if not is_server:
        server.check_port(options.port)  # before the store is made
    store.ready(uri)
    experiment = store.experiment_id(uri, options.experiment)
    store.add_views(uri, experiment)
    if is_server:
        print(f"Open {store.page(uri, experiment)}")
        return 0

    def started(address: str) -> None:
        print(f"{passwords.shown(uri)} is served on this machine only, until Ctrl-C")
        print(f"Open {store.page(address, experiment)}", flush=True)

    try:
        return server.serve(uri, port=options.port, started=started)
    except KeyboardInterrupt:
        return 0
