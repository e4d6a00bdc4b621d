"""Draw small maps of fates for ReLU and tanh, several widths and seeds, on one page: docs/fates/panels.png.

python docs/make/fate_panels.py
"""

import argparse

import matplotlib
from matplotlib.figure import Figure

from xorlab import figures
from xorlab.figures.palette import STYLE
from zoom import FOLDER, coloured

ACTIVATIONS, WIDTHS, SEEDS = ("relu", "tanh"), (2, 3, 8), (1, 2)


def main() -> None:
    """Train the maps and draw them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--side", type=int, default=64, help="networks across and upwards in each map (%(default)s)")
    side = parser.parse_args().side
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(6.8, 4.9), layout="constrained")
        rows = [(activation, seed) for activation in ACTIVATIONS for seed in SEEDS]
        columns = figure.subplots(len(WIDTHS), len(rows), sharex=True, sharey=True)
        for place, width in enumerate(WIDTHS):
            for ax, (activation, seed) in zip(columns[place], rows, strict=True):
                image = coloured(side, (0.632, 0.316), 3.0, seed=seed, hidden=(width,), activation=activation)
                ax.imshow(image, extent=(-1.7, 1.3, -2, 1), interpolation="nearest")
                ax.set_title(f"2-{width}-1 {activation}, seed {seed}", fontsize=7.5)
                ax.set_xticks([-1, 0, 1], ["0.1", "1", "10"])
                ax.set_yticks([-2, -1, 0, 1], ["0.01", "0.1", "1", "10"])
        figure.supxlabel("lr", fontsize=8)
        figure.supylabel("init.std", fontsize=8)
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "panels.png").write_bytes(figures.png(figure, dpi=150))


if __name__ == "__main__":
    main()
