"""Whether the cell's name and its certificate can work: the zone, who delegates to it, who may issue for it.

Route 53 tells of zones in the account only. What others hold is ``not observed``, with the question to ask them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from operations.preflight_aws import NotObserved, ask
from operations.preflight_report import Finding, failed, not_observed, ok
from stacks.plan import CellPlan

ISSUERS = frozenset({"amazon.com", "amazontrust.com", "awstrust.com", "amazonaws.com"})
"""Any of them in a CAA record lets ACM issue (https://docs.aws.amazon.com/acm/latest/userguide/setup-caa.html)."""

DELEGATE_WITHIN_MIN = 75
"""The wait for the certificate gives up after this many minutes (components/certificate.py)."""

_ZONE, _CERTIFICATE = "hosted zone", "certificate"
_READ = "allow route53:GetHostedZone, route53:ListHostedZonesByName and route53:ListResourceRecordSets"


def hosted_zone(route53: Any, plan: CellPlan) -> Finding:
    """Whether the world will find the cell's zone: the certificate is proved in it."""
    try:
        return _own_zone(route53, plan) if plan.hosted_zone_id is None else _given_zone(route53, plan)
    except NotObserved as reason:
        return not_observed(_ZONE, str(reason), _READ)


def _given_zone(route53: Any, plan: CellPlan) -> Finding:
    zone_id = plan.hosted_zone_id
    answer = ask(route53.get_hosted_zone, absent={"NoSuchHostedZone"}, Id=zone_id)
    if answer is None:
        fix = "correct hostedZoneId, or leave it out: the cell then makes the zone"
        return failed(_ZONE, f"{zone_id} is not in this account", fix)
    name = answer["HostedZone"]["Name"].rstrip(".")
    if answer["HostedZone"]["Config"]["PrivateZone"]:
        return failed(_ZONE, f"{zone_id} is private", "name a public zone: ACM looks from outside")
    if plan.domain != name and not plan.domain.endswith(f".{name}"):
        return failed(_ZONE, f"{zone_id} is of {name}, not of {plan.domain}", "correct hostedZoneId or domain")
    servers = _servers(answer)
    parent = _nearest_zone(route53, _above(name))
    delegated = [] if parent is None else _records(route53, parent["Id"], name, "NS")
    if not delegated:
        fix = f"compare `dig +short NS {name}` with {', '.join(servers)}"
        return not_observed(_ZONE, f"{zone_id} of {name}; its delegation is not in this account", fix)
    return _compared(f"{zone_id} of {name}", delegated, servers)


def _own_zone(route53: Any, plan: CellPlan) -> Finding:
    """The cell makes the zone, so before its first `up` nobody can have delegated to it."""
    own, parent = _zone(route53, plan.domain), _nearest_zone(route53, _above(plan.domain))
    delegated = [] if parent is None else _records(route53, parent["Id"], plan.domain, "NS")
    if own is not None and delegated:
        servers = _servers(ask(route53.get_hosted_zone, Id=own["Id"]))
        return _compared(f"the zone of {plan.domain}", delegated, servers)
    above = "no zone above it is in this account"
    if parent is not None:
        above = f"{parent['Name'].rstrip('.')}, in this account, does not delegate to it yet"
    fix = (
        f"delegate {plan.domain} to the stack's output nameServers within {DELEGATE_WITHIN_MIN} minutes of its "
        "creation, or give hostedZoneId"
    )
    return not_observed(_ZONE, f"the cell makes it; {above}", fix)


def _compared(what: str, delegated: list[str], servers: list[str]) -> Finding:
    if {name.rstrip(".") for name in delegated} == set(servers):
        return ok(_ZONE, f"{what}, delegated")
    return failed(_ZONE, f"{what} is delegated to other name servers", f"set its NS records to {', '.join(servers)}")


def certificate(route53: Any, plan: CellPlan) -> Finding:
    """Whether a CAA record keeps Amazon from issuing. The name's own counts, else the nearest above it (RFC 8659)."""
    try:
        for name in (plan.domain, *_above(plan.domain)):
            zone = _nearest_zone(route53, (name, *_above(name)))
            if zone is not None and (records := _records(route53, zone["Id"], name, "CAA")):
                return _judged(name, records)
    except NotObserved as reason:
        return not_observed(_CERTIFICATE, str(reason), _READ)
    fix = f"look at `dig CAA` of {plan.domain} and each name above it: none, or one that lets amazon.com issue"
    return not_observed(_CERTIFICATE, "no CAA record in this account's zones; others hold the names above", fix)


def _judged(name: str, records: list[str]) -> Finding:
    """``records`` are CAA values as `0 issue "amazon.com"`; without any `issue` nobody is kept out."""
    fields = [record.split(maxsplit=2) for record in records]
    issuers = [field[2].strip('"').partition(";")[0].strip().lower() for field in fields if field[1] == "issue"]
    if issuers and not ISSUERS & set(issuers):
        found = f"the CAA record of {name} lets {', '.join(filter(None, issuers)) or 'nobody'} issue, not Amazon"
        return failed(_CERTIFICATE, found, f'add `0 issue "amazon.com"` to the CAA record of {name}')
    return ok(_CERTIFICATE, f"the CAA record of {name} lets Amazon issue")


def _above(name: str) -> Iterator[str]:
    """Names above a name, without the top-level domain."""
    while (name := name.partition(".")[2]).count("."):
        yield name


def _nearest_zone(route53: Any, names: Iterator[str] | tuple[str, ...]) -> Any:
    """The first of the names that has a public zone in the account, or None."""
    return next((zone for name in names if (zone := _zone(route53, name)) is not None), None)


def _zone(route53: Any, name: str) -> Any:
    """The public zone of exactly this name, or None."""
    zones = ask(route53.list_hosted_zones_by_name, DNSName=name, MaxItems="5")["HostedZones"]
    return next((z for z in zones if z["Name"] == f"{name}." and not z["Config"]["PrivateZone"]), None)


def _servers(answer: Any) -> list[str]:
    return sorted(server.rstrip(".") for server in answer["DelegationSet"]["NameServers"])


def _records(route53: Any, zone_id: str, name: str, kind: str) -> list[str]:
    """Values of one record set; empty where the zone has none of this name and type."""
    place = {"StartRecordName": name, "StartRecordType": kind}
    answer = ask(route53.list_resource_record_sets, HostedZoneId=zone_id, MaxItems="1", **place)
    return [
        record["Value"]
        for found in answer["ResourceRecordSets"]
        if found["Name"] == f"{name}." and found["Type"] == kind
        for record in found.get("ResourceRecords", [])
    ]
