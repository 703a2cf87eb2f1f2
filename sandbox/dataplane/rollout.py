"""How many pods each revision of a Deployment should have now. Pure; the rules of Kubernetes' deployment controller
(https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#rolling-update-deployment)."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Revision:
    """One ReplicaSet: its name, its pods that are not on their way out, and how many of them are ready."""

    name: str
    pods: int
    ready: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Bounds:
    """Pods that may be added to the declared number, and that may be missing."""

    surge: int
    unavailable: int

    @classmethod
    def of(cls, deployment: Mapping[str, Any], desired: int) -> "Bounds":
        """Percentages of surge round up, those of missing pods down; both zero would never move (Kubernetes: 1)."""
        strategy = deployment["spec"].get("strategy") or {}
        if strategy.get("type") == "Recreate":
            return cls(surge=0, unavailable=desired)
        rolling = strategy.get("rollingUpdate") or {}
        surge = _count(rolling.get("maxSurge", "25%"), desired, up=True)
        unavailable = _count(rolling.get("maxUnavailable", "25%"), desired, up=False)
        return cls(surge=surge, unavailable=unavailable if surge or unavailable else 1)


def _count(value: int | str, desired: int, *, up: bool) -> int:
    if isinstance(value, int):
        return value
    share = desired * int(value.removesuffix("%")) / 100
    return math.ceil(share) if up else math.floor(share)


def plan(desired: int, new: Revision, old: Sequence[Revision], bounds: Bounds) -> dict[str, int]:
    """Revision -> pods that it should have now; asked again whenever one becomes ready or ends."""
    total = new.pods + sum(revision.pods for revision in old)
    room = max(0, desired + bounds.surge - total)
    result = {new.name: min(desired, new.pods + room)}
    needed = max(0, desired - bounds.unavailable)
    # Pods that are not ready serve nobody: they go first, as far as those of the new revision still to come allow.
    spare = total - needed - (new.pods - new.ready)
    for revision in old:
        gone = min(max(spare, 0), revision.pods - revision.ready)
        spare -= gone
        result[revision.name] = revision.pods - gone
    ready = new.ready + sum(revision.ready for revision in old)
    spare_ready = max(0, min(spare, ready - needed))
    for revision in old:
        gone = min(spare_ready, revision.ready, result[revision.name])
        spare_ready -= gone
        result[revision.name] -= gone
    return result
