"""Specifications whose identities and first losses must never change under one version of the numerics.

`frozen.json` holds specifications that cover every activation, loss, output, optimizer, initialiser and data set,
full and mini-batches, shuffled or not, with the identity and the first losses of each. Identities are compared
exactly. Losses are compared to a relative 1e-9, because their last bits depend on the processor and on NumPy's kernels
for it.

A difference means that runs on record can no longer be reproduced. This command writes the file anew after
`xorlab.spec.NUMERICS` was raised, and otherwise only adds specifications of components that are new:

    python tests/numerics/test_frozen.py
"""

import json
import random
from pathlib import Path

import numpy as np
import pytest

from networks import WAYS
from xorlab.numerics.training import draw, train
from xorlab.spec import NUMERICS, RunSpec
from xorlab.spec.components.activations import ACTIVATIONS
from xorlab.spec.components.datasets import DATASETS, ENCODINGS
from xorlab.spec.components.initializers import INITIALIZERS
from xorlab.spec.components.optimizers import OPTIMIZERS
from xorlab.spec.components.outputs import SOFTMAX
from xorlab.spec.components.parameters import Component

FROZEN = Path(__file__).with_name("frozen.json")
MADE = {name: data for name, data in DATASETS.items() if name != "file"}
"""The data sets that need no file."""
WEIGHTS = Path(__file__).with_name("start.npz")
"""Weights of a 2-3-1 network; the identity of a run that starts from them rests on the file's bytes."""
CLASSES = Path(__file__).with_name("classes.csv")
"""Ten points of five classes."""
COUNT, EPOCHS = 240, 20
ADDED = 20
"""Specifications that are added for new components."""
OTHER_VALUES = {"bits": 4, "points": 3, "std": 0.3, "seed": 5, "limit": 0.7, "gain": 2.0, "value": 0.3}
OTHER_VALUES |= {"momentum": 0.8, "alpha": 0.9, "beta1": 0.8, "beta2": 0.99, "eps": 1e-6}
"""Values beside the defaults, for each parameter of a component."""
WIDTHS = [[1], [2], [3], [3], [4], [8], [3, 3], [16, 16], [], [12, 10, 2]]


def build(nested: dict) -> RunSpec:
    """Return the specification, with the paths of the committed weights and data where they are from a file."""
    paths = {"init": str(WEIGHTS), "data": str(CLASSES)}
    named = {key: nested[key] | {"path": path} for key, path in paths.items() if nested[key]["name"] == "file"}
    return RunSpec.from_mapping(nested | named)


def first_losses(specs: list[RunSpec]) -> list[list[float | None]]:
    """Return the first losses of each run; None where one is not finite."""
    losses = [train([spec]).losses[0] for spec in specs]
    return [[float(loss) if np.isfinite(loss) else None for loss in row] for row in losses]


