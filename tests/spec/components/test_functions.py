import linecache
import sys
from dataclasses import replace

import numpy as np
import pytest

import xorlab as xl
from xorlab.diagnosis.verdict import diagnose
from xorlab.errors import SpecError, XorlabError
from xorlab.numerics import curvature
from xorlab.numerics.network import pack
from xorlab.numerics.training import train
from xorlab.spec import ArchSpec, InitSpec, OptimizerSpec, RunSpec, text
from xorlab.spec.components import functions
from xorlab.spec.components.activations import ACTIVATIONS
from xorlab.spec.components.losses import LOSSES, objective
from xorlab.spec.options import split
from xorlab.sweeps import pool

X, Y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([[0], [1], [1], [0]])


def logistic(z):
    return 0.5 * (1.0 + np.tanh(0.5 * z))


def swish(z):
    return z * logistic(z)


def slope(z):
    p = logistic(z)
    return p + z * p * (1.0 - p)


def bend(z):
    p = logistic(z)
    return p * (1.0 - p) * (2.0 + z * (1.0 - 2.0 * p))


@pytest.fixture(autouse=True)
def registry():
    """Leave no function registered."""
    before = {kind: dict(table) for kind, table in functions.TABLES.items()}
    known = dict(functions.REGISTERED)
    yield
    for kind, table in functions.TABLES.items():
        table.clear()
        table.update(before[kind])
    functions.REGISTERED.clear()
    functions.REGISTERED.update(known)
    objective.cache_clear()


def loop(seed, epochs, lr):
    """Train a 2-3-1 swish network."""
    rng = np.random.RandomState(seed)
    W1, b1 = rng.standard_normal((2, 3)), np.zeros(3)
    W2, b2 = rng.standard_normal((3, 1)), np.zeros(1)
    losses = []
    for _ in range(epochs):
        z = X @ W1 + b1
        s = 1 / (1 + np.exp(-z))
        a = z * s
        p = 1 / (1 + np.exp(-(a @ W2 + b2)))
        losses.append(-np.mean(np.log(np.where(Y == 1, p, 1 - p))))
        dlogit = (p - Y) / 4
        dz = dlogit @ W2.T * (s + a * (1 - s))
        W2, b2 = W2 - lr * a.T @ dlogit, b2 - lr * dlogit.sum(axis=0)
        W1, b1 = W1 - lr * X.T @ dz, b1 - lr * dz.sum(axis=0)
    return losses


def test_an_activation_trains_as_a_plain_loop_does():
    xl.activation("swish", swish, slope)
    specs = [RunSpec(arch=ArchSpec(activation="swish"), epochs=300, lr=0.5, seed=seed) for seed in range(9)]
    trained = train(specs)
    for seed in (0, 8):
        np.testing.assert_allclose(trained.losses[seed], loop(seed, 300, 0.5), rtol=1e-9)
    np.testing.assert_array_equal(train(specs[3:4]).losses[0], trained.losses[3])
    assert all(verdict.evidence.units == () for verdict in diagnose(trained))


def test_without_a_second_derivative_differences_of_the_first_stand_in():
    xl.activation("swish", swish, slope, bend)
    xl.activation("swish_too", swish, slope)
    parameters = {name: array[0:1] for name, array in train([RunSpec(epochs=3)]).final.items()}
    theta, (x, y) = pack(parameters, (2, 3, 1)), (X[..., None], Y.astype(float))
    exact, near = (
        curvature.hessian(curvature.run(ArchSpec(activation=name), "bce", theta, x, y))
        for name in ("swish", "swish_too")
    )
    np.testing.assert_allclose(near, exact, atol=1e-9)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((swish, lambda z: slope(z) + 1e-3), "df must be the derivative of f; it is wrong most at z = .* f give"),
        ((swish, slope, lambda z: -bend(z)), "d2f must be the derivative of df; it is wrong most at z = "),
        ((lambda z: z / np.abs(z).max(), slope), "f must work element by element"),
        ((lambda z: z.sum(), slope), r"f must return finite numbers of the shape \(4, 5, 8\); got \(\)"),
        ((np.log, slope), "f must return finite numbers"),
        ((lambda z, y: z, slope), "f can't be called: TypeError: "),
        ((lambda z: np.square(z, out=z), slope), "f must leave its argument as it is"),
        ((np.tanh, lambda z: 1.0 - np.tanh(z) ** 2), None),
    ],
    ids=["df", "d2f", "mixes", "shape", "nan", "call", "changes", "right"],
)
def test_a_wrong_function_is_refused_in_one_line(given, message):
    if message is None:
        xl.activation("mine", *given)
        return
    with pytest.raises(SpecError, match=f"activation mine: {message}"):
        xl.activation("mine", *given)
    assert "mine" not in ACTIVATIONS


