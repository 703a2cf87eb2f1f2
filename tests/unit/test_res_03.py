"""RES-03: replicas of tables stay in the jurisdiction."""

from judged import status

from policies.control import Status
from policies.testing import UNKNOWN, resource

PERSONAL = {"payment-cell:data-class": "personal", "payment-cell:jurisdiction": "eu"}
TABLE = "aws:dynamodb/table:Table"


def test_holds_replicas_of_a_table_to_its_jurisdiction() -> None:
    def table(*regions: str) -> Status:
        return status(
            "RES-03", resource(TABLE, "t", tags=PERSONAL, replicas=[{"regionName": region} for region in regions])
        )

    assert table() is Status.NOT_APPLICABLE
    assert table("eu-central-1") is Status.PASS
    assert table("eu-central-1", "us-east-1") is Status.FAIL
    assert table(UNKNOWN) is Status.UNDETERMINED
    replica = resource("aws:dynamodb/tableReplica:TableReplica", "r", region="us-east-1")
    assert status("RES-03", replica) is Status.FAIL


def test_a_replica_in_a_resource_of_its_own_is_held_to_its_tables_jurisdiction() -> None:
    table = resource(TABLE, "t", tags=PERSONAL)

    def replica(region: object) -> Status:
        type_ = "aws:dynamodb/tableReplica:TableReplica"
        return status("RES-03", resource(type_, "r", {"globalTableArn": [table]}, region=region), table)

    assert replica("eu-central-1") is Status.PASS
    assert replica("us-east-1") is Status.FAIL
    assert replica(None) is Status.UNDETERMINED
    assert replica(UNKNOWN) is Status.UNDETERMINED


def test_the_witness_of_a_table_is_held_to_its_jurisdiction_too() -> None:
    def table(witness: object) -> Status:
        replicas = [{"regionName": "eu-central-1", "consistencyMode": "STRONG"}]
        made = resource(TABLE, "t", tags=PERSONAL, replicas=replicas, globalTableWitness={"regionName": witness})
        return status("RES-03", made)

    assert table("eu-west-3") is Status.PASS
    assert table("us-east-1") is Status.FAIL
    assert table(UNKNOWN) is Status.UNDETERMINED
