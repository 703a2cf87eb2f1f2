"""From the words of AWS's APIs to those of the provider."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from operations.audit.live.region import Region

NO_WORDS: Mapping[str, str] = {}


def camel(value: Any, other: Mapping[str, str] = NO_WORDS) -> Any:
    """``{"HttpTokens": ...}`` as ``{"httpTokens": ...}``, all the way down; ``ARN`` is ``arn``; ``other``: names for
    which the provider has another word. Times as ISO 8601; what is None is left out."""
    if isinstance(value, Mapping):
        named = {other.get(name) or _camel(name): camel(member, other) for name, member in value.items()}
        return {name: member for name, member in named.items() if member is not None}
    if isinstance(value, list):
        return [camel(member, other) for member in value]
    return value.isoformat() if isinstance(value, datetime) else value


def picked(
    value: Mapping[str, Any], names: Iterable[str] = (), other: Mapping[str, str] = NO_WORDS, **renamed: str
) -> dict[str, Any]:
    """These members of an answer in the provider's words, those of ``other`` too, and of ``name="Name"`` under the
    given name; what AWS leaves out is left out."""
    wanted = {*names, *other}
    found: dict[str, Any] = camel({name: member for name, member in value.items() if name in wanted}, other)
    return found | {ours: camel(value[theirs]) for ours, theirs in renamed.items() if value.get(theirs) is not None}


def given(**values: Any) -> dict[str, Any]:
    """The values that there are: AWS leaves out, or says "", where a state has nothing."""
    return {name: value for name, value in values.items() if value not in (None, "")}


def arn(region: Region, service: str, resource: str) -> str:
    """ARN of a resource whose description has none; this project knows the partition ``aws`` only."""
    return f"arn:aws:{service}:{region.name}:{region.account}:{resource}"


def _camel(name: str) -> str:
    return name.lower() if name.isupper() else name[:1].lower() + name[1:]