@pytest.mark.parametrize(
    ("claims", "message"),
    [
        ({"pieces": (0.0, 1.0)}, "pieces must be the slopes of f"),
        ({"saturates": True}, "saturates must be left out"),
        ({"linear": True}, "linear must be left out"),
    ],
)
def test_a_false_claim_is_refused(claims, message):
    with pytest.raises(SpecError, match=message):
        xl.activation("mine", swish, slope, **claims)


@pytest.mark.parametrize("name", ["relu", "my swish", "", "a.b"])
def test_a_name_is_new_and_can_be_typed(name):
    with pytest.raises(SpecError, match="activation must have a name of letters, digits and _ that is not taken"):
        xl.activation(name, swish, slope)


def module(folder, monkeypatch, **lines):
    """Write a module that registers swish, and forget the one of the same name that was imported before."""
    monkeypatch.chdir(folder)
    parts = {"beta": "BETA = 1.0", "after": "", **lines}
    (folder / "my_functions.py").write_text(
        "import numpy as np\nimport xorlab as xl\n"
        f"{parts['beta']}\n\n\ndef sigmoid(z):\n    return 0.5 * (1.0 + np.tanh(0.5 * BETA * z))\n\n\n"
        "xl.activation(\n    'swish',\n    lambda z: z * sigmoid(z),\n"
        "    lambda z: sigmoid(z) + BETA * z * sigmoid(z) * (1 - sigmoid(z)),\n)\n"
        f"{parts['after']}\n"
    )
    sys.modules.pop("my_functions", None)
    functions.REGISTERED.clear()
    linecache.clearcache()


def used(**config):
    return split({"use": "my_functions", "arch": {"activation": "swish"}, **config})[0]


def test_the_source_is_part_of_the_identity(tmp_path, monkeypatch):
    module(tmp_path, monkeypatch)
    first = used()
    recorded = text.params(first)
    assert recorded["source"] == first.source
    assert text.specification(recorded) == first
    assert "use=my_functions" in text.overrides(first)
    module(tmp_path, monkeypatch, after="# a comment elsewhere")
    assert used().identity == first.identity
    module(tmp_path, monkeypatch, beta="BETA = 2.0")
    assert used().identity != first.identity
    with pytest.raises(SpecError, match=r"the source of the run's functions has changed; it was activation\.swish="):
        text.specification(recorded)


def test_other_runs_keep_their_identity():
    before = RunSpec()
    xl.activation("mine", swish, slope)
    assert RunSpec().identity == before.identity
    assert "source" not in RunSpec().parameters()
    used = replace(before, arch=ArchSpec(activation="mine"))
    assert used.source.startswith("activation.mine=")
    assert replace(used, arch=ArchSpec()) == before


