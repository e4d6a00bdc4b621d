"""Sweeps with track=sweep: one run in MLflow, whose own runs are the rows of Parquet files among its artifacts."""

import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xorlab.errors import XorlabError
from xorlab.numerics.thinning import Every, logged
from xorlab.runs.columns import KNOWN, MEASURED, VERSION, typed
from xorlab.runs.parts import CURVE, frame
from xorlab.runs.reader import Reader, experiment_id, open_reader
from xorlab.spec.product import Product
from xorlab.spec.text import PARAMETERS, written
from xorlab.tracking import artifacts, store
from xorlab.tracking.records import AXES, COLUMNS, LOG_EVERY, TRACK

if TYPE_CHECKING:
    import pyarrow as pa

PART = re.compile(rf"{COLUMNS}/(\d+)-(\d+)\.parquet")
OWN = ("swept", "command", "converged_below", TRACK)
"""The tags of a sweep that its runs do not have."""
PLACE = re.compile(r"([0-9a-f]+|latest):(\d+)")
"""How a run of such a sweep is named: the sweep, a colon, the run's number from 0."""


def file_name(numbers: range) -> str:
    """Return the artifact that holds these runs."""
    return f"{COLUMNS}/{numbers.start:08d}-{numbers.stop - 1:08d}.parquet"


