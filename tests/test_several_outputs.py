"""Networks of several outputs, from the file of their data to the report."""

import itertools
import math

import numpy as np
import pytest

import commands
import xorlab as xl
from partitions import partitions
from xorlab.diagnosis.levels import spectrum
from xorlab.diagnosis.verdict import diagnose
from xorlab.errors import SpecError, XorlabError
from xorlab.numerics.training import train
from xorlab.spec import ArchSpec, DataSpec, RunSpec
from xorlab.spec.components import datasets

CSV = "x,y,kind\n0,0,cold\n0,1,warm\n1,0,warm\n1,1,hot\n0.5,0.5,hot\n"
SOFTMAX = {"arch": ArchSpec(hidden=(8,), activation="tanh", output="softmax"), "loss": "cross_entropy"}


@pytest.fixture
def kinds(tmp_path):
    (tmp_path / "kinds.csv").write_text(CSV)
    return str(tmp_path / "kinds.csv")


def test_classes_have_an_output_each_in_the_order_of_their_names(kinds):
    data = DataSpec(name="file", path=kinds, classes=True)
    X, y = datasets.load(data)
    assert datasets.class_names(data) == ("cold", "hot", "warm")
    np.testing.assert_array_equal(y.argmax(axis=1), [0, 2, 2, 1, 1])
    assert RunSpec(data=data, **SOFTMAX).units == (2, 8, 3)
    np.savez(kinds.replace("csv", "npz"), X=X, y=y)
    again = RunSpec(data=DataSpec(name="file", path=kinds.replace("csv", "npz")), **SOFTMAX)
    assert train([again]).final_loss == train([RunSpec(data=data, **SOFTMAX)]).final_loss


def test_the_last_columns_are_the_targets(tmp_path):
    path = tmp_path / "two.csv"
    path.write_text("1,0.5,0.25\n2,0.75,1.5\n")
    X, y = datasets.load(DataSpec(name="file", path=str(path), outputs=2))
    np.testing.assert_array_equal(X, [[1.0], [2.0]])
    np.testing.assert_array_equal(y, [[0.5, 0.25], [0.75, 1.5]])


