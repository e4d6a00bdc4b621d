"""Portable runs have the bits on record; `python tests/portability.py` compares all of them."""

import ast
from pathlib import Path

import numpy as np
import pytest

from portability import build, hashed, here, recorded, restrictions, results
from xorlab import numerics
from xorlab.numerics.training import train
from xorlab.spec import ArchSpec, DataSpec, InitSpec, RunSpec, components
from xorlab.spec.components.activations import ACTIVATIONS
from xorlab.spec.components.datasets import DATASETS
from xorlab.spec.components.initializers import INITIALIZERS
from xorlab.spec.components.losses import LOSSES
from xorlab.spec.components.measures import MEASURES
from xorlab.spec.components.optimizers import OPTIMIZERS

ROOMS = (Path(numerics.__file__).parent, Path(components.__file__).parent)
INEXACT = {
    *("exp", "exp2", "expm1", "log", "log1p", "log2", "log10", "logaddexp", "sin", "cos", "tanh", "power", "hypot"),
    *("cbrt", "sum", "mean", "dot", "inner", "vdot", "tensordot", "matmul", "einsum", "linalg", "MatMult"),
}
"""What NumPy computes by processor, or adds up in an order of its own."""
NATIVE = {
    "Ensemble": "asks an arithmetic",
    "_constant": "checks functions of one's own",
    **dict.fromkeys(("_affine_stacked", "_weight_gradient_stacked", "_input_gradient_stacked"), "native products"),
    **dict.fromkeys(("_softplus", "_logistic", "_by_lapack", "arithmetics.py", "layers.py"), "native functions"),
    **dict.fromkeys(
        ("run", "eigenvalues", "_along", "_forward", "_back", "_outer", "sigmoid", "_entropy"), "diagnosis"
    ),
    **dict.fromkeys(("activations.py", "outputs.py", "losses.py"), "value and derivatives for the diagnosis"),
    **dict.fromkeys(("_exp_table", "_erf_start", "_nodes"), "decimal numbers"),
    **dict.fromkeys(("_logarithmic", "_Loop"), "counts"),
}
"""Functions, and tables of modules, that may use it in numerics and components, and why."""
EVERY = 60
"""The tests train one of so many runs on record."""


@pytest.fixture(scope="module")
def rows():
    return recorded()


def test_the_record_holds_every_component(rows):
    assert len(rows) >= 1_000
    specs = [row["spec"] for row in rows]
    assert {spec["arch"]["activation"] for spec in specs} >= set(ACTIVATIONS)
    assert {spec["loss"] for spec in specs} >= set(LOSSES)
    for group, table in (("data", DATASETS), ("init", INITIALIZERS), ("optimizer", OPTIMIZERS)):
        drawable = set(table) - ({"file"} if group == "data" else set())
        assert {spec[group]["name"] for spec in specs} >= drawable


def test_portable_runs_have_the_bits_on_record_also_without_wide_vectors(rows):
    found, verdicts = results(rows[::EVERY], "portable", judge=True)
    assert found == [row["hash"] for row in rows[::EVERY]]
    assert here("portable", restrictions()[-1], EVERY) == (found, verdicts)


def test_only_known_functions_use_what_differs_by_processor():
    found = {
        getattr(top, "name", path.name)
        for room in ROOMS
        for path in room.glob("*.py")
        for top in ast.parse(path.read_text()).body
        for node in ast.walk(top)
        if (node.attr if isinstance(node, ast.Attribute) else type(getattr(node, "op", None)).__name__) in INEXACT
        and getattr(getattr(node, "value", None), "id", None) not in ("arithmetic", "portable")
    }
    assert found <= set(NATIVE)
    assert found >= {"_softplus", "_affine_stacked", "_by_lapack"}


def test_the_record_stops_by_each_measure(rows):
    for name in MEASURES:
        specs = [build(row["spec"], "portable") for row in rows if name in row["spec"]]
        assert name in (train([spec]).stopped[0] for spec in specs)


@pytest.mark.parametrize("activation", ["relu", "elu", "gelu", "softplus", "tanh", "sigmoid"])
@pytest.mark.parametrize("init", ["normal", "orthogonal"])
def test_portable_runs_begin_as_native_ones_to_the_last_bits(activation, init):
    parts = {"arch": ArchSpec(hidden=(3, 4), activation=activation), "init": InitSpec(name=init), "epochs": 30}
    for data in (DataSpec(), DataSpec(name="noisy_xor")):
        native, portable = (train([RunSpec(**parts, data=data, numerics=name)]) for name in ("native", "portable"))
        np.testing.assert_allclose(portable.initial["W1"], native.initial["W1"], rtol=1e-13)
        np.testing.assert_allclose(portable.losses, native.losses, rtol=1e-12)


def test_a_portable_run_has_the_same_bits_alone_and_beside_other_data():
    specs = [
        RunSpec(data=DataSpec(name=name), batch_size=size, epochs=30, numerics="portable")
        for size in ("full", 3)
        for name in ("xor", "and", "or")
    ]
    for together in (specs[:3], specs[3:]):
        trained = train(together)
        for run, spec in enumerate(together):
            assert hashed(trained.take(slice(run, run + 1))) == hashed(train([spec]))
