"""Secrets Manager: secrets, their rotation and their policies; never a value."""

from collections.abc import Iterator, Mapping
from typing import Any

from operations.audit.live.question import Question
from operations.audit.live.reader import Live, Reader
from operations.audit.live.region import Region
from operations.audit.live.tags import tags
from operations.audit.live.words import camel, picked

_SECRET = ("Name", "Description", "KmsKeyId")

LIST = Question(
    service="secretsmanager",
    operation="list_secrets",
    keep=tuple(
        f"SecretList.{name}"
        for name in (
            *("ARN", *_SECRET, "Tags", "RotationEnabled", "RotationLambdaARN", "RotationRules"),
            *("OwningService", "PrimaryRegion"),
        )
    ),
    items="SecretList",
)
DESCRIBE = Question(
    service="secretsmanager",
    operation="describe_secret",
    keep=("ReplicationStatus.Region", "ReplicationStatus.KmsKeyId"),
)
POLICY = Question(service="secretsmanager", operation="get_resource_policy", keep=("ResourcePolicy",))


def secrets(region: Region) -> Iterator[Live]:
    """Secrets of this region, the replicas of other regions' among them."""
    for secret in region.pages(LIST):
        arn = secret["ARN"]
        yield Live(
            id=arn,
            name=secret["Name"],
            made_by_aws=_made_by_aws(secret, region),
            props={
                "arn": arn,
                **picked(secret, _SECRET),
                "replicas": region.field(DESCRIBE, _replicas, SecretId=arn),
                "policy": region.field(POLICY, lambda answer: answer.get("ResourcePolicy", ""), SecretId=arn),
                "tags": tags(secret.get("Tags")),
            },
        )


def rotations(region: Region) -> Iterator[Live]:
    """Rotations that are switched on."""
    for secret in region.pages(LIST):
        if secret.get("RotationEnabled"):
            yield Live(
                id=secret["ARN"],
                name=secret["Name"],
                made_by_aws=_made_by_aws(secret, region),
                props={
                    "secretId": secret["ARN"],
                    "rotationEnabled": True,
                    "rotationRules": camel(secret.get("RotationRules") or {}),
                    **picked(secret, (), {"RotationLambdaARN": "rotationLambdaArn"}),
                },
            )


def policies(region: Region) -> Iterator[Live]:
    """Policies of secrets that have one. A replica has its primary's, read in the primary's region
    (https://docs.aws.amazon.com/secretsmanager/latest/userguide/replicate-secrets.html)."""
    for secret in region.pages(LIST):
        if _is_replica(secret, region):
            continue
        answer = region.ask(POLICY, SecretId=secret["ARN"]) or {}
        if policy := answer.get("ResourcePolicy"):
            yield Live(
                id=secret["ARN"],
                name=secret["Name"],
                made_by_aws=_made_by_aws(secret, region),
                props={"secretArn": secret["ARN"], "policy": policy},
            )


def _made_by_aws(secret: Mapping[str, Any], region: Region) -> str:
    if secret.get("OwningService"):
        return "Secret of a service"
    return "Replica of a secret" if _is_replica(secret, region) else ""


def _is_replica(secret: Mapping[str, Any], region: Region) -> bool:
    return bool(secret.get("PrimaryRegion", region.name) != region.name)


def _replicas(answer: Mapping[str, Any]) -> list[Any]:
    return [camel(one) for one in answer.get("ReplicationStatus") or ()]


Reader(type="aws:secretsmanager/secret:Secret", read=secrets, source=LIST)
Reader(type="aws:secretsmanager/secretRotation:SecretRotation", read=rotations, source=LIST)
Reader(type="aws:secretsmanager/secretPolicy:SecretPolicy", read=policies, source=LIST)
