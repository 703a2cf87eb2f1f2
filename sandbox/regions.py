"""What is wrong with whole regions of a sandbox, on purpose: the data plane holds it, the emulator is told.

Faults are switched on and off one by one, and a region may have several.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

OWN_HEADER = "x-sandbox-own"
"""Of the sandbox's own calls to its emulator: what carries out a fault does not suffer from it."""

LATE = "replication-lag"
"""Name of the fault that delays what replicates."""

_NAME = re.compile(r"(?P<fault>[a-z-]+):(?P<region>[a-z]{2}(-[a-z]+)+-\d)(:(?P<seconds>\d+(\.\d+)?))?")


class RegionFault(StrEnum):
    """What may happen to a region."""

    DEAD = "region-dead"
    """Nothing in it runs or answers; what it stored stays as it was."""
    CUT = "network-cut"
    """All of it runs, and reaches no other region, nor is reached from one."""
    DATABASE_DEAD = "database-dead"
    """Its database servers are dead; programs run."""
    CONTROL_PLANE_DEAD = "control-plane-dead"
    """AWS changes nothing there; what is there goes on."""
    SLOW = "slow-death"
    """Programs and database servers answer late, some too late for who asks."""


@dataclass(kw_only=True)
class Regions:
    """Faults of all regions. Read by several threads: each change puts a new object in place."""

    faults: frozenset[tuple[RegionFault, str]] = frozenset()
    """(fault, region)."""
    lag_s: Mapping[str, float] = field(default_factory=dict)
    """Region -> seconds by which what replicates into its databases is late."""

    def named(self, name: str, *, on: bool) -> bool:
        """Switch what `cell sandbox fault` calls so: `region-dead:eu-west-1`, `replication-lag:eu-central-1:5`. False
        for a name that is no region's fault."""
        found = _NAME.fullmatch(name)
        if found is None:
            return False
        if found["fault"] == LATE and (found["seconds"] or not on):
            self.late(found["region"], float(found["seconds"]) if on else 0.0)
            return True
        if found["fault"] in set(RegionFault) and not found["seconds"]:
            self.switch(RegionFault(found["fault"]), found["region"], on=on)
            return True
        return False

    def switch(self, fault: RegionFault, region: str, *, on: bool) -> None:
        self.faults = self.faults | {(fault, region)} if on else self.faults - {(fault, region)}

    def late(self, region: str, seconds: float) -> None:
        self.lag_s = {**{name: s for name, s in self.lag_s.items() if name != region}, region: seconds}

    def clear(self) -> None:
        self.faults, self.lag_s = frozenset(), {}

    def has(self, region: str, *faults: RegionFault) -> bool:
        """Whether the region has one of these."""
        active = self.faults
        return any((fault, region) in active for fault in faults)

    def apart(self, one: str, other: str) -> bool:
        """Whether nothing gets from one region to the other."""
        return one != other and any(self.has(region, RegionFault.DEAD, RegionFault.CUT) for region in (one, other))

    def names(self) -> list[str]:
        """As `cell sandbox fault` has them."""
        late = [f"{LATE}:{region}:{seconds:g}" for region, seconds in self.lag_s.items() if seconds]
        return sorted([*(f"{fault}:{region}" for fault, region in self.faults), *late])

    def to_json(self) -> list[list[str]]:
        """For the emulator: replication of databases is the data plane's own."""
        return sorted([fault.value, region] for fault, region in self.faults)

    def read(self, told: list[Any]) -> None:
        """Take over what `to_json` gave."""
        self.faults = frozenset((RegionFault(fault), str(region)) for fault, region in told)
