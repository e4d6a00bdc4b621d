"""Draw runs over the whole space of settings and test what their verdicts say.

It writes docs/verdicts.md, docs/verdicts.csv, and the table that the diagnosis reads.
"""

import argparse
import csv
import io
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from judge import draws
from judge.futures import judge
from judge.page import Rows, page, scores, table_csv
from xorlab.diagnosis import judged
from xorlab.diagnosis.judged import Score

DOCS = Path(__file__).resolve().parents[1]


def main(arguments: list[str] | None = None) -> int:
    """Judge the groups; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--groups", type=int, default=100, help="groups of runs (default: %(default)s)")
    parser.add_argument("--first", type=int, default=0, help="the number of the first group (default: %(default)s)")
    parser.add_argument("--runs", type=int, default=32, help="runs of a group (default: %(default)s)")
    more = "leave out groups with more epochs or with more weights than these (default: %(default)s)"
    parser.add_argument("--most", type=int, nargs=2, default=[30_000, 400], metavar=("EPOCHS", "WEIGHTS"), help=more)
    more = "a file that keeps the rows of each group that was judged; those in it already are not judged again"
    parser.add_argument("--kept", type=Path, help=more)
    more = "judge the even groups, on which thresholds are chosen, and write nothing"
    parser.add_argument("--tune", action="store_true", help=more)
    more = "the folder to write to (default: docs, and the diagnosis's table in its place)"
    parser.add_argument("--out", type=Path, help=more)
    options = parser.parse_args(arguments)
    numbers = range(options.first + (not options.tune), options.first + 2 * options.groups, 2)
    rows = judged_rows(numbers, options.runs, options.most, options.kept)
    epochs, weights = options.most
    size = f"--first {options.first} --groups {options.groups} --runs {options.runs} --most {epochs} {weights}"
    found = scores(rows)
    text = page(rows, found, f"python docs/make/judge.py {size}")
    if options.tune:
        print(text)
        return 0
    write(options.out or DOCS, options.out / "judged.csv" if options.out else judged.TABLE, rows, found, text)
    return 0


def judged_rows(numbers: Iterable[int], runs: int, most: Sequence[int], kept: Path | None) -> Rows:
    """Judge groups, but for those that the file has; a line of the file is a group."""
    lines = kept.read_text().splitlines() if kept and kept.exists() else []
    found = {group["number"]: group["rows"] for group in map(json.loads, lines) if group["runs"] == runs}
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for number in numbers:
            if not draws.fits(number, Path(folder), *most):
                continue
            if number not in found:
                found[number] = judge(number, runs, Path(folder))
                if kept:
                    with kept.open("a") as file:
                        file.write(json.dumps({"number": number, "runs": runs, "rows": found[number]}) + "\n")
            rows += found[number]
            print(f"group {number}: {len(rows):,} runs", file=sys.stderr)
    return rows


def write(folder: Path, table: Path, rows: Rows, found: Sequence[Score], text: str) -> None:
    """Write the page, the counts behind it, and the table that the diagnosis reads."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "verdicts.md").write_text(text)
    table.write_text(table_csv(found))
    counts = Counter((row["outcome"], row["cause"], row["followed"]) for row in rows)
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(("outcome", "cause", "followed", "runs"))
    writer.writerows((*key, n) for key, n in sorted(counts.items()))
    (folder / "verdicts.csv").write_text(lines.getvalue())
    print(f"wrote {folder / 'verdicts.md'}, verdicts.csv and {table}")


if __name__ == "__main__":
    sys.exit(main())
