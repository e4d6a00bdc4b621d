from dataclasses import replace

import numpy as np
import pytest

import xorlab as xl
from xorlab.diagnosis import wording
from xorlab.diagnosis.levels import spectrum
from xorlab.diagnosis.verdict import diagnose
from xorlab.errors import SpecError
from xorlab.numerics.training import chunk, train
from xorlab.spec import ArchSpec, DataSpec, RunSpec, text
from xorlab.spec.components import data_files, datasets, functions

SINE = np.linspace(-1.0, 1.0, 12)


@pytest.fixture
def write(tmp_path):
    def write(content, name="points.csv"):
        path = tmp_path / name
        path.write_text(content)
        return str(path)

    return write


def load(path, **given):
    return datasets.load(DataSpec(name="file", path=path, **given))


@pytest.mark.parametrize(
    ("content", "given"),
    [
        ("a,b,y\n0.5,2,1\n3,4,0\n", {}),
        ("0.5,2,1\n3,4,0\n", {}),
        ("y,a,b\n1,0.5,2\n0,3,4\n", {"target": "y"}),
        ("\ufeffa, b, y\r\n0.5,2,1\r\n3,4,0\r\n", {"target": "y"}),
    ],
)
def test_the_targets_are_in_the_last_column_or_in_the_named_one(write, content, given):
    X, y = load(write(content), **given)
    np.testing.assert_array_equal(X, [[0.5, 2.0], [3.0, 4.0]])
    np.testing.assert_array_equal(y, [1.0, 0.0])


@pytest.mark.parametrize(
    ("content", "given", "message"),
    [
        ("a,b\n1,x\n", {}, "must have 2 numbers in each line; got '1,x' in line 2"),
        ("1,2\n1\n", {}, "must have 2 numbers in each line; got '1' in line 2"),
        ("1\n2\n", {}, "a column of inputs and one of targets; got 1 columns"),
        ("", {}, "got 0 columns"),
        ("1,nan\n", {}, "must hold finite numbers only"),
        ("a,b\n1,2\n", {"target": "c"}, "data.target must be a column of .*, a, b; got 'c'"),
        ("1,2\n", {"target": "c"}, "which has no head; got 'c'"),
    ],
)
def test_another_file_is_refused_in_one_line(write, content, given, message):
    with pytest.raises(SpecError, match=message):
        DataSpec(name="file", path=write(content), **given)


def test_a_file_that_is_missing_or_no_npz_is_refused(write):
    with pytest.raises(SpecError, match=r"data\.path must name a readable file; got 'nowhere\.csv'"):
        DataSpec(name="file", path="nowhere.csv")
    with pytest.raises(SpecError, match="must hold arrays named X and y"):
        DataSpec(name="file", path=write("hello", "points.npz"))


def test_the_numbers_are_the_identity_whatever_file_they_are_in(write, tmp_path):
    table = RunSpec(data=DataSpec(name="file", path=write("a,y\n0.5,1\n2,0\n")))
    np.savez(tmp_path / "points.npz", X=[[0.5], [2.0]], y=[[1], [0]])
    arrays = RunSpec(data=DataSpec(name="file", path=str(tmp_path / "points.npz")))
    turned = RunSpec(data=DataSpec(name="file", path=write("y,a\n1,0.5\n0,2\n", "turned.csv"), target="y"))
    other = RunSpec(data=DataSpec(name="file", path=write("0.5,1\n2.5,0\n", "other.csv")))
    assert table.identity == arrays.identity == turned.identity != other.identity
    assert text.specification(text.params(turned)) == turned
    assert text.overrides(turned) == ["data=file", f"data.path={tmp_path}/turned.csv", "data.target=y"]
    assert "turned.csv" in text.title(turned)


def test_a_file_that_changed_is_refused(write):
    spec = RunSpec(data=DataSpec(name="file", path=write("1,0\n2,1\n")))
    recorded = text.params(spec)
    write("1,0\n3,1\n")
    data_files.READ.clear()
    datasets.load.cache_clear()
    datasets.labelled.cache_clear()
    with pytest.raises(SpecError, match=r"points\.csv must be the file of the specification; its numbers have changed"):
        text.specification(recorded)


def test_xor_from_a_file_is_xor(write):
    """Bit for bit, and with XOR's levels and certificate."""
    own = RunSpec(data=DataSpec(name="file", path=write("0,0,0\n0,1,1\n1,0,1\n1,1,0\n")), epochs=1500)
    ours, theirs = train([own]), train([replace(own, data=DataSpec())])
    np.testing.assert_array_equal(ours.losses, theirs.losses)
    (mine,), (its,) = diagnose(ours), diagnose(theirs)
    assert (mine.outcome, mine.cause, mine.evidence.certified) == (its.outcome, its.cause, its.evidence.certified)
    assert wording.paragraph(own, mine, epochs=1500) == wording.paragraph(theirs.specs[0], its, epochs=1500)


