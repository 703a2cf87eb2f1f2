"""DynamoDB: transactions of many items at the price of those items. moto copies the whole table for each, and takes
milliseconds for an update expression: the plain ones, which set and add, are evaluated here. Replicas in other regions:
`dynamodb_replicas.py`.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.UpdateExpressions.html
"""

import copy
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from moto.dynamodb import models, responses
from moto.dynamodb.exceptions import MockValidationException
from moto.dynamodb.models.table import StreamShard, Table

from sandbox.aws.extensions import dynamodb_replicas, dynamodb_strong

MAX_ITEMS = 100

_SET = re.compile(r"(#\w+) = (?:(:\w+)|if_not_exists\((#\w+), (:\w+)\))")
_ADD = re.compile(r"(#\w+) (:\w+)")

Attributes = dict[str, dict[str, Any]]
"""Of an item, each as its type and value: {"count": {"N": "3"}}."""


class DynamoDBBackend(models.DynamoDBBackend):  # type: ignore[misc]
    _writing = threading.Lock()

    _in_transaction = threading.local()

    def get_table(self, table_name: str) -> Any:
        dynamodb_replicas.arrive()
        return super().get_table(table_name)

    def put_item(self, table_name: str, item_attrs: Attributes, *args: Any, **kwargs: Any) -> Any:
        with dynamodb_strong.writing(self.get_table(table_name)):
            done = super().put_item(table_name, item_attrs, *args, **kwargs)
            self._wrote(table_name, item_attrs)
        return done

    def update_item(self, table_name: str, key: Attributes, *args: Any, **kwargs: Any) -> Any:
        with dynamodb_strong.writing(self.get_table(table_name)):
            done = super().update_item(table_name, key, *args, **kwargs)
            self._wrote(table_name, key)
        return done

    def delete_item(self, table_name: str, key: Attributes, *args: Any, **kwargs: Any) -> Any:
        with dynamodb_strong.writing(self.get_table(table_name)):
            done = super().delete_item(table_name, key, *args, **kwargs)
            self._wrote(table_name, key)
        return done

    def _wrote(self, table_name: str, key: Attributes) -> None:
        """Replicas hear of what is there once a transaction is done."""
        if not getattr(self._in_transaction, "open", False):
            dynamodb_replicas.wrote(self.get_table(table_name), key)

    def transact_write_items(self, transact_items: list[dict[str, Any]]) -> None:
        dynamodb_strong.refuse_transactions(
            self.tables.get(str(write["TableName"])) for item in transact_items for write in item.values()
        )
        self._in_transaction.open = True
        try:
            self._transact(transact_items)
        finally:
            self._in_transaction.open = False
        for kind, write in (next(iter(item.items())) for item in transact_items):
            if kind != "ConditionCheck":
                self._wrote(write["TableName"], write["Item" if kind == "Put" else "Key"])

    def update_time_to_live(self, table_name: str, ttl_spec: dict[str, Any]) -> None:
        table = self.get_table(table_name)
        if dynamodb_strong.is_strong(table):
            raise MockValidationException("TTL is not supported on global tables with strong consistency.")
        super().update_time_to_live(table_name, ttl_spec)
        for one in dynamodb_replicas.others(table):
            one.ttl = table.ttl

    def _transact(self, transact_items: list[dict[str, Any]]) -> None:
        """Puts and updates without conditions are done at once. Whatever else there is, or goes wrong, is left to moto,
        after everything is as before."""
        writes = [next(iter(item.items())) for item in transact_items]
        keys = [self._key(kind, write) for kind, write in writes]
        if len(writes) > MAX_ITEMS or None in keys or len(set(map(str, keys))) < len(keys):
            super().transact_write_items(transact_items)
            return
        with self._writing:
            tables = [str(write["TableName"]) for _, write in writes]
            before = [self._held(name, key) for name, key in zip(tables, keys, strict=True)]
            try:
                for (kind, write), held in zip(writes, before, strict=True):
                    self._do(kind, write, held)
            except Exception:
                self._restore(tables, keys, before)
                super().transact_write_items(transact_items)

    def _key(self, kind: str, write: Mapping[str, Any]) -> dict[str, Any] | None:
        """Of a write that is done here; None of another."""
        if kind not in {"Put", "Update"} or "ConditionExpression" in write or write["TableName"] not in self.tables:
            return None
        table, of = self.tables[write["TableName"]], write["Item" if kind == "Put" else "Key"]
        names = [name for name in (table.hash_key_attr, table.range_key_attr) if name]
        return {name: of[name] for name in names} if all(name in of for name in names) else None

    def _held(self, table: str, key: Any) -> Attributes | None:
        item = self.get_item(table, key)
        return item.to_json()["Attributes"] if item is not None else None

    def _do(self, kind: str, write: Mapping[str, Any], held: Attributes | None) -> None:
        if kind == "Put":
            self.put_item(write["TableName"], write["Item"])
        elif (attributes := updated(write, held)) is not None:
            self.put_item(write["TableName"], attributes)
        else:
            self.update_item(
                write["TableName"],
                write["Key"],
                update_expression=write["UpdateExpression"],
                expression_attribute_names=write.get("ExpressionAttributeNames"),
                expression_attribute_values=write.get("ExpressionAttributeValues"),
            )

    def _restore(self, tables: Sequence[str], keys: Sequence[Any], before: Sequence[Attributes | None]) -> None:
        for table, key, attributes in zip(tables, keys, before, strict=True):
            self.delete_item(table, key)
            if attributes is not None:
                self.put_item(table, attributes)


