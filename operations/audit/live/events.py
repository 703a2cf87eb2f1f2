"""EventBridge: buses, rules, what they send where, archives. What a target is sent as its input is not kept."""

from collections.abc import Iterator, Mapping
from typing import Any

from operations.audit.live.question import Question
from operations.audit.live.reader import Live, Reader
from operations.audit.live.region import Region
from operations.audit.live.tags import tags_of
from operations.audit.live.words import picked

BUSES = Question(
    service="events", operation="list_event_buses", keep=("EventBuses.Name", "EventBuses.Arn"), items="EventBuses"
)
BUS = Question(
    service="events",
    operation="describe_event_bus",
    keep=("Name", "Arn", "Description", "KmsKeyIdentifier", "Policy", "DeadLetterConfig"),
)
RULES = Question(service="events", operation="list_rules", keep=("Rules",), items="Rules")
TARGETS = Question(
    service="events",
    operation="list_targets_by_rule",
    keep=tuple(f"Targets.{name}" for name in ("Id", "Arn", "RoleArn", "DeadLetterConfig", "RetryPolicy")),
    items="Targets",
)
ARCHIVES = Question(service="events", operation="list_archives", keep=("Archives.ArchiveName",), items="Archives")
ARCHIVE = Question(
    service="events",
    operation="describe_archive",
    keep=(
        *("ArchiveArn", "ArchiveName", "Description", "EventPattern"),
        *("EventSourceArn", "KmsKeyIdentifier", "RetentionDays"),
    ),
)
API_DESTINATIONS = Question(
    service="events",
    operation="list_api_destinations",
    keep=tuple(
        f"ApiDestinations.{name}"
        for name in (
            *("ApiDestinationArn", "Name", "ConnectionArn", "InvocationEndpoint", "HttpMethod"),
            "InvocationRateLimitPerSecond",
        )
    ),
    items="ApiDestinations",
    urls=frozenset({"InvocationEndpoint"}),
)
TAGS = Question(service="events", operation="list_tags_for_resource", keep=("Tags",), items="Tags")

DEFAULT = "default"
"""The bus that every account has and that services of AWS send to."""


def buses(region: Region) -> Iterator[Live]:
    """Event buses."""
    for raw in region.pages(BUSES):
        bus = region.ask(BUS, Name=raw["Name"])
        if bus is not None:
            yield Live(
                id=raw["Name"],
                made_by_aws=_owner(raw["Name"]),
                props=picked(
                    bus,
                    arn="Arn",
                    name="Name",
                    description="Description",
                    kmsKeyIdentifier="KmsKeyIdentifier",
                    deadLetterConfig="DeadLetterConfig",
                )
                | {"tags": tags_of(region, TAGS, ResourceARN=raw["Arn"])},
            )


def _owner(bus: str) -> str:
    return "default event bus" if bus == DEFAULT else ""


def bus_policies(region: Region) -> Iterator[Live]:
    """Who may send to a bus, where somebody said so."""
    for raw in region.pages(BUSES):
        bus = region.ask(BUS, Name=raw["Name"])
        if bus is not None and bus.get("Policy"):
            yield Live(id=raw["Name"], props={"eventBusName": raw["Name"], "policy": bus["Policy"]})


def _rules(region: Region) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for bus in region.pages(BUSES):
        for rule in region.pages(RULES, EventBusName=bus["Name"]):
            yield bus["Name"], rule


def _managed(rule: Mapping[str, Any]) -> str:
    return "rule managed by a service" if rule.get("ManagedBy") else ""


def rules(region: Region) -> Iterator[Live]:
    """Rules of all buses; a state names those of other buses ``bus/rule``."""
    for bus, raw in _rules(region):
        yield Live(
            id=raw["Name"] if bus == DEFAULT else f"{bus}/{raw['Name']}",
            name=raw["Name"],
            made_by_aws=_managed(raw),
            props=picked(
                raw,
                arn="Arn",
                name="Name",
                description="Description",
                eventPattern="EventPattern",
                scheduleExpression="ScheduleExpression",
                roleArn="RoleArn",
                state="State",
            )
            | {"eventBusName": bus, "tags": tags_of(region, TAGS, ResourceARN=raw["Arn"])},
        )


def targets(region: Region) -> Iterator[Live]:
    """What rules send to; the provider leaves the default bus out of the id."""
    for bus, rule in _rules(region):
        for raw in region.pages(TARGETS, Rule=rule["Name"], EventBusName=bus):
            yield Live(
                id="-".join((*([] if bus == DEFAULT else [bus]), rule["Name"], raw["Id"])),
                made_by_aws=_managed(rule),
                props=picked(
                    raw,
                    arn="Arn",
                    targetId="Id",
                    roleArn="RoleArn",
                    deadLetterConfig="DeadLetterConfig",
                    retryPolicy="RetryPolicy",
                )
                | {"eventBusName": bus, "rule": rule["Name"]},
            )


def archives(region: Region) -> Iterator[Live]:
    """Archives of buses."""
    for listed in region.pages(ARCHIVES):
        raw = region.ask(ARCHIVE, ArchiveName=listed["ArchiveName"])
        if raw is not None:
            yield Live(
                id=listed["ArchiveName"],
                props=picked(
                    raw,
                    arn="ArchiveArn",
                    name="ArchiveName",
                    description="Description",
                    eventPattern="EventPattern",
                    eventSourceArn="EventSourceArn",
                    kmsKeyIdentifier="KmsKeyIdentifier",
                    retentionDays="RetentionDays",
                ),
            )


def api_destinations(region: Region) -> Iterator[Live]:
    """HTTP endpoints that rules and pipes send to."""
    for raw in region.pages(API_DESTINATIONS):
        yield Live(
            id=raw["Name"],
            props=picked(
                raw,
                arn="ApiDestinationArn",
                name="Name",
                connectionArn="ConnectionArn",
                invocationEndpoint="InvocationEndpoint",
                httpMethod="HttpMethod",
                invocationRateLimitPerSecond="InvocationRateLimitPerSecond",
            ),
        )


Reader(type="aws:cloudwatch/eventApiDestination:EventApiDestination", read=api_destinations, source=API_DESTINATIONS)
Reader(type="aws:cloudwatch/eventArchive:EventArchive", read=archives, source=ARCHIVES)
Reader(type="aws:cloudwatch/eventBus:EventBus", read=buses, source=BUSES)
Reader(type="aws:cloudwatch/eventBusPolicy:EventBusPolicy", read=bus_policies, source=BUSES)
Reader(type="aws:cloudwatch/eventRule:EventRule", read=rules, source=RULES)
Reader(
    type="aws:cloudwatch/eventTarget:EventTarget",
    read=targets,
    source=TARGETS,
    identity=("eventBusName", "rule", "targetId"),
)
