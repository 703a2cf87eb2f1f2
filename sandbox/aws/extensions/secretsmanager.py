"""Secrets Manager: replicas of several secrets in a region. The emulator looks a secret up by its ARN or its name; its
replicas have no name, so that the first one would hide all others, and an ARN in which every word that is the source's
region is replaced, in the name too. It also shows its source's key as theirs."""

from typing import Any

from moto.secretsmanager.models import FakeSecret, ReplicaSecret

_init, _to_dict = ReplicaSecret.__init__, ReplicaSecret.to_dict


def _name(replica: ReplicaSecret) -> str:
    return str(replica.source.name)


def _policy(replica: ReplicaSecret) -> str | None:
    policy: str | None = replica.source.policy
    return policy


def _key(replica: ReplicaSecret) -> str | None:
    key: str | None = replica.config["KmsKeyId"]
    return key


def _made(
    replica: ReplicaSecret, source: FakeSecret, region: str, status: str | None = None, message: str | None = None
) -> None:
    _init(replica, source, region, status, message)
    replica.arn = source.arn.replace(f":{source.region}:", f":{region}:", 1)


def _described(replica: ReplicaSecret) -> dict[str, Any]:
    described: dict[str, Any] = _to_dict(replica)
    return described | {"KmsKeyId": replica.config["KmsKeyId"]}


def install() -> None:
    """A replica has the name of its source, its resource policy, which who reads it is held to, and its ARN in the
    other region (https://docs.aws.amazon.com/secretsmanager/latest/userguide/replicate-secrets.html)."""
    ReplicaSecret.name = property(_name)
    ReplicaSecret.policy = property(_policy)
    ReplicaSecret.kms_key_id = property(_key)
    ReplicaSecret.__init__ = _made
    ReplicaSecret.to_dict = _described
