"""What selections of AWS Backup hold, of databases, tables and buckets
(https://docs.aws.amazon.com/aws-backup/latest/devguide/assigning-resources.html)."""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from policies.resources import Resource, Stack

_SELECTION = "aws:backup/selection:Selection"
_TAG = "aws:ResourceTag/"

_SHAPES: Mapping[str, tuple[str, str, str]] = {
    "aws:rds/cluster:Cluster": ("rds", "cluster:", "clusterIdentifier"),
    "aws:rds/instance:Instance": ("rds", "db:", "identifier"),
    "aws:dynamodb/table:Table": ("dynamodb", "table/", "name"),
    "aws:s3/bucket:Bucket": ("s3", "", "bucket"),
}
"""Store -> service and what stands before its name in its ARN (service authorization reference), and the property with
the name."""


def selected(store: Resource, stack: Stack) -> bool | None:
    """Whether a selection of the store's region holds it; None where that is not known, as where another stack may have
    the only one."""
    selections = [one for one in stack.of(_SELECTION) if one.region == store.region]
    answers = [_selects(selection, store) for selection in selections] or [False if stack.whole else None]
    return True if True in answers else None if None in answers else False


def _selects(selection: Resource, store: Resource) -> bool | None:
    """Resources, less notResources, that have one of selectionTags and fulfil all conditions; None where not known."""
    tags = selection.given("selectionTags") or ()
    if tags and not any(store.tag(one["key"]) == one["value"] for one in tags):
        return False
    excluded = [_matches(pattern, store) for pattern in selection.given("notResources") or ()]
    if True in excluded:
        return False
    if not all(_holds(operator, key, value, store) for operator, key, value in _conditions(selection)):
        return False
    if store.urn in selection.references.get("resources", ()):
        named: list[bool | None] = [True]
    else:
        named = [_matches(pattern, store) for pattern in selection.given("resources") or ("*",)]
    if True in named:
        return None if None in excluded else True
    return None if None in named else False


def _conditions(selection: Resource) -> Iterator[tuple[str, str, str]]:
    for group in selection.given("conditions") or ():
        for operator in ("stringEquals", "stringLikes", "stringNotEquals", "stringNotLikes"):
            found: list[Mapping[str, Any]] = group.get(operator) or []
            for condition in found:
                yield operator, condition["key"], condition["value"]


def _holds(operator: str, key: str, value: str, store: Resource) -> bool:
    tag = store.tag(key.removeprefix(_TAG))
    equal = tag is not None and (fnmatchcase(tag, value) if "Like" in operator else tag == value)
    return equal != operator.startswith("stringNot")


def _matches(pattern: str, store: Resource) -> bool | None:
    """Whether a pattern of ARNs holds a store: part by part, since a preview knows its name before its ARN."""
    if pattern == "*":
        return True
    service, begin, name = _SHAPES[store.type]
    of_service, region, account, what = [*pattern.split(":", 5)[2:], "", "", "", ""][:4]
    # The ARN of a bucket has neither region nor account.
    if of_service != service or not fnmatchcase("" if service == "s3" else store.region or "", region):
        return False
    own = [*(store.maybe("arn") or "").split(":", 5), "", "", "", "", ""]
    called = f"{begin}{known}" if (known := store.maybe(name)) else own[5]
    answers = [True if service == "s3" else _like(own[4], account, ""), _like(called, what, begin)]
    return None if None in answers and False not in answers else all(answers)


def _like(known: str, pattern: str, begin: str) -> bool | None:
    """Whether a word matches; None where it is not known and the pattern asks for more than how it begins."""
    if known:
        return fnmatchcase(known, pattern)
    if pattern in ("*", f"{begin}*"):
        return True
    return None if fnmatchcase(begin, f"{pattern[: len(begin)]}*") else False