def regression(write, **given):
    rows = "\n".join(f"{x},{np.sin(3 * x)}" for x in SINE)
    arch = ArchSpec(hidden=(8,), activation="tanh", output="linear")
    plain = RunSpec(data=DataSpec(name="file", path=write(rows)), arch=arch, loss="mse", epochs=600)
    return replace(plain, **given)


def plain_loop(seed, epochs, lr):
    """Fit the sine by a 1-8-1 tanh network with a linear output."""
    rng = np.random.RandomState(seed)
    W1, b1 = rng.standard_normal((1, 8)), np.zeros(8)
    W2, b2 = rng.standard_normal((8, 1)), np.zeros(1)
    X, y = SINE[:, None], np.sin(3 * SINE)[:, None]
    losses = []
    for _ in range(epochs):
        a = np.tanh(X @ W1 + b1)
        error = a @ W2 + b2 - y
        losses.append(np.mean(error**2))
        d = 2.0 * error / len(y)
        dz = d @ W2.T * (1 - a**2)
        W2, b2 = W2 - lr * a.T @ d, b2 - lr * d.sum(axis=0)
        W1, b1 = W1 - lr * X.T @ dz, b1 - lr * dz.sum(axis=0)
    return losses


def test_real_targets_are_fitted_as_by_a_plain_loop(write):
    spec = regression(write, lr=0.05, seed=3)
    trained = train([spec])
    np.testing.assert_allclose(trained.losses[0], plain_loop(3, 600, 0.05), rtol=1e-8)
    (verdict,) = diagnose(trained)
    variance = np.sin(3 * SINE).var()
    assert list(spectrum(spec).values()) == [pytest.approx(variance, rel=1e-12)]
    assert verdict.outcome == "converged"
    assert trained.losses[0, verdict.epochs_to_converge] < 0.1 * variance
    assert trained.losses[0, verdict.epochs_to_converge - 1] >= 0.1 * variance
    assert np.isnan(verdict.accuracy)
    said = wording.paragraph(spec, verdict, epochs=600)
    assert said.startswith(f"Converged: the loss is {verdict.final_loss / variance:.1%} of that of a constant output.")
    assert "side" not in said + " ".join(wording.predictions(spec, trained.logits[0]))


def test_a_constant_output_is_at_the_level_of_chance(write):
    """A ReLU network whose units are all dead can only fit the mean."""
    spec = regression(write, arch=ArchSpec(hidden=(1,), output="linear"), lr=0.1)
    dead = {"W1": [[[0.1]]], "b1": [[-5.0]], "W2": [[[1.0]]], "b2": [[0.2]]}
    trained = train([spec], initial={name: np.array(array) for name, array in dead.items()})
    (verdict,) = diagnose(trained)
    said = wording.paragraph(spec, verdict, epochs=600)
    assert verdict.level == pytest.approx(np.sin(3 * SINE).var())
    assert "the best constant output, so the network has learnt nothing from its inputs" in said
    assert verdict.cause == "all_dead"


@pytest.mark.parametrize(
    "given", [{"loss": "bce", "arch": ArchSpec()}, {"arch": ArchSpec()}, {"arch": ArchSpec(output="tanh")}]
)
def test_real_targets_need_a_loss_and_an_output_for_them(write, given):
    with pytest.raises(SpecError, match=r"targets other than 0 and 1 need loss=mse or mae, arch\.output=linear"):
        regression(write, **given)


def test_many_points_are_trained_in_smaller_ensembles(tmp_path):
    np.savez(tmp_path / "big.npz", X=np.zeros((100_000, 2)), y=np.ones(100_000))
    spec = RunSpec(data=DataSpec(name="file", path=str(tmp_path / "big.npz")))
    assert chunk(spec) * 8 * 5 * 100_000 * 4 <= 2**29
    assert chunk(RunSpec(epochs=100)) == 4096
    with pytest.raises(SpecError, match="must have at most 1,000,000 numbers; got 2,000,002"):
        data_files.checked(np.zeros((1_000_001, 2)), np.zeros(1_000_001), "data big")


def test_arrays_are_data_of_a_name_of_their_own():
    X, y = np.array([[0.0], [1.0], [2.0]]), np.array([0, 1, 0])
    xl.data("hat", X, y)
    try:
        spec = RunSpec(data=DataSpec(name="hat"), epochs=5)
        assert spec.source.startswith("data.hat=")
        assert text.overrides(spec)[:2] == ["data=own", "data.name=hat"]
        loss = train([spec]).losses[0, 0]
        assert 0.0 < loss < 10.0
        xl.data("hat", X, y)
        with pytest.raises(SpecError, match="data hat has other numbers already"):
            xl.data("hat", X + 1.0, y)
        with pytest.raises(SpecError, match=r"data cap must have points X \(N, D\) .* got \(3,\) and \(3,\)"):
            xl.data("cap", X[:, 0], y)
    finally:
        del datasets.DATASETS["hat"], functions.REGISTERED["data", "hat"]
