import json

from marks import EU, QUIET
from pulumi_aws import backup, cloudwatch, dynamodb, kms, sns

ROOT = {"AWS": "arn:aws:iam::123456789012:root"}


def declare() -> None:
    for name, condition in (("bad", {}), ("good", {"StringEquals": {"kms:CallerAccount": "123456789012"}})):
        administer = {"Effect": "Allow", "Principal": ROOT, "Action": "kms:PutKeyPolicy", "Resource": "*"}
        use = {"Effect": "Allow", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*", "Condition": condition}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [administer, use]})
        kms.Key(f"key-04-{name}", enable_key_rotation=True, policy=policy, tags=QUIET)
    production = {**QUIET, "payment-cell:environment": "production"}
    kms.Key("key-05-bad", enable_key_rotation=True, deletion_window_in_days=7, tags=production)
    kms.Key("key-05-good", enable_key_rotation=True, deletion_window_in_days=30, tags=production)
    shared = kms.Key("key-06-shared", enable_key_rotation=True, tags=QUIET)
    own = kms.Key("key-06-own", enable_key_rotation=True, tags=QUIET)
    personal = {**EU, "payment-cell:data-class": "personal"}
    cloudwatch.LogGroup(
        "key-06-personal", region="eu-west-1", retention_in_days=365, kms_key_id=shared.arn, tags=personal
    )
    for name, key in (("bad", shared), ("good", own)):
        vault = backup.Vault(f"key-06-{name}", kms_key_arn=key.arn, tags=QUIET)
        backup.VaultLockConfiguration(
            f"key-06-{name}", backup_vault_name=vault.name, changeable_for_days=3, min_retention_days=1
        )
    for name, days in (("bad", 24), ("good", 23)):
        subjects = kms.Key(f"key-07-{name}", enable_key_rotation=True, tags=QUIET)
        dynamodb.Table(
            f"key-07-{name}",
            attributes=[{"name": "subject", "type": "S"}],
            hash_key="subject",
            billing_mode="PAY_PER_REQUEST",
            server_side_encryption={"enabled": True, "kms_key_arn": subjects.arn},
            point_in_time_recovery={"enabled": True, "recovery_period_in_days": days},
            tags={**QUIET, "payment-cell:use": "subject-keys"},
        )
    for name, condition in (("bad", {}), ("good", {"StringEquals": {"aws:SourceAccount": "123456789012"}})):
        topic = f"arn:aws:sns:eu-west-1:123456789012:{name}"
        service = {"Service": "events.amazonaws.com"}
        send = {"Effect": "Allow", "Principal": service, "Action": "sns:Publish", "Resource": topic}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [{**send, "Condition": condition}]})
        sns.TopicPolicy(f"res-13-{name}", arn=topic, policy=policy)
