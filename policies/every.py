"""One predicate over many things: a known violation of one is never hidden by what is unknown of another."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from pulumi_policy.proxy import UnknownValueError

from policies.control import Status, Verdict, passed

Thing = TypeVar("Thing")


def every(things: Iterable[Thing], check: Callable[[Thing], Verdict]) -> Verdict:
    """The first failure, else what is unknown (raises ``UnknownValueError``) or undetermined, else a pass."""
    unknown: UnknownValueError | None = None
    answer = passed()
    for thing in things:
        try:
            verdict = check(thing)
        except UnknownValueError as error:
            unknown = error
            continue
        if verdict.status is Status.FAIL:
            return verdict
        if verdict.status is Status.UNDETERMINED:
            answer = verdict
    if unknown:
        raise unknown
    return answer
