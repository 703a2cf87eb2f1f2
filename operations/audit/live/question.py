"""The calls that an audit may make: each operation once, with what of its answer is kept and the IAM action it needs.

A reader can ask only through a ``Question``, and every question is in ``QUESTIONS``: what an audit calls is a subset of
what ``cell audit --iam-policy`` allows, by construction. Of an answer a reader gets the kept fields only, so that what
was judged is what the evidence holds, and nothing else leaves this module.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

QUESTIONS: dict[tuple[str, str], "Question"] = {}
"""(service, operation) -> question; filled when the modules of the readers are imported."""

MAX_DEPTH = 32
"""Levels of an answer; the deepest of AWS's own shapes that are read here has about a dozen."""

MAX_ITEMS = 100_000
"""Members of one list in an answer."""

MAX_TEXT = 1_000_000
"""Characters of one text in an answer: policy documents are the longest, of tens of thousands."""


class TooLarge(Exception):
    """An answer is deeper or longer than AWS's own are: whoever sent it is not believed."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """One read operation of AWS.

    ``keep``: paths into the answer, ``"KeyMetadata"`` or ``"Buckets.Name"``; lists are gone through. ``items``: the
    member of a paginated answer that holds its list. ``absent``: error codes by which AWS says "there is none".
    ``action``: the IAM action where it is not ``service:Operation``
    (https://docs.aws.amazon.com/service-authorization/latest/reference/).
    """

    service: str
    """boto3's name of the client."""
    operation: str
    """boto3's name of the method, ``"list_keys"``."""
    keep: tuple[str, ...]
    items: str = ""
    absent: frozenset[str] = frozenset()
    action: str = ""
    urls: frozenset[str] = frozenset()
    """Kept members that hold a URL, of which scheme and host alone are kept: the rest may be a token."""
    recorded: str = field(default="", kw_only=True)
    """Why the emulator does not serve it, so that recorded answers test its readers; "" where it does."""

    def __post_init__(self) -> None:
        known = QUESTIONS.setdefault((self.service, self.operation), self)
        if known != self:
            raise ValueError(f"{self.name} is declared twice, in different ways")

    @property
    def name(self) -> str:
        """``kms:ListKeys``, as CloudTrail has it."""
        return f"{self.service}:{''.join(part.capitalize() for part in self.operation.split('_'))}"

    @property
    def permission(self) -> str:
        """The IAM action that allows it."""
        return self.action or self.name


def kept(question: Question, answer: Mapping[str, Any]) -> dict[str, Any]:
    """The kept fields of an answer. Raises TooLarge."""
    measure(answer)
    found = _project(answer, [path.split(".") for path in question.keep])
    return _without_paths(found, question.urls) if question.urls else found


def _project(value: Mapping[str, Any], paths: Iterable[list[str]]) -> dict[str, Any]:
    wanted: dict[str, list[list[str]]] = {}
    for head, *rest in paths:
        wanted.setdefault(head, []).append(rest)
    return {name: _below(value[name], rests) for name, rests in wanted.items() if name in value}


def _below(value: Any, rests: list[list[str]]) -> Any:
    if not all(rests):
        return value
    if isinstance(value, list):
        return [_below(member, rests) for member in value]
    return _project(value, rests) if isinstance(value, Mapping) else value


def _without_paths(value: Any, urls: frozenset[str]) -> Any:
    if isinstance(value, Mapping):
        return {
            name: _place(member) if name in urls else _without_paths(member, urls) for name, member in value.items()
        }
    return [_without_paths(member, urls) for member in value] if isinstance(value, list) else value


def _place(url: Any) -> str:
    try:
        parts = urlsplit(str(url))
        return f"{parts.scheme}://{parts.hostname}/" if parts.hostname else ""
    except ValueError:
        return ""


def measure(value: Any, depth: int = 0) -> None:
    """Raises TooLarge where an answer is deeper or longer than those of AWS and Kubernetes are."""
    if depth > MAX_DEPTH:
        raise TooLarge(f"an answer of more than {MAX_DEPTH} levels")
    if isinstance(value, str) and len(value) > MAX_TEXT:
        raise TooLarge(f"a text of more than {MAX_TEXT:,} characters")
    if isinstance(value, (list, Mapping)) and len(value) > MAX_ITEMS:
        raise TooLarge(f"a list of more than {MAX_ITEMS:,} members")
    if isinstance(value, Mapping):
        for member in value.values():
            measure(member, depth + 1)
    elif isinstance(value, list):
        for member in value:
            measure(member, depth + 1)
