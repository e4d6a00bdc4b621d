"""The judge of verdicts, at a small size: its draws, its checks against plain loops, and its page."""

import csv
import json
import re
import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from judge import draws, futures
from xorlab.diagnosis.verdict import diagnose
from xorlab.numerics.training import train
from xorlab.spec import ArchSpec, RunSpec

SCRIPT = Path(__file__).resolve().parents[2] / "docs" / "make" / "judge.py"


SIZE = ("--groups", "8", "--runs", "6", "--most", "20", "60")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("docs")
    main = runpy.run_path(str(SCRIPT))["main"]
    assert main([*SIZE, "--kept", str(folder / "kept"), "--out", str(folder)]) == 0
    return folder, main


def test_the_page_counts_the_rows(made):
    folder, _ = made
    page = (folder / "verdicts.md").read_text()
    rows = csv.DictReader((folder / "verdicts.csv").read_text().splitlines())
    assert "$" not in page
    counted = {
        name: int(n) for name, n in re.findall(r"^\| `(\w+)` \| (\d+) \|(?: \d+ \|){6}", page, flags=re.MULTILINE)
    }
    found = dict.fromkeys(counted, 0)
    for row in rows:
        found[re.sub("stuck_.*", "stuck", row["outcome"])] += int(row["runs"])
    assert counted == found
    assert sum(counted.values()) > 0


def test_groups_that_are_kept_are_not_judged_again(made, tmp_path, monkeypatch):
    folder, main = made
    judged, judge = [], main.__globals__["judge"]
    monkeypatch.setitem(main.__globals__, "judge", lambda number, *rest: judged.append(number) or judge(number, *rest))
    kept = tmp_path / "kept"
    first, *others = (folder / "kept").read_text().splitlines(keepends=True)
    kept.write_text("".join(others))
    assert main([*SIZE, "--kept", str(kept), "--out", str(tmp_path / "docs")]) == 0
    assert judged == [json.loads(first)["number"]]
    for name in ("verdicts.csv", "judged.csv", "verdicts.md"):
        assert (tmp_path / "docs" / name).read_bytes() == (folder / name).read_bytes()


def test_a_group_is_drawn_by_its_number(tmp_path):
    assert draws.group(7, 4, tmp_path) == draws.group(7, 4, tmp_path)
    assert draws.group(7, 4, tmp_path) != draws.group(9, 4, tmp_path)


def test_what_followed_is_what_a_longer_run_shows():
    """By a plain loop over the later losses: the default runs of some seeds, after 300 epochs and after 3,300."""
    specs = [RunSpec(seed=seed, epochs=300, arch=ArchSpec(hidden=(4,))) for seed in range(24)]
    now, later = train(specs), train([replace(spec, epochs=3_300) for spec in specs])
    ends = diagnose(later)
    band = 0.03 * np.log(2.0)
    words = set()
    for run, end in enumerate(ends):
        word = futures.followed(now, later, run, converged=end.outcome == "converged")
        after = list(later.losses[run, 300:])
        inside = all(abs(loss - now.final_loss[run]) <= band for loss in after)
        assert (word == "stays") == (inside and end.outcome != "converged")
        if word == "falls":
            assert min(after) < now.final_loss[run]
        words.add(word)
    assert words >= {"stays", "falls"}
