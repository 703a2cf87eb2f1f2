"""One predicate over many things: a known violation of one is never hidden by what is unknown of another."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from pulumi_policy.proxy import UnknownValueError

from policies.control import Status, Verdict, passed
from policies.resources import NotObservedError

Thing = TypeVar("Thing")


def every(things: Iterable[Thing], check: Callable[[Thing], Verdict]) -> Verdict:
    """The first failure, else what is unknown (raises ``UnknownValueError``) or could not be read (raises
    ``NotObservedError``) or is undetermined, else a pass."""
    unknown: UnknownValueError | NotObservedError | None = None
    answer = passed()
    # By index: a list of the SDK ends an iteration at its first unknown member.
    listed = things if isinstance(things, Sequence) else tuple(things)
    for index in range(len(listed)):
        try:
            verdict = check(listed[index])
        except (UnknownValueError, NotObservedError) as error:
            unknown = error
            continue
        if verdict.status is Status.FAIL:
            return verdict
        if verdict.status is Status.UNDETERMINED:
            answer = verdict
    if unknown:
        raise unknown
    return answer
