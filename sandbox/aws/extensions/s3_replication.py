"""S3 replication: what is put into a bucket with rules arrives in the buckets that the rules name, a little later.

Versions keep their id, metadata, tags and Object Lock. The role of the configuration needs its permissions; objects
under a key have to be selected, and arrive under a key that the rule names; what lacks one of these is FAILED.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-what-is-isnot-replicated.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/setting-repl-config-perm-overview.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-status.html
"""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from moto.s3 import models
from moto.s3.exceptions import S3ClientError

from sandbox.aws.iam.sessions import service_session
from sandbox.aws.iam.used import USED
from sandbox.aws.iam.verdict import Need
from sandbox.aws.outages import PARTITION, REGIONS
from sandbox.aws.underway import Underway

DELAY_S = 0.2
"""Seconds until a version arrives: on AWS most do within seconds, with Replication Time Control 99.9 % in 15 minutes
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-time-control.html)."""

Rule = Mapping[str, Any]


class Replicated(StrEnum):
    """`x-amz-replication-status`."""

    PENDING = "PENDING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    REPLICA = "REPLICA"


@dataclass(frozen=True, kw_only=True, slots=True)
class Due:
    """A version, or a delete marker, on its way."""

    source: Any
    version: Any
    role: str
    rule: Rule


def _stuck(one: Due) -> bool:
    _, account = models.s3_backends.bucket_accounts.get(_target(one.rule), ("", ""))
    target = models.s3_backends[account][PARTITION].buckets.get(_target(one.rule)) if account else None
    return target is not None and REGIONS.apart(one.source.region_name, target.region_name)


_way: Underway[Due] = Underway(DELAY_S, _stuck)


def checked(source: Any, configuration: Mapping[str, Any], backend: Any) -> None:
    """Refuse rules to a bucket that cannot take versions, as PutBucketReplication does."""
    for rule in configuration["Rule"]:
        target = backend.buckets.get(_target(rule))
        if target is None:
            raise S3ClientError("InvalidRequest", "Destination bucket must exist.")
        if not target.is_versioned:
            raise S3ClientError("InvalidRequest", "Destination bucket must have versioning enabled.")
        if source.object_lock_enabled and not target.object_lock_enabled:
            raise S3ClientError("InvalidRequest", "Destination bucket must have object lock enabled.")


def sent(bucket: Any, version: Any) -> None:
    """A version or delete marker of `bucket` is new."""
    if configuration := getattr(bucket, "replication", None):
        for rule in _rules(configuration, version):
            version.replication_status = Replicated.PENDING
            _way.send(Due(source=bucket, version=version, role=configuration["Role"], rule=rule))


def arrive(backend: Any) -> None:
    """Put what has arrived where it belongs."""
    _way.arrive(lambda one: _keep(one, backend))


def _keep(one: Due, backend: Any) -> None:
    target = backend.buckets.get(_target(one.rule))
    done = target is not None and _permitted(one, target) and _key_given(one)
    if done:
        replica = _replica(one, target)
        target.keys.setlist(replica.name, [*target.keys.getlist(replica.name, []), replica])
        if isinstance(replica, models.FakeKey):
            backend.tagger.copy_tags(one.version.arn, replica.arn)
    one.version.replication_status = Replicated.COMPLETED if done else Replicated.FAILED


def _target(rule: Rule) -> str:
    return str(rule["Destination"]["Bucket"]).rpartition(":")[2]


def _rules(configuration: Mapping[str, Any], version: Any) -> Iterator[Rule]:
    """The rules that take a version: of several to one bucket that with the highest priority."""
    chosen: dict[str, Rule] = {}
    for rule in sorted(configuration["Rule"], key=lambda one: int(one["Priority"])):
        if rule["Status"] == "Enabled" and version.name.startswith(_prefix(rule)) and _selected(rule, version):
            chosen[_target(rule)] = rule
    yield from chosen.values()


def _prefix(rule: Rule) -> str:
    within = rule.get("Filter") or {}
    return str((within.get("And") or within).get("Prefix") or rule.get("Prefix") or "")


def _selected(rule: Rule, version: Any) -> bool:
    if isinstance(version, models.FakeDeleteMarker):
        return (rule.get("DeleteMarkerReplication") or {}).get("Status") == "Enabled"
    if not _under_a_key(version):
        return True
    criteria = (rule.get("SourceSelectionCriteria") or {}).get("SseKmsEncryptedObjects") or {}
    return criteria.get("Status") == "Enabled"


def _permitted(one: Due, target: Any) -> bool:
    principal = service_session(one.role, "s3-replication")
    if principal is None:
        return False
    marker = isinstance(one.version, models.FakeDeleteMarker)
    into = "s3:ReplicateDelete" if marker else "s3:ReplicateObject"
    needs = [
        Need(action="s3:GetReplicationConfiguration", resource=one.source.arn),
        Need(action="s3:GetObjectVersionForReplication", resource=f"{one.source.arn}/{one.version.name}"),
        Need(action=into, resource=f"{target.arn}/{one.version.name}"),
    ]
    return USED.judge(principal, needs, one.source.region_name) is None


def _key_given(one: Due) -> bool:
    """Objects under a key arrive under a key of the destination's region, which the rule names."""
    return bool(_key(one.rule)) or not _under_a_key(one.version)


def _under_a_key(version: Any) -> bool:
    """A delete marker has no content, and none."""
    return getattr(version, "encryption", None) in ("aws:kms", "aws:kms:dsse")


def _key(rule: Rule) -> str:
    return str((rule["Destination"].get("EncryptionConfiguration") or {}).get("ReplicaKmsKeyID") or "")


def _replica(one: Due, target: Any) -> Any:
    replica = copy.copy(one.version)
    replica.bucket_name, replica.replication_status = target.name, Replicated.REPLICA
    if isinstance(replica, models.FakeKey):
        replica.region_name = target.region_name
        if _key(one.rule):
            replica.kms_key_id = _key(one.rule)
        if storage := one.rule["Destination"].get("StorageClass"):
            replica._storage_class = storage
    return replica


def described(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """What GetBucketReplication answers: all of what was put."""
    return {"Role": configuration["Role"], "Rules": [_described(rule) for rule in configuration["Rule"]]}


def _described(rule: Rule) -> dict[str, Any]:
    within = rule.get("Filter") or {}
    both = within.get("And")
    if both and "Tag" in both:
        tags = both["Tag"] if isinstance(both["Tag"], list) else [both["Tag"]]
        within = {"And": {**{name: value for name, value in both.items() if name != "Tag"}, "Tags": tags}}
    return {**rule, "Priority": int(rule["Priority"]), **({"Filter": within} if "Filter" in rule else {})}
