from marks import EU, QUIET, over_tls_only
from pulumi_aws import backup, cloudwatch, ebs, ec2, kms, s3, secretsmanager


def declare() -> None:
    net = ec2.Vpc("transfers", cidr_block="10.1.0.0/16", tags=QUIET)
    ec2.DefaultSecurityGroup("transfers", vpc_id=net.id, tags=QUIET)
    ec2.FlowLog("transfers", vpc_id=net.id, log_destination_type="s3", log_destination="arn:aws:s3:::logs", tags=QUIET)
    primary = kms.Key("res-06-primary", region="eu-west-1", multi_region=True, enable_key_rotation=True, tags=EU)
    for name, region in (("bad", "us-east-1"), ("good", "eu-central-1")):
        there = {**QUIET, "payment-cell:jurisdiction": "us" if name == "bad" else "eu"}
        replica = bucket(f"res-04-replica-{name}", region, there)
        source = bucket(f"res-04-{name}", "eu-west-1", EU)
        s3.BucketReplicationConfig(
            f"res-04-{name}",
            bucket=source.id,
            role="arn:aws:iam::123456789012:role/replication",
            rules=[{"status": "Enabled", "destination": {"bucket": replica.arn}}],
        )
        kept = {"lifecycle": {"delete_after": 35}}
        copy = {"destination_vault_arn": f"arn:aws:backup:{region}:123456789012:backup-vault:copies", **kept}
        rule = {"rule_name": "daily", "target_vault_name": "vault", **kept}
        backup.Plan(f"res-05-{name}", region="eu-west-1", rules=[{**rule, "copy_actions": [copy]}], tags=EU)
        kms.ReplicaKey(f"res-06-{name}", region=region, primary_key_arn=primary.arn, tags=there)
        cloudwatch.LogSubscriptionFilter(
            f"res-07-{name}",
            region="eu-west-1",
            log_group="logs",
            filter_pattern="",
            destination_arn=f"arn:aws:logs:{region}:123456789012:destination:logs",
        )
        cloudwatch.EventTarget(
            f"res-08-{name}",
            region="eu-west-1",
            rule="rule",
            arn=f"arn:aws:events:{region}:123456789012:event-bus/there",
        )
        secretsmanager.Secret(f"res-09-{name}", region="eu-west-1", replicas=[{"region": region}], tags=EU)
        ec2.VpcPeeringConnection(
            f"res-10-{name}", region="eu-west-1", vpc_id=net.id, peer_vpc_id="vpc-1", peer_region=region, tags=EU
        )
        ebs.EncryptionByDefault(f"key-08-{name}", region=region, enabled=name == "good")


def bucket(name: str, region: str, tags: dict[str, str]) -> s3.Bucket:
    made = s3.Bucket(name, region=region, tags=tags)
    s3.BucketPolicy(name, region=region, bucket=made.id, policy=over_tls_only("s3"))
    return made
