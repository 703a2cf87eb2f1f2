"""Backups and databases: what keeps the data when something goes wrong."""

from collections.abc import Callable
from secrets import token_hex
from typing import Any

from drift import CELL, Change, Hands, Undo

from operations.audit.result import Reconciled

CLUSTER, INSTANCE = "aws:rds/cluster:Cluster", "aws:rds/instance:Instance"
MEMBER, GLOBAL = "aws:rds/clusterInstance:ClusterInstance", "aws:rds/globalCluster:GlobalCluster"
GROUP, PROXY = "aws:rds/clusterParameterGroup:ClusterParameterGroup", "aws:rds/proxy:Proxy"
PLAN, VAULT = "aws:backup/plan:Plan", "aws:backup/vault:Vault"
LOCK = "aws:backup/vaultLockConfiguration:VaultLockConfiguration"
TABLE = "aws:dynamodb/table:Table"
OBJECT_LOCK = "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration"

SHARD = f"{CELL}-s00"
ABROAD = "arn:aws:backup:us-east-1:111122223333:backup-vault:by-hand"

DoesIt = Callable[[Hands], Undo]
Rule = dict[str, Any]


def _cluster(name: str, by_hand: Any, before: Any) -> DoesIt:
    """Another value of a setting of a shard."""

    def does(hands: Hands) -> Undo:
        rds = hands.client("rds")

        def modify(value: Any) -> None:
            rds.modify_db_cluster(DBClusterIdentifier=SHARD, ApplyImmediately=True, **{name: value})

        modify(by_hand)
        return lambda: modify(before)

    return does


def _table(**settings: Any) -> DoesIt:
    """Other settings of the table of features, which are all true before."""

    def does(hands: Hands) -> Undo:
        dynamodb, name = hands.client("dynamodb"), hands.outputs(TABLE, f"{CELL}-fraud")["name"]
        dynamodb.update_table(TableName=name, **settings)
        return lambda: dynamodb.update_table(TableName=name, **dict.fromkeys(settings, True))

    return does


def _no_recovery(hands: Hands) -> Undo:
    dynamodb, table = hands.client("dynamodb"), hands.outputs(TABLE, f"{CELL}-fraud")

    def recovery(**wanted: Any) -> None:
        dynamodb.update_continuous_backups(TableName=table["name"], PointInTimeRecoverySpecification=wanted)

    recovery(PointInTimeRecoveryEnabled=False)
    days = int(table["pointInTimeRecovery"]["recoveryPeriodInDays"])
    return lambda: recovery(PointInTimeRecoveryEnabled=True, RecoveryPeriodInDays=days)


def _out_of_the_plan(hands: Hands) -> Undo:
    """The tag that the plan selects by, taken from a shard."""
    rds, arn = hands.client("rds"), hands.outputs(CLUSTER, SHARD)["arn"]
    rds.remove_tags_from_resource(ResourceName=arn, TagKeys=["payment-cell:backup"])
    tag = {"Key": "payment-cell:backup", "Value": "vault"}
    return lambda: rds.add_tags_to_resource(ResourceName=arn, Tags=[tag])


def _unlocked_archive(hands: Hands) -> Undo:
    """The bucket keeps its lock, whose default retention is taken from what comes next."""
    s3, bucket = hands.client("s3"), hands.outputs(OBJECT_LOCK, f"{CELL}-archive")["id"]
    was = s3.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"]
    s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"})
    return lambda: s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=was)


def _vault_by_hand(hands: Hands) -> Undo:
    backup = hands.client("backup")
    backup.create_backup_vault(BackupVaultName="by-hand")
    return lambda: backup.delete_backup_vault(BackupVaultName="by-hand")


def _lock(*, lifted: bool) -> DoesIt:
    """No lock on the cell's vault any more, or one that can be lifted. Neither can be done once the days of the lock
    are over."""

    def does(hands: Hands) -> Undo:
        backup, lock = hands.client("backup"), hands.outputs(LOCK, CELL)
        name = lock["backupVaultName"]
        days = {"MinRetentionDays": int(lock["minRetentionDays"]), "MaxRetentionDays": int(lock["maxRetentionDays"])}
        backup.delete_backup_vault_lock_configuration(BackupVaultName=name)
        if not lifted:
            backup.put_backup_vault_lock_configuration(BackupVaultName=name, **days)
        until = int(lock["changeableForDays"])
        return lambda: backup.put_backup_vault_lock_configuration(BackupVaultName=name, ChangeableForDays=until, **days)

    return does


