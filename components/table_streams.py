"""What a table needs for replicas in other regions, which the pair's stack makes: a stream, from its birth on."""

from typing import Final

import pulumi

OTHERS_REPLICAS: Final = pulumi.ResourceOptions(ignore_changes=["replicas"])
"""A replica is a resource of its own, and shows in the table too."""


def replicable(region: str | None) -> dict[str, object]:
    """Arguments of a table whose cell has a recovery region: DynamoDB refuses a replica of a table without this stream
    (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/V2globaltables.tutorial.html)."""
    return {} if region is None else {"stream_enabled": True, "stream_view_type": "NEW_AND_OLD_IMAGES"}