def drawn(count: int) -> list[dict]:
    """Draw specifications that go through all names of each component in turn."""
    rng = random.Random(20261124)

    def chosen(table: dict[str, Component], place: int) -> dict:
        name = list(table)[place % len(table)]
        own = [key for key in table[name].parameters if key in OTHER_VALUES]
        return {"name": name, **{key: OTHER_VALUES[key] for key in own if rng.random() < 0.5}}

    found = []
    for place in range(count):
        data, hidden, init = chosen(MADE, place // 2), rng.choice(WIDTHS), chosen(INITIALIZERS, place)
        if init["name"] == "file":
            data, hidden = {"name": rng.choice(["xor", "and", "noisy_xor"])}, [3]
        elif INITIALIZERS[init["name"]].draws_biases and rng.random() < 0.4:
            init["biases"] = "drawn"
        loss, output, targets = rng.choice(WAYS)
        arch = {"hidden": hidden, "activation": list(ACTIVATIONS)[place % len(ACTIVATIONS)], "output": output}
        data["targets"] = targets
        found.append(
            {
                "data": data | {"encoding": rng.choice(ENCODINGS)},
                "arch": arch | {"relu_grad_at_zero": rng.choice([0.0, 0.0, 1.0, 0.5])},
                "init": init,
                "optimizer": chosen(OPTIMIZERS, place // 3),
                "loss": loss,
                "lr": rng.choice([0.001, 0.01, 0.1, 0.5, 1.0, 10.0, 100.0]),
                "batch_size": rng.choice(["full", "full", 1, 2, 3]),
                "shuffle": rng.random() < 0.4,
                "epochs": EPOCHS,
                "seed": rng.randrange(10**6),
            }
        )
    return found


def of_classes(drawn: list[dict]) -> list[dict]:
    """Give specifications softmax over classes: those of a file, and those of their own data, in turn."""
    found = []
    for place, nested in enumerate(each for each in drawn if each["init"]["name"] != "file"):
        data = nested["data"] if place % 2 else {"name": "file", "encoding": nested["data"]["encoding"]}
        classes = {"data": data | {"targets": "binary", "classes": True}, "loss": "cross_entropy"}
        found.append(nested | classes | {"arch": nested["arch"] | {"output": SOFTMAX}})
    return found


def well_conditioned(spec: RunSpec) -> bool:
    """Return whether rounding errors in the initial weights stay far below the test's tolerance."""
    parameters, _ = draw(spec)
    rng = np.random.RandomState(0)
    start = {key: array[None] for key, array in parameters.items()}
    nudged = {key: array * (1.0 + 1e-15 * rng.standard_normal(array.shape)) for key, array in start.items()}
    losses, others = (train([spec], initial=initial).losses for initial in (start, nudged))
    return bool(np.allclose(losses, others, rtol=1e-11, atol=0.0, equal_nan=True))


def components(nested: dict) -> set[tuple]:
    """The components of a specification."""
    own = {(group, nested[group]["name"]) for group in ("data", "init", "optimizer")}
    way = nested["loss"], nested["arch"].get("output", "sigmoid"), nested["data"].get("targets", "binary")
    return own | {("activation", nested["arch"]["activation"]), ("way", way)}


def write() -> None:
    """Write the file anew for new numerics; otherwise add specifications with components that it does not hold."""
    old = json.loads(FROZEN.read_text())
    rows = old["runs"] if old["numerics"] == NUMERICS else []
    held = {component for row in rows for component in components(row["spec"])}
    specs = drawn(2 * COUNT)
    specs += of_classes(specs)
    new = [each for each in specs if not components(each) <= held and well_conditioned(build(each))]
    new = new[: ADDED if rows else COUNT]
    specs = [build(each) for each in new]
    rows += [
        {"spec": each, "identity": spec.identity, "losses": losses}
        for each, spec, losses in zip(new, specs, first_losses(specs), strict=True)
    ]
    lines = ",\n".join(json.dumps(row) for row in rows)
    FROZEN.write_text(f'{{"numerics": {NUMERICS}, "runs": [\n{lines}\n]}}\n')


@pytest.fixture(scope="module")
def frozen() -> dict:
    return json.loads(FROZEN.read_text())


@pytest.fixture(scope="module")
def specs(frozen) -> list[RunSpec]:
    return [build(row["spec"]) for row in frozen["runs"]]


def test_the_file_is_of_these_numerics_and_holds_every_component(frozen, specs):
    assert frozen["numerics"] == NUMERICS
    assert len(specs) >= 200
    assert {spec.arch.activation for spec in specs} == set(ACTIVATIONS)
    assert {(spec.loss, spec.arch.output, spec.data.targets) for spec in specs} == {
        *WAYS,
        ("cross_entropy", SOFTMAX, "binary"),
    }
    for group, table in (("data", DATASETS), ("init", INITIALIZERS), ("optimizer", OPTIMIZERS)):
        assert {getattr(spec, group).name for spec in specs} == set(table)
    assert {(spec.batch_size == "full", spec.shuffle) for spec in specs} == {(a, b) for a in (0, 1) for b in (0, 1)}


def test_identities_stay(frozen, specs):
    assert [spec.identity for spec in specs] == [row["identity"] for row in frozen["runs"]]


def test_first_losses_stay(frozen, specs):
    for spec, row, losses in zip(specs, frozen["runs"], first_losses(specs), strict=True):
        wanted, got = (np.array(each, dtype=float) for each in (row["losses"], losses))
        np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=0.0, err_msg=str(spec))


if __name__ == "__main__":
    write()
