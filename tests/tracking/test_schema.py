from mlflow.store.db.utils import _get_latest_schema_revision
from mlflow.store.tracking.dbmodels import models

from xorlab.tracking import schema

MODELS = {
    schema.EXPERIMENTS: models.SqlExperiment,
    schema.RUNS: models.SqlRun,
    schema.PARAMS: models.SqlParam,
    schema.TAGS: models.SqlTag,
    schema.METRICS: models.SqlMetric,
    schema.LATEST_METRICS: models.SqlLatestMetric,
    schema.DATASETS: models.SqlDataset,
    schema.INPUTS: models.SqlInput,
    schema.INPUT_TAGS: models.SqlInputTag,
}


def test_the_revision_of_the_installed_mlflow_is_known():
    assert _get_latest_schema_revision() in schema.REVISIONS


def test_the_tables_have_the_columns_of_mlflows():
    for ours, model in MODELS.items():
        theirs = model.__table__
        assert ours.name == theirs.name
        assert {column.name for column in ours.c} <= {column.name for column in theirs.c}


def test_what_is_not_written_has_a_default():
    for ours, model in MODELS.items():
        left = [column for column in model.__table__.c if column.name not in ours.c]
        assert all(column.nullable or column.default or column.server_default for column in left)
