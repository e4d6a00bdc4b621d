"""Count how often XOR fails in the configurations that people use, and write docs/failure-rates.md.

    python docs/make/failure_rates.py --train   # trains what docs/failure-rates.csv lacks, then writes the page
    python docs/make/failure_rates.py           # writes the page from the table
    python docs/make/failure_rates.py --check   # writes nothing, and fails if the page and the table disagree

`--definitions` and `--originals` measure the page's two small tables again; the latter needs scikit-learn and PyTorch.
"""

import argparse
import sys
import time
from pathlib import Path

from rates import counting, definitions, originals, page
from rates.rows import rows

DOCS = Path(__file__).resolve().parents[1]
DEFINITIONS, ORIGINALS = (DOCS / "make" / "rates" / f"{name}_table.md" for name in ("definitions", "originals"))


def main(arguments: list[str] | None = None) -> int:
    """Train, count and write; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", action="store_true", help="train the runs that the table lacks")
    parser.add_argument("--minutes", type=float, default=1e9, help="stop training after so many CPU minutes")
    parser.add_argument("--out", type=Path, default=DOCS, help="the folder of the table and the page (%(default)s)")
    parser.add_argument("--definitions", action="store_true", help="count again by other definitions of success")
    parser.add_argument("--originals", action="store_true", help="train in scikit-learn and PyTorch again")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if the page disagrees")
    options = parser.parse_args(arguments)
    if options.train:
        train(options.out / "failure-rates.csv", options.minutes)
    if options.definitions:
        DEFINITIONS.write_text(definitions.table(list(rows())) + "\n")
    if options.originals:
        ORIGINALS.write_text(originals.table(("scikit-learn", "PyTorch")) + "\n")
    text = page.page(
        counting.read(options.out / "failure-rates.csv"),
        list(rows()),
        {
            "definitions": DEFINITIONS.read_text().strip(),
            "originals": ORIGINALS.read_text().strip(),
            "seeds": f"{len(definitions.SEEDS):,}",
        },
    )
    path = options.out / "failure-rates.md"
    if options.check:
        same = path.read_text() == text
        print(f"{path} {'agrees' if same else 'does not agree'} with the table")
        return not same
    path.write_text(text)
    return 0


def train(path: Path, minutes: float) -> None:
    """Train block by block, rows without any first, and write the table after each block."""
    table = counting.read(path)
    every = list(rows())
    table = {row.key: table.get(row.key, counting.Counts()) for row in every}
    for first in (True, False):
        for row in every:
            counts = table[row.key]
            while not counts.enough(row) and not (first and counts.runs):
                if time.process_time() > 60.0 * minutes:
                    return
                start = time.process_time()
                counting.add(row, counts)
                counting.write(path, table)
                seconds = time.process_time() - start
                print(f"{row.key}: {counts.failed:,} of {counts.runs:,} failed, {seconds:.1f} s", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
