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
