"""S3, Secrets Manager, Kinesis, DynamoDB and SSM: they come up, stay, change, show drift and go."""

import json

import pulumi
import pytest
from inline_stack import InlineStack, fails, stack
from pulumi_aws import dynamodb, kinesis, kms, s3, secretsmanager, ssm
from table_programs import comes_up_and_changes, document, repairs

from conftest import Sandbox

pytestmark = pytest.mark.engine


def bucket(version: int, key: kms.Key) -> None:
    made = s3.Bucket("data", force_destroy=True, object_lock_enabled=True, tags={"version": str(version)})
    s3.BucketVersioning("data", bucket=made.id, versioning_configuration={"status": "Enabled"})
    default = {"sse_algorithm": "aws:kms", "kms_master_key_id": key.arn}
    s3.BucketServerSideEncryptionConfiguration(
        "data",
        bucket=made.id,
        rules=[{"apply_server_side_encryption_by_default": default, "bucket_key_enabled": True}],
    )
    s3.BucketPublicAccessBlock("data", bucket=made.id, block_public_acls=True, block_public_policy=True)
    delivery = {"Principal": {"Service": "firehose.amazonaws.com"}, "Action": ["s3:PutObject"]}
    policy = made.arn.apply(lambda arn: document({**delivery, "Resource": f"{arn}/*"}))
    s3.BucketPolicy("data", bucket=made.id, policy=policy)
    retention = {"mode": "GOVERNANCE", "days": version}
    s3.BucketObjectLockConfiguration("data", bucket=made.id, rule={"default_retention": retention})
    s3.BucketOwnershipControls("data", bucket=made.id, rule={"object_ownership": "BucketOwnerEnforced"})
    transition = {"days": 30 * version, "storage_class": "GLACIER"}
    chosen = {"and": {"prefix": "tmp/", "tags": {"keep": "no"}}}
    s3.BucketLifecycleConfiguration(
        "data",
        bucket=made.id,
        rules=[
            {"id": "old", "status": "Enabled", "filter": {}, "transitions": [transition]},
            {"id": "tmp", "status": "Enabled", "filter": chosen, "expiration": {"days": 1}},
            {"id": "logs", "status": "Enabled", "filter": {"prefix": "log/"}, "expiration": {"days": 9}},
        ],
    )
    s3.AccountPublicAccessBlock("account", block_public_acls=True, restrict_public_buckets=version == 1)
    pulumi.export("bucket", made.id)
    pulumi.export("bucketDomain", made.bucket_regional_domain_name)


def secrets(version: int, key: kms.Key) -> None:
    hidden = secretsmanager.Secret("hidden", kms_key_id=key.arn, description=f"v{version}", recovery_window_in_days=0)
    secretsmanager.SecretVersion(
        "hidden",
        secret_id=hidden.id,
        secret_string_wo=pulumi.Output.secret("open sesame"),
        secret_string_wo_version=version,
    )
    known = secretsmanager.Secret("known", recovery_window_in_days=0, tags={"version": str(version)})
    secretsmanager.SecretVersion("known", secret_id=known.id, secret_string=pulumi.Output.secret("barley"))
    ssm.Parameter("map", type="String", value=f"v{version}", description="shard map")
    ssm.Parameter("token", type="SecureString", value=pulumi.Output.secret("wheat"), key_id=key.arn)
    pulumi.export("hidden", hidden.arn)


def streams(version: int, key: kms.Key) -> None:
    kinesis.Stream(
        "events",
        shard_count=1 + version,
        retention_period=24 * version,
        encryption_type="KMS",
        kms_key_id=key.arn,
        shard_level_metrics=["IncomingBytes"] if version == 1 else ["OutgoingBytes", "IncomingBytes"],
        tags={"version": str(version)},
    )
    kinesis.Stream("elastic", stream_mode_details={"stream_mode": "ON_DEMAND"})
    made = dynamodb.Table(
        "features",
        billing_mode="PAY_PER_REQUEST",
        hash_key="pk",
        range_key="sk",
        attributes=[{"name": name, "type": "S"} for name in ("pk", "sk", "owner")],
        global_secondary_indexes=[{"name": "by-owner", "hash_key": "owner", "projection_type": "ALL"}],
        server_side_encryption={"enabled": True, "kms_key_arn": key.arn},
        point_in_time_recovery={"enabled": version == 2},
        ttl={"enabled": True, "attribute_name": "expires"},
        stream_enabled=True,
        stream_view_type="NEW_IMAGE",
        tags={"version": str(version)},
    )
    pulumi.export("table", made.name)


def program(version: int) -> None:
    key = kms.Key("key", deletion_window_in_days=7)
    bucket(version, key)
    secrets(version, key)
    streams(version, key)


