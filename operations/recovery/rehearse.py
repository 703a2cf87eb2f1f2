"""`cell recovery rehearse`: what the weekly drill runs on AWS (`components/pair_drill.py`).

A planned switchover to the replica, a stay, and the failback, by the commands of the day itself. Its stop condition:

- it does not begin while an alarm that tells people rings in either region, or where nobody can say whether one does;
- while the replica writes, an alarm of its region, or one that cannot be looked at, ends the stay at once.

The movements themselves are not stopped: between fence and grant nobody writes, and the way out of there is forward.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from operations.errors import CellError, ExitCode
from operations.recovery.run import Kind
from operations.recovery.store import Source
from stacks.pairs import PairPlan

STAY_S: Final = 600.0
"""Seconds that the replica writes: alarms look at three minutes, most of them, and ten show more than the move."""

LOOK_S: Final = 15.0
"""Seconds between two looks at the alarms."""

_UNSEEN = "alarms of {} cannot be looked at ({})"


class Waits(Protocol):
    """What a clock has to do (operations/recovery/machine.py)."""

    def monotonic(self) -> float:
        """Seconds that only grow."""

    def sleep(self, seconds: float) -> None:
        """Waits."""


def ringing(clients: Source, pair: PairPlan, regions: Sequence[str]) -> list[str]:
    """Composite alarms of the pair and of both cells in ALARM: they are those that tell people. Also says which regions
    could not be asked
    (https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html)."""
    found: list[str] = []
    for region in regions:
        try:
            for prefix in _prefixes(pair):
                found += _in_alarm(clients.get("cloudwatch", region), prefix)
        except (ClientError, BotoCoreError) as error:
            found.append(_UNSEEN.format(region, error))
    return sorted(set(found))


def _prefixes(pair: PairPlan) -> list[str]:
    """Names of the pair's alarms begin with the pair's name, which begins with the primary's."""
    names = [f"{cell}-" for cell in pair.cells]
    return [name for name in names if not any(name != other and name.startswith(other) for other in names)]


def _in_alarm(cloudwatch: Any, prefix: str) -> list[str]:
    pages = cloudwatch.get_paginator("describe_alarms").paginate(
        AlarmNamePrefix=prefix, AlarmTypes=["CompositeAlarm"], StateValue="ALARM"
    )
    return [str(alarm["AlarmName"]) for page in pages for alarm in page.get("CompositeAlarms", ())]


@dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """One drill of a pair, home to replica and back."""

    pair: PairPlan
    writer: Callable[[], str]
    """Stack of the cell that writes, as the record says."""
    rings: Callable[[Sequence[str]], list[str]]
    """`ringing`, by regions."""
    move: Callable[[Kind, str, str], None]
    """A whole movement, from one cell to another. Raises CellError where it does not end."""
    clock: Waits
    say: Callable[[str], None]

    def act(self, stay_s: float = STAY_S) -> str:
        """One line for the record. Raises CellError where it did not begin, was cut short, or did not come back."""
        home, away = self.pair.primary, self.pair.replica
        if (writes := self.writer()) != home.cell:
            raise CellError(
                f"not begun: {writes} writes; bring the writer home first: cell failback", ExitCode.RESOURCE
            )
        if found := self.rings((home.region, away.region)):
            raise CellError(f"not begun: {_listed(found)}", ExitCode.RESOURCE)
        self.move(Kind.SWITCHOVER, home.cell, away.cell)
        began = self.clock.monotonic()
        cut_short = self._stay(began + stay_s)
        wrote = f"{away.cell} wrote for {self.clock.monotonic() - began:.0f} s"
        self.move(Kind.FAILBACK, away.cell, home.cell)
        if cut_short:
            raise CellError(f"cut short: {wrote}, until {_listed(cut_short)}; {home.cell} writes again", ExitCode.ERROR)
        return f"there and back: {wrote}, {home.cell} writes again"

    def _stay(self, end: float) -> list[str]:
        """What ended the stay early; empty: nothing did."""
        self.say(f"{self.pair.replica.cell} writes; back after the stay, or when an alarm of its region rings")
        while self.clock.monotonic() < end:
            if found := self.rings((self.pair.replica.region,)):
                self.say(f"stop: {_listed(found)}")
                return found
            self.clock.sleep(LOOK_S)
        return []


def _listed(found: Sequence[str]) -> str:
    return ", ".join(one if one.startswith("alarms of") else f"{one} rings" for one in found)
