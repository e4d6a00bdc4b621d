from dataclasses import replace

import pytest

from xorlab.remedies.changes import continuations, restarts
from xorlab.spec import ArchSpec, InitSpec, OptimizerSpec, RunSpec
from xorlab.spec.components.initializers import INITIALIZERS


def changed(spec, other) -> set[str]:
    before, after = spec.parameters(), other.parameters()
    return {key for key in before | after if before.get(key) != after.get(key)}


def test_a_run_is_tried_on_from_where_it_ended():
    found = {remedy.override: remedy for remedy in continuations(RunSpec(epochs=500), 0.5)}
    assert list(found) == [
        "epochs=5000",
        "lr=0.01",
        "lr=0.3",
        "lr=1",
        "lr=6",
        "optimizer=momentum",
        "optimizer=adam lr=0.01",
    ]
    assert [remedy.times for remedy in found.values()] == [10, 1, 1, 1, 1, 1, 1]
    assert all(remedy.spec.epochs == 500 for remedy in found.values())
    assert found["lr=0.3"].spec.lr == 0.3  # and not 0.30000000000000004


@pytest.mark.parametrize("curvature", [0.0, -1.0, float("nan")])
def test_no_learning_rate_is_beyond_a_flat_place(curvature):
    assert "beyond 2 / lambda_max" not in {remedy.name for remedy in continuations(RunSpec(), curvature)}


def test_two_over_lambda_is_for_gradient_descent_and_no_optimizer_is_its_own_remedy():
    found = {remedy.name for remedy in continuations(RunSpec(optimizer=OptimizerSpec(name="adam")), 0.5)}
    assert not {"beyond 2 / lambda_max", "Adam"} & found
    assert "momentum" in found


def test_a_new_run_changes_one_part():
    spec = RunSpec(init=InitSpec(std=0.5), arch=ArchSpec(hidden=(2, 3)))
    found = restarts(spec)
    assert (found[0].spec, found[0].override) == (spec, "")
    groups = [{key.partition(".")[0] for key in changed(spec, remedy.spec)} for remedy in found[1:]]
    assert all(len(group) == 1 for group in groups)
    assert {remedy.spec.arch.hidden for remedy in found} == {(2, 3), (4, 6), (8, 12)}
    assert {remedy.spec.arch.activation for remedy in found} >= {"relu", "leaky_relu", "tanh", "sigmoid", "gelu"}
    assert "identity" not in {remedy.spec.arch.activation for remedy in found}
    assert "'arch.hidden=[4,6]'" in {remedy.override for remedy in found}


@pytest.mark.parametrize("name", ["zeros", "constant"])
def test_what_starts_every_seed_alike_has_no_rate(name):
    found = restarts(RunSpec(init=InitSpec(name=name)))
    assert found
    assert all(INITIALIZERS[remedy.spec.init.name].seeded for remedy in found)


def test_biases_are_drawn_once_and_only_where_there_is_a_law_for_them():
    def offers(init):
        return "init.biases=drawn" in {remedy.override for remedy in restarts(replace(RunSpec(), init=init))}

    assert offers(InitSpec(name="he_normal"))
    assert not offers(InitSpec(biases="drawn"))
    assert not offers(InitSpec(name="orthogonal"))


def test_a_network_without_hidden_layers_has_no_width():
    assert not any("arch" in remedy.override for remedy in restarts(RunSpec(arch=ArchSpec(hidden=()))))
