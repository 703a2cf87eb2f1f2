"""What a trail records: management events, and which objects and items. Property names are those of pulumi-aws 7.

Selectors are read as CloudTrail reads them
(https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_DataResource.html,
https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_AdvancedFieldSelector.html).
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pulumi_policy.proxy import UNKNOWN_STRING_VALUE, UnknownValueError

from policies.relations import naming
from policies.resources import Resource, Stack

TRAIL = "aws:cloudtrail/trail:Trail"
BUCKET, TABLE = "aws:s3/bucket:Bucket", "aws:dynamodb/table:Table"

AUDIT_USE = "audit-trail"
"""Value of the ``payment-cell:use`` tag of a bucket that trails of other stacks write to."""

DATA = {BUCKET: "AWS::S3::Object", TABLE: "AWS::DynamoDB::Table"}
"""Store -> what a selector calls that which is in it."""

BOTH = frozenset({"read", "write"})

_READ_WRITE = {"ReadOnly": frozenset({"read"}), "WriteOnly": frozenset({"write"})}
_READ_ONLY = {"true": frozenset({"read"}), "false": frozenset({"write"})}
_FIELDS = {"eventCategory", "resources.type", "resources.ARN", "readOnly"}
"""Fields of an advanced selector that pick no single calls or callers."""

_Match = Callable[[str, str], bool]
"""(what begins the ARN of everything in the store, value of a selector) -> whether the value chooses it."""


def records_management(trail: Mapping[str, Any]) -> bool:
    """Whether a trail records management events; without selectors it does."""
    if advanced := trail.get("advancedEventSelectors"):
        return any("Management" in _equals(_fields(selector), "eventCategory") for selector in _each(advanced))
    basic = list(_each(trail.get("eventSelectors")))
    return not basic or any(selector.get("includeManagementEvents", True) for selector in basic)


def records_data(trail: Mapping[str, Any]) -> bool:
    """Whether a trail records any data events."""
    advanced = (_fields(selector) for selector in _each(trail.get("advancedEventSelectors")))
    basic = _each(trail.get("eventSelectors"))
    return any("Data" in _equals(fields, "eventCategory") for fields in advanced) or any(
        selector.get("dataResources") for selector in basic
    )


def is_audit_bucket(bucket: Resource, stack: Stack) -> bool:
    """Whether a trail writes to the bucket: one of this stack or, by its tag, of another."""
    name = bucket.maybe("bucket")
    return (
        bucket.tag("payment-cell:use") == AUDIT_USE
        or any(naming(bucket, stack, [TRAIL], "s3BucketName"))
        or any(name and trail.maybe("s3BucketName") == name for trail in stack.of(TRAIL))
    )


def recorded(store: Resource, trail: Resource, stack: Stack) -> frozenset[str]:
    """Which of `BOTH` a trail records of everything in a bucket or table. Raises ``UnknownValueError`` where a selector
    may name the store by a value that is not known yet."""
    found: frozenset[str] = frozenset()
    for selector in _each(trail.props.get("eventSelectors")):
        for resource in _each(selector.get("dataResources")):
            if resource["type"] == DATA[store.type] and _chosen(
                store, trail, "eventSelectors", resource["values"], stack, str.startswith
            ):
                found |= _READ_WRITE.get(selector.get("readWriteType") or "All", BOTH)
    for selector in _each(trail.props.get("advancedEventSelectors")):
        fields = _fields(selector)
        if DATA[store.type] in _equals(fields, "resources.type") and _includes(store, trail, fields, stack):
            only = list(_equals(fields, "readOnly"))
            found |= _READ_ONLY.get(only[0], BOTH) if len(only) == 1 else BOTH
    return found


def _includes(store: Resource, trail: Resource, fields: Mapping[str, Mapping[str, Any]], stack: Stack) -> bool:
    """Whether an advanced selector leaves nothing of the store out."""
    field = fields.get("resources.ARN", {})
    if not fields.keys() <= _FIELDS or field.get("endsWiths") or field.get("notEndsWiths"):
        return False

    def chosen(operator: str, matches: _Match) -> bool:
        return _chosen(store, trail, "advancedEventSelectors", field.get(operator), stack, matches)

    if chosen("notEquals", _overlaps) or chosen("notStartsWiths", _overlaps):
        return False
    if not field.get("equals") and not field.get("startsWiths"):
        return True
    # An object's ARN is equal to no bucket's; a table has no ARN but its own.
    exactly = store.type == TABLE and chosen("equals", str.__eq__)
    return exactly or chosen("startsWiths", str.startswith)


def _overlaps(begin: str, value: str) -> bool:
    return begin.startswith(value) or value.startswith(begin)


def _chosen(store: Resource, trail: Resource, prop: str, values: Any, stack: Stack, matches: _Match) -> bool:
    """Whether one of the values chooses the store; an unknown one does where it comes from the store."""
    unknown: UnknownValueError | None = None
    for index in range(len(values or ())):
        try:
            if matches(*_comparable(store, values[index])):
                return True
        except UnknownValueError as error:
            sources = stack.sources(trail, prop)
            if store in sources:
                return True
            if not any(source.type == store.type for source in sources):
                unknown = error
    if unknown:
        raise unknown
    return False


def _comparable(store: Resource, value: str) -> tuple[str, str]:
    """(begin of the ARN of everything in the store, value), without accounts: a preview knows a name before an ARN."""
    end = "/" if store.type == BUCKET else ""
    if arn := store.maybe("arn"):
        return f"{_without_account(arn)}{end}", _without_account(value)
    root = "arn:aws:s3:::" if store.type == BUCKET else f"arn:aws:dynamodb:{store.region}::table/"
    if root.startswith(value):
        return root, value
    name = store.maybe("bucket" if store.type == BUCKET else "name")
    if not name:
        raise UnknownValueError(UNKNOWN_STRING_VALUE, ["arn"])
    return f"{root}{name}{end}", _without_account(value)


def _without_account(arn: str) -> str:
    parts = arn.split(":")
    return ":".join([*parts[:4], "", *parts[5:]]) if len(parts) > 5 else arn


def _fields(selector: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {field["field"]: field for field in _each(selector.get("fieldSelectors"))}


def _equals(fields: Mapping[str, Mapping[str, Any]], name: str) -> tuple[str, ...]:
    return tuple(_each(fields.get(name, {}).get("equals")))


def _each(values: Any) -> Iterator[Any]:
    """By index: a list of the SDK ends an iteration at its first unknown member."""
    return (values[index] for index in range(len(values or ())))
