"""AWS's words in those of the provider."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

NO_WORDS: Mapping[str, str] = {}


def camel(value: Any, other: Mapping[str, str] = NO_WORDS) -> Any:
    """``{"DeleteAfterDays": 35}`` as ``{"deleteAfterDays": 35}``, all the way down; ``other``: names for which the
    provider has another word. Times as ISO 8601; what is None is left out."""
    if isinstance(value, Mapping):
        named = {other.get(name) or name[0].lower() + name[1:]: camel(member, other) for name, member in value.items()}
        return {name: member for name, member in named.items() if member is not None}
    if isinstance(value, list):
        return [camel(member, other) for member in value]
    return value.isoformat() if isinstance(value, datetime) else value


def picked(value: Mapping[str, Any], names: Iterable[str], other: Mapping[str, str] = NO_WORDS) -> dict[str, Any]:
    """These members of an answer, those of ``other`` too, in the provider's words."""
    wanted = {*names, *other}
    return camel({name: member for name, member in value.items() if name in wanted}, other)  # type: ignore[no-any-return]
