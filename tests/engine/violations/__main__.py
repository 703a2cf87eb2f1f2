"""For each control one resource that violates it and no other control, `<control>-bad`, beside a healthy one."""

from pulumi_aws import cloudtrail, dynamodb, ec2, eks, kinesis, kms, rds, sqs, vpc

QUIET = {"payment-cell:data-class": "internal", "payment-cell:environment": "development"}
"""Tags of what is to be judged by one control only: without a class a store counts as personal, without an environment
as production."""

EU = {**QUIET, "payment-cell:jurisdiction": "eu"}
OURS = {**QUIET, "payment-cell:cell": "ours"}


def residency() -> None:
    for name, region in (("bad", "us-east-1"), ("good", "eu-central-1")):
        kinesis.Stream(f"res-01-{name}", region=region, shard_count=1, tags=EU)
        world = rds.GlobalCluster(
            f"res-02-global-{name}", global_cluster_identifier=f"global-{name}", engine="aurora-postgresql", tags=EU
        )
        # The member's own tag is right for its region; what counts is where the database belongs.
        rds.Cluster(
            f"res-02-{name}",
            region=region,
            engine="aurora-postgresql",
            global_cluster_identifier=world.id,
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


def keys() -> None:
    ours = kms.Key("key-03-good", enable_key_rotation=True, rotation_period_in_days=365, tags=OURS)
    theirs = kms.Key("key-03-theirs", enable_key_rotation=True, tags={**QUIET, "payment-cell:cell": "theirs"})
    kms.Key("key-03-bad", enable_key_rotation=False, tags=OURS)
    secret = {**OURS, "payment-cell:data-class": "confidential"}
    sqs.Queue("key-01-bad", sqs_managed_sse_enabled=True, tags=secret)
    sqs.Queue("key-02-bad", kms_master_key_id=theirs.arn, tags=secret)
    sqs.Queue("key-01-and-02-good", kms_master_key_id=ours.arn, tags=secret)


def network() -> None:
    net = ec2.Vpc("net", cidr_block="10.0.0.0/16", tags=QUIET)
    gateway = ec2.InternetGateway("net", vpc_id=net.id, tags=QUIET)
    group = ec2.SecurityGroup("net", vpc_id=net.id, description="net", tags=QUIET)
    for number, (name, cidr) in enumerate((("bad", "0.0.0.0/0"), ("good", "10.0.0.0/16"))):
        vpc.SecurityGroupIngressRule(
            f"net-01-{name}",
            security_group_id=group.id,
            ip_protocol="tcp",
            from_port=22,
            to_port=22,
            cidr_ipv4=cidr,
            tags=QUIET,
        )
        subnet = ec2.Subnet(f"net-02-{name}", vpc_id=net.id, cidr_block=f"10.0.{number}.0/24", tags=QUIET)
        table = ec2.RouteTable(f"net-02-{name}", vpc_id=net.id, tags=QUIET)
        ec2.RouteTableAssociation(f"net-02-{name}", subnet_id=subnet.id, route_table_id=table.id)
        if name == "bad":
            ec2.Route("net-02-bad", route_table_id=table.id, destination_cidr_block="0.0.0.0/0", gateway_id=gateway.id)
        rds.SubnetGroup(f"net-02-{name}", subnet_ids=[subnet.id], tags=QUIET)
        eks.Cluster(
            f"net-03-{name}",
            role_arn="arn:aws:iam::123456789012:role/cluster",
            vpc_config={
                "subnet_ids": [subnet.id],
                "endpoint_public_access": name == "bad",
                "endpoint_private_access": True,
            },
            tags=QUIET,
        )


def logs_and_backups() -> None:
    key = kms.Key("log-01-key", enable_key_rotation=True, tags=QUIET)
    cloudtrail.Trail("log-01-bad", s3_bucket_name="logs", is_multi_region_trail=False, kms_key_id=key.arn, tags=QUIET)
    cloudtrail.Trail(
        "log-01-good",
        s3_bucket_name="logs",
        is_multi_region_trail=True,
        enable_log_file_validation=True,
        kms_key_id=key.arn,
        tags=QUIET,
    )
    rds.Cluster("bck-01-bad", engine="aurora-postgresql", backup_retention_period=1, tags=QUIET)
    rds.Cluster("bck-01-good", engine="aurora-postgresql", backup_retention_period=7, tags=QUIET)
    production = {**QUIET, "payment-cell:environment": "production"}
    kept = {"engine": "aurora-postgresql", "backup_retention_period": 7, "tags": production}
    rds.Cluster("bck-05-bad", deletion_protection=False, final_snapshot_identifier="final", **kept)
    rds.Cluster("bck-05-good", deletion_protection=True, final_snapshot_identifier="final", **kept)


residency()
keys()
network()
logs_and_backups()
