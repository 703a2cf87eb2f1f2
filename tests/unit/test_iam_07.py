"""IAM-07: the break-glass role."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from attested import assert_attested

from policies.control import Status
from policies.resources import Resource
from policies.testing import UNKNOWN, resource, verdicts

MFA, TIME, HEARD = "is_entered_with_mfa", "ends_within_four_hours", "use_is_heard_of"
ARN = "arn:aws:iam::123456789012:role/account-break-glass"
PRESENT = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
PATTERN = f'{{($.eventName = "AssumeRole") && ($.requestParameters.roleArn = "{ARN}")}}'


def trust(*conditions: dict[str, object]) -> str:
    people = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::1:root"}, "Action": "sts:AssumeRole"}
    return json.dumps({"Statement": [{**people, "Condition": condition} for condition in conditions]})


def role(**props: object) -> Resource:
    whole = {"assumeRolePolicy": trust(PRESENT), "arn": ARN, "tags": {"payment-cell:use": "break-glass"}}
    return resource("aws:iam/role:Role", "role", **{**whole, **props})


def counter(of: tuple[Resource, ...] = (), pattern: str = PATTERN) -> Resource:
    type_ = "aws:cloudwatch/logMetricFilter:LogMetricFilter"
    return resource(
        type_, "filter", {"pattern": of}, pattern=pattern, metricTransformation={"name": "Used", "namespace": "own"}
    )


def alarm(**props: object) -> Resource:
    whole = {"metricName": "Used", "namespace": "own", "alarmActions": ["arn:aws:sns:eu-west-1:123456789012:page"]}
    return resource("aws:cloudwatch/metricAlarm:MetricAlarm", "alarm", **{**whole, **props})


def rule(**props: object) -> Resource:
    detail = {"eventName": ["AssumeRole"], "requestParameters": {"roleArn": [ARN]}}
    whole = {"eventPattern": json.dumps({"source": ["aws.sts"], "detail": detail}), "id": "used"}
    return resource("aws:cloudwatch/eventRule:EventRule", "rule", **{**whole, **props})


TARGET = resource("aws:cloudwatch/eventTarget:EventTarget", "target", rule="used", arn="arn:aws:sns:eu-west-1:1:page")


def judged(clause: str, of: Resource, *others: Resource) -> Status:
    return verdicts("IAM-07", of, *others)["role", clause]


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (trust(PRESENT), Status.PASS),
        (trust({}), Status.FAIL),
        (trust(PRESENT, {}), Status.FAIL),
        (trust({"Bool": {"aws:MultiFactorAuthPresent": ["true", "false"]}}), Status.FAIL),
        (trust({"BoolIfExists": {"aws:MultiFactorAuthPresent": "true"}}), Status.FAIL),
        (UNKNOWN, Status.UNDETERMINED),
    ],
)
def test_every_way_in_asks_for_mfa(document: str, expected: Status) -> None:
    assert judged(MFA, role(assumeRolePolicy=document)) is expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(None, Status.PASS), (14_400, Status.PASS), (14_401, Status.FAIL), (43_200, Status.FAIL)],
)
def test_a_session_ends_within_four_hours(seconds: int | None, expected: Status) -> None:
    assert judged(TIME, role(maxSessionDuration=seconds)) is expected


def test_an_alarm_on_what_the_trail_logs_hears_of_it() -> None:
    assert judged(HEARD, role()) is Status.FAIL
    assert judged(HEARD, role(), counter()) is Status.FAIL
    assert judged(HEARD, role(), counter(), alarm()) is Status.PASS
    assert judged(HEARD, role(), counter(), alarm(alarmActions=[])) is Status.FAIL
    assert judged(HEARD, role(), counter(), alarm(actionsEnabled=False)) is Status.FAIL
    assert judged(HEARD, role(), counter(), alarm(metricName="Other")) is Status.FAIL
    assert judged(HEARD, role(), counter(pattern=PATTERN.replace("-break-glass", "")), alarm()) is Status.FAIL
    assert judged(HEARD, role(), counter(pattern=UNKNOWN), alarm()) is Status.UNDETERMINED


def test_an_unknown_pattern_is_followed_to_its_role() -> None:
    unborn, other = role(arn=UNKNOWN), resource("aws:iam/role:Role", "other")
    assert judged(HEARD, unborn, counter((unborn,), UNKNOWN), alarm()) is Status.PASS
    assert judged(HEARD, unborn, counter((other,), UNKNOWN), alarm(), other) is Status.FAIL


def test_a_rule_with_a_target_hears_of_it() -> None:
    assert judged(HEARD, role(), rule()) is Status.FAIL
    assert judged(HEARD, role(), rule(), TARGET) is Status.PASS
    assert judged(HEARD, role(), rule(state="DISABLED"), TARGET) is Status.FAIL
    assert judged(HEARD, role(), rule(eventBusName="payments"), TARGET) is Status.FAIL


def test_other_roles_are_not_asked() -> None:
    found = verdicts("IAM-07", role(tags={}, assumeRolePolicy=trust({}), maxSessionDuration=43_200))
    assert set(found.values()) == {Status.NOT_APPLICABLE}


def test_a_session_whose_length_is_not_known_yet_is_undetermined_and_other_roles_may_last() -> None:
    source = resource("aws:ssm/parameter:Parameter", "seconds")
    hidden = replace(role(maxSessionDuration=UNKNOWN), references={"maxSessionDuration": (source.urn,)})
    assert judged(TIME, hidden, source) is Status.UNDETERMINED
    assert judged(TIME, role(tags={}, maxSessionDuration=43_200)) is Status.NOT_APPLICABLE


def test_the_question_is_attested_for_92_days_and_no_longer(tmp_path: Path) -> None:
    assert_attested(tmp_path, "IAM-07 use_was_reviewed", days=92)
