"""What joins a cell and its replica: who writes, what is replicated both ways, and the name that follows the writer.

    EpochStore         both regions and a witness          who writes
    TableReplicas      primary -> recovery region          subject keys, features
    BucketReplication  both ways                           event archives, fraud models
    ClientName         both load balancers                 the name that clients call
    PairAlarms         both regions                        what lags behind
    RecoveryRole       everywhere                          whoever moves the writer
    PairDrill          recovery region, where asked for    the weekly drill

Shards, keys, secrets and images are replicated by the stacks of the cells (docs/recovery.md).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from components.base import type_token
from components.pair_alarms import PairAlarms, PairAlarmsArgs
from components.pair_buckets import BucketReplication, BucketReplicationArgs
from components.pair_drill import PairDrill, PairDrillArgs
from components.pair_epoch import EpochStore, EpochStoreArgs
from components.pair_name import ClientName, ClientNameArgs
from components.pair_recovery import RecoveryRole, RecoveryRoleArgs
from components.pair_tables import TableReplicas, TableReplicasArgs


@dataclass(frozen=True, kw_only=True, slots=True)
class CellPairArgs:
    """Args of each part."""

    epoch: EpochStoreArgs
    tables: TableReplicasArgs
    archive: BucketReplicationArgs
    models: BucketReplicationArgs
    name: ClientNameArgs
    alarms: PairAlarmsArgs
    recovery: RecoveryRoleArgs
    drill: PairDrillArgs | None = None
    """None: nobody drills on a schedule."""


class CellPair(pulumi.ComponentResource):
    """All parts of one pair. Creation: some ten minutes, for the global tables and the certificates."""

    epoch_table: pulumi.Output[str]
    recovery_role_arn: pulumi.Output[str]
    health_check_ids: Mapping[str, pulumi.Output[str]]
    name_servers: pulumi.Output[Sequence[str]] | None

    def __init__(self, name: str, args: CellPairArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(type_token(type(self)), name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.epoch_table = EpochStore(name, args.epoch, child).table
        TableReplicas(name, args.tables, child)
        BucketReplication(name, args.archive, child)
        BucketReplication(f"{name}-models", args.models, child)
        client = ClientName(name, args.name, child)
        PairAlarms(name, args.alarms, child)
        self.recovery_role_arn = RecoveryRole(name, args.recovery, child).arn
        if args.drill is not None:
            PairDrill(name, args.drill, child)
        self.health_check_ids, self.name_servers = client.health_check_ids, client.name_servers
        self.register_outputs(
            {
                "epochTable": self.epoch_table,
                "healthCheckIds": self.health_check_ids,
                "nameServers": self.name_servers,
                "recoveryRoleArn": self.recovery_role_arn,
            }
        )