@dataclass(frozen=True)
class Columnar:
    """A sweep whose runs are columns.

    Attributes
    ----------
    run_id, status, start, tags : of its run in MLflow; start in milliseconds since 1970
    location, uri : the address of its artifacts, and the tracking store
    """

    run_id: str
    status: str
    start: int
    tags: Mapping[str, str]
    location: str
    uri: str

    @cached_property
    def product(self) -> Product:
        """What it asks for."""
        content = artifacts.read(self.location, AXES, tracking_uri=self.uri)
        if content is None:
            raise XorlabError(f"sweep {self.run_id} was ended before its axes were written; start it again")
        return Product.read(content)

    @cached_property
    def spans(self) -> list[range]:
        """The runs that are there, a range for each file, ascending."""
        names = artifacts.names(self.location, COLUMNS, tracking_uri=self.uri)
        found = (PART.fullmatch(name) for name in names)
        return sorted((range(int(each[1]), int(each[2]) + 1) for each in found if each), key=lambda own: own.start)

    @property
    def there(self) -> int:
        """How many runs are there."""
        return sum(map(len, self.spans))

    @property
    def missing(self) -> list[range]:
        """The runs that are not there."""
        ends = [range(0, 0), *self.spans, range(len(self.product), len(self.product))]
        gaps = (range(one.stop, other.start) for one, other in pairwise(ends))
        return [gap for gap in gaps if gap]

    def read(self, columns: Sequence[str] | None = None, numbers: Iterable[int] | None = None) -> "pa.Table":
        """Read some columns of the runs, or of some runs, in order."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        wanted = None if numbers is None else np.unique(np.fromiter(numbers, np.int64))
        tables: list[pa.Table] = []
        with store.reported(self.uri), tempfile.TemporaryDirectory() as draft:
            for span in self.spans:
                own = None
                if wanted is not None:
                    own = wanted[np.searchsorted(wanted, span.start) : np.searchsorted(wanted, span.stop)] - span.start
                    if not own.size:
                        continue
                path = artifacts.path(self.location, file_name(span), Path(draft), tracking_uri=self.uri)
                # A file from before the sweep was widened lacks what did not vary then.
                lacking = [name for name in self.product.varying if name not in pq.read_schema(path).names]
                if columns is not None:
                    lacking = [name for name in lacking if name in columns]
                there = None if columns is None else [name for name in columns if name not in lacking]
                table = pq.read_table(path, columns=there, memory_map=True)
                for name, array in parameters(self.product, np.array(span), lacking).items():
                    table = table.append_column(name, array)
                table = table.select(tables[0].column_names) if tables else table
                tables.append(table if own is None else table.take(pa.array(own)))
        if not tables:
            raise XorlabError(f"sweep {self.run_id} has no runs yet")
        return pa.concat_tables(tables)

    def table(self, columns: Sequence[str] | None = None, numbers: Iterable[int] | None = None) -> pd.DataFrame:
        """Return the runs, or some of them, as `xorlab.runs.load` does; see there."""
        renamed = {"numerics": VERSION}
        tags = {renamed.get(key, key): text for key, text in self.tags.items() if key not in OWN}
        tags = {key: text for key, text in tags.items() if not re.match(r"xorlab[.]|mlflow[.]", key)}
        shared = {**self.product.shared, **tags}
        varying = self.product.varying
        wanted = None
        if columns is not None:
            derived = {"run_id", "name", "sweep", "duration", "commit", *shared}
            wanted = [name for name in ("number", "start", "end", "status", *varying, *columns) if name not in derived]
        read = self.read(None if wanted is None else [*dict.fromkeys(wanted)], numbers)
        read = read.drop_columns([name for name in ("losses",) if name in read.column_names])
        empty = [
            name
            for name in read.column_names
            if read[name].null_count == len(read) and name not in (*MEASURED, "outcome", *varying)
        ]
        read = read.drop_columns(empty)
        found = {name: _series(read[name], name) for name in read.column_names}
        number = found.pop("number").to_numpy()
        ids = pd.Series(number).astype("str").radd(f"{self.run_id}:")
        head: dict[str, Any] = {
            "run_id": ids,
            "name": None,
            "sweep": self.run_id,
            "status": found.pop("status"),
            "start": pd.to_datetime(found["start"], unit="ms", utc=True),
            "duration": (found.pop("end") - found.pop("start")) / 1000.0,
            "commit": self.tags.get("mlflow.source.git.commit"),
        }
        if columns is None or "name" in columns:
            head["name"] = _names(self.product, number)
        values = {**head, **found, **shared}
        order = [name for name in (*KNOWN, *PARAMETERS) if name in values]
        others = sorted(values.keys() - set(order), key=lambda name: (name in _METRICS, _RECORDED.get(name, name)))
        order += others
        if columns is not None:
            order = [name for name in order if name in {"run_id", "sweep", *columns, *varying}]
        index = pd.RangeIndex(len(number))
        made = pd.DataFrame({name: _column(name, values[name], index) for name in order})
        return made.sort_values(varying or ["run_id"], ignore_index=True)

    def plan(self) -> pd.DataFrame:
        """Return the parameters that vary, of every run that is asked for."""
        places = self.product.places(np.arange(len(self.product)))
        made = {
            name: typed(pd.Series([written(value) for value in values], name=name, dtype="str")).to_numpy()[own]
            for axis, own in zip(self.product.axes, places, strict=False)
            for name, values in axis.columns.items()
        }
        return pd.DataFrame(made)

    def curves(self, numbers: Sequence[int]) -> pd.DataFrame:
        """Return the recorded losses of some runs (`CURVE`)."""
        read = self.read(["number", "epochs_run", "losses"], numbers)
        lengths = read["epochs_run"].fill_null(0).to_numpy().astype(np.int64)
        every: Every = self.tags[LOG_EVERY] if self.tags[LOG_EVERY] == "log" else int(self.tags[LOG_EVERY])
        epochs = {length: logged(length, every) for length in np.unique(lengths).tolist()}
        losses = read["losses"].combine_chunks().flatten().to_numpy()
        counts = [len(epochs[length]) for length in lengths.tolist()]
        ids = np.char.add(f"{self.run_id}:", read["number"].to_numpy().astype(str))
        columns = {
            "run_id": np.repeat(ids.astype(object), counts),
            "epoch": np.concatenate([epochs[length] for length in lengths.tolist()]),
            "loss": losses,
        }
        return pd.DataFrame(columns).astype({"run_id": "str"}) if losses.size else frame([], CURVE)


_RECORDED = {"numerics_version": "numerics", "last_loss": "loss"}
"""The names in MLflow of columns that have others; their order is that of these names."""

_METRICS = frozenset(
    (
        *("final_loss", "accuracy", "error_max", "error_mean", "epochs_run", "epochs_to_converge", "gradient_norm"),
        *("hessian_min", "hessian_max", "lr_lambda_max", "interaction", "loss_bound", "last_loss"),
        *("units_dead", "units_off", "units_on", "units_split"),
    )
)


def parameters(product: Product, numbers: NDArray[np.int64], names: Sequence[str]) -> "dict[str, pa.Array]":
    """Return some parameters that vary: numbers as such, anything else as MLflow's params are written."""
    import pyarrow as pa

    types = {float: pa.float64(), int: pa.int64(), bool: pa.bool_(), str: pa.string()}
    found = {}
    for axis, places in zip(product.axes, product.places(numbers) if names else (), strict=False):
        for name in axis.columns.keys() & set(names):
            kind = types[PARAMETERS[name]]
            values = axis.columns[name]
            own = [written(value) for value in values] if kind == pa.string() else list(values)
            found[name] = pa.array(own, kind).take(pa.array(places))
    return {name: found[name] for name in names}


