"""Secrets that a recovery region needs too. Secrets Manager keeps replicas up to date, versions and rotation included
(https://docs.aws.amazon.com/secretsmanager/latest/userguide/replicate-secrets.html)."""

from __future__ import annotations

from pulumi_aws import secretsmanager


def in_region(region: str | None) -> list[secretsmanager.SecretReplicaArgs] | None:
    """Replicas of a secret, declared at its birth: under the region's own key of Secrets Manager, which is there before
    the replica cell and its keys are."""
    return None if region is None else [secretsmanager.SecretReplicaArgs(region=region)]
