"""RES-11: sets of records."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from pulumi_policy.proxy import unknown_checking_proxy

from policies.control import Status
from policies.resources import Resource
from policies.testing import UNKNOWN, resource, verdicts

CLAUSE = "set_leads_into_one_jurisdiction"
DUBLIN, FRANKFURT = "edge-1.elb.eu-west-1.amazonaws.com", "edge-1.eu-central-1.elb.amazonaws.com"
VIRGINIA = "edge-1.elb.us-east-1.amazonaws.com"


def record(
    logical: str, target: Any = None, references: Mapping[str, Iterable[Resource]] | None = None, **props: Any
) -> Resource:
    given = {"zoneId": "Z1", "name": "pay.example.com", "type": "A", **props}
    if target:
        given["aliases"] = [{"name": target, "zoneId": "Z2"}]
    made = resource("aws:route53/record:Record", logical, references)
    return replace(made, props=unknown_checking_proxy(given))


def judged(*records: Resource) -> Status:
    return verdicts("RES-11", *records)[records[0].name, CLAUSE]


def test_a_set_inside_one_jurisdiction_is_well() -> None:
    assert judged(record("a", DUBLIN), record("b", FRANKFURT)) is Status.PASS
    assert judged(record("a", DUBLIN)) is Status.PASS


@pytest.mark.parametrize(
    "other",
    [
        record("b", VIRGINIA),
        record("b", latencyRoutingPolicies=[{"region": "us-east-1"}]),
        record("b", type="A", records=["1.2.3.4"], latencyRoutingPolicies=[{"region": "sa-east-1"}]),
        record("b", "edge.xx-north-1.elb.amazonaws.com"),
    ],
)
def test_a_set_over_two_jurisdictions_fails_for_each_of_its_records(other: Resource) -> None:
    found = verdicts("RES-11", record("a", DUBLIN), other)
    assert set(found.values()) == {Status.FAIL}


def test_other_names_zones_and_types_are_other_sets() -> None:
    for other in ({"name": "us.example.com"}, {"zoneId": "Z9"}, {"type": "AAAA"}):
        assert judged(record("a", DUBLIN), record("b", VIRGINIA, **other)) is Status.PASS


def test_an_unknown_name_is_placed_by_the_balancer_that_it_comes_from() -> None:
    far = resource("aws:lb/loadBalancer:LoadBalancer", "far", region="us-east-1")
    unknown = record("b", UNKNOWN, {"aliases": [far]})
    assert judged(record("a", DUBLIN), unknown, far) is Status.FAIL


def test_a_member_that_says_no_region_is_undetermined() -> None:
    assert judged(record("a", DUBLIN), record("b", UNKNOWN)) is Status.UNDETERMINED


def test_records_that_lead_nowhere_are_not_asked() -> None:
    assert judged(record("a", type="TXT", records=["x"])) is Status.NOT_APPLICABLE
