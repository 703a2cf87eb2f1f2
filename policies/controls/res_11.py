"""RES-11: one name leads into one jurisdiction.

Route 53 answers with any record of a set by weight, latency or health
(https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/routing-policy.html): a set over two jurisdictions sends a
request of one into the other, which logs its body before anybody refuses it. An edge that refuses before it logs is not
seen here: an exception says so.
"""

import re
from collections.abc import Iterator

from pulumi_policy.proxy import UnknownValueError

import catalogue
from policies.control import (
    GDPR,
    Control,
    Severity,
    StackClause,
    Strength,
    Verdict,
    failed,
    not_applicable,
    passed,
    undetermined,
)
from policies.resources import Resource, Stack

RECORD = "aws:route53/record:Record"
ADDRESSES = frozenset({"A", "AAAA", "CNAME", "HTTPS"})
"""Types of records that lead to an endpoint."""

_IN_NAME = re.compile(r"\.(?:elb\.)?([a-z]{2}(?:-[a-z]+)+-\d)\.(?:elb\.)?amazonaws\.com\.?$")
"""Of an ALB `name.region.elb.amazonaws.com`, of an NLB `name.elb.region.amazonaws.com`."""


def set_leads_into_one_jurisdiction(record: Resource, stack: Stack) -> Verdict:
    if record.props.get("type") not in ADDRESSES:
        return not_applicable("leads to no endpoint")
    regions: set[str] = set()
    unplaced = False
    for member in _same_set(record, stack):
        found = set(_regions(member, stack))
        regions |= found
        unplaced = unplaced or not found
    jurisdictions = {_jurisdiction(region) for region in regions}
    if len(jurisdictions) > 1:
        return failed(f"the set leads into {', '.join(sorted(jurisdictions))} ({', '.join(sorted(regions))})")
    if unplaced and len(list(_same_set(record, stack))) > 1:
        return undetermined("one of the set's records says no region")
    return passed()


def _same_set(record: Resource, stack: Stack) -> Iterator[Resource]:
    for other in stack.of(RECORD):
        if other.urn == record.urn or all(_same(record, other, name) for name in ("zoneId", "name", "type")):
            yield other


def _same(one: Resource, other: Resource, name: str) -> bool:
    if one.references.get(name) and one.references.get(name) == other.references.get(name):
        return True
    value = one.maybe(name)
    return bool(value) and value == other.maybe(name)


def _regions(record: Resource, stack: Stack) -> Iterator[str]:
    """Regions of what a record leads to, as far as records say."""
    for policy in record.maybe("latencyRoutingPolicies") or ():
        yield str(policy["region"])
    for source in stack.sources(record, "aliases", "records"):
        if source.region:
            yield source.region
    for name in _targets(record):
        if found := _IN_NAME.search(name):
            yield found[1]


def _targets(record: Resource) -> Iterator[str]:
    for value in record.maybe("records") or ():
        yield str(value)
    for alias in record.maybe("aliases") or ():
        try:
            yield str(alias["name"])
        except (KeyError, UnknownValueError):
            continue


def _jurisdiction(region: str) -> str:
    try:
        return catalogue.region(region).jurisdiction
    except catalogue.CatalogueError:
        return f"nowhere known ({region})"


RES_11 = Control(
    id="RES-11",
    title="A name leads into one jurisdiction",
    severity=Severity.HIGH,
    clauses=(StackClause(resource_types=frozenset({RECORD}), check=set_leads_into_one_jurisdiction),),
    maps_to=(GDPR("44", Strength.PARTIAL),),
    risk="A latency record sends a European payer to another continent whenever that answers faster.",
    remediation="Give each jurisdiction a name of its own; keep the records of one name inside one jurisdiction.",
)
