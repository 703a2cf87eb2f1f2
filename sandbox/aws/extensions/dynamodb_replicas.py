"""DynamoDB global tables: each replica takes writes, which arrive at the others a little later; of two about one item
the later wins. With strong consistency (`dynamodb_strong.py`) they arrive at once.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/V2globaltables_HowItWorks.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/globaltables-bestpractices.html
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_ReplicationGroupUpdate.html
"""

import copy
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from moto.dynamodb.exceptions import MockValidationException, ResourceInUseException, ResourceNotFoundException
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.table import Table

from sandbox.aws.extensions import dynamodb_strong
from sandbox.aws.outages import REGIONS
from sandbox.aws.underway import Underway

DELAY_S = 0.2
"""Seconds until a write arrives: on AWS usually less than one."""

VERSION = "2019.11.21"

Attributes = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Due:
    """An item as it was written, on its way; without `item` it was deleted."""

    written: float
    account: str
    source: str
    """Region where it was written."""
    region: str
    """Where it goes."""
    table: str
    key: Attributes
    item: Attributes | None
    places: frozenset[str] = frozenset()
    """Of a strongly consistent table: two of them have what was written, whatever happens to its source."""


_way: Underway[Due] = Underway(DELAY_S, lambda one: REGIONS.apart(one.source, one.region))
_missed: Underway[Due] = Underway(0.0, lambda one: not dynamodb_strong.sees_enough(one.region, one.places))
"""Writes to strongly consistent tables that a replica could not be reached for: it has them once it reaches another."""


def others(table: Table) -> list[Table]:
    """The other replicas of a global table. By region: a failed transaction puts copies in the place of tables."""
    backends = dynamodb_backends[table.account_id]
    found = (backends[region].tables.get(table.name) for region in getattr(table, "replicas", ()))
    return [one for one in found if one is not None]


def update(table: Table, body: Mapping[str, Any]) -> None:
    """`ReplicaUpdates` of UpdateTable, and what belongs to strong consistency."""
    strong = dynamodb_strong.asked_for(table, body)
    if strong:
        dynamodb_strong.check_update(table, body, own_ttl=table.ttl.get("TimeToLiveStatus") == "ENABLED")
    _change(table, body.get("ReplicaUpdates") or (), strong)
    if strong:
        dynamodb_strong.mark([table, *others(table)], body)


def _change(table: Table, changes: Sequence[Mapping[str, Any]], strong: bool) -> None:
    backends = dynamodb_backends[table.account_id]
    for change in changes:
        ((kind, wanted),) = change.items()
        region = wanted["RegionName"]
        at = next((one for one in others(table) if one.region_name == region), None)
        if kind == "Create":
            _create(table, wanted, backends[region], strong)
        elif at is None:
            raise ResourceNotFoundException(f"Replica in region {region} does not exist")
        elif kind == "Update":
            at.sse_specification = _encryption(wanted) or at.sse_specification
        elif at.deletion_protection_enabled:
            raise MockValidationException(f"Resource cannot be deleted as it is currently protected: {at.table_arn}")
        else:
            backends[region].tables.pop(at.name)
            for one in (table, *others(table)):
                one.replicas = [name for name in one.replicas if name != region]


def _create(table: Table, wanted: Mapping[str, Any], backend: Any, strong: bool) -> None:
    if backend.region_name == table.region_name or table.name in backend.tables:
        raise ResourceInUseException(f"Table already exists: {table.name}")
    if not strong and (table.stream_specification or {}).get("StreamViewType") != "NEW_AND_OLD_IMAGES":
        raise MockValidationException("A global table needs a stream of new and old images.")
    own = (table.sse_specification or {}).get("KMSMasterKeyId")
    if own and not wanted.get("KMSMasterKeyId"):
        raise MockValidationException("Each replica of a table under a customer managed key needs one of its region.")
    made = Table(
        table.name,
        account_id=table.account_id,
        region=backend.region_name,
        schema=table.schema,
        attr=table.attr,
        billing_mode=table.billing_mode,
        throughput=copy.copy(table.throughput),
        global_indexes=[index.describe() for index in table.global_indexes],
        indexes=[index.describe() for index in table.indexes],
        streams=dict(table.stream_specification or {}),
        sse_specification=_encryption(wanted),
    )
    made.ttl = table.ttl
    members = [table, *others(table), made]
    backend.tables[table.name] = made
    for one in members:
        one.replicas = [other.region_name for other in members if other is not one]
    for attributes in [item.to_json()["Attributes"] for item in table.all_items()]:
        _send(table, attributes, attributes, [made])


def _encryption(wanted: Mapping[str, Any]) -> dict[str, Any] | None:
    key = wanted.get("KMSMasterKeyId")
    return {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key} if key else None


def described(table: Table) -> dict[str, Any]:
    """What DescribeTable says of a global table: the other replicas."""
    found = [
        {
            "RegionName": one.region_name,
            "ReplicaStatus": "ACTIVE",
            "KMSMasterKeyId": (one.sse_specification or {}).get("KMSMasterKeyId"),
        }
        for one in others(table)
    ]
    strong = dynamodb_strong.described(table)
    return {"Replicas": found, "GlobalTableVersion": VERSION, **strong} if found else {}


def wrote(table: Table, key: Attributes) -> None:
    """An item of `table` was written or deleted: tell the other replicas."""
    if to := others(table):
        found = table.get_item(*_parts(table, key))
        _send(table, key, copy.deepcopy(found.to_json()["Attributes"]) if found else None, to)


def _send(table: Table, key: Attributes, item: Attributes | None, to: Sequence[Table]) -> None:
    names, now = {name: key[name] for name in table.table_key_attrs}, time.monotonic()
    _written(table)[str(names)] = now
    for one in to:
        where = {"account": one.account_id, "source": table.region_name, "region": one.region_name, "table": one.name}
        due = Due(written=now, key=names, item=item, **where)
        if not dynamodb_strong.is_strong(table):
            _way.send(due)
        elif REGIONS.apart(table.region_name, one.region_name):
            _missed.send(replace(due, places=dynamodb_strong.places(table)))
        else:
            _keep(due)


def arrive() -> None:
    """Put what has arrived where it belongs."""
    _way.arrive(_keep)
    _missed.arrive(_keep)


def _keep(one: Due) -> None:
    table = dynamodb_backends[one.account][one.region].tables.get(one.table)
    if table is None or one.written < _written(table).get(str(one.key), 0.0):
        return
    _written(table)[str(one.key)] = one.written
    if one.item is None:
        table.delete_item(*_parts(table, one.key))
    else:
        table.put_item(dict(one.item), overwrite=True)


def _written(table: Table) -> dict[str, float]:
    """Key -> when the item was last written, wherever that was."""
    if not hasattr(table, "written"):
        table.written = {}
    return table.written  # type: ignore[no-any-return]


def _parts(table: Table, key: Attributes) -> tuple[DynamoType, DynamoType | None]:
    within = DynamoType(key[table.range_key_attr]) if table.range_key_attr else None
    return DynamoType(key[table.hash_key_attr]), within
