"""RES-02: global databases stay in their jurisdiction."""

from judged import status

from policies.control import Status
from policies.resources import Resource
from policies.testing import UNKNOWN, resource

PERSONAL = {"payment-cell:data-class": "personal", "payment-cell:jurisdiction": "eu"}
CLUSTER = "aws:rds/cluster:Cluster"
GLOBAL = "aws:rds/globalCluster:GlobalCluster"


def test_holds_members_of_a_global_database_to_its_jurisdiction() -> None:
    database = resource(GLOBAL, "g", tags=PERSONAL)

    def member(region: str) -> Resource:
        return resource(
            CLUSTER, "c", {"globalClusterIdentifier": [database]}, globalClusterIdentifier=UNKNOWN, region=region
        )

    clause = "member_stays_inside"
    assert status("RES-02", member("eu-central-1"), database, clause=clause) is Status.PASS
    assert status("RES-02", member("us-east-1"), database, clause=clause) is Status.FAIL
    assert status("RES-02", resource(CLUSTER, "c", region="us-east-1"), clause=clause) is Status.NOT_APPLICABLE
    assert (
        status("RES-02", resource(CLUSTER, "c", sourceRegion="us-east-1"), clause="source_stays_inside") is Status.FAIL
    )


def test_a_copy_of_a_database_comes_from_inside() -> None:
    def copied(**props: object) -> Status:
        return status("RES-02", resource(CLUSTER, "c", tags=PERSONAL, **props), clause="source_stays_inside")

    assert copied(sourceRegion="eu-central-1") is Status.PASS
    assert copied(sourceRegion="us-east-1") is Status.FAIL
    assert copied() is Status.NOT_APPLICABLE
    assert copied(sourceRegion=UNKNOWN) is Status.UNDETERMINED


def test_a_member_whose_region_is_not_known_yet_is_undetermined() -> None:
    database = resource(GLOBAL, "g", tags=PERSONAL)
    unplaced = resource(CLUSTER, "c", {"globalClusterIdentifier": [database]}, globalClusterIdentifier=UNKNOWN)
    assert status("RES-02", unplaced, database, clause="member_stays_inside") is Status.UNDETERMINED
