"""From the words of AWS's APIs to those of the provider."""

from collections.abc import Mapping
from typing import Any

from operations.audit.live.region import Region


def camel(value: Any) -> Any:
    """``{"HttpTokens": ...}`` as ``{"httpTokens": ...}``, all levels; ``ARN`` is ``arn``."""
    if isinstance(value, Mapping):
        return {_camel(name): camel(member) for name, member in value.items()}
    return [camel(member) for member in value] if isinstance(value, list) else value


def given(**values: Any) -> dict[str, Any]:
    """The values that there are: AWS leaves out, or says "", where a state has nothing."""
    return {name: value for name, value in values.items() if value not in (None, "")}


def arn(region: Region, service: str, resource: str) -> str:
    """ARN of a resource whose description has none; this project knows the partition ``aws`` only."""
    return f"arn:aws:{service}:{region.name}:{region.account}:{resource}"


def _camel(name: str) -> str:
    return name.lower() if name.isupper() else name[:1].lower() + name[1:]
