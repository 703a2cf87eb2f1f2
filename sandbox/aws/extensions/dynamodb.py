"""DynamoDB: transactions of many items at the price of those items. moto copies the whole table for each of them.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
"""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from moto.dynamodb import models

MAX_ITEMS = 100


class DynamoDBBackend(models.DynamoDBBackend):  # type: ignore[misc]
    def transact_write_items(self, transact_items: list[dict[str, Any]]) -> None:
        """Puts and updates without conditions are done at once. Whatever else there is, or goes wrong, is left to moto,
        after everything is as before."""
        writes = [next(iter(item.items())) for item in transact_items]
        keys = [self._key(kind, write) for kind, write in writes]
        if len(writes) > MAX_ITEMS or None in keys or len(set(map(str, keys))) < len(keys):
            super().transact_write_items(transact_items)
            return
        before = [
            (write["TableName"], key, self._held(write, key)) for (_, write), key in zip(writes, keys, strict=True)
        ]
        try:
            for kind, write in writes:
                self._do(kind, write)
        except Exception:
            self._restore(before)
            super().transact_write_items(transact_items)

    def _key(self, kind: str, write: Mapping[str, Any]) -> dict[str, Any] | None:
        """Of a write that is done here; None of another."""
        if kind not in {"Put", "Update"} or "ConditionExpression" in write or write["TableName"] not in self.tables:
            return None
        table, of = self.tables[write["TableName"]], write["Item" if kind == "Put" else "Key"]
        names = [name for name in (table.hash_key_attr, table.range_key_attr) if name]
        return {name: of[name] for name in names} if all(name in of for name in names) else None

    def _held(self, write: Mapping[str, Any], key: Any) -> Any:
        return copy.deepcopy(self.get_item(write["TableName"], key))

    def _do(self, kind: str, write: Mapping[str, Any]) -> None:
        expressions = {
            "expression_attribute_names": write.get("ExpressionAttributeNames"),
            "expression_attribute_values": write.get("ExpressionAttributeValues"),
        }
        if kind == "Put":
            self.put_item(write["TableName"], write["Item"], **expressions)
        else:
            update = write["UpdateExpression"]
            self.update_item(write["TableName"], write["Key"], update_expression=update, **expressions)

    def _restore(self, before: Sequence[tuple[str, Any, Any]]) -> None:
        for name, key, item in before:
            self.delete_item(name, key)
            if item is not None:
                self.put_item(name, item.to_json()["Attributes"])


def install() -> None:
    # Still moto's module, in which its backend base class looks for the paths.
    DynamoDBBackend.__module__ = models.__name__
    models.dynamodb_backends.backend = DynamoDBBackend
