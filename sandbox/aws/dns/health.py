"""Which health checks are healthy.

https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-failover-determining-health-of-endpoints.html
https://docs.aws.amazon.com/Route53/latest/APIReference/API_HealthCheckConfig.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from moto.cloudwatch.models import cloudwatch_backends
from moto.route53.models import route53_backends

from sandbox.aws.outages import REGIONS
from sandbox.regions import RegionFault

PARTITION = "aws"

CALCULATED, ALARM = "CALCULATED", "CLOUDWATCH_METRIC"


@dataclass(frozen=True, kw_only=True, slots=True)
class Observed:
    """What the requests to an endpoint say of it."""

    healthy: bool
    text: str
    at: datetime


class Health:
    """Of the health checks of all accounts."""

    def __init__(self) -> None:
        self._observed: dict[str, Observed] = {}
        self._alarms: dict[str, bool] = {}
        """Health checks of alarms -> what they were when the alarm last knew."""

    def observe(self, seen: Mapping[str, Mapping[str, Any]]) -> None:
        """Health check -> `healthy`, `text`: as the data plane sees endpoints now."""
        now = datetime.now(UTC)
        self._observed = {
            name: Observed(healthy=one["healthy"], text=one["text"], at=now) for name, one in seen.items()
        }

    def observed(self, name: str) -> Observed | None:
        return self._observed.get(name)

    def healthy(self, account: str, name: str) -> bool:
        """Of a check by its id; one that is gone, and one that nobody has seen yet, is taken to be healthy."""
        check = route53_backends[account][PARTITION].health_checks.get(name)
        if check is None:
            return True
        return self._status(account, check) is not bool(check.inverted)

    def _status(self, account: str, check: Any) -> bool:
        """Before it is inverted. A disabled one is always healthy."""
        if check.disabled:
            return True
        if check.type_ == CALCULATED:
            children = check.children or []
            return sum(self.healthy(account, child) for child in children) >= int(check.health_threshold or 0)
        if check.type_ == ALARM:
            return self._alarm(account, check)
        seen = self._observed.get(check.id)
        return seen is None or seen.healthy

    def _alarm(self, account: str, check: Any) -> bool:
        """A region that is dead sends no metrics."""
        members = getattr(check, "alarm_members", {})
        named = members.get("AlarmIdentifier") or {}
        region = named.get("Region", "")
        alarm = cloudwatch_backends[account][region].alarms.get(named.get("Name")) if region else None
        state = alarm.state_value if alarm and not REGIONS.has(region, RegionFault.DEAD) else "INSUFFICIENT_DATA"
        if state != "INSUFFICIENT_DATA":
            self._alarms[check.id] = state == "OK"
            return self._alarms[check.id]
        without = members.get("InsufficientDataHealthStatus") or "LastKnownStatus"
        return self._alarms.get(check.id, True) if without == "LastKnownStatus" else without == "Healthy"


HEALTH = Health()
