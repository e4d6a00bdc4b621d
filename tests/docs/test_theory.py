import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest

import theory as script
from predictions import comparison, cycle, depth, networks, saddle, starts
from xorlab.diagnosis import theory
from xorlab.numerics.network import evaluate
from xorlab.spec import ArchSpec, InitSpec

PAGE = Path(__file__).resolve().parents[2] / "docs" / "theory.md"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The page and its pictures, from few networks."""
    folder = tmp_path_factory.mktemp("docs")
    assert script.main(["--networks", "200", "--out", str(folder)]) == 0
    return folder


def test_the_page_is_whole(page):
    text = (page / "theory.md").read_text()
    assert "$" not in text
    assert "nan" not in text
    pictures = re.findall(r"!\[[^]]+\]\((theory/\w+\.png)\)", text)
    assert sorted(pictures) == sorted(f"theory/{name}.png" for name in script.SECTIONS)
    for picture in pictures:
        assert (page / picture).read_bytes().startswith(b"\x89PNG")
        assert (page / picture).stat().st_size < 150_000


def test_every_command_on_the_page_is_one_of_ours(page):
    commands = re.findall(r"`python ([^`]+)`", (page / "theory.md").read_text())
    assert {words.split()[0] for words in commands} == {"docs/make/theory.py", "train.py"}
    named = {words.split()[2] for words in commands if "--sections" in words}
    assert named == set(script.SECTIONS)


def test_the_committed_page_holds_what_it_says():
    text = PAGE.read_text()
    held, checks = re.search(r"(\d+) of (\d+)\s+predictions", text).groups()
    assert held == checks
    assert "**no**" not in text


def test_a_check_that_holds_writes_nothing(tmp_path, capsys):
    assert script.main(["--check", "--sections", "starts", "cycle", "saddle", "--out", str(tmp_path)]) == 0
    assert script.main(["--check", "--networks", "1000", "--sections", "depth", "--out", str(tmp_path)]) == 0
    assert list(tmp_path.iterdir()) == []
    assert "60 of 60 agree" in capsys.readouterr().out


def test_a_wrong_closed_form_fails_the_check(monkeypatch, capsys):
    right = theory.start

    def wrong(init, width, *, encoding):
        return dataclasses.replace(right(init, width, encoding=encoding), affine=0.3)

    monkeypatch.setattr(theory, "start", wrong)
    assert script.main(["--check", "--networks", "500", "--sections", "starts"]) == 1
    assert "affine 0 3: theory (0.3, 0.3)" in capsys.readouterr().err


def test_a_wrong_cycle_fails_the_check(monkeypatch):
    right = theory.cycle_loss
    monkeypatch.setattr(theory, "cycle_loss", lambda lr: right(lr) + 1e-7)
    assert script.main(["--check", "--sections", "cycle"]) == 1


def test_no_networks_are_refused(capsys):
    with pytest.raises(SystemExit) as exit:
        script.main(["--networks", "0"])
    assert exit.value.code == 2
    assert "--networks must be at least 1; got 0" in capsys.readouterr().err


def test_ranges_that_meet_hold():
    assert comparison.Check("x", (0.2, 0.2), (0.1, 0.3)).holds
    assert comparison.Check("x", (0.1, 0.2), (0.2, 0.3)).holds
    assert not comparison.Check("x", (0.1, 0.2), (0.21, 0.3)).holds
    assert not comparison.Check("x", (0.4, 0.5), (0.2, 0.3)).holds


def test_intervals_by_the_binomial_tails():
    """The exact interval's ends leave half a percent of the binomial law beyond the count."""
    from scipy.stats import binom

    low, high = comparison.interval(7, 50)
    assert binom.sf(6, 50, low) == pytest.approx(0.005, abs=1e-6)
    assert binom.cdf(7, 50, high) == pytest.approx(0.005, abs=1e-6)


def test_preactivations_by_a_loop():
    X = np.array([[0.0, 1.0], [0.5, -2.0], [1.0, 1.0]])
    arch, init = ArchSpec(hidden=(3, 2)), InitSpec(biases="drawn")
    found = networks.preactivations(arch, init, X, networks.of_seeds([4, 9]))
    for run, seed in enumerate((4, 9)):
        rng = np.random.RandomState(seed)
        a = X
        for z, (fan_in, fan_out) in zip(found, ((2, 3), (3, 2), (2, 1)), strict=True):
            W, b = rng.standard_normal((fan_in, fan_out)), rng.standard_normal(fan_out)
            np.testing.assert_allclose(z[..., run], a @ W + b, atol=1e-12)
            a = np.maximum(a @ W + b, 0.0)


def test_a_network_is_counted_as_what_it_is():
    """By hand: a start is affine where a plane through three points meets the fourth."""
    counted = starts.counts(InitSpec(), "binary", 2, networks.of_seeds(range(300)))
    affine = dead = 0
    for seed in range(300):
        rng = np.random.RandomState(seed)
        W, v = rng.standard_normal((2, 2)), rng.standard_normal((2, 1))
        parameters = {"W1": W[None], "b1": np.zeros((1, 2)), "W2": v[None], "b2": np.zeros((1, 1))}
        f00, f01, f10, f11 = evaluate(ArchSpec(hidden=(2,)), parameters, np.array([[0, 0], [0, 1], [1, 0], [1, 1.0]]))[
            0
        ]
        affine += abs(f10 + f01 - f00 - f11) < 1e-12
        dead += bool((W < 0).all())
    assert (counted["affine"], counted["all_dead"]) == (affine, dead)


def test_a_network_born_dead_says_one_thing():
    X = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    counts = depth.dead(2, X, networks.of_seeds(range(60)))
    arch = ArchSpec(hidden=(2,) * 9)
    logits = networks.preactivations(arch, InitSpec(), X, networks.of_seeds(range(60)))[-1]
    assert counts[-1] == int((logits == 0.0).all(axis=(0, 1)).sum())
    assert counts == sorted(counts)


def test_dead_starts_are_dead():
    seeds = cycle.all_dead(2)
    X = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    logits = networks.preactivations(cycle.ARCH, cycle.INIT, X, networks.of_seeds(seeds))[-1]
    assert np.ptp(logits, axis=0).max() == 0.0


def test_the_saddle_is_the_steepest_there_is():
    """The bias of the comparison maximises |tanh''| for its weight: tanh(b)^2 = 1/3."""
    assert saddle.SADDLE.eigenvalue == pytest.approx(-1 / (6 * np.sqrt(3)), abs=1e-7)
