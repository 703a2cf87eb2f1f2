"""What a name resolves to, by the records of public zones and the health of what they name.

https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/health-checks-how-route-53-chooses-records.html
https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/routing-policy-failover.html
https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/routing-policy-weighted.html
"""

import hashlib
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

from moto.elbv2.models import elbv2_backends
from moto.route53.models import route53_backends

from sandbox.aws.dns.health import HEALTH, PARTITION
from sandbox.aws.outages import REGIONS
from sandbox.regions import RegionFault

DEPTH = 8
"""Aliases and CNAMEs in a row that are followed."""

ADDRESSES = ip_network("198.18.0.0/15")
"""Addresses that load balancers have here: nobody's (RFC 2544)."""

UNSUPPORTED = ("region", "geo_location")


@dataclass(frozen=True, kw_only=True, slots=True)
class Balancer:
    """A load balancer as DNS sees it."""

    name: str
    """In DNS, lower case."""
    account: str
    region: str
    target_groups: Sequence[str]
    """ARNs."""

    @property
    def addresses(self) -> list[str]:
        """Two, as for a balancer in two zones."""
        digest = int.from_bytes(hashlib.sha256(self.name.encode()).digest()[:8]) % (ADDRESSES.num_addresses - 2)
        return [str(ADDRESSES[digest]), str(ADDRESSES[digest + 1])]


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a query gets. balancer: whom the addresses are of."""

    values: Sequence[str] = ()
    balancer: Balancer | None = None


Owned = tuple[str, Any]
"""Account, and a record of it."""

_serving: dict[str, bool] = {}
"""Load balancer -> whether the data plane reaches a target of it."""


def serving(seen: Mapping[str, bool]) -> None:
    """As the data plane sees load balancers now."""
    _serving.clear()
    _serving.update(seen)


def balancers() -> dict[str, Balancer]:
    found = {}
    for account in list(elbv2_backends):
        for region, backend in list(elbv2_backends[account].items()):
            for arn, one in list(backend.load_balancers.items()):
                groups = [g.arn for g in list(backend.target_groups.values()) if arn in g.load_balancer_arns]
                name = one.dns_name.lower()
                found[name] = Balancer(name=name, account=account, region=region, target_groups=groups)
    return found


def records() -> Iterator[Owned]:
    """All of public zones."""
    for account in list(route53_backends):
        for zone in list(route53_backends[account][PARTITION].zones.values()):
            if not zone.private_zone:
                yield from ((account, record) for record in list(zone.rrsets))


def canonical(name: str) -> str:
    return name.lower().rstrip(".")


def resolve(name: str, kind: str = "A", depth: int = DEPTH) -> Answer:
    """Raises NotImplementedError for routing that is not here."""
    wanted, known = canonical(name), balancers()
    if balancer := known.get(wanted.removeprefix("dualstack.")):
        return Answer(values=balancer.addresses, balancer=balancer)
    named = [(account, record) for account, record in records() if canonical(record.name) == wanted]
    chosen = _chosen([one for one in named if one[1].type == kind])
    if not chosen and kind != "CNAME" and depth:
        for _, alias in _chosen([one for one in named if one[1].type == "CNAME"]):
            return resolve(alias.records[0], kind, depth - 1)
    if len(chosen) == 1 and chosen[0][1].alias_target:
        return resolve(chosen[0][1].alias_target["DNSName"], kind, depth - 1) if depth else Answer()
    return Answer(values=[value for _, record in chosen for value in record.records or ()])


def _chosen(named: Sequence[Owned]) -> Sequence[Owned]:
    """Of records of one name and type those that answer. Where all are unhealthy, all are taken to be healthy."""
    if any(getattr(record, member) for _, record in named for member in UNSUPPORTED):
        raise NotImplementedError("Route 53 routing by latency and place")
    well = [one for one in named if _healthy(*one)] or list(named)
    if any(record.failover for _, record in well):
        # Of all that are unhealthy the primary answers.
        return sorted(well, key=lambda one: one[1].failover != "PRIMARY")[:1]
    if any(record.weight is not None for _, record in well):
        weights = [int(record.weight or 0) for _, record in well]
        return random.choices(well, weights if any(weights) else None)
    return well


def _healthy(account: str, record: Any, depth: int = DEPTH) -> bool:
    if record.health_check_id and not HEALTH.healthy(account, record.health_check_id):
        return False
    alias = record.alias_target
    if not alias or str(alias.get("EvaluateTargetHealth")).lower() != "true":
        return True
    target = canonical(alias["DNSName"])
    if balancer := balancers().get(target.removeprefix("dualstack.")):
        return _serving.get(balancer.name, True) and not REGIONS.has(balancer.region, RegionFault.DEAD)
    named = [(owner, one) for owner, one in records() if (canonical(one.name), one.type) == (target, record.type)]
    return not named or not depth or any(_healthy(*one, depth - 1) for one in named)
