"""The pair's epoch store as a movement uses it: the writer's record, and the journals of runs.

Every write is conditional. After one whose answer was lost the item is read again: it is ours, or somebody was faster.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from botocore.exceptions import ClientError

from contracts.epoch import KEY, RUN, WRITER, Writer, put, regenerated_key, writer_of
from operations.errors import CellError, ExitCode
from operations.preflight_aws import UNREACHABLE, error_code
from operations.recovery.run import Run, run_of

TRIES: Final = 3
"""Of a write that nobody answered."""

PASSING: Final = frozenset(
    {
        *("ReplicatedWriteConflictException", "ProvisionedThroughputExceededException", "ThrottlingException"),
        *("RequestLimitExceeded", "TransactionConflictException"),
    }
)
"""Refusals that another try may not meet; a global table with strong consistency refuses one of two writes that come
at once to two regions (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/V2globaltables_HowItWorks.html).
"""

SERVER_ERROR: Final = 500


class Source(Protocol):
    """Where clients come from."""

    def get(self, service: str, region: str) -> Any:
        """The client of a service in a region."""


class UnansweredError(CellError):
    """No region of the store answered."""


class Store:
    """Asked in the first of its regions that answers."""

    def __init__(self, clients: Source, regions: Sequence[str], table: str, primary: str) -> None:
        self._clients, self.regions, self._table, self._primary = clients, tuple(regions), table, primary

    def writer(self) -> Writer:
        """Who writes. Raises EpochError for a record that cannot be read, CellError where nobody answers."""
        return writer_of(self._item(WRITER), self._primary)

    def move(self, before: Writer, after: Writer) -> bool:
        """Puts `after` where the record is still `before`. False: it is neither, somebody was faster."""
        for _ in range(TRIES):
            if self._put(put(before, after)):
                return True
            found = self.writer()
            if found == after:
                return True
            if found != before:
                return False
        raise UnansweredError(f"epoch store {self._table}: no answer to a write; the record is still {before}")

    def load(self, run: str) -> Run | None:
        """A run by its id."""
        item = self._item(RUN + run)
        return None if item is None else run_of(item)

    def save(self, before: int, run: Run) -> bool:
        """Puts a run where its version is still `before`, 0 for a new one. False: somebody was faster."""
        if before:
            condition: dict[str, Any] = {
                "ConditionExpression": "version = :before",
                "ExpressionAttributeValues": {":before": {"N": str(before)}},
            }
        else:
            condition = {"ConditionExpression": f"attribute_not_exists({KEY})"}
        for _ in range(TRIES):
            if self._put({"Item": run.to_item(), **condition}):
                return True
            found = self.load(run.id)
            if found == run:
                return True
            if (found.version if found else 0) != before:
                return False
        raise UnansweredError(f"epoch store {self._table}: no answer to a write of run {run.id}")

    def runs(self) -> list[Run]:
        """All of them, the newest last. The table has a few items a movement."""
        asked: dict[str, Any] = {
            "ConsistentRead": True,
            "FilterExpression": "begins_with(id, :run)",
            "ExpressionAttributeValues": {":run": {"S": RUN}},
        }
        found: list[Run] = []
        while True:
            page = self._ask("scan", **asked)
            found += [run_of(item) for item in page["Items"]]
            if "LastEvaluatedKey" not in page:
                return sorted(found, key=lambda run: (run.started_at, run.id))
            asked["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def regenerated(self, epoch: int, shard: str) -> int | None:
        """Events of a shard that wait to be sent again; None: its relay has not marked them yet."""
        item = self._item(regenerated_key(epoch, shard))
        return None if item is None else int(item["events"]["N"])

    def _item(self, key: str) -> Mapping[str, Mapping[str, str]] | None:
        found: Mapping[str, Mapping[str, str]] | None = self._ask(
            "get_item", Key={KEY: {"S": key}}, ConsistentRead=True
        ).get("Item")
        return found

    def _put(self, arguments: Mapping[str, Any]) -> bool:
        """False: refused by the condition, or not answered."""
        try:
            self._ask("put_item", **arguments)
        except UnansweredError:
            return False
        except ClientError as error:
            if error_code(error) != "ConditionalCheckFailedException":
                raise
            return False
        return True

    def _ask(self, operation: str, **arguments: Any) -> Any:
        why = ""
        for region in self.regions:
            try:
                return getattr(self._clients.get("dynamodb", region), operation)(TableName=self._table, **arguments)
            except UNREACHABLE as error:
                why = f"{region}: no answer ({type(error).__name__})"
            except ClientError as error:
                if error_code(error) == "ResourceNotFoundException":
                    raise CellError(
                        f"{self._table}: no such table in {region}; bring up the pair first: "
                        f"cell up {self._primary}-pair",
                        ExitCode.RESOURCE,
                    ) from error
                status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
                if error_code(error) not in PASSING and status < SERVER_ERROR:
                    raise
                why = f"{region}: {error_code(error)}"
        raise UnansweredError(f"epoch store {self._table}: {why}", ExitCode.TIMEOUT)