def plan(changed: Callable[[Rule], Rule]) -> DoesIt:
    """Other rules of the cell's plan."""

    def does(hands: Hands) -> Undo:
        backup, plan_id = hands.client("backup"), hands.outputs(PLAN, CELL)["id"]
        found = backup.get_backup_plan(BackupPlanId=plan_id)["BackupPlan"]
        rules = [{name: value for name, value in rule.items() if name != "RuleId"} for rule in found["Rules"]]

        def update(rules: list[Rule]) -> None:
            wanted = {"BackupPlanName": found["BackupPlanName"], "Rules": rules}
            backup.update_backup_plan(BackupPlanId=plan_id, BackupPlan=wanted)

        update([changed(rule) for rule in rules])
        return lambda: update(rules)

    return does


def _without(name: str) -> Callable[[Rule], Rule]:
    return lambda rule: {key: value for key, value in rule.items() if key != name}


def _kept_for(days: int) -> Callable[[Rule], Rule]:
    return lambda rule: {**rule, "Lifecycle": {"DeleteAfterDays": days}}


def _abroad(rule: Rule) -> Rule:
    copies = rule["CopyActions"]
    return {**rule, "CopyActions": [*copies, {**copies[0], "DestinationBackupVaultArn": ABROAD}]}


def _global_unprotected(hands: Hands) -> Undo:
    rds, name = hands.client("rds"), hands.outputs(GLOBAL, SHARD)["globalClusterIdentifier"]
    rds.modify_global_cluster(GlobalClusterIdentifier=name, DeletionProtection=False)
    return lambda: rds.modify_global_cluster(GlobalClusterIdentifier=name, DeletionProtection=True)


def _instance(**settings: Any) -> DoesIt:
    """A database of somebody's own, of no shard; with these settings, else well kept."""

    def does(hands: Hands) -> Undo:
        rds, key = hands.client("rds"), hands.outputs("aws:kms/key:Key", f"{CELL}-payments")["arn"]
        kept = {
            "StorageEncrypted": True,
            "KmsKeyId": key,
            "DeletionProtection": True,
            "BackupRetentionPeriod": 7,
            "MultiAZ": True,
            "EnableIAMDatabaseAuthentication": True,
            "EnableCloudwatchLogsExports": ["postgresql"],
            "Tags": [
                {"Key": f"payment-cell:{name}", "Value": value}
                for name, value in (("data-class", "internal"), ("jurisdiction", "eu"))
            ],
        }
        rds.create_db_instance(
            DBInstanceIdentifier="by-hand",
            DBInstanceClass="db.t4g.medium",
            Engine="postgres",
            AllocatedStorage=20,
            MasterUsername="somebody",
            MasterUserPassword=token_hex(16),
            **{**kept, **settings},
        )

        def undo() -> None:
            rds.modify_db_instance(DBInstanceIdentifier="by-hand", DeletionProtection=False)
            rds.delete_db_instance(DBInstanceIdentifier="by-hand", SkipFinalSnapshot=True)

        return undo

    return does


def _one_instance_left(hands: Hands) -> Undo:
    rds = hands.client("rds")
    made = [_member(hands, zone) for zone in ("euw1-az2", "euw1-az3")]
    for member in made:
        rds.delete_db_instance(DBInstanceIdentifier=member["DBInstanceIdentifier"], SkipFinalSnapshot=True)

    def undo() -> None:
        for member in made:
            rds.create_db_instance(**member)

    return undo


def _all_in_one_zone(hands: Hands) -> Undo:
    """Two instances made again where the first one is."""
    rds, zone = hands.client("rds"), hands.outputs(MEMBER, f"{SHARD}-euw1-az1")["availabilityZone"]
    made = [_member(hands, zone) for zone in ("euw1-az2", "euw1-az3")]

    def again(**changed: str) -> None:
        for member in made:
            rds.delete_db_instance(DBInstanceIdentifier=member["DBInstanceIdentifier"], SkipFinalSnapshot=True)
            rds.create_db_instance(**{**member, **changed})

    again(AvailabilityZone=zone)
    return again


def _member(hands: Hands, zone: str) -> dict[str, Any]:
    """How an instance of the shard was made."""
    found = hands.outputs(MEMBER, f"{SHARD}-{zone}")
    return {
        "DBInstanceIdentifier": found["identifier"],
        "DBClusterIdentifier": SHARD,
        "DBInstanceClass": found["instanceClass"],
        "Engine": found["engine"],
        "AvailabilityZone": found["availabilityZone"],
        "AutoMinorVersionUpgrade": False,
        "CopyTagsToSnapshot": True,
        "PubliclyAccessible": False,
        "MonitoringInterval": int(found["monitoringInterval"]),
        "MonitoringRoleArn": found["monitoringRoleArn"],
        "PromotionTier": int(found["promotionTier"]),
        "CACertificateIdentifier": found["caCertIdentifier"],
        "Tags": [{"Key": key, "Value": value} for key, value in found["tags"].items()],
    }


