"""The epoch store of a pair: who writes, in a table that any two of three regions keep (`contracts/epoch.py`)."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_aws import dynamodb

from components.base import type_token
from components.vocabulary import DataClass, tags
from contracts.epoch import KEY


@dataclass(frozen=True, kw_only=True, slots=True)
class EpochStoreArgs:
    """Where the table and its copies are."""

    region: str
    """Of the primary: where the table is made."""
    replica_region: str
    witness_region: str
    """Keeps what was written and answers nobody: with it, either of the others may be lost
    (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/multi-region-strong-consistency-gt.html)."""
    jurisdiction: str
    table: str
    """Its name in both regions: programs know it before it exists."""
    protected: bool = True
    """Deletion protection, of DynamoDB and of Pulumi: without the record the primary writes again."""

    def __post_init__(self) -> None:
        if len({self.region, self.replica_region, self.witness_region}) != 3:
            raise ValueError(
                f"epoch_store: {self.region}, {self.replica_region} and {self.witness_region} are not three regions; "
                "strong consistency outlives the loss of one of three"
            )


class EpochStore(pulumi.ComponentResource):
    """One table with a strongly consistent replica and a witness. Creation: minutes. Cost: requests; it holds a few
    items. Class internal: it says which cell writes, so DynamoDB's own key is enough (KEY-01), and programs need no
    right over a key (`components/epoch_roles.py`)."""

    table: pulumi.Output[str]

    def __init__(self, name: str, args: EpochStoreArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(type_token(type(self)), name, {}, opts)
        table = dynamodb.Table(
            f"{name}-epoch",
            region=args.region,
            name=args.table,
            billing_mode="PAY_PER_REQUEST",
            hash_key=KEY,
            attributes=[{"name": KEY, "type": "S"}],
            point_in_time_recovery={"enabled": True},
            deletion_protection_enabled=args.protected,
            replicas=[
                {
                    "region_name": args.replica_region,
                    "consistency_mode": "STRONG",
                    "point_in_time_recovery": True,
                    "deletion_protection_enabled": args.protected,
                    "propagate_tags": True,
                }
            ],
            global_table_witness={"region_name": args.witness_region},
            tags=tags(DataClass.INTERNAL, jurisdiction=args.jurisdiction),
            opts=pulumi.ResourceOptions(parent=self, protect=args.protected),
        )
        self.table = table.name
        self.register_outputs({"table": self.table})
