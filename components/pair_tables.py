"""Replicas of a cell's tables in its recovery region, each under a key of that region."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_aws import dynamodb

from components.base import type_token
from components.vocabulary import DataClass, tags


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplicatedTable:
    """A table that its cell owns: with a stream of new and old images, which replication reads."""

    arn: pulumi.Input[str]
    key_arn: pulumi.Input[str]
    """Key in the replica's region: DynamoDB encrypts each replica under a key of its own region
    (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html)."""
    use: str | None = None
    """Value of the `payment-cell:use` tag, as on the table itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TableReplicasArgs:
    """What is replicated, and where to."""

    replica_region: str
    jurisdiction: str
    tables: Mapping[str, ReplicatedTable]
    """Stable key -> table."""
    protected: bool = True
    """Deletion protection, of DynamoDB and of Pulumi."""


class TableReplicas(pulumi.ComponentResource):
    """One replica a table, of the same name: of two writes to an item the later one wins. Creation: minutes, more with
    items. Cost: each write a second time, and storage."""

    def __init__(self, name: str, args: TableReplicasArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(type_token(type(self)), name, {}, opts)
        for key, table in args.tables.items():
            dynamodb.TableReplica(
                f"{name}-{key}",
                region=args.replica_region,
                global_table_arn=table.arn,
                kms_key_arn=table.key_arn,
                point_in_time_recovery=True,
                deletion_protection_enabled=args.protected,
                tags=tags(DataClass.PERSONAL, jurisdiction=args.jurisdiction, use=table.use),
                opts=pulumi.ResourceOptions(parent=self, protect=args.protected),
            )
        self.register_outputs({})
