"""RES-04: replicas of a bucket stay in the jurisdiction."""

from policies.control import GDPR, Control, Severity, StackClause, Strength, Verdict, not_applicable
from policies.destinations import all_inside, destinations, known
from policies.resources import Resource, Stack, region_of_arn

_BUCKET = "aws:s3/bucket:Bucket"
_REPLICATION = "aws:s3/bucketReplicationConfig:BucketReplicationConfig"


def replicas_stay_inside(bucket: Resource, stack: Stack) -> Verdict:
    found = list(stack.pointing_at(bucket, _REPLICATION, "bucket"))
    if not found:
        return not_applicable("has no replication")
    regions = [r for one in found for r in destinations(one, stack, "rules", (_BUCKET,), _regions(one))]
    return all_inside(regions, bucket, stack, "a replica")


def _regions(replication: Resource) -> list[str | None]:
    """A bucket's ARN names no region; its key's does, and that is in the region of the bucket
    (https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-config-for-kms-objects.html)."""
    places = [rule["destination"] for rule in replication.props["rules"]]
    return [region_of_arn(known(place.get("encryptionConfiguration") or {}, "replicaKmsKeyId")) for place in places]


RES_04 = Control(
    id="RES-04",
    title="Replicas of a bucket stay in the jurisdiction",
    severity=Severity.CRITICAL,
    clauses=(StackClause(resource_types=frozenset({_BUCKET}), check=replicas_stay_inside),),
    maps_to=(GDPR("44", Strength.DIRECT),),
    risk="A replica in a third country receives every object within minutes.",
    remediation="Replicate only to buckets in regions of the bucket's jurisdiction.",
)
