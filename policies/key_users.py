"""Which key a store is encrypted with, as far as a stack shows it."""

from collections.abc import Iterable, Mapping
from typing import Any

from pulumi_policy.proxy import UnknownValueError

from policies.resources import Resource, Stack
from policies.stores import BUCKET_ENCRYPTION, STORES


def keys_of(store: Resource, stack: Stack) -> frozenset[str]:
    """The keys that a store names: the URN of one of this stack, else its ARN. Raises ``UnknownValueError`` where the
    program gave a key that is not known yet."""
    if store.type == "aws:s3/bucket:Bucket":
        rules = stack.pointing_at(store, BUCKET_ENCRYPTION, "bucket")
        return frozenset(key for found in rules for key in _keys(found, "rules", stack, _of_rules))
    top, _, rest = STORES[store.type].key.partition(".")
    return _keys(store, top, stack, lambda value: _inside(value, rest))


def sharer(store: Resource, others: Iterable[Resource], stack: Stack) -> Resource | None:
    """The first of the other stores that is under a key of this one. What is not known hides no one who shares, and
    raises ``UnknownValueError`` where no one is known to."""
    keys, unknown = keys_of(store, stack), None
    for other in others:
        try:
            if keys & keys_of(other, stack):
                return other
        except UnknownValueError as found:
            unknown = found
    if unknown:
        raise unknown
    return None


def _keys(resource: Resource, name: str, stack: Stack, arns: Any) -> frozenset[str]:
    if sources := [source for source in stack.sources(resource, name) if source.type.startswith("aws:kms/")]:
        behind = ((source, stack.sources(source, "targetKeyId")) for source in sources)  # An alias names a key.
        return frozenset(key.urn for source, keys in behind for key in keys or (source,))
    value = resource.given(name)
    known = {key.maybe("arn"): key.urn for key in stack.of("aws:kms/key:Key")}
    return frozenset(known.get(arn, arn) for arn in arns(value) if arn)


def _of_rules(rules: Any) -> list[Any]:
    return [(rule.get("applyServerSideEncryptionByDefault") or {}).get("kmsMasterKeyId") for rule in rules or ()]


def _inside(value: Any, path: str) -> list[Any]:
    for name in filter(None, path.split(".")):
        value = value.get(name) if isinstance(value, Mapping) else None
    return [value]
