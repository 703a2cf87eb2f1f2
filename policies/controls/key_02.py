"""KEY-02: the key of a store is the cell's own, in the store's region."""

from collections.abc import Mapping
from typing import Any

from policies.control import (
    SOC2,
    Control,
    Severity,
    StackClause,
    Strength,
    Verdict,
    failed,
    not_applicable,
    passed,
    undetermined,
)
from policies.resources import Resource, Stack, region_of_arn
from policies.stores import BUCKET_ENCRYPTION, STORES
from policies.trails import TRAIL

_CELL = "payment-cell:cell"
_TYPES = (frozenset(STORES) - {"aws:s3/bucket:Bucket"}) | {BUCKET_ENCRYPTION}


def uses_the_cells_own_key(store: Resource, stack: Stack) -> Verdict:
    name = "rules" if store.type == BUCKET_ENCRYPTION else STORES[store.type].key.partition(".")[0]
    keys = [source for source in stack.sources(store, name) if source.type == "aws:kms/key:Key"]
    if not keys:
        arns = [arn for arn in _strings(store.given(name)) if arn.startswith("arn:") and ":kms:" in arn]
        if not arns:
            return not_applicable("names no customer-managed key")
        keys = [key for key in stack.of("aws:kms/key:Key") if key.maybe("arn") in arns]
        for arn in arns:
            if region_of_arn(arn) != store.region:
                return failed(f"{name} is a key of {region_of_arn(arn)}; the store is in {store.region}")
        if not keys and store.type == TRAIL:
            return not_applicable("names a key of another stack: an audit trail's is the account's (KEY-06)")
        if not keys:
            return undetermined(f"{name} is a key of another stack; whose it is is not known here")
    if store.type == TRAIL and all(key.tag(_CELL) is None for key in keys):
        return not_applicable("an audit trail's key is the account's (KEY-06)")
    for key in keys:
        if key.region != store.region:
            return failed(f"{name} is {key.name}, a key of {key.region}; the store is in {store.region}")
        owner = _owner(store, stack)
        if owner and key.tag(_CELL) != owner:
            return failed(f"{name} is {key.name}, a key of cell {key.tag(_CELL)}; the store belongs to {owner}")
    return passed()


def _owner(store: Resource, stack: Stack) -> str | None:
    """The cell of a store; a bucket's encryption has no tags of its own, the bucket has."""
    buckets = stack.sources(store, "bucket") if store.type == BUCKET_ENCRYPTION else ()
    return buckets[0].tag(_CELL) if buckets else store.tag(_CELL)


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    children = value.values() if isinstance(value, Mapping) else value if hasattr(value, "__iter__") else ()
    return [string for child in children for string in _strings(child)]


KEY_02 = Control(
    id="KEY-02",
    title="The key of a store is its cell's own, in the same region",
    severity=Severity.HIGH,
    clauses=(StackClause(resource_types=_TYPES, check=uses_the_cells_own_key),),
    maps_to=(SOC2("C1.1", Strength.PARTIAL),),
    risk="A key shared between cells joins their fates: its loss, or its abuse, reaches all of them.",
    remediation="Use a key that is tagged with the same payment-cell:cell and lives in the store's region.",
)
