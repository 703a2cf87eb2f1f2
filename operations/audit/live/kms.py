"""KMS: customer-managed keys and their policies."""

from collections.abc import Callable, Iterator
from typing import Any

from operations.audit.live.question import Question
from operations.audit.live.reader import Live, Reader
from operations.audit.live.region import Region
from operations.audit.live.tags import tags_of
from operations.audit.live.words import picked

LIST = Question(service="kms", operation="list_keys", keep=("Keys",), items="Keys")
DESCRIBE = Question(service="kms", operation="describe_key", keep=("KeyMetadata",))
ROTATION = Question(
    service="kms",
    operation="get_key_rotation_status",
    keep=("KeyRotationEnabled", "RotationPeriodInDays"),
    absent=frozenset({"UnsupportedOperationException"}),
)
POLICY = Question(service="kms", operation="get_key_policy", keep=("Policy",))
TAGS = Question(service="kms", operation="list_resource_tags", keep=("Tags",), items="Tags")


ALIASES = Question(
    service="kms",
    operation="list_aliases",
    keep=tuple(f"Aliases.{name}" for name in ("AliasName", "AliasArn", "TargetKeyId")),
    items="Aliases",
)


def aliases(region: Region) -> Iterator[Live]:
    """Names of keys; those that begin with ``alias/aws/`` are AWS's."""
    for alias in region.pages(ALIASES):
        yield Live(
            id=alias["AliasName"],
            made_by_aws="AWS managed key" if alias["AliasName"].startswith("alias/aws/") else "",
            props=picked(alias, name="AliasName", arn="AliasArn", targetKeyId="TargetKeyId"),
        )


def _keys(*, replicas: bool, external: bool) -> Callable[[Region], Iterator[Live]]:
    """Keys that were made in this region, or replicas of multi-region keys of other regions; with material that AWS
    made, or with imported material (Origin EXTERNAL), as the provider tells them apart. Those that AWS manages have an
    alias ``alias/aws/`` and KeyManager AWS (https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html)."""

    def read(region: Region) -> Iterator[Live]:
        for metadata in _described(region):
            if _is_replica(metadata) is replicas and (metadata.get("Origin") == "EXTERNAL") is external:
                yield _key(region, metadata)

    return read


def _described(region: Region) -> Iterator[dict[str, Any]]:
    for key in region.pages(LIST):
        answer = region.ask(DESCRIBE, KeyId=key["KeyId"])
        if answer is not None:
            yield answer["KeyMetadata"]


def _is_replica(metadata: dict[str, Any]) -> bool:
    return bool((metadata.get("MultiRegionConfiguration") or {}).get("MultiRegionKeyType") == "REPLICA")


def _key(region: Region, metadata: dict[str, Any]) -> Live:
    key_id = metadata["KeyId"]
    made_by_aws = "AWS managed key" if metadata.get("KeyManager") == "AWS" else ""

    def rotation(name: str) -> Any:
        return region.field(ROTATION, lambda answer: answer.get(name), KeyId=key_id)

    multi_region = metadata.get("MultiRegionConfiguration") or {}
    primary = {"primaryKeyArn": multi_region["PrimaryKey"]["Arn"]} if _is_replica(metadata) else {}
    return Live(
        id=key_id,
        name=metadata.get("Description") or key_id,
        made_by_aws=made_by_aws,
        props={
            "arn": metadata["Arn"],
            "keyId": key_id,
            "region": region.name,
            "customerMasterKeySpec": metadata.get("KeySpec", "SYMMETRIC_DEFAULT"),
            "keyUsage": metadata.get("KeyUsage", ""),
            "isEnabled": metadata.get("Enabled", False),
            "keyManager": metadata.get("KeyManager", "CUSTOMER"),
            "keyState": metadata.get("KeyState", ""),
            **primary,
            "multiRegion": metadata.get("MultiRegion", False),
            "enableKeyRotation": False if made_by_aws else rotation("KeyRotationEnabled"),
            "rotationPeriodInDays": None if made_by_aws else rotation("RotationPeriodInDays"),
            "policy": region.field(POLICY, lambda answer: answer["Policy"], KeyId=key_id, PolicyName="default"),
            "tags": tags_of(region, TAGS, key="TagKey", value="TagValue", KeyId=key_id),
        },
    )


for _type, _replicas, _external in (
    ("aws:kms/key:Key", False, False),
    ("aws:kms/externalKey:ExternalKey", False, True),
    ("aws:kms/replicaKey:ReplicaKey", True, False),
    ("aws:kms/replicaExternalKey:ReplicaExternalKey", True, True),
):
    Reader(type=_type, read=_keys(replicas=_replicas, external=_external), source=LIST)
Reader(type="aws:kms/alias:Alias", read=aliases, source=ALIASES)
