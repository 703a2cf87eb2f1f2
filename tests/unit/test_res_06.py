"""RES-06: replicas of multi-region keys."""

from policies.control import Status
from policies.testing import UNKNOWN, resource, verdicts

KEY, REPLICA = "aws:kms/key:Key", "aws:kms/replicaKey:ReplicaKey"
EU = {"payment-cell:jurisdiction": "eu"}


def test_a_replica_is_in_the_jurisdiction_of_its_primary() -> None:
    primary = resource(KEY, "k", region="eu-west-1", multiRegion=True, tags=EU)

    def replica(region: object) -> Status:
        ours = {"payment-cell:jurisdiction": "us"}
        found = resource(REPLICA, "r", {"primaryKeyArn": [primary]}, region=region, tags=ours)
        return verdicts("RES-06", found, primary)["r", "replica_stays_inside"]

    assert verdicts("RES-06", primary) == {}, "only replicas are asked"
    assert replica("eu-central-1") is Status.PASS
    assert replica("us-east-1") is Status.FAIL
    assert replica(UNKNOWN) is Status.UNDETERMINED
    assert replica(None) is Status.UNDETERMINED


def test_the_arn_of_a_primary_of_another_stack_tells_its_jurisdiction() -> None:
    def replica(primary: object, region: object) -> Status:
        found = resource(REPLICA, "r", primaryKeyArn=primary, region=region, tags=EU)
        return verdicts("RES-06", found)["r", "replica_stays_inside"]

    assert replica("arn:aws:kms:eu-west-1:1:key/mrk-1", "eu-central-1") is Status.PASS
    assert replica("arn:aws:kms:us-east-1:1:key/mrk-1", "eu-central-1") is Status.FAIL
    assert replica("arn:aws:kms:us-east-1:1:key/mrk-1", "us-west-2") is Status.PASS
    assert replica("arn:aws:kms:us-east-1:1:key/mrk-1", UNKNOWN) is Status.UNDETERMINED
    assert replica(UNKNOWN, "us-east-1") is Status.FAIL, "then its own tag"