def drift(sandbox: Sandbox, outputs: dict[str, str]) -> None:
    """Four changes behind the program's back."""
    client = sandbox.client("s3")
    client.put_public_access_block(
        Bucket=outputs["bucket"], PublicAccessBlockConfiguration={"BlockPublicAcls": False, "BlockPublicPolicy": True}
    )
    reader = {"Principal": {"Service": "logs.amazonaws.com"}, "Action": "s3:GetBucketAcl"}
    arn = f"arn:aws:s3:::{outputs['bucket']}"
    client.put_bucket_policy(Bucket=outputs["bucket"], Policy=document({**reader, "Resource": arn}))
    sandbox.client("secretsmanager").update_secret(SecretId=outputs["hidden"], Description="changed")
    sandbox.client("dynamodb").update_continuous_backups(
        TableName=outputs["table"], PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False}
    )


def lock_an_object(sandbox: Sandbox, name: str) -> None:
    """An object under the bucket's governance lock, and an old version of it."""
    for body in (b"one", b"two"):
        sandbox.client("s3").put_object(Bucket=name, Key="k", Body=body)


def value_of(sandbox: Sandbox, arn: str) -> str:
    return str(sandbox.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"])


def check_outputs(made: InlineStack, sandbox: Sandbox) -> None:
    outputs = made.outputs()
    assert outputs["bucketDomain"] == f"{outputs['bucket']}.s3.eu-west-1.amazonaws.com"
    assert value_of(sandbox, outputs["hidden"]) == "open sesame"
    text = made.state_text()
    assert not [word for word in ("open sesame", "barley", "wheat") if word in text]
    assert "secretStringWo" not in made.resource("hidden")["outputs"]


def test_data_stores_come_up_change_in_place_and_go(sandbox: Sandbox) -> None:
    with stack(sandbox, lambda: program(1)) as made:
        # Bucket, lock, lifecycle, account block, 2 secrets, parameter, stream, table; a new value is a new version.
        comes_up_and_changes(made, program, update=9, replace=1)
        check_outputs(made, sandbox)
        drift(sandbox, made.outputs())
        repairs(made, 4)
        lock_an_object(sandbox, made.outputs()["bucket"])
    assert sandbox.client("s3").list_buckets()["Buckets"] == []
    assert sandbox.client("dynamodb").list_tables()["TableNames"] == []
    assert sandbox.client("kinesis").list_streams()["StreamNames"] == []
    assert sandbox.client("secretsmanager").list_secrets(IncludePlannedDeletion=True)["SecretList"] == []
    assert sandbox.client("ssm").describe_parameters()["Parameters"] == []


def guarded() -> None:
    pulumi.export("bucket", s3.Bucket("kept").id)
    pulumi.export("secret", secretsmanager.Secret("kept").name)
    pulumi.export(
        "table",
        dynamodb.Table(
            "kept",
            attributes=[{"name": "pk", "type": "S"}],
            hash_key="pk",
            billing_mode="PAY_PER_REQUEST",
            deletion_protection_enabled=True,
        ).name,
    )


def test_what_holds_data_is_not_removed_silently(sandbox: Sandbox) -> None:
    with stack(sandbox, guarded) as made:
        made.up()
        outputs = made.outputs()
        sandbox.client("s3").put_object(Bucket=outputs["bucket"], Key="k", Body=b"x")
        text = fails(lambda: made.destroy(continue_on_error=True))
        assert "BucketNotEmpty" in text
        assert "ValidationException" in text
        kept = sandbox.client("secretsmanager").describe_secret(SecretId=outputs["secret"])
        assert kept["DeletedDate"]
        sandbox.client("s3").delete_object(Bucket=outputs["bucket"], Key="k")
        sandbox.client("dynamodb").update_table(TableName=outputs["table"], DeletionProtectionEnabled=False)


def test_deprecated_inline_settings_of_a_bucket_are_refused(sandbox: Sandbox) -> None:
    with stack(sandbox, lambda: s3.Bucket("inline", versioning={"enabled": True}) and None) as made:
        assert "use aws.s3.BucketVersioning" in fails(made.up)


def imported(ids: dict[str, str]) -> None:
    def found(name: str) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(import_=ids[name], retain_on_delete=True)

    s3.Bucket("found", bucket=ids["bucket"], opts=found("bucket"))
    s3.BucketVersioning(
        "found", bucket=ids["bucket"], versioning_configuration={"status": "Enabled"}, opts=found("bucket")
    )
    kinesis.Stream(
        "found",
        name=ids["stream"],
        shard_count=1,
        stream_mode_details={"stream_mode": "PROVISIONED"},
        opts=found("stream"),
    )
    ssm.Parameter("found", name=ids["parameter"], type="String", value=json.dumps({"a": 1}), opts=found("parameter"))


def test_what_exists_is_imported_by_its_official_id(sandbox: Sandbox) -> None:
    ids = {"bucket": "found-in-the-account", "stream": "found", "parameter": "/found"}
    client = sandbox.client("s3")
    client.create_bucket(Bucket=ids["bucket"], CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    client.put_bucket_versioning(Bucket=ids["bucket"], VersioningConfiguration={"Status": "Enabled"})
    sandbox.client("kinesis").create_stream(StreamName=ids["stream"], ShardCount=1)
    sandbox.client("ssm").put_parameter(Name=ids["parameter"], Type="String", Value='{"a": 1}')
    with stack(sandbox, lambda: imported(ids)) as made:
        assert made.up()["import"] == 4
        made.assert_stable()
