"""The table of what was tested, the rule by which a change counts as a help, and the changes themselves."""

from dataclasses import replace

import pytest

from xorlab.diagnosis import judged
from xorlab.diagnosis.causes import CAUSES
from xorlab.diagnosis.changes import CHANGES
from xorlab.spec import ArchSpec, InitSpec, RunSpec
from xorlab.statistics import wilson

SPECS = (
    RunSpec(),
    RunSpec(init=InitSpec(name="zeros"), seed=2**32 - 1),
    RunSpec(arch=ArchSpec(hidden=(), bias=False), loss="mse"),
    RunSpec(arch=ArchSpec(hidden=(4,), activation="tanh")),
    RunSpec(arch=ArchSpec(hidden=(3, 2), activation=("leaky_relu", "tanh"), leaky_slope=0.2)),
)


def test_every_interval_is_wilsons_and_every_name_is_known():
    scores = judged.scores()
    assert {score.name for score in scores if score.about != "outcome"} <= set(CAUSES)
    assert {score.change for score in scores if score.about == "remedy"} <= set(CHANGES)
    assert {score.name for score in scores if score.about == "outcome"} == {"converged", "stuck", "descending"}
    for score in scores:
        assert (score.low, score.high) == pytest.approx(wilson(score.true, score.n), abs=1e-4)
        assert 0 <= score.groups <= score.true <= score.n


def test_a_change_helps_only_above_what_it_has_to_beat():
    clear = judged.Score("remedy", "slow", "momentum", 100, 60, 9, 0.5, 0.69, 0.4)
    assert clear.better
    for part in ({"low": 0.4}, {"groups": judged.GROUPS - 1}, {"n": judged.LEAST - 1}, {"against": 0.55}):
        assert not replace(clear, **part).better
    assert not clear.futile
    assert replace(clear, true=0, low=0.0, high=0.037).futile


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_changes_every_run_that_it_applies_to(name):
    change = CHANGES[name]
    changed = [(spec, change.make(spec)) for spec in SPECS if change.applies(spec)]
    assert changed
    for spec, new in changed:
        assert new != spec
        assert change.restarts == (new.seed != spec.seed)
