"""K8S-04: where secrets stand."""

import pytest
from workload_pods import workload

from policies.catalogue import control
from policies.control import Status, answers
from policies.resources import Stack
from policies.testing import UNKNOWN, resource, verdicts

PEM = "-----BEGIN " + "PRIVATE KEY-----\nabc"


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        ({"name": "REGION", "value": "eu-west-1"}, Status.PASS),
        ({"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}, Status.PASS),
        ({"name": "API_KEYS_SECRET_ARN", "value": "arn:aws:secretsmanager:eu-west-1:1:secret:a"}, Status.PASS),
        ({"name": "DB_PASSWORD", "value": "hunter2"}, Status.FAIL),
        ({"name": "apikey", "value": "k"}, Status.FAIL),
        ({"name": "DATABASE", "value": "postgres://app:hunter2@db/payments"}, Status.FAIL),
        ({"name": "PEM", "value": PEM}, Status.FAIL),
        ({"name": "ID", "value": "AKIA" + "A" * 16}, Status.FAIL),
        ({"name": "MODE", "value": UNKNOWN}, Status.UNDETERMINED),
    ],
)
def test_no_variable_holds_a_secret(variable: dict[str, object], expected: Status) -> None:
    found = verdicts("K8S-04", workload({"env": [variable]}))
    assert found["relay", "no_variable_holds_a_secret"] is expected


def test_a_workload_without_variables_passes() -> None:
    assert verdicts("K8S-04", workload())["relay", "no_variable_holds_a_secret"] is Status.PASS


def test_no_config_map_holds_a_secret() -> None:
    def entry(value: object) -> Status:
        config = resource("kubernetes:core/v1:ConfigMap", "c", data={"x": value})
        return verdicts("K8S-04", config)["c", "no_entry_holds_a_secret"]

    assert entry("host: db.example:5432") is Status.PASS
    assert entry(PEM) is Status.FAIL
    assert entry(UNKNOWN) is Status.UNDETERMINED
    empty = resource("kubernetes:core/v1:ConfigMap", "c")
    assert verdicts("K8S-04", empty)["c", "no_entry_holds_a_secret"] is Status.PASS


def test_what_is_unknown_of_one_variable_hides_no_secret_in_another() -> None:
    env = [{"name": "MODE", "value": UNKNOWN}, {"name": "DB_PASSWORD", "value": "hunter2"}]
    assert verdicts("K8S-04", workload({"env": env}))["relay", "no_variable_holds_a_secret"] is Status.FAIL
    config = resource("kubernetes:core/v1:ConfigMap", "c", data={"a": UNKNOWN, "b": PEM})
    assert verdicts("K8S-04", config)["c", "no_entry_holds_a_secret"] is Status.FAIL


def test_the_reason_does_not_repeat_the_secret() -> None:
    bad = workload({"env": [{"name": "DB_PASSWORD", "value": "hunter2"}]})
    (finding,) = answers(control("K8S-04"), Stack((bad,)))
    assert "DB_PASSWORD" in finding.verdict.reason
    assert "hunter2" not in finding.verdict.reason
