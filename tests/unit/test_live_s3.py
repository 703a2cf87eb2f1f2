"""Live buckets in the words of the provider."""

from typing import Any

from recorded import Refusal, read

from policies.control import Status, answers
from policies.controls.tls_03 import TLS_03
from policies.resources import Stack

LISTED = {"s3.list_buckets": {"Buckets": [{"Name": "b"}]}}


def setting(type_: str, question: str, answer: Any) -> Any:
    found = read(f"aws:s3/{type_[0].lower()}{type_[1:]}:{type_}", LISTED | {f"s3.{question}": answer}).found
    return dict(found[0].resource.props) if found else None


def test_a_bucket_is_asked_for_in_its_own_region_and_has_its_tags() -> None:
    asked: list[Any] = []

    def listed(**parameters: Any) -> Any:
        asked.append(parameters)
        return LISTED["s3.list_buckets"]

    tags = {"TagSet": [{"Key": "a", "Value": "<script>"}]}
    (found,) = read("aws:s3/bucket:Bucket", {"s3.list_buckets": listed, "s3.get_bucket_tagging": tags}).found
    props = found.resource.props
    assert asked == [{"BucketRegion": "eu-west-1"}]
    assert (props["arn"], props["region"], props["tags"]["a"]) == ("arn:aws:s3:::b", "eu-west-1", "<script>")
    assert props["objectLockEnabled"] is False


def test_a_bucket_without_tags_has_none_and_one_whose_tags_are_refused_is_not_judged() -> None:
    for code, status in (("NoSuchTagSet", Status.FAIL), ("AccessDenied", Status.NOT_OBSERVED)):
        account = read("aws:s3/bucket:Bucket", LISTED | {"s3.get_bucket_tagging": Refusal(code)})
        (finding,) = answers(TLS_03, Stack(tuple(one.resource for one in account.found)), live=True)
        assert finding.verdict.status is status


def test_settings_have_the_shapes_of_the_provider() -> None:
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "arn"}
    rules = [{"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": True}]
    encryption = {"ServerSideEncryptionConfiguration": {"Rules": rules}}
    found = setting("BucketServerSideEncryptionConfiguration", "get_bucket_encryption", encryption)
    assert found["rules"][0]["applyServerSideEncryptionByDefault"] == {
        "sseAlgorithm": "aws:kms",
        "kmsMasterKeyId": "arn",
    }
    lock = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 7, "Years": 0}}}
    found = setting("BucketObjectLockConfiguration", "get_object_lock_configuration", {"ObjectLockConfiguration": lock})
    assert found["rule"]["defaultRetention"]["days"] == 7
    rule = {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 9}}
    found = setting("BucketLifecycleConfiguration", "get_bucket_lifecycle_configuration", {"Rules": [rule]})
    assert found["rules"] == [
        {"id": "r", "status": "Enabled", "filter": {"prefix": ""}, "expiration": {"days": 9}},
    ]
    destination = {"Bucket": "arn:aws:s3:::c", "EncryptionConfiguration": {"ReplicaKmsKeyID": "key"}}
    replication = {"Role": "r", "Rules": [{"Status": "Enabled", "Destination": destination}]}
    found = setting("BucketReplicationConfig", "get_bucket_replication", {"ReplicationConfiguration": replication})
    assert found["rules"][0]["destination"]["encryptionConfiguration"] == {"replicaKmsKeyId": "key"}
    assert setting("BucketVersioning", "get_bucket_versioning", {"Status": "Suspended"})["versioningConfiguration"]


def test_what_was_never_set_is_no_resource() -> None:
    assert setting("BucketVersioning", "get_bucket_versioning", {}) is None
    assert setting("BucketLogging", "get_bucket_logging", {}) is None
    assert setting("BucketPolicy", "get_bucket_policy", Refusal("NoSuchBucketPolicy")) is None


def test_a_refused_setting_leaves_its_type_not_observed() -> None:
    type_ = "aws:s3/bucketPolicy:BucketPolicy"
    account = read(type_, LISTED | {"s3.get_bucket_policy": Refusal("AccessDenied")})
    assert account.unobserved == {type_: "eu-west-1: s3:GetBucketPolicy: AccessDenied"}


def test_the_encryption_that_every_bucket_has_is_aws_own() -> None:
    rules = [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
    type_ = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    answer = {"ServerSideEncryptionConfiguration": {"Rules": rules}}
    (found,) = read(type_, LISTED | {"s3.get_bucket_encryption": answer}).found
    assert found.made_by_aws == "Default encryption of a bucket"
