"""Answers of AWS as the provider has them: other names, the same values."""

from collections.abc import Mapping
from typing import Any


def picked(raw: Mapping[str, Any], **names: str) -> dict[str, Any]:
    """``name="Name"``: these members of an answer under the provider's names; what AWS leaves out is left out."""
    return {ours: camel(raw[theirs]) for ours, theirs in names.items() if raw.get(theirs) is not None}


def camel(value: Any) -> Any:
    """``{"DeadLetterConfig": {"Arn": x}}`` as ``{"deadLetterConfig": {"arn": x}}``."""
    if isinstance(value, Mapping):
        return {key[:1].lower() + key[1:]: camel(member) for key, member in value.items()}
    return [camel(member) for member in value] if isinstance(value, list) else value
