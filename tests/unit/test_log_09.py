"""LOG-09: pgaudit, and bind values."""

from typing import Any

import pytest

from policies.control import Status
from policies.resources import Resource
from policies.testing import UNKNOWN, resource, verdicts

AUDITS, SILENT = "audits_access_to_personal_data", "keeps_values_out_of_the_log"
GROUP = "aws:rds/clusterParameterGroup:ClusterParameterGroup"
GOOD: dict[str, Any] = {
    "shared_preload_libraries": "pg_stat_statements, pgaudit",
    "pgaudit.role": "rds_pgaudit",
    "log_parameter_max_length": "0",
}


def judged(parameters: object, **props: Any) -> tuple[Status, Status]:
    group = resource(GROUP, "group", parameters=parameters)
    named = {"engine": "aurora-postgresql", "dbClusterParameterGroupName": UNKNOWN, **props}
    cluster = resource("aws:rds/cluster:Cluster", "db", {"dbClusterParameterGroupName": [group]}, **named)
    return both(cluster, group)


def both(*resources: Resource) -> tuple[Status, Status]:
    found = verdicts("LOG-09", *resources)
    return found["db", AUDITS], found["db", SILENT]


def parameters(**changed: str | None) -> list[dict[str, str]]:
    whole = {**GOOD, **{name.replace("__", "."): value for name, value in changed.items()}}
    return [{"name": name, "value": value} for name, value in whole.items() if value is not None]


def test_a_cluster_that_audits_and_keeps_values_to_itself_passes() -> None:
    assert judged(parameters()) == (Status.PASS, Status.PASS)
    assert judged(parameters(pgaudit__role=None, pgaudit__log="ddl")) == (Status.PASS, Status.PASS)


@pytest.mark.parametrize(
    "changed",
    [
        {"shared_preload_libraries": "pg_stat_statements"},
        {"shared_preload_libraries": None},
        {"pgaudit__role": None},
        {"pgaudit__role": None, "pgaudit__log": "none"},
    ],
)
def test_pgaudit_is_loaded_and_told_what_to_log(changed: dict[str, str | None]) -> None:
    assert judged(parameters(**changed)) == (Status.FAIL, Status.PASS)


@pytest.mark.parametrize(
    "changed",
    [
        {"log_parameter_max_length": None},
        {"log_parameter_max_length": "-1"},
        {"log_parameter_max_length_on_error": "100"},
        {"pgaudit__log_parameter": "on"},
    ],
)
def test_bind_values_stay_out_of_the_log(changed: dict[str, str | None]) -> None:
    assert judged(parameters(**changed)) == (Status.PASS, Status.FAIL)


def test_unknown_parameters_and_groups_of_elsewhere_are_undetermined() -> None:
    assert judged(UNKNOWN) == (Status.UNDETERMINED, Status.UNDETERMINED)
    elsewhere = resource("aws:rds/cluster:Cluster", "db", engine="postgres", dbClusterParameterGroupName="theirs")
    assert both(elsewhere) == (Status.UNDETERMINED, Status.UNDETERMINED)


@pytest.mark.parametrize("name", [None, "default.postgres17"])
def test_without_a_group_of_its_own_aws_parameters_hold(name: str | None) -> None:
    assert both(resource("aws:rds/instance:Instance", "db", engine="postgres", parameterGroupName=name)) == (
        Status.FAIL,
        Status.FAIL,
    )


def test_other_engines_and_classes_are_not_asked() -> None:
    neither = (Status.NOT_APPLICABLE, Status.NOT_APPLICABLE)
    assert judged([], engine="aurora-mysql") == neither
    assert judged([], tags={"payment-cell:data-class": "confidential"}) == neither
