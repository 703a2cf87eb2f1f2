"""Live log groups and what leaves them, in the words of the provider."""

from typing import Any

import pytest
from recorded import Refusal, read

from policies.catalogue import control
from policies.control import Status, answers
from policies.resources import Stack

GROUP = "aws:cloudwatch/logGroup:LogGroup"
SUBSCRIPTION = "aws:cloudwatch/logSubscriptionFilter:LogSubscriptionFilter"
ARN = "arn:aws:logs:eu-west-1:123456789012:log-group:/a"


def recorded(**group: Any) -> dict[str, Any]:
    return {
        "logs.describe_log_groups": {"logGroups": [{"logGroupName": "/a", "arn": f"{ARN}:*", **group}]},
        "logs.list_tags_for_resource": {"tags": {"a": "b"}},
    }


def test_a_group_is_read_with_retention_key_and_tags() -> None:
    (found,) = read(GROUP, recorded(retentionInDays=365, kmsKeyId="arn:key", logGroupClass="STANDARD")).found
    props = found.resource.props
    assert (found.identity, props["arn"]) == (("/a",), ARN)
    assert (props["retentionInDays"], props["kmsKeyId"], props["tags"]["a"]) == (365, "arn:key", "b")


def test_a_group_that_keeps_for_ever_has_no_retention() -> None:
    (found,) = read(GROUP, recorded()).found
    assert "retentionInDays" not in found.resource.props
    found_ = {one.clause: one.verdict for one in answers(control("LOG-06"), Stack((found.resource,)), live=True)}
    assert found_["log_group_forgets"].status is Status.FAIL


def test_what_copies_events_elsewhere_is_read() -> None:
    copy = {"filterName": "f", "logGroupName": "/a", "destinationArn": "arn:aws:kinesis:us-east-1:1:stream/s"}
    recordings = recorded() | {"logs.describe_subscription_filters": {"subscriptionFilters": [copy]}}
    (found,) = read(SUBSCRIPTION, recordings).found
    assert (found.identity, found.resource.props["destinationArn"]) == (("/a", "f"), copy["destinationArn"])


def test_a_group_that_went_meanwhile_has_no_filters() -> None:
    recordings = recorded() | {"logs.describe_subscription_filters": Refusal("ResourceNotFoundException")}
    account = read(SUBSCRIPTION, recordings)
    assert (account.found, account.unobserved) == ([], {})


def test_destinations_filters_and_policies_are_read() -> None:
    recordings = recorded() | {
        "logs.describe_destinations": {"destinations": [{"destinationName": "d", "targetArn": "arn:t", "arn": ARN}]},
        "logs.describe_metric_filters": {
            "metricFilters": [{"filterName": "m", "logGroupName": "/a", "filterPattern": "p"}]
        },
        "logs.describe_resource_policies": {"resourcePolicies": [{"policyName": "p", "policyDocument": "{}"}]},
    }
    (destination,) = read("aws:cloudwatch/logDestination:LogDestination", recordings).found
    (counted,) = read("aws:cloudwatch/logMetricFilter:LogMetricFilter", recordings).found
    (policy,) = read("aws:cloudwatch/logResourcePolicy:LogResourcePolicy", recordings).found
    assert destination.resource.props["targetArn"] == "arn:t"
    assert (counted.identity, counted.resource.props["pattern"]) == (("/a", "m"), "p")
    assert policy.resource.props["policyDocument"] == "{}"


@pytest.mark.parametrize(
    ("type_", "call"),
    [
        (GROUP, "logs.describe_log_groups"),
        (SUBSCRIPTION, "logs.describe_subscription_filters"),
        ("aws:cloudwatch/logDestination:LogDestination", "logs.describe_destinations"),
    ],
)
def test_what_cannot_be_listed_is_not_observed(type_: str, call: str) -> None:
    assert list(read(type_, recorded() | {call: Refusal("AccessDeniedException")}).unobserved) == [type_]
