"""Tags, which every service of AWS lists in its own way."""

from collections.abc import Iterable, Mapping
from typing import Any

from operations.audit.live.question import Question
from operations.audit.live.region import Region, Unread
from policies.resources import NotObservedError


def tags(listed: Iterable[Mapping[str, str]] | None, key: str = "Key", value: str = "Value") -> dict[str, str]:
    """``[{"Key": k, "Value": v}]`` as a mapping, as Pulumi has it."""
    return {tag[key]: tag.get(value, "") for tag in listed or ()}


def tags_of(
    region: Region, question: Question, *, key: str = "Key", value: str = "Value", **parameters: Any
) -> dict[str, str] | Unread:
    """Tags that a call of their own lists."""
    try:
        return tags(region.pages(question, **parameters), key, value)
    except NotObservedError as error:
        return Unread(str(error))