@pytest.mark.parametrize(
    ("content", "data", "run", "message"),
    [
        (CSV, {}, {}, "got '0,0,cold' in line 2; set data.classes=true if it names a class"),
        (CSV.replace("0,1,", "0,,"), {"classes": True}, {}, "must have 2 numbers in each line beside the class; got"),
        ("0,0,a\n1,1,a\n", {"classes": True}, {}, "classes"),
        ("0,1,2\n1,1,0\n", {"outputs": 2}, SOFTMAX, "needs targets with one 1 a point"),
        ("0,1,0\n1,1,1\n", {"outputs": 2}, SOFTMAX, "needs targets with one 1 a point"),
        ("0,1,0\n1,0,1\n", {"outputs": 2}, SOFTMAX | {"loss": "bce"}, "needs loss=cross_entropy; got loss=bce"),
        ("0,1,0\n1,0,1\n", {"outputs": 2}, {"loss": "cross_entropy"}, "cross_entropy"),
        ("0,1,0.5\n1,0,1\n", {"outputs": 2}, {}, "loss=mse or mae"),
        ("0,1\n1,0\n", {"outputs": 2}, {}, "must have a column of inputs and 2 of targets; got 2 columns"),
        ("0,1\n1,0\n", {"outputs": 1}, {}, "data.outputs"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(tmp_path, content, data, run, message):
    (tmp_path / "points.csv").write_text(content)
    with pytest.raises(SpecError, match=message) as refused:
        RunSpec(data=DataSpec(name="file", path=str(tmp_path / "points.csv"), **data), **run)
    assert "\n" not in str(refused.value)


def test_the_levels_of_classes_are_those_of_all_partitions(kinds):
    """The level of a partition is the mean entropy of the classes in its groups."""
    classes, sums = [0, 2, 2, 1, 1], set()
    for partition in partitions(list(range(5))):
        total = 0.0
        for group in partition:
            counts = [sum(classes[point] == kind for point in group) for kind in range(3)]
            total -= sum(n * math.log(n / len(group)) for n in counts if n)
        sums.add(round(total / 5.0, 9))
    found = spectrum(RunSpec(data=DataSpec(name="file", path=kinds, classes=True), **SOFTMAX)).values()
    np.testing.assert_allclose(list(found), sorted(sums - {0.0}, reverse=True), atol=2e-9)


def test_learning_nothing_is_resting_at_the_entropy_of_the_classes(tmp_path):
    """A network without hidden units whose inputs are all zero can learn the shares of the classes only."""
    (tmp_path / "nothing.csv").write_text("0,a\n0,a\n0,a\n0,b\n0,b\n0,c\n")
    data, arch = (
        DataSpec(name="file", path=str(tmp_path / "nothing.csv"), classes=True),
        ArchSpec(hidden=(), output="softmax"),
    )
    (verdict,) = diagnose(train([RunSpec(data=data, arch=arch, loss="cross_entropy", lr=1.0, epochs=2_000)]))
    entropy = -sum(share * math.log(share) for share in (1 / 2, 1 / 3, 1 / 6))
    assert verdict.outcome.startswith("stuck")
    assert [verdict.final_loss, verdict.level] == pytest.approx([entropy, entropy], rel=1e-9)


def test_accuracy_is_the_share_of_points_whose_class_is_the_greatest(kinds):
    specs = [
        RunSpec(data=DataSpec(name="file", path=kinds, classes=True), epochs=epochs, seed=seed, lr=0.5, **SOFTMAX)
        for epochs, seed in itertools.product((5, 20, 60), range(4))
    ]
    _, y = datasets.load(specs[0].data)
    accuracies = set()
    for spec in specs:
        trained = train([spec])
        (verdict,) = diagnose(trained)
        assert verdict.accuracy == np.mean(trained.logits[0].argmax(axis=1) == y.argmax(axis=1))
        accuracies.add(verdict.accuracy)
    assert len(accuracies) > 2


def test_a_sweep_of_classes_is_recorded_reported_and_asked_about(kinds, tmp_path, store_uri, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store_uri)
    words = ["data=file", "data.path=kinds.csv", "data.classes=true", "arch.output=softmax", "loss=cross_entropy"]
    words += ["lr=0.01,1", "seed=0..4", "epochs=2000", "arch.activation=tanh", "workers=1"]
    swept = commands.call("train.py", "-m", *words, folder=tmp_path, uri=store_uri)
    assert "lr=1     5/5 converged" in swept.stdout
    assert "Of 10 runs, 5 converged" in commands.call("scripts/analyze.py", folder=tmp_path, uri=store_uri).stdout

    (run, *_) = (run for run in xl.load("latest") if run.verdict.outcome == "converged")
    assert list(run.predictions.columns[-3:]) == ["p_cold", "p_hot", "p_warm"]
    np.testing.assert_allclose(run.predictions.filter(like="p_").sum(axis=1), 1.0, rtol=1e-12)
    names = [text.get_text() for text in run.plot.plane().figure.legends[0].get_texts()]
    assert names == ["class cold", "class hot", "class warm"]
    with pytest.raises(XorlabError, match="for networks with one output; this one has 3"):
        run.plot.plane(1, 10)

    verified = commands.call("scripts/verify.py", run.info["run_id"], folder=tmp_path, uri=store_uri)
    assert "Identical: all 2,000 recorded losses" in verified.stdout
    run.save_weights("out.npz", layout="torch")
    start = ["init=file", "init.path=out.npz", "epochs=1", *words[:5], "arch.activation=tanh"]
    again = commands.call("train.py", *start, folder=tmp_path, uri=store_uri)
    assert "at every point the greatest p is that of its class" in " ".join(again.stdout.split())
