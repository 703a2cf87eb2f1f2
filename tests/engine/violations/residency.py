from marks import EU, QUIET, forcing_tls
from pulumi_aws import backup, dynamodb, kinesis, kms, rds, route53, ssm

PERSONAL = {**EU, "payment-cell:data-class": "personal"}
LONELY = {**PERSONAL, "payment-cell:cell": "lonely"}
"""Of a cell that has no table of subjects' keys."""


def declare() -> None:
    ssm.Parameter("ropa-01-bad", type="String", value="x", tags=PERSONAL)
    _vault()
    zone = route53.Zone("res-11", name="example.com", tags=EU)
    for name, region in (("bad", "us-east-1"), ("good", "eu-central-1")):
        route53.Record(
            f"res-11-{name}",
            zone_id=zone.zone_id,
            name=f"{name}.example.com",
            type="CNAME",
            ttl=60,
            set_identifier=region,
            latency_routing_policies=[{"region": region}],
            records=["edge.elb.eu-west-1.amazonaws.com"],
        )
        kinesis.Stream(f"res-01-{name}", region=region, shard_count=1, tags=EU)
        world = rds.GlobalCluster(
            f"res-02-global-{name}", global_cluster_identifier=f"global-{name}", engine="aurora-postgresql", tags=EU
        )
        # The member's own tag is right for its region; what counts is where the database belongs.
        rds.Cluster(
            f"res-02-{name}",
            region=region,
            engine="aurora-postgresql",
            db_cluster_parameter_group_name=forcing_tls(f"res-02-{name}").name,
            global_cluster_identifier=world.id,
            iam_database_authentication_enabled=True,
            backup_retention_period=7,
            tags={**QUIET, "payment-cell:jurisdiction": "us" if name == "bad" else "eu"},
        )
        dynamodb.Table(
            f"res-03-{name}",
            attributes=[{"name": "id", "type": "S"}],
            hash_key="id",
            billing_mode="PAY_PER_REQUEST",
            stream_enabled=True,
            stream_view_type="NEW_AND_OLD_IMAGES",
            point_in_time_recovery={"enabled": True},
            replicas=[{"region_name": region}],
            tags=EU,
        )


def _vault() -> None:
    """Whole but for the keys of its subjects."""
    key = kms.Key("ret-02", enable_key_rotation=True, deletion_window_in_days=30, tags=LONELY)
    vault = backup.Vault("ret-02-bad", region="eu-west-1", kms_key_arn=key.arn, tags=LONELY)
    backup.VaultLockConfiguration(
        "ret-02", region="eu-west-1", backup_vault_name=vault.name, min_retention_days=1, max_retention_days=31
    )
