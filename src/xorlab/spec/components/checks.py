"""Checks of functions that a user registers: shapes, element by element, and derivatives against differences."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xorlab.errors import SpecError

Array = NDArray[np.float64]

POINTS = np.linspace(-8.0, 8.0, 161) + 0.0123
"""Where derivatives are checked; a kink is likely to be at a round number."""
STEP = 1e-6
WRONG = 1e-5
"""A derivative that differs by more than this from differences of `STEP`, relative to 1 plus its size, is wrong."""


def call(label: str, function: Callable[[], Any]) -> Any:
    """Return what a function of the user's returns; raise SpecError where it fails."""
    try:
        with np.errstate(all="ignore"):
            return function()
    except Exception as error:  # a function of the user's can raise anything
        raise SpecError(f"{label} can't be called: {type(error).__name__}: {error}") from error


def like(label: str, found: Any, shape: tuple[int, ...]) -> Array:
    """Return what a function returned, if it is an array of finite numbers and of this shape."""
    if np.shape(found) != shape or np.asarray(found).dtype.kind not in "fiu" or not np.isfinite(found).all():
        raise SpecError(f"{label} must return finite numbers of the shape {shape}; got {np.shape(found)}")
    return np.array(found, dtype=np.float64)


def elementwise(label: str, f: Callable[[Array], Array], *, points: Array = POINTS) -> None:
    """Refuse a function that does not work on an array element by element."""
    z = points[:160].reshape(4, 5, 8)
    given = z.copy()
    whole = like(label, call(label, partial(f, given)), z.shape)
    if (given != z).any():
        raise SpecError(f"{label} must leave its argument as it is; it changes it")
    part = like(label, call(label, partial(f, z[1:3, ::-1].copy())), (2, 5, 8))
    if not np.allclose(whole[1:3, ::-1], part, rtol=1e-12, atol=1e-300):
        raise SpecError(f"{label} must work element by element; its values depend on the other elements")


def derivative(
    label: str,
    of: tuple[str, Callable[[Array], Array]],
    by: tuple[str, Callable[[Array], Array]],
    *,
    points: Array = POINTS,
    variable: str = "z",
) -> None:
    """Refuse a derivative that differs from central differences at one of the points."""
    (name, f), (slope, df) = of, by
    expected = (f(points + STEP) - f(points - STEP)) / (2.0 * STEP)
    found = df(points)
    errors = np.abs(found - expected) / (1.0 + np.abs(expected))
    worst = int(errors.argmax())
    if not errors[worst] <= WRONG:
        raise SpecError(
            f"{label}: {slope} must be the derivative of {name}; it is wrong most at {variable} = "
            f"{points[worst]:.4g}: {slope} is {found[worst]:.6g}, differences of {name} give {expected[worst]:.6g}"
        )
