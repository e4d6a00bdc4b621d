"""Views of an experiment for MLflow's own UI: which runs its table shows, in what order, with which columns and charts.

The UI keeps a view as a tag of the experiment, under a key that an address can name. Left to itself it folds the runs
of a sweep under their parent, also where a filter has found them, and shows neither params, metrics nor tags.
"""

import json
from collections.abc import Sequence
from typing import Any

PREFIX = "mlflow.sharedViewState."
"""The UI's name for a tag that holds a view, before its key."""

FIRST = "runs"
"""The view that an experiment's address opens."""


def _columns(kind: str, *names: str) -> list[str]:
    return [f"{kind}.`{name}`" for name in names]


RUN = [
    *_columns("tags", "outcome", "cause"),
    *_columns("metrics", "final_loss", "epochs_to_converge"),
    *_columns("params", "lr", "arch.hidden", "init.name", "seed"),
]
SWEEP = [*_columns("metrics", "runs", "converged", "stuck_ln2"), *_columns("tags", "swept", "command")]
WIDTHS = {"attributes.`Run Name`": 330, "tags.`cause`": 140, "metrics.`epochs_to_converge`": 160, "tags.`command`": 480}
"""Of columns whose text would not fit, in pixels."""

CHART = {
    "uuid": "loss",
    "type": "LINE",
    "metricSectionId": "losses",
    "deleted": False,
    "isGenerated": False,
    "displayName": "loss",
    "metricKey": "loss",
    "selectedMetricKeys": ["loss"],
    "xAxisKey": "step",
    "xAxisScaleType": "log",
    "lineSmoothness": 0,
    "selectedYAxisMetricKey": "metric",
    "range": {},
}
SECTION = {
    "uuid": "losses",
    "name": "Losses",
    "display": True,
    "isReordered": False,
    "deleted": False,
    "isGenerated": False,
    "columns": 1,
    "cardHeight": 540,
}


def _view(name: str, columns: Sequence[str], search: str = "") -> str:
    """Write a view as the UI does: an envelope with a name, and in it the state as JSON of its own."""
    state: dict[str, Any] = {
        "searchFilter": search,
        # Any order but that of creation shows nested runs as rows of their own.
        "orderByKey": "attributes.`end_time`",
        "orderByAsc": False,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "modelVersionFilter": "All Runs",
        "datasetsFilter": [],
        "selectedColumns": list(columns),
        "columnOrder": ["attributes.`Run Name`", "runDateAndNestInfo", *columns, "duration"],
        "columnWidths": WIDTHS,
        "runsHiddenMode": "FIRST_20_RUNS",
        "compareRunCharts": [CHART],
        "compareRunSections": [SECTION],
    }
    return json.dumps({"name": name, "createdAt": 0, "updatedAt": 0, "state": json.dumps(state)})


TAGS: dict[str, str] = {
    f"{PREFIX}{FIRST}": _view("Runs, newest first", RUN),
    f"{PREFIX}ln2": _view("Stuck at ln 2", RUN, "tags.outcome = 'stuck_ln2'"),
    f"{PREFIX}sweeps": _view("Sweeps", SWEEP, "tags.`xorlab.kind` = 'sweep'"),
}
"""The views as tags of an experiment."""
