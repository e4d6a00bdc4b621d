"""Functions of one's own, registered from Python or by the module that `use` names.

Each is checked when it is registered. Its source is part of the identity of the runs that use it.
"""

import ast
import hashlib
import importlib
import inspect
import math
import os
import re
import sys
import textwrap
import types
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray

from xorlab.errors import SpecError, XorlabError
from xorlab.spec.components import checks, data_files
from xorlab.spec.components.activations import ACTIVATIONS, Activation
from xorlab.spec.components.arithmetics import Arithmetic
from xorlab.spec.components.datasets import DATASETS, DataSet
from xorlab.spec.components.initializers import INITIALIZERS, Initializer
from xorlab.spec.components.losses import LOSSES, Loss, Pointwise, through
from xorlab.spec.components.optimizers import OPTIMIZERS, Optimizer, Update
from xorlab.spec.components.outputs import OUTPUTS, TARGETS
from xorlab.spec.components.steps import Step

Array = NDArray[np.float64]

ZOOM = 51
"""Constant outputs that are tried at a time, to find the best one."""

TABLES: dict[str, dict[str, Any]] = {
    "data": DATASETS,
    "activation": ACTIVATIONS,
    "initializer": INITIALIZERS,
    "loss": LOSSES,
    "optimizer": OPTIMIZERS,
}
BUILT_IN = {kind: tuple(table) for kind, table in TABLES.items()}


@dataclass(frozen=True)
class Own:
    """A registered function: the module that registered it, its source and the digest of the source."""

    module: str
    source: str
    digest: str


REGISTERED: dict[tuple[str, str], Own] = {}
"""By kind and name."""


def activation(
    name: str,
    f: Callable[[Array], Array],
    df: Callable[[Array], Array],
    d2f: Callable[[Array], Array] | None = None,
    *,
    pieces: tuple[float, float] | None = None,
    saturates: bool = False,
    linear: bool = False,
) -> None:
    """Register an activation, as ``arch.activation=NAME``.

    Parameters
    ----------
    name : its name
    f, df, d2f : the function and its derivatives, of an array of any shape; without d2f, differences of df stand in
    pieces, saturates, linear : see `Activation`; what is not stated is not claimed by the diagnosis

    Raises
    ------
    SpecError
        Where a function does not work on arrays element by element, or a derivative is wrong.
    """
    label = f"activation {name}"
    checks.elementwise(f"{label}: f", f)
    checks.elementwise(f"{label}: df", df)
    checks.derivative(label, ("f", f), ("df", df))
    if d2f is not None:
        checks.elementwise(f"{label}: d2f", d2f)
        checks.derivative(label, ("df", df), ("d2f", d2f))
    slopes, ends = df(checks.POINTS), np.abs(df(np.array([-40.0, 40.0])))
    expected = None if pieces is None else np.where(checks.POINTS > 0.0, pieces[1], pieces[0])
    if expected is not None and not np.allclose(slopes, expected):
        raise SpecError(f"{label}: pieces must be the slopes of f on the left and on the right; got {pieces}")
    if saturates and not (ends < checks.WRONG).all():
        raise SpecError(f"{label}: saturates must be left out; df is {ends.max():.2g} at z = -40 or 40")
    if linear and np.ptp(slopes) > checks.WRONG:
        raise SpecError(f"{label}: linear must be left out; df is not constant")

    def build(z: Array, a: Array, slope: Array, *, arithmetic: Arithmetic) -> Step:
        def step() -> None:
            a[...] = f(z)
            slope[...] = df(z)

        return step

    def second(z: Array) -> Array:
        step = 10.0 * checks.STEP
        return np.asarray((df(z + step) - df(z - step)) / (2.0 * step) if d2f is None else d2f(z), dtype=np.float64)

    entry = Activation(build=build, second=second, pieces=pieces, saturates=saturates, linear=linear)
    _register("activation", name, entry, (f, df, d2f))


def data(name: str, X: Any, y: Any, *, classes: bool = False) -> None:
    """Register data, as ``data=own data.name=NAME`` on the command line and ``data=NAME`` in Python.

    Parameters
    ----------
    name : its name
    X, y : (N, D) points and (N,) targets, or (N, K) for K outputs: labels 0 and 1, or real numbers for ``loss=mse
        arch.output=linear``
    classes : whether y (N,) has a number or name of a class for each point; the network gets an output for each class

    Raises
    ------
    SpecError
        Where the arrays do not fit, or the name has other data already.
    """
    X, y = data_files.checked(X, data_files.one_hot(y, f"data {name}")[0] if classes else y, f"data {name}")
    source = f"# {data_files.digest(X, y)}"
    _register("data", name, DataSet(make=lambda spec, random: (X.copy(), y.copy())), (), source)