def _plain_connections(hands: Hands) -> Undo:
    rds, name = hands.client("rds"), hands.outputs(GROUP, CELL)["name"]

    def force(value: str) -> None:
        one = {"ParameterName": "rds.force_ssl", "ParameterValue": value, "ApplyMethod": "immediate"}
        rds.modify_db_cluster_parameter_group(DBClusterParameterGroupName=name, Parameters=[one])

    force("0")
    return lambda: force("1")


def _proxy_without_tls(hands: Hands) -> Undo:
    rds = hands.client("rds")
    rds.modify_db_proxy(DBProxyName=SHARD, RequireTLS=False)
    return lambda: rds.modify_db_proxy(DBProxyName=SHARD, RequireTLS=True)


UNPROTECTED = "BCK-05 is_protected_against_deletion"
TWO_INSTANCES, TWO_ZONES = "BCK-06 database_has_two_instances", "BCK-06 instances_stand_in_two_zones"

CHANGES = (
    Change(
        sees="BCK-01 keeps_seven_to_thirty_five_days",
        does=_cluster("BackupRetentionPeriod", 1, 35),
        reads=(CLUSTER,),
    ),
    Change(
        sees="BCK-01 table_has_point_in_time_recovery",
        does=_no_recovery,
        reads=(TABLE,),
        also=frozenset({"BCK-02 table_can_be_recovered"}),
    ),
    Change(sees="BCK-02 database_is_in_a_backup_selection", does=_out_of_the_plan, reads=(CLUSTER,)),
    Change(sees="BCK-02 bucket_can_be_recovered", does=_unlocked_archive, reads=(OBJECT_LOCK,)),
    Change(
        sees="BCK-02 table_can_be_recovered",
        does=_no_recovery,
        reads=(TABLE,),
        also=frozenset({"BCK-01 table_has_point_in_time_recovery"}),
    ),
    Change(
        sees="BCK-03 vault_is_encrypted_with_a_key",
        does=_vault_by_hand,
        reads=(VAULT, "aws:kms/key:Key"),
        reconciled=Reconciled.UNMANAGED,
        also=frozenset(
            {"BCK-03 vault_is_locked", "BCK-03 lock_cannot_be_lifted", "KEY-01 uses_a_customer_managed_key"}
        ),
    ),
    Change(
        sees="BCK-03 vault_is_locked",
        does=_lock(lifted=True),
        reads=(LOCK,),
        also=frozenset({"BCK-03 lock_cannot_be_lifted"}),
    ),
    Change(sees="BCK-03 lock_cannot_be_lifted", does=_lock(lifted=False), reads=(LOCK,)),
    Change(sees="BCK-03 backups_are_copied_to_another_account", does=plan(_without("CopyActions")), reads=(PLAN,)),
    Change(sees="BCK-03 backups_end_in_time", does=plan(_kept_for(366)), reads=(PLAN,)),
    Change(sees=UNPROTECTED, does=_cluster("DeletionProtection", False, True), reads=(CLUSTER,)),
    Change(sees=UNPROTECTED, does=_global_unprotected, reads=(GLOBAL,)),
    Change(sees=UNPROTECTED, does=_table(DeletionProtectionEnabled=False), reads=(TABLE,)),
    Change(
        sees=UNPROTECTED,
        does=_instance(DeletionProtection=False),
        reads=(INSTANCE,),
        reconciled=Reconciled.UNMANAGED,
    ),
    Change(sees=TWO_INSTANCES, does=_one_instance_left, reads=(MEMBER,), also=frozenset({TWO_ZONES})),
    Change(sees=TWO_ZONES, does=_all_in_one_zone, reads=(MEMBER,)),
    Change(sees="RES-05 copies_stay_inside", does=plan(_abroad), reads=(PLAN,)),
    Change(sees="RET-01 backups_expire", does=plan(_without("Lifecycle")), reads=(PLAN,)),
    Change(sees="TLS-02 database_forces_tls", does=_plain_connections, reads=(GROUP,)),
    Change(sees="TLS-02 proxy_requires_tls", does=_proxy_without_tls, reads=(PROXY,)),
)
