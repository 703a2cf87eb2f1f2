"""BCK-06: a database outlives the loss of a zone."""

from policies.control import (
    SAFEGUARDS,
    SOC2,
    Control,
    Environment,
    Severity,
    StackClause,
    Strength,
    Verdict,
    failed,
    not_applicable,
    passed,
    undetermined,
)
from policies.relations import naming
from policies.resources import Resource, Stack
from policies.stores import and_above

LEAST = 2
"""Instances, and zones: a second one takes over in seconds where a new one takes up to ten minutes
(https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Concepts.AuroraHighAvailability.html)."""

_INSTANCE = "aws:rds/clusterInstance:ClusterInstance"
_REDUNDANT = frozenset({Environment.PRODUCTION, Environment.STAGING})


def database_has_two_instances(database: Resource, stack: Stack) -> Verdict:
    if verdict := _outside(database):
        return verdict
    if database.type == "aws:rds/instance:Instance":
        return passed() if database.props.get("multiAz") else failed("multiAz is not true")
    count = len(list(naming(database, stack, [_INSTANCE], "clusterIdentifier")))
    return passed() if count >= LEAST else failed(f"has {count} ClusterInstance, fewer than {LEAST}")


def instances_stand_in_two_zones(database: Resource, stack: Stack) -> Verdict:
    if verdict := _outside(database):
        return verdict
    if database.type == "aws:rds/instance:Instance":
        return passed() if database.props.get("multiAz") else failed("multiAz is not true")
    instances = list(naming(database, stack, [_INSTANCE], "clusterIdentifier"))
    zones = [_zone(instance) for instance in instances]
    if len({zone for zone in zones if zone}) >= LEAST:
        return passed()
    if None in zones and len(instances) >= LEAST:
        return undetermined("AWS chooses the zone of an instance")
    return failed(f"its instances stand in fewer than {LEAST} zones")


def _outside(database: Resource) -> Verdict | None:
    if database.given("dbClusterInstanceClass"):
        return not_applicable("a Multi-AZ cluster has three instances in three zones by itself")
    if _is_secondary(database):
        return not_applicable("a secondary of a global database: with its zone the primary loses nothing")
    return None


def _is_secondary(database: Resource) -> bool:
    """A member that follows another one. Declared, it has no master user of its own; live, AWS names its source. It is
    judged like any other once it is the writer."""
    if not database.given("globalClusterIdentifier"):
        return False
    return bool(database.maybe("replicationSourceIdentifier")) or not database.given("masterUsername")


def _zone(instance: Resource) -> str | None:
    """A zone's name, or what it comes from: a preview knows the subnet before the subnet's zone."""
    if known := instance.maybe("availabilityZone"):
        return str(known)
    return "".join(sorted(instance.references.get("availabilityZone", ()))) or None


BCK_06 = Control(
    id="BCK-06",
    title="A database outlives the loss of a zone",
    severity=Severity.HIGH,
    clauses=tuple(
        StackClause(
            resource_types=frozenset({"aws:rds/cluster:Cluster", "aws:rds/instance:Instance"}),
            check=check,
            environments=_REDUNDANT,
            data_classes=and_above("confidential"),
        )
        for check in (database_has_two_instances, instances_stand_in_two_zones)
    ),
    maps_to=(SOC2("A1.2", Strength.DIRECT), *SAFEGUARDS),
    risk="When the zone of its only instance fails, the database is away until another is built.",
    remediation="Declare two ClusterInstances in different zones, or set multiAz.",
)
