"""Draw the map of fates: what became of every run of a grid. Without --sweep, train the grid first, as a sweep."""

import argparse
from functools import partial
from pathlib import Path

from xorlab.cli import arguments
from xorlab.errors import XorlabError

GEOMETRY = ("width", "height", "centre", "span")


def main(words: list[str] | None = None, *, prog: str | None = None) -> int:
    """Draw a map; return the exit status."""
    parser = argparse.ArgumentParser(prog=prog, description=__doc__)
    settings = "with which to train, as for train: seed=7 arch.activation=tanh arch.hidden=[8]"
    parser.add_argument("settings", metavar="KEY=VALUE", nargs="*", help=settings)
    recorded = "draw a recorded sweep over two keys: its run id or the beginning of it, or latest"
    parser.add_argument("--sweep", help=recorded)
    parser.add_argument("--width", type=int, help="networks across, learning rates (256)")
    parser.add_argument("--height", type=int, help="networks upwards, initial scales (as many as across)")
    parser.add_argument("--centre", metavar="LR,STD", help="lr and init.std in the middle (0.632,0.316)")
    parser.add_argument("--span", type=float, help="decades of lr from left to right; a pixel is square (3)")
    parser.add_argument("--out", type=Path, default=Path("outputs/fates"), help="the folder to write (%(default)s)")
    arguments.add_store(parser)
    return arguments.call(partial(_map, parser), parser, words)


def _map(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    given = [f"--{name}" for name in GEOMETRY if getattr(options, name) is not None]
    if options.sweep and (given or options.settings):
        parser.error(f"argument --sweep: not allowed with {(given + options.settings)[0]}, which is for training")
    if not options.sweep:
        _train(options)
    from xorlab import figures
    from xorlab.diagnosis.fates import phrase
    from xorlab.report import explorer, fates

    found = fates.read(options.sweep or "latest", options.uri, experiment=options.experiment)
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / f"{found.sweep.run_id[:8]}.png"
    path.write_bytes(figures.png(found.figure()))
    for name, count in found.counts.items():
        print(f"{count:>10,}  {phrase(name)}")
    page = path.with_suffix(".html")
    page.write_text(explorer.render(found), encoding="utf-8")
    print(f"{path}\nTo explore it, open {page.resolve().as_uri()}")
    return 0


def grid(width: int, height: int, centre: tuple[float, float], span: float) -> list[str]:
    """Return the axes of a map as they are typed, initial scale first, so that learning rate varies fastest."""
    decades = {"init.std": (centre[1], height, span * height / width), "lr": (centre[0], width, span)}
    return [
        f"{key}=logspace({middle * 10 ** (-wide / 2)!r},{middle * 10 ** (wide / 2)!r},{count})"
        for key, (middle, count, wide) in decades.items()
    ]


def _train(options: argparse.Namespace) -> None:
    """Train the grid by the ordinary command."""
    from xorlab.cli import train

    width = 256 if options.width is None else options.width
    height = width if options.height is None else options.height
    span = 3.0 if options.span is None else options.span
    for name, value, least in (("width", width, 2), ("height", height, 2)):
        if value < least:
            raise XorlabError(f"--{name} must be at least {least}; got {value}")
    if not 0.0 < span < 100.0:
        raise XorlabError(f"--span must be a number of decades, above 0 and below 100; got {span:g}")
    words = ["-m", "experiment=fates", *grid(width, height, _centre(options.centre or "0.632,0.316"), span)]
    words += [f"tracking.experiment={options.experiment}"] if options.experiment != "xorlab" else []
    words += [f"tracking.uri={options.uri}"] if options.uri else []
    words += [f"use={options.use}"] if options.use else []
    train.main([*words, *options.settings])


def _centre(text: str) -> tuple[float, float]:
    try:
        lr, std = map(float, text.split(","))
    except ValueError:
        lr = std = 0.0
    if not (lr > 0.0 and std > 0.0):
        raise XorlabError(f"--centre must be lr and init.std, two positive numbers, as in 0.632,0.316; got {text!r}")
    return lr, std
