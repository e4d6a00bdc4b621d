"""Measure whether the boundary between networks that learn XOR and networks that do not is a fractal.

python docs/make/boundary.py --measure   # measures what the tables in docs/boundary lack, then writes the page
python docs/make/boundary.py             # writes docs/boundary.md and its picture of D from the tables
python docs/make/boundary.py --panels    # also draws the maps of the boundary from afar and from near
python docs/make/boundary.py --check     # writes nothing, and fails if the page and the tables disagree
"""

import argparse
import sys
from pathlib import Path

from dimension import page, panels, record
from xorlab import figures

DOCS = Path(__file__).resolve().parents[1]


def main(arguments: list[str] | None = None) -> int:
    """Measure and write; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", action="store_true", help="measure what the tables lack; stop it at any time")
    parser.add_argument("--minutes", type=float, default=1e9, help="stop measuring after so many CPU minutes")
    more = "the folder that keeps the pixels of maps, so that they can be continued (%(default)s)"
    parser.add_argument("--kept", type=Path, default=Path("outputs/boundary"), help=more)
    parser.add_argument("--panels", action="store_true", help="draw the maps of the boundary; two minutes")
    parser.add_argument("--out", type=Path, default=DOCS, help="the folder of the page (%(default)s)")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if the page disagrees")
    options = parser.parse_args(arguments)
    folder, path = options.out / "boundary", options.out / "boundary.md"
    if options.measure:
        record.measure(folder, options.kept, 60.0 * options.minutes)
    zoomed, counted = record.read_zooms(folder / "zooms.csv"), record.read_boxes(folder / "boxes.csv")
    if lacking := page.lacking(zoomed):
        parser.error(
            f"{folder / 'zooms.csv'} must hold the zooms of every seed; it lacks {lacking}: go on with --measure"
        )
    answers = page.Answers(zoomed, counted, record.read_exact(folder / "exact.csv"))
    text = page.page(answers)
    wrong = [claim for claim, holds in answers.claims().items() if not holds]
    for claim in wrong:
        print(f"not supported: {claim}", file=sys.stderr)
    if options.check:
        same = path.read_text() == text
        print(f"{path} {'agrees' if same else 'does not agree'} with the tables")
        return int(not same or bool(wrong))
    path.write_text(text)
    (folder / "dimension.png").write_bytes(figures.png(page.picture(answers), dpi=150))
    if options.panels:
        (folder / "panels.png").write_bytes(figures.png(panels.picture(), dpi=150))
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
