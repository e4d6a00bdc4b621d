"""Builds and checks data/xor-faults: labelled networks that fail on XOR, and a remedy measured on 100 seeds for each.

python docs/make/xor_faults.py           trains every case and writes data/xor-faults/cases.json and docs/xor-faults.md
python docs/make/xor_faults.py --check   trains every case and fails if the file says otherwise
"""

import argparse
import itertools
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from markdown_table import table as markdown_table
from xorlab.diagnosis.verdict import diagnose
from xorlab.errors import SpecError
from xorlab.numerics.training import train
from xorlab.spec import RunSpec

ROOT = Path(__file__).resolve().parents[2]
CASES, PAGE = ROOT / "data" / "xor-faults" / "cases.json", ROOT / "docs" / "xor-faults.md"
SEEDS, EPOCHS = range(100), 1000
NAMES = {
    "linear model": {"linear_model", "one_unit"},
    "too few steps": {"slow", "too_early"},
    "too large a step": {"oscillating", "diverged", "killed"},
    "dead": {"all_dead"},
    "affine": {"affine_collapse"},
    "tied units": {"tied_units"},
    "saturated": {"saturated", "saturated_output"},
    "too small a start": {"saddle", "degenerate_saddle"},
    "missing bias": {"no_bias"},
    "wrong output or loss": {"refused"},
}
"""The causes that name each fault. Faults of a program that xorlab can't express have none."""
Case = dict[str, Any]


def _case(fault: str, spec: dict[str, Any], remedy: dict[str, Any], reported: str = "", **program: Any) -> Case:
    return {"fault": fault, "spec": spec, "program": program, "remedy": remedy, "reported": reported}


def _arch(activation: str, *hidden: int, **more: Any) -> dict[str, Any]:
    return {"arch": {"hidden": list(hidden), "activation": activation, **more}}


