"""Secrets Manager: replicas of several secrets in a region. The emulator looks a secret up by its ARN or its name, and
its replicas have none: the first one would hide all others."""

from moto.secretsmanager.models import ReplicaSecret


def _name(replica: ReplicaSecret) -> str:
    return str(replica.source.name)


def install() -> None:
    """A replica has the name of its source
    (https://docs.aws.amazon.com/secretsmanager/latest/userguide/replicate-secrets.html)."""
    ReplicaSecret.name = property(_name)
