"""RES-04: replicas of a bucket."""

from policies.control import Status
from policies.resources import Resource
from policies.testing import UNKNOWN, resource, verdicts

EU = {"payment-cell:jurisdiction": "eu"}
HOME = resource("aws:s3/bucket:Bucket", "home", region="eu-west-1", tags=EU)


def status(rules: object, *targets: Resource) -> Status:
    config = resource(
        "aws:s3/bucketReplicationConfig:BucketReplicationConfig",
        "r",
        {"bucket": [HOME], "rules": targets},
        bucket=UNKNOWN,
        rules=rules,
    )
    return verdicts("RES-04", HOME, config, *targets)["home", "replicas_stay_inside"]


def to(region: str) -> Resource:
    return resource("aws:s3/bucket:Bucket", f"in-{region}", region=region)


def rule(key: str | None = None) -> dict[str, object]:
    return {"destination": {"bucket": UNKNOWN, "encryptionConfiguration": {"replicaKmsKeyId": key} if key else None}}


def test_replicas_of_the_stack_are_in_the_jurisdiction_of_the_bucket() -> None:
    assert status([rule()], to("eu-central-1")) is Status.PASS
    assert status([rule()], to("us-east-1")) is Status.FAIL
    assert status([rule(), rule()], to("eu-central-1")) is Status.UNDETERMINED
    assert status([rule(), rule()], to("us-east-1")) is Status.FAIL, "what is unknown hides no violation"


def test_a_bucket_elsewhere_is_where_its_key_is() -> None:
    assert status([rule("arn:aws:kms:us-east-1:1:key/a")]) is Status.FAIL
    assert status([rule("arn:aws:kms:eu-central-1:1:key/a")]) is Status.PASS
    assert status([rule()]) is Status.UNDETERMINED
    assert status(UNKNOWN) is Status.UNDETERMINED


def test_a_bucket_without_replication_is_not_judged() -> None:
    assert set(verdicts("RES-04", HOME).values()) == {Status.NOT_APPLICABLE}