def initializer(name: str, draw: Callable[[RandomState, tuple[int, ...], int, int], Array]) -> None:
    """Register a scheme for initial weights, as ``init=NAME``.

    Parameters
    ----------
    name : its name
    draw : draw(rng, shape, fan_in, fan_out) returns an array of `shape`, (fan_in, fan_out), or (fan_out,) where
        ``init.biases=drawn``; all its randomness comes from `rng`

    Raises
    ------
    SpecError
        Where it returns another shape, a number that is not finite, or not the same from the same seed.
    """
    label = f"initializer {name}: draw"

    def drawn(shape: tuple[int, ...], seed: int) -> Array:
        found = checks.call(label, partial(draw, RandomState(seed), shape, 3, 4))
        return checks.like(label, found, shape)

    first = drawn((3, 4), 0)
    if (first != drawn((3, 4), 0)).any():
        raise SpecError(f"{label} must return the same weights from the same seed; take all randomness from rng")
    try:
        drawn((4,), 0)
    except SpecError:
        draws_biases = False
    else:
        draws_biases = True
    entry = Initializer(
        draw=lambda rng, shape, fan_in, fan_out, init: np.array(draw(rng, shape, fan_in, fan_out), dtype=np.float64),
        draws_biases=draws_biases,
        seeded=bool((first != drawn((3, 4), 1)).any()),
    )
    _register("initializer", name, entry, (draw,))


def loss(
    name: str,
    f: Callable[[Array, Array], Array],
    df: Callable[[Array, Array], Array],
    d2f: Callable[[Array, Array], Array] | None = None,
    *,
    outputs: Collection[str] = ("linear", "tanh", "sigmoid"),
    targets: Collection[str] = ("binary", "bipolar"),
    kink: Callable[[Array, Array], Array] | None = None,
) -> None:
    """Register a loss, as ``loss=NAME``.

    Parameters
    ----------
    name : its name
    f, df, d2f : the loss of a sample by its output o and target t, arrays of one shape, and its derivatives by o;
        without d2f, differences of df stand in
    outputs, targets : the values of ``arch.output`` and ``data.targets`` that it takes
    kink : kink(o, t) is 0 where f has a kink; what is not stated is not seen by the diagnosis

    Raises
    ------
    SpecError
        Where a function does not work on arrays element by element, a derivative is wrong, the loss is not least at
        the target, or the name has another loss already.
    """
    for key, given, known in (("outputs", outputs, OUTPUTS), ("targets", targets, TARGETS)):
        if isinstance(given, str) or not given or not set(given) <= set(known):
            raise SpecError(f"loss {name}: {key} must be some of {', '.join(known)}; got {given!r}")
    real = "linear" in outputs and "binary" in targets
    ends = {end for each in targets for end in TARGETS[each]}
    for target in sorted(ends | ({-2.5, 0.3} if real else set())):
        _check_loss(f"loss {name}, target {target:g}", (f, df, d2f), target, _reach(outputs))

    def second(o: Array, t: Array) -> Array:
        step = 10.0 * checks.STEP
        found = (df(o + step, t) - df(o - step, t)) / (2.0 * step) if d2f is None else d2f(o, t)
        return np.asarray(found, dtype=np.float64)

    def build(o: Array, t: Array, each: Array, slope: Array) -> Step:
        def step() -> None:
            each[...] = f(o, t)
            slope[...] = df(o, t)

        return step

    def floor(share: float, span: float) -> float:
        low, high = next(pair for pair in TARGETS.values() if pair[1] - pair[0] == span)
        ones, zeros = (partial(_constant, f, np.array([target])) for target in (high, low))
        return _least(lambda o: share * ones(o) + (1.0 - share) * zeros(o), low, high)

    entry = Loss(
        objective=partial(through, Pointwise(build=build, value=f, first=df, second=second, kink=kink)),
        floor=floor,
        chance=(lambda y: _least(partial(_constant, f, y), float(y.min()), float(y.max()))) if real else None,
        outputs=tuple(outputs),
        targets=tuple(targets),
    )
    _register("loss", name, entry, (f, df, d2f, kink), f"# {' '.join(outputs)}, {' '.join(targets)}")