def listed() -> Iterator[Case]:  # noqa: PLR0912
    """Yield every case: its fault, its specification or program, and the change that is tried as its remedy."""
    one = (
        "https://ai.stackexchange.com/questions/27010/"
        "why-does-my-neural-network-to-solve-the-xor-problem-always-output-0-5"
    )
    slow = "https://z.id.vn/neural-network-converges-to-0-5-for-xor"
    softmax = "https://stats.stackexchange.com/revisions/2bda6552-783b-4fb7-ba2b-a03d2266e69b/view-source"
    relu = "https://stats.stackexchange.com/questions/320672/clarification-on-simple-perceptron-neural-network"
    tanh = _arch("tanh", 4) | {"lr": 1.0}
    for loss, name in itertools.product(("bce", "mse"), ("gd", "adam")):
        yield _case("linear model", _arch("relu") | {"loss": loss, "optimizer": {"name": name}}, tanh)
    for loss, width in itertools.product(("bce", "mse"), (3, 8)):
        yield _case("linear model", _arch("identity", width) | {"loss": loss}, tanh)
    for activation in ("relu", "tanh", "sigmoid"):
        yield _case("linear model", _arch(activation, 1), tanh, one)
    for activation, lr, epochs in itertools.product(("tanh", "sigmoid"), (0.01, 0.1), (50, 100, 200)):
        spec = _arch(activation, 4) | {"lr": lr, "epochs": epochs}
        yield _case("too few steps", spec, {"epochs": EPOCHS, "lr": 1.0}, slow)
    for activation, lr in itertools.product(("tanh", "relu"), (30.0, 100.0, 300.0)):
        yield _case("too large a step", _arch(activation, 4) | {"lr": lr}, {"lr": 0.3})
    for lr in (1.0, 3.0, 10.0):
        spec = _arch("tanh", 4, output="linear") | {"loss": "mse", "lr": lr}
        yield _case("too large a step", spec, {"lr": 0.1})
    for lr in (3.0, 10.0):
        yield _case("too large a step", _arch("tanh", 4) | {"optimizer": {"name": "adam"}, "lr": lr}, {"lr": 0.01})
    plain = {"init": {"name": "normal"}}
    for width, bias in itertools.product((2, 3, 4), (-3.0, -6.0, -12.0)):
        init = {"init": {"biases": "constant", "bias": bias}}
        yield _case("dead", _arch("relu", width) | init, plain, relu if width == 4 else "")
    for width in (2, 3, 4, 8):
        init = {"init": {"name": "uniform_between", "low": 0.1, "biases": "drawn"}}
        yield _case("affine", _arch("relu", width) | init, plain)
    for width in (2, 3, 4):
        yield _case("affine", _arch("relu", width) | {"init": {"biases": "constant", "bias": 6.0}}, plain)
    for name, activation, width in itertools.product(("zeros", "constant"), ("relu", "tanh", "sigmoid"), (2, 4)):
        yield _case("tied units", _arch(activation, width) | {"init": {"name": name}, "lr": 1.0}, plain)
    for std, activation, width in itertools.product((10.0, 30.0), ("tanh", "sigmoid"), (2, 3)):
        yield _case("saturated", _arch(activation, width) | {"init": {"std": std}, "lr": 1.0}, plain)
    for std, activation, width in itertools.product((0.001, 0.01), ("tanh", "sigmoid"), (2, 4)):
        yield _case("too small a start", _arch(activation, width) | {"init": {"std": std}, "lr": 1.0}, plain)
    for activation, width in itertools.product(("relu", "leaky_relu", "tanh"), (3, 8)):
        yield _case("missing bias", _arch(activation, width, bias=False) | {"lr": 1.0}, {"arch": {"bias": True}})
    wrong: list[tuple[str, str, str]] = [
        *(("bce", "softmax", "binary"), ("bce", "linear", "binary"), ("bce", "tanh", "binary")),
        *(("mse", "sigmoid", "bipolar"), ("hinge", "sigmoid", "bipolar"), ("hinge", "linear", "binary")),
    ]
    for loss, output, targets in wrong:
        spec = _arch("tanh", 4, output=output) | {"loss": loss, "data": {"targets": targets}, "lr": 1.0}
        right = {"loss": "bce", "arch": {"output": "sigmoid"}, "data": {"targets": "binary"}}
        yield _case("wrong output or loss", spec, right, softmax if output == "softmax" else "")
    for activation, lr in itertools.product(("tanh", "relu"), (0.1, 1.0)):
        yield _case("wrong output or loss", _arch(activation, 2) | {"loss": "mae", "lr": lr}, {"loss": "bce"})
    for lr, width in itertools.product((0.1, 0.3, 1.0), (2, 4)):
        yield _case("wrong sign of the update", _arch("tanh", width) | {"lr": lr}, {}, sign=-1)
        yield _case("shuffled labels", _arch("tanh", width) | {"lr": lr}, {}, labels=[1, 1, 0, 0])
    for row in range(4):
        yield _case(
            "a dropped row", _arch("tanh", 4) | {"lr": 1.0}, {}, rows=[each for each in range(4) if each != row]
        )


def merged(spec: Case, change: Case) -> Case:
    """Return a nested specification with a change; a part that names a component replaces the whole part."""
    found = dict(spec)
    for key, value in change.items():
        joined = isinstance(value, dict) and "name" not in value
        found[key] = {**spec.get(key, {}), **value} if joined else value
    return found


def measured(case: Case) -> Case:
    """Add what 100 seeds show: how many converge as it is and with the remedy, and why most others fail."""
    program = case["program"]
    before = {"converged": 0, "loss": None, "accuracy": None, "cause": "refused"}
    if program:
        before = _programmed(case["spec"], **program)
    else:
        try:
            before = _trained(case["spec"])
        except SpecError as error:
            before["message"] = str(error)
    after = _programmed(case["spec"]) if program else _trained(merged(case["spec"], case["remedy"]))
    return {**case, "as it is": before, "with the remedy": {"converged": after["converged"]}}


def _trained(spec: Case) -> Case:
    full = {"epochs": EPOCHS, **spec}
    trained = train([RunSpec.from_mapping({**full, "seed": seed}) for seed in SEEDS])
    verdicts = diagnose(trained)
    failed = [verdict for verdict in verdicts if verdict.outcome != "converged"]
    causes = Counter(str(verdict.cause) for verdict in failed)
    return {
        "converged": len(verdicts) - len(failed),
        "loss": _rounded(np.median([verdict.final_loss for verdict in failed])) if failed else None,
        "accuracy": _rounded(np.median([verdict.accuracy for verdict in failed])) if failed else None,
        "cause": causes.most_common(1)[0][0] if failed else None,
    }


def _rounded(value: Any) -> float | None:
    return round(float(value), 3) if np.isfinite(value) else None


