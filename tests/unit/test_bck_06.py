"""BCK-06: instances and zones of databases."""

from typing import Any

import pytest

from policies.control import Status
from policies.resources import Resource
from policies.testing import MADE_UP, UNKNOWN, resource, verdicts

COUNT, ZONES = "database_has_two_instances", "instances_stand_in_two_zones"
CLUSTER = resource("aws:rds/cluster:Cluster", "db")
A, B = (resource("aws:ec2/subnet:Subnet", name) for name in "ab")


def instance(name: str, zone: str | None = None, subnet: Resource | None = None, of: Resource = CLUSTER) -> Resource:
    references = {"clusterIdentifier": [of], "availabilityZone": [subnet] if subnet else []}
    return resource("aws:rds/clusterInstance:ClusterInstance", name, references, availabilityZone=zone)


def judged(*instances: Resource, cluster: Resource = CLUSTER) -> tuple[Status, Status]:
    found = verdicts("BCK-06", cluster, *instances)
    return found["db", COUNT], found["db", ZONES]


def test_two_instances_in_two_zones_pass() -> None:
    assert judged(instance("1", "a"), instance("2", "b")) == (Status.PASS, Status.PASS)
    by_subnet = instance("1", UNKNOWN, A), instance("2", UNKNOWN, B)
    assert judged(*by_subnet) == (Status.PASS, Status.PASS)


def test_one_instance_or_one_zone_fails() -> None:
    assert judged() == (Status.FAIL, Status.FAIL)
    assert judged(instance("1", "a")) == (Status.FAIL, Status.FAIL)
    assert judged(instance("1", "a"), instance("2", "a")) == (Status.PASS, Status.FAIL)
    assert judged(instance("1", UNKNOWN, A), instance("2", UNKNOWN, A)) == (Status.PASS, Status.FAIL)
    other = resource("aws:rds/cluster:Cluster", "other")
    assert judged(instance("1", "a"), instance("2", "b", of=other)) == (Status.FAIL, Status.FAIL)


@pytest.mark.parametrize("zone", [UNKNOWN, None])
def test_zones_that_aws_chooses_are_undetermined(zone: str | None) -> None:
    assert judged(instance("1", "a"), instance("2", zone)) == (Status.PASS, Status.UNDETERMINED)


@pytest.mark.parametrize(
    ("props", "expected"),
    [({"multiAz": True}, Status.PASS), ({}, Status.FAIL), ({"multiAz": UNKNOWN}, Status.UNDETERMINED)],
)
def test_an_instance_is_spread_by_multi_az(props: dict[str, Any], expected: Status) -> None:
    single = resource("aws:rds/instance:Instance", "db", **props)
    assert judged(cluster=single) == (expected, expected)


@pytest.mark.parametrize(
    "props",
    [
        {"tags": MADE_UP},
        {"tags": {"payment-cell:data-class": "internal"}},
        {"dbClusterInstanceClass": "db.m6gd.large"},
    ],
)
def test_what_is_not_asked(props: dict[str, Any]) -> None:
    cluster = resource("aws:rds/cluster:Cluster", "db", **props)
    assert judged(cluster=cluster) == (Status.NOT_APPLICABLE, Status.NOT_APPLICABLE)


def test_a_secondary_of_a_global_database_may_have_one_instance_while_it_follows() -> None:
    def member(**props: Any) -> Resource:
        return resource("aws:rds/cluster:Cluster", "db", globalClusterIdentifier="world", **props)

    def status(cluster: Resource) -> Status | None:
        return verdicts("BCK-06", cluster, instance("1", "a", of=cluster)).get(("db", COUNT))

    assert status(member()) is status(member(masterUsername="cell_master", replicationSourceIdentifier="arn"))
    assert status(member()) is not Status.FAIL
    assert status(member(masterUsername="cell_master")) is Status.FAIL
    assert status(resource("aws:rds/cluster:Cluster", "db")) is Status.FAIL
