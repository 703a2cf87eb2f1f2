"""Whether two property values mean the same to AWS.

JSON text is compared as JSON, IAM policies without regard to the order and the list-or-scalar spelling of actions,
resources and principals, lists as sets unless a type says that order counts, and an absent value equals the empty one.
"""

import json
from collections.abc import Collection, Mapping
from typing import Any

from sandbox.aws.provider.codec import UNKNOWN
from sandbox.aws.provider.schema import Kind, Type

POLICY_LISTS = frozenset(
    {"Action", "NotAction", "Resource", "NotResource", "AWS", "Service", "Federated", "CanonicalUser"}
)


def is_empty(value: Any) -> bool:
    """Values that AWS and the official plugin treat as not given."""
    return value is None or value is False or value == "" or value == 0 or value == [] or value == {}


def same(left: Any, right: Any, *, ordered: Collection[str] = (), path: str = "") -> bool:
    """Both mean the same. ``ordered`` holds dotted paths of lists whose order counts."""
    return covers(left, right, ordered=ordered, path=path) and covers(right, left, ordered=ordered, path=path)


def covers(
    wanted: Any, actual: Any, *, ordered: Collection[str] = (), path: str = "", kind: Type | None = None
) -> bool:
    """``actual`` is what was ``wanted``; blocks in ``actual`` may hold more than was asked for, maps may not.

    ``kind`` is the property's type; without it every mapping counts as a block.
    """
    if wanted is UNKNOWN or actual is UNKNOWN:
        return wanted is actual
    if wanted is None or actual is None:
        return is_empty(wanted) and is_empty(actual)
    if isinstance(wanted, Mapping) and isinstance(actual, Mapping):
        if _is_map(kind) and set(wanted) != set(actual):
            return False
        # An empty block inside a block is a choice (WAF's `block: {}`), and not the same as leaving it out.
        return all(
            not (value == {} and actual.get(name) is None and not _is_map(_member_kind(kind, name)))
            and covers(
                value,
                actual.get(name),
                ordered=ordered,
                path=f"{path}.{name}" if path else name,
                kind=_member_kind(kind, name),
            )
            for name, value in wanted.items()
        )
    if isinstance(wanted, list) and isinstance(actual, list):
        return _lists(wanted, actual, ordered, path, kind.item if kind else None)
    return _scalars(wanted, actual)


def _is_map(kind: Type | None) -> bool:
    return kind is not None and kind.kind is Kind.MAP


def _member_kind(kind: Type | None, name: str) -> Type | None:
    if kind is None or kind.kind is Kind.MAP:
        return kind.item if kind else None
    found = kind.properties().get(name)
    return found.type if found else None


def _lists(wanted: list[Any], actual: list[Any], ordered: Collection[str], path: str, kind: Type | None) -> bool:
    if len(wanted) != len(actual):
        return False
    if path in ordered:
        pairs = zip(wanted, actual, strict=True)
        return all(covers(a, b, ordered=ordered, path=path, kind=kind) for a, b in pairs)
    left = list(actual)
    for item in wanted:
        twins = (i for i, other in enumerate(left) if covers(item, other, ordered=ordered, path=path, kind=kind))
        found = next(twins, None)
        if found is None:
            return False
        del left[found]
    return True


def _scalars(wanted: Any, actual: Any) -> bool:
    if isinstance(wanted, bool) != isinstance(actual, bool):
        return False
    if isinstance(wanted, str) and isinstance(actual, str):
        return wanted == actual or _documents(wanted, actual)
    return bool(wanted == actual)


def _documents(left: str, right: str) -> bool:
    if not (left.lstrip()[:1] in ("{", "[") and right.lstrip()[:1] in ("{", "[")):
        return False
    try:
        return bool(_normal(json.loads(left)) == _normal(json.loads(right)))
    except ValueError:
        return False


def _normal(document: Any, key: str = "") -> Any:
    """A JSON document in one spelling; only inside policies is list order without meaning."""
    if isinstance(document, dict):
        is_policy = "Statement" in document
        found = {name: _normal(value, name) for name, value in document.items()}
        if is_policy and isinstance(document["Statement"], dict):
            found["Statement"] = [found["Statement"]]
        return found
    if isinstance(document, list):
        items = [_normal(item) for item in document]
        if key in POLICY_LISTS and all(isinstance(item, str) for item in items):
            return sorted(set(items))
        return items
    if key in POLICY_LISTS:
        return [document]
    return document


def project(wanted: Any, actual: Any, kind: Type | None = None) -> Any:
    """``actual`` with only the block members that ``wanted`` speaks of: what a program would have said to get it."""
    if isinstance(wanted, Mapping) and isinstance(actual, Mapping):
        if _is_map(kind):
            return dict(actual)
        return {
            name: project(value, actual.get(name), _member_kind(kind, name))
            for name, value in wanted.items()
            if actual.get(name) is not None
        }
    if isinstance(wanted, list) and isinstance(actual, list):
        objects = [item for item in wanted if isinstance(item, Mapping)]
        if not objects:
            return actual
        names = {name: value for item in reversed(objects) for name, value in item.items()}
        return [_like(item, objects, names, kind.item if kind else None) for item in actual]
    return actual


def _like(actual: Any, objects: list[Mapping[str, Any]], names: Mapping[str, Any], kind: Type | None) -> Any:
    twin = next((item for item in objects if covers(item, actual, kind=kind)), None)
    return project(twin or names, actual, kind)
