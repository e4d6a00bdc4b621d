import pytest
from PIL import Image

from xorlab.cli.mechanism import main
from xorlab.spec import ArchSpec, DataSpec, RunSpec
from xorlab.tracking.tracker import Record, Tracker

SPECS = {
    "stuck": (RunSpec(epochs=5), "stuck_ln2"),
    "converged": (RunSpec(epochs=5, seed=0), "converged"),
    "wide": (RunSpec(epochs=5, arch=ArchSpec(hidden=(30, 30))), "descending"),
    "parity": (RunSpec(epochs=5, data=DataSpec(name="parity")), "descending"),
    "running": (RunSpec(epochs=5, seed=9), None),
}


@pytest.fixture
def ids(store_uri, tmp_path):
    """A store with a few runs, and their ids by name."""
    records = [
        Record(
            name=name,
            params={key: str(value) for key, value in spec.parameters().items()},
            tags={"spec": spec.identity} | ({"outcome": outcome} if outcome else {}),
        )
        for name, (spec, outcome) in SPECS.items()
    ]
    return dict(zip(SPECS, Tracker(store_uri, "xorlab", folder=tmp_path).write(records), strict=True))


@pytest.fixture
def draw(store_uri, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    return lambda *words: (main([*words, "--uri", store_uri]), *capsys.readouterr())


def written(folder):
    return sorted(path.name for path in (folder / "outputs" / "mechanism").iterdir())


def test_one_run_has_its_pictures_and_a_film(draw, ids, tmp_path):
    first, other = ids["stuck"], ids["converged"]
    status, printed, errors = draw(first[:12], "--epochs", "0,end", "--gif", other)
    assert (status, errors) == (0, "")
    names = [f"{first[:8]}-{other[:8]}.gif", f"{first[:8]}-plane.png", f"{first[:8]}-slice.png"]
    assert written(tmp_path) == sorted(names)
    assert printed.count("\n") == 3
    gif = tmp_path / "outputs" / "mechanism" / names[0]
    assert gif.stat().st_size < 3_000_000
    with Image.open(gif) as film:
        assert film.n_frames == 6


def test_several_runs_share_a_page_for_each_epoch(draw, ids, tmp_path):
    status, _, errors = draw(ids["stuck"], ids["converged"], ids["wide"], "--epochs", "3,end")
    assert (status, errors) == (0, "")
    assert written(tmp_path) == ["grid-3.png", "grid-end.png"]


def test_a_large_network_has_no_slice_and_says_so(draw, ids, tmp_path):
    status, printed, _ = draw(ids["wide"], "--epochs", "end")
    assert status == 0
    assert "No slice: a slice needs a network of at most 400 parameters; got 1051." in printed
    assert written(tmp_path) == [f"{ids['wide'][:8]}-plane.png"]


@pytest.mark.parametrize(
    "mistake",
    [
        ("stuck", ["--epochs", "0,half"], "--epochs must be whole numbers or end, as in 0,10,100,end; got '0,half'"),
        ("stuck", ["--gif", "ffffffff0"], "no run"),
        ("parity", [], "the plane needs data with two inputs; got parity with 3"),
        ("stuck", ["--gif", "parity"], "two inputs"),
        ("running", [], "RUN must have ended with an outcome"),
    ],
    ids=["epochs", "no such run", "three inputs", "film of three inputs", "no outcome"],
)
def test_a_mistake_is_one_line_and_writes_nothing(draw, ids, tmp_path, mistake):
    run, words, said = mistake
    status, _, errors = draw(ids[run], *[ids.get(word, word) for word in words])
    assert status == 2
    assert said in errors
    assert errors.count("\n") == 1
    assert not (tmp_path / "outputs").exists()