def updated(write: Mapping[str, Any], held: Attributes | None) -> Attributes | None:
    """The item after `SET #a = :b, #c = if_not_exists(#c, :d) ADD #e :f`; None for any other expression. Raises
    ValueError for what cannot be added, which moto then words as AWS does."""
    names, values = write.get("ExpressionAttributeNames", {}), write.get("ExpressionAttributeValues", {})
    setting, _, adding = write["UpdateExpression"].removeprefix("SET ").partition(" ADD ")
    sets, adds = list(_SET.finditer(setting)), list(_ADD.finditer(adding))
    if ", ".join(one[0] for one in sets) != setting or ", ".join(one[0] for one in adds) != adding:
        return None
    found = dict(held or write["Key"])
    for one in sets:
        known = found.get(names[one[3]]) if one[3] else None
        found[names[one[1]]] = known or values[one[2] or one[4]]
    for one in adds:
        found[names[one[1]]] = _sum(found.get(names[one[1]]), values[one[2]])
    return found


def _sum(old: dict[str, Any] | None, more: dict[str, Any]) -> dict[str, Any]:
    """Numbers add up, sets unite."""
    (kind, value), *_ = more.items()
    if old is None:
        return more
    if kind not in old or kind not in {"N", "SS", "NS"}:
        raise ValueError(f"{kind} cannot be added to {', '.join(old)}")
    return {kind: str(Decimal(old[kind]) + Decimal(value)) if kind == "N" else sorted({*old[kind], *value})}


_query = Table.query


def _queried(self: Any, hash_key: Any, *args: Any, **kwargs: Any) -> Any:
    """moto looks through all items of a table for those of one key; here through those of the key. An index has others,
    and is left to moto."""
    if (kwargs.get("index_name") or (args[6] if len(args) > 6 else None)) is not None or not self.has_range_key:
        return _query(self, hash_key, *args, **kwargs)
    one = copy.copy(self)
    one.items = {hash_key: self.items[hash_key]} if hash_key in self.items else {}
    return _query(one, hash_key, *args, **kwargs)


_describe = Table.describe
_update_table = responses.DynamoHandler.update_table


def _described(self: Any, base_key: str = "TableDescription") -> dict[str, Any]:
    answer: dict[str, Any] = _describe(self, base_key)
    answer[base_key] |= dynamodb_replicas.described(self)
    return answer


def _updated_table(self: Any) -> Any:
    if self.body.get("ReplicaUpdates") or self.body.get("GlobalTableWitnessUpdates"):
        dynamodb_replicas.update(self.dynamodb_backend.get_table(self.body["TableName"]), self.body)
    return _update_table(self)


def _reading(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A strongly consistent read needs a majority; another asks its own replica only."""

    def checked(self: Any) -> Any:
        for name, wanted in (self.body.get("RequestItems") or {self.body.get("TableName"): self.body}).items():
            if wanted.get("ConsistentRead"):
                dynamodb_strong.check_reach(self.dynamodb_backend.get_table(name))
        return read(self)

    return checked


_get_transaction = responses.DynamoHandler.transact_get_items


def _got_transaction(self: Any) -> Any:
    names = (item["Get"]["TableName"] for item in self.body["TransactItems"])
    dynamodb_strong.refuse_transactions(self.dynamodb_backend.tables.get(name) for name in names)
    return _get_transaction(self)


def _unread(_shard: StreamShard, _old: Any, _new: Any) -> None:
    """Records of a stream are not kept. Nobody reads them, replicas are told otherwise, and moto keeps both images of
    each write for ever: a table of features made gigabytes of them in minutes."""


def install() -> None:
    Table.query, Table.describe = _queried, _described
    StreamShard.add = _unread
    responses.DynamoHandler.update_table = _updated_table
    responses.DynamoHandler.transact_get_items = _got_transaction
    for name in ("get_item", "batch_get_item", "query", "scan"):
        setattr(responses.DynamoHandler, name, _reading(getattr(responses.DynamoHandler, name)))
    # Still moto's module, in which its backend base class looks for the paths.
    DynamoDBBackend.__module__ = models.__name__
    models.dynamodb_backends.backend = DynamoDBBackend
