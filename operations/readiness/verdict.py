"""What one check of `cell readiness` answers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from operations.preflight_aws import NotObserved


class Answer(StrEnum):
    """Of a check. NOT_OBSERVED is not ready: whoever needs the replica finds out otherwise."""

    READY = "ready"
    NOT_READY = "not ready"
    NOT_OBSERVED = "not observed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """One check's answer."""

    check: str
    answer: Answer
    found: str
    """With the bound that it was held against."""
    fix: str = ""
    excused: bool = False
    """Not observed because the emulator cannot show it: on AWS it counts, here it does not."""

    @property
    def holds_up(self) -> bool:
        """Whether the replica cannot be called ready."""
        return self.answer is not Answer.READY and not self.excused


def ready(check: str, found: str) -> Verdict:
    """As it has to be."""
    return Verdict(check=check, answer=Answer.READY, found=found)


def not_ready(check: str, found: str, fix: str) -> Verdict:
    """A failover now would fail, lose more than it may, or run short."""
    return Verdict(check=check, answer=Answer.NOT_READY, found=found, fix=fix)


def not_observed(check: str, found: str, fix: str) -> Verdict:
    """Unknown: never taken for ready."""
    return Verdict(check=check, answer=Answer.NOT_OBSERVED, found=found, fix=fix)


def not_emulated(check: str, found: str) -> Verdict:
    """The emulator has no such thing to look at."""
    text = f"emulated: {found}"
    return Verdict(check=check, answer=Answer.NOT_OBSERVED, found=text, fix="on AWS it is looked at", excused=True)


def untold(check: str, reason: NotObserved, fix: str, *, emulated: bool) -> Verdict:
    """AWS was asked and did not tell; an emulator that lacks the call says so by its code."""
    if emulated and str(reason).endswith(": NotEmulated"):
        return not_emulated(check, str(reason))
    return not_observed(check, str(reason), fix)


def judged(check: str, wrong: list[str], found: str, fix: str) -> Verdict:
    """Ready with what was found, or not with all that is wrong."""
    return not_ready(check, "; ".join(wrong), fix) if wrong else ready(check, found)
