"""CloudWatch Logs: groups, what copies them elsewhere, and what is counted in them. No event of a log is read."""

from collections.abc import Iterator
from typing import Any

from operations.audit.live.question import Question
from operations.audit.live.reader import Live, Reader
from operations.audit.live.region import Region
from operations.audit.live.words import picked

GROUPS = Question(service="logs", operation="describe_log_groups", keep=("logGroups",), items="logGroups")
TAGS = Question(service="logs", operation="list_tags_for_resource", keep=("tags",))
SUBSCRIPTIONS = Question(
    service="logs",
    operation="describe_subscription_filters",
    keep=("subscriptionFilters",),
    items="subscriptionFilters",
    absent=frozenset({"ResourceNotFoundException"}),
)
DESTINATIONS = Question(service="logs", operation="describe_destinations", keep=("destinations",), items="destinations")
COUNTED = Question(service="logs", operation="describe_metric_filters", keep=("metricFilters",), items="metricFilters")
POLICIES = Question(
    service="logs", operation="describe_resource_policies", keep=("resourcePolicies",), items="resourcePolicies"
)


def groups(region: Region) -> Iterator[Live]:
    """Log groups."""
    for raw in region.pages(GROUPS):
        arn = _arn(raw)
        yield Live(
            id=raw["logGroupName"],
            props={
                **picked(
                    raw,
                    name="logGroupName",
                    kmsKeyId="kmsKeyId",
                    retentionInDays="retentionInDays",
                    logGroupClass="logGroupClass",
                    deletionProtectionEnabled="deletionProtectionEnabled",
                ),
                "arn": arn,
                "tags": _tags(region, arn),
            },
        )


def _arn(raw: dict[str, Any]) -> str:
    """Without the ``:*`` that stands for the streams: so has the provider it, and so the tags are asked for."""
    return str(raw.get("logGroupArn") or raw["arn"]).removesuffix(":*")


def _tags(region: Region, arn: str) -> Any:
    return region.field(TAGS, lambda answer: dict(answer.get("tags") or {}), resourceArn=arn)


def subscriptions(region: Region) -> Iterator[Live]:
    """What sends the events of a group elsewhere, as they come."""
    for group in region.pages(GROUPS):
        for raw in region.pages(SUBSCRIPTIONS, logGroupName=group["logGroupName"]):
            yield Live(
                id=f"{raw['logGroupName']}|{raw['filterName']}",
                name=raw["filterName"],
                props=picked(
                    raw,
                    name="filterName",
                    logGroup="logGroupName",
                    destinationArn="destinationArn",
                    distribution="distribution",
                    filterPattern="filterPattern",
                    roleArn="roleArn",
                ),
            )


def destinations(region: Region) -> Iterator[Live]:
    """Where groups of other accounts may send to."""
    for raw in region.pages(DESTINATIONS):
        yield Live(
            id=raw["destinationName"],
            props=picked(raw, arn="arn", name="destinationName", roleArn="roleArn", targetArn="targetArn")
            | {"tags": _tags(region, raw["arn"])},
        )


def metric_filters(region: Region) -> Iterator[Live]:
    """What is counted in groups."""
    for raw in region.pages(COUNTED):
        yield Live(
            id=raw["filterName"],
            props=picked(raw, name="filterName", logGroupName="logGroupName", pattern="filterPattern"),
        )


def resource_policies(region: Region) -> Iterator[Live]:
    """Which services may write to groups."""
    for raw in region.pages(POLICIES):
        yield Live(id=raw["policyName"], props=picked(raw, policyName="policyName", policyDocument="policyDocument"))


Reader(type="aws:cloudwatch/logDestination:LogDestination", read=destinations, source=DESTINATIONS)
Reader(type="aws:cloudwatch/logGroup:LogGroup", read=groups, source=GROUPS)
Reader(
    type="aws:cloudwatch/logMetricFilter:LogMetricFilter",
    read=metric_filters,
    source=COUNTED,
    identity=("logGroupName", "name"),
)
Reader(type="aws:cloudwatch/logResourcePolicy:LogResourcePolicy", read=resource_policies, source=POLICIES)
Reader(
    type="aws:cloudwatch/logSubscriptionFilter:LogSubscriptionFilter",
    read=subscriptions,
    source=GROUPS,
    identity=("logGroup", "name"),
)