def _reach(outputs: Collection[str]) -> Array:
    """Return the points at which a loss is checked, over all that one of these outputs can be."""
    low, high = min(OUTPUTS[name].low for name in outputs), max(OUTPUTS[name].high for name in outputs)
    if np.isinf(low):
        return 0.5 * checks.POINTS
    inside = (checks.POINTS - checks.POINTS[0] + 0.2) / (np.ptp(checks.POINTS) + 0.4)
    return np.asarray(low + (high - low) * inside)


def _check_loss(
    label: str,
    functions: tuple[Callable[[Array, Array], Array], Callable[[Array, Array], Array], Callable[..., Array] | None],
    target: float,
    points: Array,
) -> None:
    """Refuse a loss whose functions are wrong at a target."""
    named = dict(zip(("f", "df", "d2f"), functions, strict=True))

    def at(function: Callable[[Array, Array], Array]) -> Callable[[Array], Array]:
        return lambda o: function(o, np.full_like(o, target))

    known = {name: at(function) for name, function in named.items() if function is not None}
    for name, function in known.items():
        checks.elementwise(f"{label}: {name}", function, points=points)
    for of, by in pairwise(known.items()):
        checks.derivative(label, of, by, points=points, variable="o")
    values, before = known["f"](points), points < target
    if (np.diff(values[before]) > 0.0).any() or (np.diff(values[~before]) < 0.0).any():
        raise SpecError(f"{label}: f must be least where o is the target, and must not fall away from it")


def _constant(f: Callable[[Array, Array], Array], y: Array, o: float) -> float:
    """Return the mean loss of one output o for the targets y."""
    return float(np.mean(f(np.full_like(y, o), y)))


def _least(f: Callable[[float], float], low: float, high: float) -> float:
    """Return the least value of f between two numbers, by zooming in on the best of `ZOOM` points."""
    best = math.inf
    for _ in range(10):
        points = np.linspace(low, high, ZOOM)
        with np.errstate(all="ignore"):
            values = np.nan_to_num([f(o) for o in points.tolist()], nan=np.inf)
        place = int(values.argmin())
        best = min(best, float(values[place]))
        low, high = points[max(place - 1, 0)], points[min(place + 1, ZOOM - 1)]
    return best


def optimizer(name: str, update: Callable[..., Any], *, state: int = 0) -> None:
    """Register an update rule, as ``optimizer=NAME``.

    Parameters
    ----------
    name : its name
    update : update(gradient, lr, *state) returns what is subtracted from the parameters, of the gradient's shape
        (parameters, runs); with `state`, a tuple of this and the new arrays of the state
    state : how many arrays it keeps from one update to the next, each of the gradient's shape and 0 at the start

    Raises
    ------
    SpecError
        Where it returns other shapes, changes its arguments, or mixes runs.
    """
    label = f"optimizer {name}: update"
    rng = RandomState(0)
    gradient, lr = rng.standard_normal((5, 8)), np.full(8, 0.1)
    held = [np.abs(rng.standard_normal((5, 8))) for _ in range(state)]

    def updated(runs: slice) -> list[Array]:
        part = [array[..., runs].copy() for array in (gradient, lr, *held)]
        found = checks.call(label, partial(update, *(array.copy() for array in part)))
        parts = found if state else (found,)
        if not isinstance(parts, tuple) or len(parts) != 1 + state:
            raise SpecError(f"{label} must return {1 + state} arrays; got {type(found).__name__}")
        given = [array.copy() for array in part]
        checks.call(label, partial(update, *given))
        if any((was != now).any() for was, now in zip(part, given, strict=True)):
            raise SpecError(f"{label} must leave its arguments as they are; it changes them")
        return [checks.like(label, each, part[0].shape) for each in parts]

    whole = updated(slice(None))
    for run in range(8):
        alone = updated(slice(run, run + 1))
        if not all(
            np.allclose(many[:, [run]], one, rtol=1e-12, atol=0.0) for many, one in zip(whole, alone, strict=True)
        ):
            raise SpecError(f"{label} must treat each run alone, a column of the gradient; it mixes them")

    def build(theta: Array, gradient: Array, numbers: Mapping[str, Array]) -> Update:
        held = [np.zeros_like(theta) for _ in range(state)]

        def step() -> None:
            found = update(gradient, numbers["lr"], *held)
            move, *new = found if state else (found,)
            np.subtract(theta, move, theta)
            for array, value in zip(held, new, strict=True):
                array[...] = value

        return Update(step, held)

    _register("optimizer", name, Optimizer(build=build), (update,))


