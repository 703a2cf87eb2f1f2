"""EventBridge Pipes: where each takes from and where it sends to."""

from collections.abc import Iterator

from operations.audit.live.question import Question
from operations.audit.live.reader import Live, Reader
from operations.audit.live.region import Region
from operations.audit.live.words import picked

LIST = Question(service="pipes", operation="list_pipes", keep=("Pipes.Name",), items="Pipes")
DESCRIBE = Question(
    service="pipes",
    operation="describe_pipe",
    keep=(
        *("Name", "Arn", "Description", "DesiredState", "Source", "Enrichment", "Target", "RoleArn"),
        *("KmsKeyIdentifier", "Tags"),
    ),
    absent=frozenset({"NotFoundException"}),
)


def pipes(region: Region) -> Iterator[Live]:
    """Pipes."""
    for listed in region.pages(LIST):
        raw = region.ask(DESCRIBE, Name=listed["Name"])
        if raw is not None:
            yield Live(
                id=listed["Name"],
                props={
                    **picked(
                        raw,
                        arn="Arn",
                        name="Name",
                        description="Description",
                        desiredState="DesiredState",
                        source="Source",
                        enrichment="Enrichment",
                        target="Target",
                        roleArn="RoleArn",
                        kmsKeyIdentifier="KmsKeyIdentifier",
                    ),
                    "tags": dict(raw.get("Tags") or {}),
                },
            )


Reader(type="aws:pipes/pipe:Pipe", read=pipes, source=LIST)
