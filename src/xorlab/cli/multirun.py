"""A multirun of our own task: every job is composed and checked first, then all are run together."""

import dataclasses
import itertools
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.utils import JobReturn, setup_globals
from omegaconf import DictConfig

from xorlab.cli.composition import Composer
from xorlab.cli.internals import Return
from xorlab.cli.overrides import Setting, axes, refuse_repeats
from xorlab.cli.refusals import is_mistake, line
from xorlab.errors import SpecError, XorlabError
from xorlab.spec import RunSpec
from xorlab.spec.options import FOLLOWING, TRACKING, Options, split
from xorlab.spec.product import Product, of
from xorlab.sweeps.jobs import MOST, Job, JobResult, check_files

Many = Callable[[Sequence[Job] | Product | None, Options], list[JobResult]]


def sweep(
    many: Many, loader: ConfigLoader, master: DictConfig, params: Sequence[str], arguments: Sequence[str]
) -> list[JobReturn]:
    """Run every combination of values by `many` and name on stderr each job that failed.

    Parameters
    ----------
    many
        Takes all jobs and the options that they share, and returns one result a job, in order.
    loader, master
        Hydra's loader and the configuration of the multirun.
    params, arguments
        Overrides from a file and from the command line, which beats the file.

    Raises
    ------
    XorlabError
        Where the command line is wrong, or a job can't be composed or is no valid run. Nothing has run then.
    SystemExit
        With status 1, where a job failed.
    """
    composer = Composer(loader, master)
    typed = composer.parser.parse_overrides(list(arguments))
    refuse_repeats(typed)
    given = axes([*composer.parser.parse_overrides(list(params)), *typed])
    if (options := _in_columns(composer, given)) is not None:
        _run_product(many, composer, given, options)
        return []
    count = math.prod(map(len, given.values()))
    if count > MOST:
        raise SpecError(f"a sweep with track=runs can have {MOST:,} runs; got {count:,}. Give track=sweep")
    returns = _run(many, composer, list(itertools.product(*given.values())), 0)
    failures = [f"failed: {found._return_value}" for found in returns if isinstance(found._return_value, XorlabError)]
    if failures:
        print(*failures, sep="\n", file=sys.stderr)
        raise SystemExit(1)
    return returns


def _in_columns(composer: Composer, given: Mapping[str, Sequence[Setting]]) -> Options | None:
    """Return the options of a sweep whose runs are recorded as columns; None for one whose runs are MLflow's."""
    settings = [values[0] for values in given.values()]
    try:
        options = _composed(composer, settings)[1]
    except XorlabError:
        return None  # it is refused there, with the job's settings
    if options.sweep == "new":
        count = math.prod(map(len, given.values()))
        if options.tracked(count) == "runs":
            return None
        if options.track is None:
            print(f"{count:,} runs: recorded as columns of one run in MLflow (track=sweep)", file=sys.stderr)
        return options
    from xorlab.sweeps.parts import stored_columns

    stored = stored_columns(options)
    if stored is None and options.track == "sweep":
        raise SpecError(f"sweep={options.sweep} was recorded with track=runs and stays so; leave track out")
    if stored is not None and options.track == "runs":
        raise SpecError(f"sweep={options.sweep} was recorded with track=sweep and stays so; leave track out")
    return None if stored is None else options


def _run_product(many: Many, composer: Composer, given: Mapping[str, Sequence[Setting]], options: Options) -> None:
    """Run every combination of values, which stays a product until a worker needs its runs."""
    setup_globals()

    def composed(settings: Sequence[Setting]) -> RunSpec:
        spec, own = _composed(composer, settings)
        if own != options:
            _refuse_differing(dataclasses.asdict(options), dataclasses.asdict(own))
        return spec

    if options.sweep != "new" and all(map(_is_option, (values[0] for values in given.values()))):
        many(None, options)
        return
    product = of(given, composed, lambda each: each.text, lambda each: each.value)
    check_files([Job({}, spec) for spec in product.edges()])
    many(product, options)


def _composed(composer: Composer, settings: Sequence[Setting]) -> tuple[RunSpec, Options]:
    """Compose a run; raise SpecError with its settings where that fails."""
    try:
        config = composer.plain(settings, 0)
        texts = {each.key: each.text for each in settings}
        if "sweep" in texts:  # an id may look like a number
            config = {**config, "sweep": texts["sweep"]}
        return split(config)
    except Exception as error:
        if not is_mistake(error):
            raise
        typed = " ".join(each.line for each in settings)
        raise SpecError(f"{typed}: {line(error)}") from error


def launch(
    many: Many, loader: ConfigLoader, master: DictConfig, batch: Sequence[Sequence[str]], first: int
) -> list[JobReturn]:
    """Run a batch of jobs, given as Hydra's launchers get them, by `many`; `first` is the number of the first."""
    composer = Composer(loader, master)
    return _run(many, composer, [composer.parse(lines) for lines in batch], first)


def _run(many: Many, composer: Composer, batch: Sequence[tuple[Setting, ...]], first: int) -> list[JobReturn]:
    setup_globals()
    swept = _swept(batch)
    jobs, options = [], None
    for number, settings in enumerate(batch, start=first):
        try:
            config = composer.plain(settings, number)
            texts = {each.key: each.text for each in settings}
            if "sweep" in texts:  # an id may look like a number
                config = {**config, "sweep": texts["sweep"]}
            spec, own = split(config)
        except Exception as error:
            if not is_mistake(error):
                raise
            typed = " ".join(each.line for each in settings)
            raise SpecError(f"{typed}: {line(error)}") from error
        if options is None:
            options = own
            if len(batch) > 1 and not own.plan:  # before a thousand more are composed
                from xorlab.tracking import store

                store.refuse_unusable(store.uri(own.uri))
        if own != options:
            _refuse_differing(dataclasses.asdict(options), dataclasses.asdict(own))
        jobs.append(Job(config=config, spec=spec, swept={key: texts.get(key, "") for key in swept}, typed=texts))
    options = options or Options()
    if options.sweep != "new" and all(map(_is_option, batch[0])):
        many([], options)  # what the sweep lacks
        return []
    check_files(jobs)
    returns: list[JobReturn] = []
    for number, (settings, result) in enumerate(zip(batch, many(jobs, options), strict=True), start=first):
        lines = [each.line for each in settings]
        value = result.final_loss if result.error is None else XorlabError(f"{' '.join(lines)}: {result.error}")
        returns.append(Return(partial(composer.whole, lines, number), lines, value))
    return returns


def _is_option(given: Setting) -> bool:
    """Tell whether a setting decides nothing of a run."""
    return given.key in FOLLOWING or given.key.startswith("tracking.")


def _swept(batch: Sequence[tuple[Setting, ...]]) -> list[str]:
    """Return the keys whose values differ between jobs, in the order in which they were typed."""
    texts: dict[str, set[str]] = {}
    for settings in batch:
        for each in settings:
            texts.setdefault(each.key, set()).add(each.text)
    return [key for key, found in texts.items() if len(found) > 1]


def _refuse_differing(first: dict[str, Any], other: dict[str, Any]) -> None:
    key = next(key for key in first if first[key] != other[key])
    if key in TRACKING:
        raise SpecError(f"tracking.{key} belongs to the whole sweep and can't be swept")
    raise SpecError(f"{key} belongs to the whole sweep and can't be swept; got {first[key]} and {other[key]}")