def use(module: str) -> None:
    """Import a module that registers functions, from the working folder or from where Python finds it.

    Raises
    ------
    XorlabError
        Where it can't be imported, or registers nothing.
    """
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    try:
        importlib.import_module(module)
    except XorlabError as error:
        raise XorlabError(f"use={module}: {error}") from error
    except Exception as error:  # anything can go wrong in a module of the user's
        raise XorlabError(f"use={module} can't be imported: {type(error).__name__}: {error}") from error
    if not any(own.module == module for own in REGISTERED.values()):
        raise XorlabError(f"use must name a module that registers functions, as by xl.activation; {module} has none")


def source(names: Iterable[tuple[str, str]]) -> str | None:
    """Name the registered functions among these kinds and names, each with its digest; None where there are none."""
    found = [(*each, REGISTERED[each]) for each in sorted(set(names)) if each in REGISTERED]
    return " ".join(f"{kind}.{name}={own.digest}" for kind, name, own in found) or None


def registered(text: str | None) -> Iterator[Own]:
    """Return the functions that a run's `source` names.

    Raises
    ------
    XorlabError
        Where one is not registered.
    """
    for each in (text or "").split():
        kind, _, name = each.partition("=")[0].partition(".")
        if (kind, name) not in REGISTERED:
            raise XorlabError(f"{kind} {name} is a function of the user's and must be registered first")
        yield REGISTERED[kind, name]


def modules(sources: Iterable[str | None]) -> tuple[str, ...] | None:
    """Return the modules that another process must import for runs of these sources; None where it can't.

    It can't import what was registered in a notebook or in the script that runs.
    """
    found = {each.module for source in set(sources) for each in registered(source)}
    return None if "__main__" in found else tuple(sorted(found))


def _register(kind: str, name: str, entry: Any, functions: tuple[Callable[..., Any] | None, ...], *texts: str) -> None:
    if not re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", name) or name in BUILT_IN[kind]:
        raise SpecError(f"{kind} must have a name of letters, digits and _ that is not taken; got {name!r}")
    own = [text for function in functions for text in _sources(function, f"{kind} {name}", set())]
    text = "\n".join(dict.fromkeys([*texts, *own])) + "\n"
    module = sys._getframe(2).f_globals["__name__"]
    known = REGISTERED.get((kind, name))
    if kind in ("data", "loss") and known is not None and known.source != text:
        other = "other numbers" if kind == "data" else "another source"
        raise SpecError(f"{kind} {name} has {other} already; take another name")
    TABLES[kind][name] = entry
    REGISTERED[kind, name] = Own(module, text, hashlib.sha256(text.encode()).hexdigest()[:16])


def _sources(thing: Any, label: str, seen: set[int]) -> Iterator[str]:
    """Yield the source of a function and of everything of the user's that it uses."""
    if thing is None or id(thing) in seen:
        return
    seen.add(id(thing))
    if isinstance(thing, partial):
        yield f"partial {thing.args!r} {thing.keywords!r}"
        yield from _sources(thing.func, label, seen)
        return
    if not isinstance(thing, types.FunctionType) or _is_library(thing):
        if not callable(thing):
            raise SpecError(f"{label} must be made of functions; got {thing!r}")
        yield f"# {getattr(thing, '__module__', '')}.{getattr(thing, '__name__', type(thing).__name__)}"
        return
    try:
        yield _text(thing)
    except (OSError, SyntaxError) as error:
        raise SpecError(f"{label} must be written in a file or a notebook, so that its source is known") from error
    variables = inspect.getclosurevars(thing)
    for name, value in sorted({**variables.globals, **variables.nonlocals}.items()):
        if isinstance(value, bool | int | float | complex | str | tuple | None):
            yield f"{name} = {value!r}"
        elif isinstance(value, np.ndarray):
            yield f"{name} = {value.dtype} {value.shape} {hashlib.sha256(value.tobytes()).hexdigest()}"
        elif not isinstance(value, types.ModuleType):
            yield from _sources(value, f"{label}, which uses {name},", seen)


def _text(function: types.FunctionType) -> str:
    """Return the source of a function; of a lambda, that of all lambdas which begin on its line."""
    if function.__name__ != "<lambda>":
        return textwrap.dedent(inspect.getsource(function)).strip()
    whole = "".join(inspect.findsource(function)[0])
    line = function.__code__.co_firstlineno
    nodes = [node for node in ast.walk(ast.parse(whole)) if isinstance(node, ast.Lambda) and node.lineno == line]
    return "\n".join(str(ast.get_source_segment(whole, node)) for node in nodes)


def _is_library(function: types.FunctionType) -> bool:
    return function.__module__.partition(".")[0] in sys.stdlib_module_names or (
        "site-packages" in function.__code__.co_filename
    )
