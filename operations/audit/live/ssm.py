"""Systems Manager: what its parameters are, never their values."""

from collections.abc import Iterator

from operations.audit.live.question import Question
from operations.audit.live.reader import Live, Reader
from operations.audit.live.region import Region
from operations.audit.live.tags import tags_of
from operations.audit.live.words import picked

_PARAMETER = ("Name", "Type", "KeyId", "Tier", "DataType", "Description")

LIST = Question(
    service="ssm",
    operation="describe_parameters",
    keep=tuple(f"Parameters.{name}" for name in (*_PARAMETER, "ARN")),
    items="Parameters",
)
TAGS = Question(service="ssm", operation="list_tags_for_resource", keep=("TagList",), items="TagList")


def parameters(region: Region) -> Iterator[Live]:
    """Parameters of this account's own."""
    for parameter in region.pages(LIST):
        name = parameter["Name"]
        yield Live(
            id=name,
            props={
                **picked(parameter, _PARAMETER, {"ARN": "arn"}),
                "tags": tags_of(region, TAGS, ResourceType="Parameter", ResourceId=name),
            },
        )


Reader(type="aws:ssm/parameter:Parameter", read=parameters, source=LIST)
