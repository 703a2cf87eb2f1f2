"""EFS: file systems."""

from collections.abc import Iterator

from operations.audit.live.question import Question
from operations.audit.live.reader import Live, Reader
from operations.audit.live.region import Region
from operations.audit.live.tags import tags
from operations.audit.live.words import picked

_FILE_SYSTEM = ("Encrypted", "KmsKeyId", "PerformanceMode", "ThroughputMode", "AvailabilityZoneName")

LIST = Question(
    service="efs",
    operation="describe_file_systems",
    keep=tuple(f"FileSystems.{name}" for name in (*_FILE_SYSTEM, "FileSystemId", "FileSystemArn", "Tags")),
    items="FileSystems",
    action="elasticfilesystem:DescribeFileSystems",
)


def file_systems(region: Region) -> Iterator[Live]:
    """File systems of this region."""
    for system in region.pages(LIST):
        yield Live(
            id=system["FileSystemId"],
            props={
                **picked(system, _FILE_SYSTEM, {"FileSystemArn": "arn"}),
                "tags": tags(system.get("Tags")),
            },
        )


Reader(type="aws:efs/fileSystem:FileSystem", read=file_systems, source=LIST)
