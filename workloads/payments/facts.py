"""What a request's line in the log says besides route and status: noted on the way by whoever knows it.

facts = begin()                        in the task that answers
note(market="eu-sepa", shard="s00")    wherever it is known
"""

from contextvars import ContextVar
from typing import Any

_facts: ContextVar[dict[str, Any] | None] = ContextVar("facts", default=None)


def begin() -> dict[str, Any]:
    """The facts of the request that begins."""
    found: dict[str, Any] = {}
    _facts.set(found)
    return found


def note(**facts: Any) -> None:
    """Outside of a request, as in the settler, it is nobody's."""
    if (found := _facts.get()) is not None:
        found.update(facts)
