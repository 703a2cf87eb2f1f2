"""What a replica takes from its primary: what both must have the same, in the recovery region's own copy."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from components.vocabulary import KeyUse


@dataclass(frozen=True, kw_only=True, slots=True)
class Standby:
    """The primary of a replica. ARNs of secrets are those of their replicas here."""

    primary: str
    """The primary cell's name: its tables, images and global databases begin with it."""
    keys: Mapping[KeyUse, pulumi.Input[str]]
    """ARNs of the primary's multi-Region keys, which get a replica here."""
    shard_secrets: Mapping[str, pulumi.Input[str]]
    """Shard -> secret of its master user."""
    api_keys_secret: pulumi.Input[str]
    pseudonym_secret: pulumi.Input[str]
    subject_keys_table: pulumi.Input[str]
    feature_table: pulumi.Input[str]
    """Names of the tables of which the pair's stack makes replicas here."""


def table_arn(region: str, account_id: str, table: pulumi.Input[str]) -> pulumi.Output[str]:
    """ARN of a table's replica, which has the table's name."""
    return pulumi.Output.concat(f"arn:aws:dynamodb:{region}:{account_id}:table/", table)