def find(sweep: str, uri: str | None = None) -> Columnar | None:
    """Return the sweep of this run id if its runs are columns, else None."""
    address = store.uri(uri)
    return _opened(open_reader(address), sweep, address)


def every(uri: str | None = None, *, experiment: str = "xorlab") -> list[Columnar]:
    """Return the sweeps of an experiment whose runs are columns, the latest first."""
    address = store.uri(uri)
    reader = open_reader(address)
    found = reader.runs(experiment_id(reader, experiment), tag=(TRACK, "sweep"), keys=())
    ids = found.info.sort_values(["start", "run_id"], ascending=False)["run_id"]
    return [own for own in (_opened(reader, run_id, address) for run_id in ids) if own is not None]


def _opened(reader: Reader, run_id: str, address: str) -> Columnar | None:
    parent = reader.run(run_id)
    tags = dict(zip(parent.tags["key"], parent.tags["value"], strict=True))
    if tags.get(TRACK) != "sweep":
        return None
    info = parent.info.iloc[0]
    return Columnar(run_id, str(info["status"]), int(info["start"]), tags, reader.location(run_id), address)


def _series(column: "pa.ChunkedArray", name: str) -> "pd.Series[Any]":
    """Return a column in the type that `xorlab.runs.load` gives it."""
    import pyarrow as pa

    if name == "spec":
        return pd.Series([each.hex() for each in column.to_pylist()], dtype="str")
    made: pd.Series[Any] = column.to_pandas(integer_object_nulls=True)
    if pa.types.is_string(column.type):
        return made.astype("str")
    nullable = {pa.int64(): "Int64", pa.bool_(): "boolean"}.get(column.type)
    return made.astype(pd.api.types.pandas_dtype(nullable)) if nullable and column.null_count else made


def _column(name: str, value: Any, index: pd.Index) -> "pd.Series[Any]":
    """Return a column; what all runs share is repeated, in the type of its parameter."""
    if isinstance(value, pd.Series):
        return value
    one = typed(pd.Series([value], name=name, dtype="str"))
    return pd.Series(one.iloc[0], index=index, dtype=one.dtype)


def _names(product: Product, numbers: Any) -> "pd.Series[Any]":
    """Return the name of each run."""
    words = pd.Series([""] * len(numbers), dtype="str")
    for axis, places in zip(product.axes, product.places(numbers), strict=False):
        texts = np.array([f"{axis.key}={axis.text(place)}" for place in range(len(axis))], dtype=object)
        words = (words + " " if axis is not product.axes[0] else words) + pd.Series(texts[places], dtype="str")
    return words
