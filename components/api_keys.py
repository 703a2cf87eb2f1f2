"""The secret that makes and checks a cell's API keys (`contracts/api_keys.py`).

Its first value is made here and never shown: write-only, like the passwords of the shards. To change it, put
{"current": <new>, "previous": <old>} as a new version of the secret, hand out new keys, then put it without the old
one: a new value from here would end all keys at once.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_aws import secretsmanager

from components.base import type_token
from components.iam import Statement, allow, via_service
from components.secret_replicas import in_region
from components.vocabulary import DataClass, tags

SECRET_BYTES = 32
"""Random bytes: as many as the HMAC's hash has."""

VERSION = 1
"""Of the value that is written here."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiKeysArgs:
    """Where the secret is and what guards it."""

    region: str
    jurisdiction: str
    key_arn: pulumi.Input[str]
    """Of the use `secrets`."""
    replica_region: str | None = None
    """Recovery region, which gets the secret too: what a caller has is valid in both."""
    protected: bool = True
    disposable: bool = False
    """The secret is gone with its stack, not 30 days later."""


class ApiKeys(pulumi.ComponentResource):
    """The secret `<name>-api-keys`. Creation: seconds. Cost: one secret."""

    secret_arn: pulumi.Output[str]

    def __init__(self, name: str, args: ApiKeysArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(type_token(type(self)), name, {}, opts)
        secret = secretsmanager.Secret(
            f"{name}-api-keys",
            region=args.region,
            description=f"{name}: makes and checks API keys",
            kms_key_id=args.key_arn,
            replicas=in_region(args.replica_region),
            recovery_window_in_days=0 if args.disposable else 30,
            tags=tags(DataClass.CONFIDENTIAL, jurisdiction=args.jurisdiction),
            opts=pulumi.ResourceOptions(parent=self, protect=args.protected),
        )
        # As in components/shard.py: a preview has no value, so that no saved plan holds one.
        value: Any = pulumi.UNKNOWN if pulumi.runtime.is_dry_run() else secrets.token_urlsafe(SECRET_BYTES)
        current: pulumi.Output[str] = pulumi.Output.secret(value)
        secretsmanager.SecretVersion(
            f"{name}-api-keys",
            region=args.region,
            secret_id=secret.id,
            secret_string_wo=pulumi.Output.json_dumps({"current": current, "previous": None}),
            secret_string_wo_version=VERSION,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.secret_arn = secret.arn
        self.register_outputs({"secretArn": self.secret_arn})


def checks(secret_arn: pulumi.Input[str], key_arn: pulumi.Input[str], region: str, account_id: str) -> list[Statement]:
    """What a role needs that checks API keys."""
    when = via_service(["secretsmanager"], region, account_id)
    return [
        allow("ReadApiKeySecret", ["secretsmanager:GetSecretValue"], [secret_arn]),
        allow("DecryptApiKeySecret", ["kms:Decrypt"], [key_arn], when=when),
    ]
