"""DynamoDB global tables with multi-Region strong consistency: a write is in all replicas that can be reached before it
is answered, one at a time over all regions, and two of the three places have to see each other.

Rules: three replicas, or two and a witness, in three regions of one set, which come and go together; an empty table,
without TTL, local indexes and transactions. An eventually consistent read asks its own replica only.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/V2globaltables_HowItWorks.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-global-table-design.html
"""

import contextlib
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.dynamodb.exceptions import MockValidationException
from moto.dynamodb.models.table import Table

from sandbox.aws.outages import REGIONS

STRONG = "STRONG"

PLACES, QUORUM = 3, 2

REGION_SETS = (
    frozenset({"us-east-1", "us-east-2", "us-west-2"}),
    frozenset({"eu-west-1", "eu-west-2", "eu-west-3", "eu-central-1"}),
    frozenset({"ap-northeast-1", "ap-northeast-2", "ap-northeast-3"}),
)
"""A global table lies in one of them."""

_writing = threading.RLock()


class NoQuorum(JsonRESTError):  # type: ignore[misc]
    """This region does not reach any of the other places."""

    code = 500

    def __init__(self) -> None:
        super().__init__("InternalServerError", "The request could not be completed with strong consistency.")


def is_strong(table: Table) -> bool:
    """Whether it is a replica of such a global table."""
    return getattr(table, "consistency", "") == STRONG


def places(table: Table) -> frozenset[str]:
    """Regions of the replicas and of the witness."""
    return frozenset({table.region_name, *table.replicas, *table.witnesses})


def sees_enough(region: str, of: Iterable[str]) -> bool:
    """Whether a majority of the places can be reached from the one in `region`."""
    return sum(not REGIONS.apart(region, one) for one in of) >= QUORUM


def check_reach(table: Table) -> None:
    """Raises NoQuorum where a strongly consistent read or a write cannot be."""
    if is_strong(table) and not sees_enough(table.region_name, places(table)):
        raise NoQuorum


def writing(table: Table) -> AbstractContextManager[Any]:
    """Hold this around a write, its condition and its way to the other replicas."""
    if not is_strong(table):
        return contextlib.nullcontext()
    check_reach(table)
    return _writing


def refuse_transactions(tables: Iterable[Table | None]) -> None:
    if any(table is not None and is_strong(table) for table in tables):
        raise MockValidationException("Transactions are not supported on global tables with strong consistency.")


def asked_for(table: Table, body: Mapping[str, Any]) -> bool:
    """Whether an UpdateTable is about such a global table."""
    return body.get("MultiRegionConsistency") == STRONG or is_strong(table)


def check_update(table: Table, body: Mapping[str, Any], own_ttl: bool) -> None:
    """Refuse what AWS refuses: the three places come and go together."""
    added, left = _regions(body, "Create"), _regions(body, "Delete")
    if is_strong(table):
        if added or (left and set(left) != places(table) - {table.region_name}):
            raise MockValidationException("The three places of a global table with strong consistency stay together.")
        return
    found = {table.region_name, *added}
    if getattr(table, "replicas", ()):
        raise MockValidationException("The consistency of a global table cannot be changed.")
    if not len(found) == len(added) + 1 == PLACES or len(_of_witnesses(body, "Create")) > 1:
        raise MockValidationException("Strong consistency needs three replicas, or two replicas and one witness.")
    if not any(found <= one for one in REGION_SETS):
        raise MockValidationException(f"{', '.join(sorted(found))} are not of one set of regions.")
    if any(table.all_items()) or own_ttl or table.indexes:
        raise MockValidationException("Strong consistency needs an empty table without TTL and local indexes.")


def mark(members: Sequence[Table], body: Mapping[str, Any]) -> None:
    """After the update: what the members are now."""
    witnesses = _of_witnesses(body, "Create") or getattr(members[0], "witnesses", [])
    gone = _of_witnesses(body, "Delete")
    for one in members:
        one.witnesses = [region for region in witnesses if region not in gone]
        one.consistency = STRONG if len(members) > 1 else ""


def described(table: Table) -> dict[str, Any]:
    """What DescribeTable says of one."""
    if not is_strong(table):
        return {}
    witnesses = [{"RegionName": region, "WitnessStatus": "ACTIVE"} for region in table.witnesses]
    return {"MultiRegionConsistency": STRONG, **({"GlobalTableWitnesses": witnesses} if witnesses else {})}


def _regions(body: Mapping[str, Any], kind: str) -> list[str]:
    replicas = [one[kind]["RegionName"] for one in body.get("ReplicaUpdates") or () if kind in one]
    return [*replicas, *_of_witnesses(body, kind)]


def _of_witnesses(body: Mapping[str, Any], kind: str) -> list[str]:
    return [one[kind]["RegionName"] for one in body.get("GlobalTableWitnessUpdates") or () if kind in one]
