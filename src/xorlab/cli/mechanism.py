"""Draw how runs learn: the plane at chosen epochs with each unit's line, the loss around the end, a film of two."""

import argparse
from pathlib import Path

from xorlab.cli import arguments
from xorlab.errors import XorlabError


def main(words: list[str] | None = None, *, prog: str | None = None) -> int:
    """Draw runs; return the exit status."""
    parser = argparse.ArgumentParser(prog=prog, description=__doc__)
    runs = f"{arguments.RUN}; one run gets a page of its own, several share a page for each epoch"
    parser.add_argument("runs", metavar="RUN", nargs="+", help=runs)
    epochs = "the epochs to draw, as in 0,10,100,end (%(default)s)"
    parser.add_argument("--epochs", default="0,10,100,end", help=epochs)
    parser.add_argument("--gif", metavar="OTHER", help="another run, to film beside the first")
    parser.add_argument("--out", type=Path, default=Path("outputs/mechanism"), help="the folder to write (%(default)s)")
    arguments.add_store(parser)
    return arguments.call(_draw, parser, words)


def _draw(options: argparse.Namespace) -> int:
    from xorlab import figures
    from xorlab.report import mechanism
    from xorlab.sweeps.terminal import busy

    epochs = _epochs(options.epochs)
    store = {"uri": options.uri, "experiment": options.experiment}
    runs = [mechanism.find(name, **store) for name in options.runs]
    other = mechanism.find(options.gif, **store) if options.gif else None
    with busy("training again, to draw the plane and the loss around the end"):
        pictures, no_slice = (
            mechanism.draw_run(runs[0], epochs) if len(runs) == 1 else (mechanism.draw_runs(runs, epochs), "")
        )
    if no_slice:
        print(f"No slice: {no_slice}.")
    if other is not None:
        path = options.out / f"{runs[0].short_id}-{other.short_id}.gif"
        with busy("filming"):
            mechanism.film_runs(path, [runs[0], other])
        print(path)
    options.out.mkdir(parents=True, exist_ok=True)
    for name, figure in pictures.items():
        with busy(f"writing {name}"):
            (options.out / name).write_bytes(figures.png(figure))
        print(options.out / name)
    return 0


def _epochs(text: str) -> dict[str, int | None]:
    """Read epochs, None for the end."""
    words = [word.strip() for word in text.split(",")]
    for word in words:
        if word != "end" and not word.isdecimal():
            raise XorlabError(f"--epochs must be whole numbers or end, as in 0,10,100,end; got {text!r}")
    return {word: None if word == "end" else int(word) for word in words}
