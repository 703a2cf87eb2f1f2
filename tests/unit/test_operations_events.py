"""What is read from the engine's event log, and how an operation's end becomes an exit code."""

import io
import json
from typing import Any

import pytest

from operations.deploy import not_known
from operations.engine import Outcome
from operations.errors import ExitCode
from operations.events import Reading, Violation, follow
from operations.summary import drift_lines

STACK = "urn:pulumi:dev::payment-cell::pulumi:pulumi:Stack::payment-cell-dev"
CELL = "urn:pulumi:dev::payment-cell::payment-cell:components:PaymentCell::dev"
KEYS = "urn:pulumi:dev::payment-cell::payment-cell:components:PaymentCell$payment-cell:components:Keys::dev"
KEY = KEYS.replace("::dev", "$aws:kms/key:Key::dev-payments").replace("urn:pulumi$", "urn:pulumi:dev")


def event(kind: str, urn: str, type_: str, parent: str, op: str = "create") -> dict[str, Any]:
    return {kind: {"metadata": {"urn": urn, "type": type_, "op": op, "new": {"parent": parent}, "detailedDiff": None}}}


def reading_of(*events: dict[str, Any]) -> Reading:
    reading = Reading()
    for one in events:
        reading.take(one)
    return reading


def cell_events(kind: str, op: str = "create") -> list[dict[str, Any]]:
    return [
        event("resourcePreEvent", STACK, "pulumi:pulumi:Stack", ""),
        event("resourcePreEvent", CELL, "payment-cell:components:PaymentCell", STACK),
        event("resourcePreEvent", KEYS, "payment-cell:components:Keys", CELL),
        event(kind, KEY, "aws:kms/key:Key", KEYS, op),
    ]


def test_a_step_belongs_to_its_innermost_component() -> None:
    (step,) = reading_of(*cell_events("resOutputsEvent")).steps
    assert (step.component, step.op, step.phase) == ("Keys", "create", "finished")
    assert step.resource == "aws:kms/key:Key dev-payments"


def test_a_replacement_is_counted_once() -> None:
    events = [*cell_events("resourcePreEvent", "create-replacement"), *cell_events("resourcePreEvent", "replace")]
    assert [diff["op"] for diff in reading_of(*events).diffs] == ["replace"]


def test_what_stays_the_same_is_no_step() -> None:
    assert reading_of(*cell_events("resOutputsEvent", "same")).steps == []


def test_a_refresh_shows_what_drifted_and_what_is_gone_and_nothing_else() -> None:
    other, gone = KEY.replace("payments", "events"), KEY.replace("payments", "logs")
    found = event("resOutputsEvent", KEY, "aws:kms/key:Key", KEYS, "update")
    metadata = found["resOutputsEvent"]["metadata"]
    metadata["detailedDiff"] = {"enableKeyRotation": {"diffKind": "update"}, 'tags["a.b"]': {"diffKind": "delete"}}
    metadata["old"] = {"outputs": {"enableKeyRotation": True, "tags": {"a.b": "c"}}}
    metadata["new"] = {"outputs": {"enableKeyRotation": False, "tags": {}}}
    events = [event("resourcePreEvent", urn, "aws:kms/key:Key", KEYS, "refresh") for urn in (KEY, other, gone)]
    events += [
        found,
        event("resOutputsEvent", other, "aws:kms/key:Key", KEYS, "same"),
        event("resOutputsEvent", gone, "aws:kms/key:Key", KEYS, "delete"),
    ]

    assert reading_of(*events).diffs == [
        {
            "urn": KEY,
            "op": "update",
            "keys": ["enableKeyRotation", 'tags["a.b"]'],
            "values": {"enableKeyRotation": (True, False), 'tags["a.b"]': ("c", None)},
        },
        {"urn": gone, "op": "delete", "keys": [], "values": {}},
    ]
    assert list(drift_lines(reading_of(*events).diffs)) == [
        "aws:kms/key:Key dev-payments: enableKeyRotation True -> False, tags[\"a.b\"] 'c' -> None",
        "aws:kms/key:Key dev-logs: is gone",
    ]


def test_diagnostics_lose_their_colours_and_name_the_resource() -> None:
    message = "<{%fg 1%}>creating: KMSInvalidStateException<{%reset%}>\n"
    reading = reading_of({"diagnosticEvent": {"message": message, "severity": "error", "urn": KEY}})
    assert reading.errors == ["dev-payments: creating: KMSInvalidStateException"]


def test_a_line_that_is_still_being_written_is_left_for_the_next_read() -> None:
    log = io.StringIO(json.dumps({"cancelEvent": {}}) + "\n" + '{"summaryEvent": {"resou')
    assert list(follow(log)) == [{"cancelEvent": {}}]
    assert list(follow(log)) == []
    log.seek(0, io.SEEK_END)
    log.write('rceChanges": {"same": 3}, "durationSeconds": 2}}\n')
    log.seek(len(json.dumps({"cancelEvent": {}})) + 1)
    assert next(follow(log))["summaryEvent"]["durationSeconds"] == 2


POLICY = {
    "policyEvent": {
        "policyName": "KEY-03",
        "policyPackName": "payment-cell-soc2",
        "enforcementLevel": "mandatory",
        "message": "x",
        "resourceUrn": KEY,
    }
}


@pytest.mark.parametrize(
    ("exit_code", "events", "expected"),
    [
        (0, [], ExitCode.OK),
        (1, [], ExitCode.ERROR),
        (1, [POLICY], ExitCode.POLICY_VIOLATION),
        (1, cell_events("resOpFailedEvent"), ExitCode.RESOURCE),
        (6, [], ExitCode.STACK_NOT_FOUND),
        (255, [], ExitCode.ERROR),
    ],
)
def test_the_exit_code_says_what_the_events_know(
    exit_code: int, events: list[dict[str, Any]], expected: ExitCode
) -> None:
    outcome = Outcome(stack="dev", operation="up", exit_code=exit_code, reading=reading_of(*events))
    assert outcome.code is expected


def test_what_a_preview_could_not_answer_is_told_in_one_line() -> None:
    def said(policy: str, urn: str, message: str, *, mandatory: bool = False) -> Violation:
        return Violation(policy=policy, pack="soc2", mandatory=mandatory, urn=urn, message=message)

    unknown = "can't run policy 'IAM-03' from policy pack 'soc2@v0.0.1' during preview: not known"
    found = [said("IAM-03", "urn::a", unknown), said("IAM-03", "urn::b", unknown), said("IAM-03", "urn::b", unknown)]
    assert not_known(found) == ["not known before the update, asked again in it: IAM-03 of 2 resources"]
    assert not_known([said("KEY-03", "urn::a", "enableKeyRotation is not true")]) == []
    assert not_known([said("KEY-03", "urn::a", unknown, mandatory=True)]) == []
