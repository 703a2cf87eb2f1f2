"""CloudWatch observability access: which other account sees this one's telemetry, and whose is seen here."""

from collections.abc import Iterator

from operations.audit.live.question import Question
from operations.audit.live.reader import Live, Reader
from operations.audit.live.region import Region
from operations.audit.live.words import picked

_NOT_SERVED = "the emulator has no links and sinks"

LINKS = Question(service="oam", operation="list_links", keep=("Items.Arn",), items="Items")
LINK = Question(
    service="oam",
    operation="get_link",
    keep=("Arn", "Id", "Label", "LabelTemplate", "ResourceTypes", "SinkArn", "Tags"),
    absent=frozenset({"ResourceNotFoundException"}),
    recorded=_NOT_SERVED,
)
SINKS = Question(service="oam", operation="list_sinks", keep=("Items.Arn",), items="Items")
SINK = Question(
    service="oam",
    operation="get_sink",
    keep=("Arn", "Id", "Name", "Tags"),
    absent=frozenset({"ResourceNotFoundException"}),
    recorded=_NOT_SERVED,
)


def links(region: Region) -> Iterator[Live]:
    """What sends telemetry of this account to a sink."""
    for listed in region.pages(LINKS):
        raw = region.ask(LINK, Identifier=listed["Arn"])
        if raw is not None:
            yield Live(
                id=raw["Arn"],
                name=raw.get("Label", ""),
                props={
                    **picked(
                        raw,
                        arn="Arn",
                        linkId="Id",
                        label="Label",
                        labelTemplate="LabelTemplate",
                        resourceTypes="ResourceTypes",
                        sinkArn="SinkArn",
                        sinkIdentifier="SinkArn",
                    ),
                    "tags": dict(raw.get("Tags") or {}),
                },
            )


def sinks(region: Region) -> Iterator[Live]:
    """What takes telemetry of other accounts."""
    for listed in region.pages(SINKS):
        raw = region.ask(SINK, Identifier=listed["Arn"])
        if raw is not None:
            yield Live(
                id=raw["Arn"],
                name=raw.get("Name", ""),
                props={**picked(raw, arn="Arn", sinkId="Id", name="Name"), "tags": dict(raw.get("Tags") or {})},
            )


Reader(type="aws:oam/link:Link", read=links, source=LINKS)
Reader(type="aws:oam/sink:Sink", read=sinks, source=SINKS)