def test_workers_import_the_module(tmp_path, monkeypatch):
    module(tmp_path, monkeypatch)
    specs = [replace(used(), seed=seed, epochs=50) for seed in range(4)]
    chunks = list(pool.stream(specs, converged_below=0.1, log_every=50, workers=2))
    assert [chunk.error for chunk in chunks] == [None, None]
    found = {
        place: loss for chunk in chunks for place, loss in zip(chunk.places, chunk.trained.final_loss, strict=True)
    }
    np.testing.assert_array_equal([found[place] for place in range(4)], train(specs).final_loss)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("x = 1", "use must name a module that registers functions, .*; broken has none"),
        ("x = ", "use=broken can't be imported: SyntaxError"),
        ("import nowhere", "use=broken can't be imported: ModuleNotFoundError: No module named 'nowhere'"),
        ("import xorlab as xl\nxl.activation('relu', abs, abs)", "use=broken: activation relu: df must be"),
    ],
    ids=["nothing", "syntax", "import", "refused"],
)
def test_a_module_that_does_not_work_is_refused_in_one_line(tmp_path, monkeypatch, content, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.py").write_text(content)
    sys.modules.pop("broken", None)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(XorlabError, match=message):
        functions.use("broken")


def test_an_optimizer_moves_as_momentum_does():
    xl.optimizer("heavy", lambda gradient, lr, v: (lr * (0.9 * v + gradient), 0.9 * v + gradient), state=1)
    spec = RunSpec(epochs=600, optimizer=OptimizerSpec(name="heavy"), target_loss=0.05, lr=0.3, seed=1)
    ours, theirs = train([spec]), train([replace(spec, optimizer=OptimizerSpec(name="momentum"))])
    np.testing.assert_allclose(ours.losses, theirs.losses, rtol=1e-9)
    assert ours.stopped == theirs.stopped == ("target_loss",)


@pytest.mark.parametrize(
    ("update", "state", "message"),
    [
        (lambda g, lr: lr * g / np.abs(g).max(), 0, "must treat each run alone"),
        (lambda g, lr: lr * g[0], 0, r"must return finite numbers of the shape \(5, 8\)"),
        (lambda g, lr, v: lr * g, 1, "must return 2 arrays; got ndarray"),
        (lambda g, lr: np.multiply(g, lr, out=g), 0, "must leave its arguments as they are"),
    ],
)
def test_a_wrong_optimizer_is_refused(update, state, message):
    with pytest.raises(SpecError, match=f"optimizer mine: update {message}"):
        xl.optimizer("mine", update, state=state)


def test_an_initializer_draws_from_the_runs_stream():
    xl.initializer("tiny", lambda rng, shape, fan_in, fan_out: 0.1 * rng.standard_normal(shape))
    ours, theirs = (train([RunSpec(init=InitSpec(**init), epochs=3)]) for init in ({"name": "tiny"}, {"std": 0.1}))
    for key, array in theirs.initial.items():
        np.testing.assert_array_equal(ours.initial[key], array)


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda rng, shape, fan_in, fan_out: np.random.random_sample(shape), "the same weights from the same seed"),
        (lambda rng, shape, fan_in, fan_out: np.ones(3), r"finite numbers of the shape \(3, 4\); got \(3,\)"),
    ],
)
def test_a_wrong_initializer_is_refused(draw, message):
    with pytest.raises(SpecError, match=message):
        xl.initializer("mine", draw)


def quartic(o, t):
    return (o - t) ** 4


def cubic(o, t):
    return 4.0 * (o - t) ** 3


def test_a_loss_trains_as_a_plain_loop_does():
    xl.loss("quartic", quartic, cubic)
    spec = RunSpec(loss="quartic", arch=ArchSpec(hidden=(), output="tanh"), epochs=40, lr=0.3, seed=1)
    trained = train([spec])
    W, b = np.random.RandomState(1).standard_normal((2, 1)), np.zeros(1)
    for loss in trained.losses[0]:
        o = np.tanh(X @ W + b)
        np.testing.assert_allclose(loss, np.mean((o - Y) ** 4), rtol=1e-12)
        dz = 4.0 * (o - Y) ** 3 * (1.0 - o**2) / 4.0
        W, b = W - 0.3 * X.T @ dz, b - 0.3 * dz.sum(axis=0)


