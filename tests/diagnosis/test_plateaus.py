import math

from networks import network, seen
from xorlab.diagnosis.levels import spectrum
from xorlab.diagnosis.verdict import diagnose
from xorlab.numerics.training import train
from xorlab.spec import DataSpec, RunSpec

LN2 = math.log(2.0)


def history(losses, **parts):
    found = seen(network([[1], [1]], [0.5], [1], 0.0, losses=losses, **parts))
    return found.epochs_at, found.left_at


def test_plateaus_are_counted_and_left():
    """Ten epochs at ln 2, two away, five there again, then eight at 0.477 to the end."""
    levels = spectrum(RunSpec())
    losses = [levels["ln2"] + 0.004] * 10 + [0.6] * 2 + [LN2 - 0.004] * 5 + [levels["0.477"]] * 8
    assert history(losses) == ({"ln2": 15, "0.477": 8, "0.347": 0}, {"ln2": 17})


def test_a_plateau_ends_at_five_thousandths():
    assert history([LN2 + 0.0049, LN2 + 0.0051, LN2 - 0.0051, 0.6])[0]["ln2"] == 1


def test_a_plateau_that_lasts_to_the_end_is_not_left():
    epochs_at, left_at = history([0.9, LN2, LN2])
    assert (epochs_at["ln2"], left_at) == (2, {})


def test_plateaus_of_runs_of_several_lengths_and_levels():
    """Shorter runs end in NaN: what lasts to a run's own end is not left; the names are those of each run's data."""
    specs = [RunSpec(seed=seed, epochs=epochs) for seed in range(4) for epochs in (5, 900)]
    specs += [RunSpec(seed=seed, epochs=300, data=DataSpec(name="and")) for seed in range(3)]
    trained = train(specs)
    for run, verdict in enumerate(diagnose(trained)):
        found = verdict.evidence
        names = spectrum(specs[run])
        assert list(found.epochs_at) == list(names)
        own = trained.losses[run, : trained.epochs[run]]
        for name, level in names.items():
            near = [epoch for epoch, loss in enumerate(own) if abs(loss - level) < 0.005]
            assert found.epochs_at[name] == len(near)
            assert found.left_at.get(name) == (near[-1] + 1 if near and near[-1] + 1 < len(own) else None)
