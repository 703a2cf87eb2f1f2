"""What was in flight when a cell was lost is sent again: once an epoch and shard, before anything else is sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from contracts.epoch import KEY, regenerated_key


@dataclass(frozen=True, kw_only=True, slots=True)
class Regenerations:
    """The items `regenerated#<epoch>#<shard>` of the pair's epoch store."""

    client: Any
    """DynamoDB."""
    table: str

    def done(self, epoch: int, shard: str) -> bool:
        """Whether the shard's events were marked in this epoch."""
        key = {KEY: {"S": regenerated_key(epoch, shard)}}
        return "Item" in self.client.get_item(TableName=self.table, Key=key, ConsistentRead=True)

    def note(self, epoch: int, shard: str, events: int) -> None:
        """Writes the item, unless another relay did so first."""
        item = {
            KEY: {"S": regenerated_key(epoch, shard)},
            "events": {"N": str(events)},
            "at": {"S": datetime.now(UTC).isoformat(timespec="seconds")},
        }
        try:
            self.client.put_item(TableName=self.table, Item=item, ConditionExpression=f"attribute_not_exists({KEY})")
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
