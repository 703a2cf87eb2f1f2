"""An audit as SARIF: what the schema does not say."""

import json
from typing import Any

import pytest
from audit_samples import HOSTILE, answer, audit

from operations.audit.report.escape import terminal
from operations.audit.report.sarif import FINGERPRINT, render
from operations.audit.result import Audit, Place
from policies.control import Severity, Status


def run_of(of: Audit) -> dict[str, Any]:
    (run,) = json.loads(render(of))["runs"]
    assert isinstance(run, dict)
    return run


@pytest.fixture(scope="module")
def run() -> dict[str, Any]:
    return run_of(audit(unaccounted=("no rights in sa-east-1",)))


def result(run: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = [one for one in run["results"] if one["properties"]["resource"]["name"] == name]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(
    ("name", "kind", "level"),
    [
        ("payments", "pass", "none"),
        ("drifted", "fail", "warning"),
        ("sg", "fail", "error"),
        ("denied", "open", "none"),
        ("unknown", "open", "none"),
        ("asymmetric", "notApplicable", "none"),
    ],
)
def test_each_answer_has_its_kind_and_only_a_failure_a_level(
    run: dict[str, Any], name: str, kind: str, level: str
) -> None:
    found = result(run, name)
    assert (found["kind"], found["level"]) == (kind, level)


def test_each_result_names_its_rule(run: dict[str, Any]) -> None:
    rules = run["tool"]["driver"]["rules"]
    assert len(run["results"]) == len(audit().answers)
    assert all(rules[one["ruleIndex"]]["id"] == one["ruleId"] for one in run["results"])


def test_a_rule_has_help_severity_and_its_criteria(run: dict[str, Any]) -> None:
    rule = next(rule for rule in run["tool"]["driver"]["rules"] if rule["id"] == "KEY-03")
    entry = audit().control("KEY-03")
    assert (rule["defaultConfiguration"]["level"], rule["properties"]["security-severity"]) == ("warning", "5.5")
    assert entry.risk in rule["help"]["text"]
    assert entry.remediation in rule["help"]["text"]
    assert "SOC 2 CC6.1" in rule["properties"]["tags"]
    assert {"framework": "SOC 2", "criterion": "CC6.1", "strength": "partial"} in rule["properties"]["mappings"]


def test_severities_are_in_the_bands_of_github(run: dict[str, Any]) -> None:
    bands = {Severity.LOW: (0.1, 3.9), Severity.MEDIUM: (4, 6.9), Severity.HIGH: (7, 8.9), Severity.CRITICAL: (9, 10)}
    for rule in run["tool"]["driver"]["rules"]:
        low, high = bands[Severity(rule["properties"]["severity"])]
        assert low <= float(rule["properties"]["security-severity"]) <= high


def test_only_an_accepted_failure_is_suppressed_and_it_still_fails(run: dict[str, Any]) -> None:
    accepted = result(run, "accepted")
    (suppression,) = accepted["suppressions"]
    assert (suppression["kind"], suppression["status"]) == ("external", "accepted")
    assert suppression["justification"] == "EX-1: imported material cannot rotate"
    assert suppression["properties"]["approvals"][0]["approver"] == "grace@example.com"
    assert accepted["kind"] == "fail"
    assert [one["suppressions"] for one in run["results"] if one is not accepted] == [[]] * (len(run["results"]) - 1)


def test_a_fingerprint_is_one_of_clause_and_resource_whatever_is_answered_and_when(run: dict[str, Any]) -> None:
    prints = [one["partialFingerprints"][FINGERPRINT] for one in run["results"]]
    assert len(set(prints)) == len(prints)
    later = audit(
        id="later",
        started="2026-12-24T00:00:00Z",
        answers=(answer(Status.PASS, "drifted", places={Place.LIVE: Status.PASS}),),
    )
    assert result(run_of(later), "drifted")["partialFingerprints"] == result(run, "drifted")["partialFingerprints"]


def test_the_invocation_has_its_times_and_what_the_audit_could_not_do(run: dict[str, Any]) -> None:
    (invocation,) = run["invocations"]
    assert (invocation["startTimeUtc"], invocation["endTimeUtc"]) == ("2026-11-29T06:00:00Z", "2026-11-29T06:01:30Z")
    said = [(one["level"], one["message"]["text"]) for one in invocation["toolExecutionNotifications"]]
    assert ("error", "exceptions/eu-west-1.yaml:12 EX-2: expired on 2026-10-01") in said
    assert ("error", "attestations/access-review.yaml IAM-08: valid until 2026-09-30") in said
    assert ("warning", "aws:kms/key:Key 123456789012 eu-central-1: not listed: AccessDenied") in said
    assert ("warning", "no rights in sa-east-1") in said


def test_a_run_says_that_it_is_emulated(run: dict[str, Any]) -> None:
    assert run["properties"]["emulated"] is True
    assert "EMULATED" in run["tool"]["driver"]["fullName"]
    assert run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"].startswith("EMULATED")
    real = run_of(audit(scope=audit().scope.model_copy(update={"emulated": False})))
    assert "EMULATED" not in json.dumps(real)
    assert real["properties"]["emulated"] is False


def test_a_resource_is_a_logical_location(run: dict[str, Any]) -> None:
    ((found,),) = (location["logicalLocations"] for location in result(run, "drifted")["locations"])
    assert (found["name"], found["kind"]) == ("drifted", "resource")
    assert found["fullyQualifiedName"] == "urn:pulumi:eu-west-1::payment-cell::aws:kms/key:Key::drifted"


def test_hostile_names_are_neither_links_nor_placeholders_nor_control_characters(run: dict[str, Any]) -> None:
    for name in HOSTILE:
        message = result(run, name)["message"]["text"]
        assert message.isprintable()
        assert "](" not in message
        (location,) = result(run, name)["locations"]
        assert location["logicalLocations"][0]["name"] == terminal(name)
    (braces,) = run_of(audit(answers=(answer(Status.FAIL, "{0}"),)))["results"]
    assert braces["message"]["text"] == "{{0}}: enableKeyRotation of {{0}} is not true"