def _programmed(spec: Case, *, sign: int = 1, labels: list[int] | None = None, rows: list[int] | None = None) -> Case:
    """Train a tanh network with its own few lines of NumPy, 1,000 epochs, and look at all four points of XOR."""
    X, y = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), np.array([0.0, 1.0, 1.0, 0.0])
    kept = range(4) if rows is None else rows
    Xs, ys = X[list(kept)], (y if labels is None else np.array(labels, dtype=float))[list(kept)]
    streams = [np.random.RandomState(seed) for seed in SEEDS]
    H = spec["arch"]["hidden"][0]
    W = np.stack([rng.standard_normal((2, H)) for rng in streams])
    v = np.stack([rng.standard_normal(H) for rng in streams])
    b, c, step = np.zeros_like(v), np.zeros(len(v)), sign * spec["lr"]
    with np.errstate(all="ignore"):
        for _ in range(EPOCHS):
            a = np.tanh(Xs @ W + b[:, None])
            d = (1.0 / (1.0 + np.exp(-(np.einsum("snh,sh->sn", a, v) + c[:, None]))) - ys) / len(ys)
            back = d[..., None] * v[:, None] * (1.0 - a**2)
            W, b = W - step * (Xs.T @ back), b - step * back.sum(axis=1)
            v, c = v - step * np.einsum("snh,sn->sh", a, d), c - step * d.sum(axis=1)
        z = np.einsum("snh,sh->sn", np.tanh(X @ W + b[:, None]), v) + c[:, None]
        losses = np.logaddexp(0.0, (1.0 - 2.0 * y) * z).mean(axis=1)
    shares = ((z > 0.0) == (y > 0.5)).mean(axis=1)
    good = (losses < 0.1) & (shares == 1.0)
    failed = ~good
    return {
        "converged": int(good.sum()),
        "loss": _rounded(np.median(losses[failed])) if failed.any() else None,
        "accuracy": _rounded(np.median(shares[failed])) if failed.any() else None,
        "cause": None,
    }


def by_loss(found: Case) -> str:
    """Guess the fault from the final loss alone."""
    loss = found["loss"]
    if loss is None or loss > 1.0:
        return "too large a step"
    return "linear model" if abs(loss - 0.693) < 0.005 else "too few steps"


def by_accuracy(found: Case) -> str:
    """Guess the fault from the accuracy alone."""
    return "linear model" if found["accuracy"] in (None, 0.5) else "too few steps"


def named(case: Case) -> bool:
    """Tell whether the commonest verdict of xorlab names the fault."""
    return case["as it is"]["cause"] in NAMES.get(case["fault"], set())


def page(cases: list[Case]) -> str:
    """Write the score as a page."""
    rows = []
    for fault in dict.fromkeys(case["fault"] for case in cases):
        own = [case for case in cases if case["fault"] == fault]
        better = [case for case in own if case["with the remedy"]["converged"] > case["as it is"]["converged"]]
        rates = [np.mean([case[when]["converged"] for case in own]) for when in ("as it is", "with the remedy")]
        scores = [sum(map(named, own)), sum(by_loss(case["as it is"]) == fault for case in own)]
        scores.append(sum(by_accuracy(case["as it is"]) == fault for case in own))
        rows.append([fault, len(own), *(f"{rate:.0f} %" for rate in rates), len(better), *scores])
    total = [sum(row[place] for row in rows) for place in (1, 4, 5, 6, 7)]
    rows.append(["all", total[0], "", "", *total[1:]])
    head = ["fault", "cases", "converge as they are", "with the remedy", "remedy helps", "xorlab", "loss", "accuracy"]
    return (
        Path(__file__)
        .with_suffix(".md")
        .read_text()
        .format(count=len(cases), table=markdown_table(head, [list(map(str, row)) for row in rows]))
    )


def main() -> None:
    """Build the set, or check it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the file says otherwise")
    check = parser.parse_args().check
    cases = [measured(case) for case in listed()]
    text = json.dumps(cases, indent=1) + "\n"
    if check:
        held = json.loads(CASES.read_text())
        wrong = [place for place, pair in enumerate(zip(cases, held, strict=True)) if pair[0] != pair[1]]
        raise SystemExit(f"cases {wrong} differ from {CASES}" if wrong else None)
    CASES.parent.mkdir(parents=True, exist_ok=True)
    CASES.write_text(text)
    PAGE.write_text(page(cases))


if __name__ == "__main__":
    main()
