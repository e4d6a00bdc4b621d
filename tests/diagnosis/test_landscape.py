import numpy as np
import pytest

from xorlab.diagnosis import landscape
from xorlab.errors import XorlabError
from xorlab.numerics.network import evaluate
from xorlab.numerics.training import train
from xorlab.spec import ArchSpec, InitSpec, RunSpec
from xorlab.spec.components import datasets

SMOOTH = RunSpec(arch=ArchSpec(hidden=(2,), activation="tanh"), epochs=400, seed=4)  # still falling
DRAWN = RunSpec(init=InitSpec(biases="drawn"), epochs=2_000, seed=2)


def loss(spec, parameters):
    """The mean cross-entropy, plainly."""
    X, y = datasets.load(spec.data)
    logit = evaluate(spec.arch, {name: array[None] for name, array in parameters.items()}, X)[0]
    return float(np.mean(np.logaddexp(0.0, (1.0 - 2.0 * y) * logit)))


def numerical_hessian(spec, final, step=1e-4):
    """Second differences of the loss, (P, P); the order of the parameters is their own."""
    names = list(final)
    flat = np.concatenate([final[name].ravel() for name in names])

    def at(theta):
        ends = np.cumsum([final[name].size for name in names])[:-1]
        parts = np.split(theta, ends)
        return loss(spec, {name: part.reshape(final[name].shape) for name, part in zip(names, parts, strict=True)})

    unit = np.eye(flat.size) * step
    return np.array(
        [
            [(at(flat + a + b) - at(flat + a - b) - at(flat - a + b) + at(flat - a - b)) / (4 * step**2) for b in unit]
            for a in unit
        ]
    )


@pytest.mark.parametrize("spec", [SMOOTH, DRAWN, RunSpec(epochs=300)], ids=["tanh", "relu", "notebook"])
def test_the_centre_is_the_run_s_end(spec):
    trained = train([spec])
    found = landscape.cut(trained)
    centre = found.steps.size // 2
    assert found.steps[centre] == 0.0
    assert found.loss[centre, centre] == pytest.approx(trained.final_loss[0], abs=1e-14)
    assert found.parameters == sum(array[0].size for array in trained.final.values())


@pytest.mark.parametrize("spec", [SMOOTH, DRAWN], ids=["tanh", "relu"])
def test_the_curvatures_are_those_of_differences(spec):
    trained = train([spec])
    found = landscape.cut(trained)
    assert not found.kink
    values = np.linalg.eigvalsh(numerical_hessian(spec, {name: array[0] for name, array in trained.final.items()}))
    assert (found.least, found.greatest) == pytest.approx((values[0], values[-1]), abs=1e-5)


def test_the_profiles_bend_as_the_eigenvalues_say():
    found = landscape.cut(train([SMOOTH]))
    centre, step = found.steps.size // 2, found.steps[1] - found.steps[0]
    profiles = (found.loss[centre], found.loss[:, centre])
    for profile, value, slope in zip(profiles, (found.least, found.greatest), found.slopes, strict=True):
        rise = (profile[centre + 1] - profile[centre - 1]) / (2 * step)
        assert rise == pytest.approx(slope, abs=0.01 * found.greatest)
        bend = (profile[centre + 1] - 2 * profile[centre] + profile[centre - 1]) / step**2
        assert bend == pytest.approx(value, abs=0.02 * found.greatest)


def test_a_smooth_network_has_no_sides_to_leave():
    found = landscape.cut(train([SMOOTH]))
    assert np.isnan(found.margin).all()
    assert not found.kink


def test_units_keep_their_sides_where_the_margin_is_positive():
    trained = train([DRAWN])
    found = landscape.cut(trained)
    centre = found.steps.size // 2
    X, _ = datasets.load(DRAWN.data)
    z = X @ trained.final["W1"][0] + trained.final["b1"][0]
    assert found.margin[centre, centre] == pytest.approx(np.abs(z).min(), abs=1e-12)
    assert (found.margin < 0.0).any()


def test_a_dead_unit_without_bias_sits_on_its_kink():
    found = landscape.cut(train([RunSpec()]))
    assert found.kink
    assert found.flat == 10  # of 13: an affine logit has three directions
    assert abs(found.least) < 1e-9


def test_a_network_too_large_is_refused():
    trained = train([RunSpec(arch=ArchSpec(hidden=(30, 30)), epochs=1)])
    with pytest.raises(XorlabError, match="a slice needs a network of at most 400 parameters; got 1051"):
        landscape.cut(trained)