@pytest.mark.parametrize("output", ["sigmoid", "linear", "tanh"])
def test_the_gradient_and_hessian_of_a_loss_are_those_of_differences(output):
    xl.loss("quartic", quartic, cubic)
    spec = RunSpec(loss="quartic", arch=ArchSpec(activation="tanh", output=output), epochs=3)
    (x, y), theta = (X[..., None].astype(float), Y.astype(float)), pack(train([spec]).final, spec.units)

    def at(theta):
        return curvature.run(spec.arch, "quartic", theta, x, y)

    steps = 1e-5 * np.eye(len(theta))[:, :, None]
    gradient = np.array([(at(theta + step).loss - at(theta - step).loss) / 2e-5 for step in steps])
    np.testing.assert_allclose(curvature.gradient(at(theta)), gradient, atol=1e-9)
    columns = [(curvature.gradient(at(theta + step)) - curvature.gradient(at(theta - step))) / 2e-5 for step in steps]
    np.testing.assert_allclose(curvature.hessian(at(theta))[0], np.concatenate(columns, axis=1), atol=1e-6)


def test_the_levels_of_a_loss_are_those_of_the_best_constants():
    xl.loss("quartic", quartic, cubic)
    spec = RunSpec(loss="quartic", arch=ArchSpec(hidden=(), output="linear"), epochs=5000, lr=0.05)
    (verdict,) = diagnose(train([spec]))
    assert verdict.outcome == "stuck_0.062"  # half a unit from each target: 1/16
    xl.loss("twice", lambda o, t: 2.0 * np.abs(o - t), lambda o, t: 2.0 * np.sign(o - t), kink=lambda o, t: o - t)
    for share in (0.0, 0.25, 0.5, 0.9):
        for span in (1.0, 2.0):
            ours, theirs = (LOSSES[name].floor(share, span) for name in ("twice", "mae"))
            assert ours == pytest.approx(2.0 * theirs, abs=1e-9)
    y = np.array([0.0, 0.5, 4.0])
    assert LOSSES["twice"].chance(y) == pytest.approx(2.0 * LOSSES["mae"].chance(y))


def test_the_source_of_a_loss_is_part_of_the_identity():
    xl.loss("quartic", quartic, cubic)
    spec = RunSpec(loss="quartic")
    assert spec.source.startswith("loss.quartic=")
    assert text.specification(text.params(spec)) == spec
    with pytest.raises(SpecError, match="loss quartic has another source already; take another name"):
        xl.loss("quartic", lambda o, t: (o - t) ** 2, lambda o, t: 2.0 * (o - t))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((quartic, lambda o, t: cubic(o, t) + 1e-3), "target -2.5: df must be the derivative of f; .* most at o = "),
        ((quartic, cubic, lambda o, t: o), "target -2.5: d2f must be the derivative of df"),
        ((lambda o, t: quartic(o, t).mean(), cubic), "target -2.5: f must return finite numbers of the shape"),
        ((lambda o, t: o - t, lambda o, t: np.ones_like(o)), "target -2.5: f must be least where o is the target"),
    ],
    ids=["df", "d2f", "mean", "falls"],
)
def test_a_wrong_loss_is_refused_in_one_line(given, message):
    with pytest.raises(SpecError, match=f"loss mine, {message}"):
        xl.loss("mine", *given)


def test_a_loss_says_which_outputs_and_targets_it_takes():
    with pytest.raises(SpecError, match="loss mine: outputs must be some of sigmoid, linear, tanh; got 'sigmoid'"):
        xl.loss("mine", quartic, cubic, outputs="sigmoid")
    xl.loss(
        "own_bce",
        lambda p, t: -t * np.log(p) - (1 - t) * np.log(1 - p),
        lambda p, t: (p - t) / (p * (1 - p)),
        outputs=["sigmoid"],
        targets=["binary"],
    )
    ours, theirs = (train([RunSpec(loss=name, epochs=200)]) for name in ("own_bce", "bce"))
    np.testing.assert_allclose(ours.losses, theirs.losses, rtol=1e-9)
    assert LOSSES["own_bce"].floor(0.5, 1.0) == pytest.approx(np.log(2.0))
    with pytest.raises(SpecError, match=r"loss mine, target -2\.5: df must be the derivative of f; .* at o = 3"):
        xl.loss("mine", lambda o, t: np.abs(o - t), lambda o, t: np.where(o < 3, np.sign(o - t), 0.0))
    with pytest.raises(SpecError, match=r"loss=own_bce needs arch\.output=sigmoid; got arch\.output=tanh"):
        RunSpec(loss="own_bce", arch=ArchSpec(output="tanh"))
