"""Live secrets, parameters, streams, backups and registries in the words of the provider."""

from datetime import UTC, datetime
from typing import Any

from recorded import Refusal, read

from policies.catalogue import control
from policies.control import Status, answers
from policies.resources import Stack

SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:s-AbCdEf"
STREAM = "arn:aws:kinesis:eu-west-1:123456789012:stream/s"
DELIVERY = "arn:aws:firehose:eu-west-1:123456789012:deliverystream/d"
PLAN = "arn:aws:backup:eu-west-1:123456789012:backup-plan:p"
VAULT = "arn:aws:backup:eu-west-1:123456789012:backup-vault:v"


def props(type_: str, recorded: dict[str, Any]) -> Any:
    (found,) = read(type_, recorded).found
    return found.resource.props


def secret(**more: Any) -> dict[str, Any]:
    return {"secretsmanager.list_secrets": {"SecretList": [{"ARN": SECRET, "Name": "s", "KmsKeyId": "k", **more}]}}


def test_a_secret_is_read_with_its_replicas_and_without_its_value() -> None:
    replicas = {"ReplicationStatus": [{"Region": "eu-central-1", "StatusMessage": "dropped"}]}
    recorded = secret(Tags=[{"Key": "a", "Value": "b"}])
    found = props("aws:secretsmanager/secret:Secret", recorded | {"secretsmanager.describe_secret": replicas})
    assert (found["kmsKeyId"], found["tags"]["a"]) == ("k", "b")
    assert found["replicas"] == [{"region": "eu-central-1"}]
    assert set(found) == {"id", "region", "arn", "name", "kmsKeyId", "replicas", "policy", "tags"}


def test_rotation_and_policy_of_a_secret_are_read_where_there_are_any() -> None:
    rotation, policy = (
        f"aws:secretsmanager/{one}" for one in ("secretRotation:SecretRotation", "secretPolicy:SecretPolicy")
    )
    assert read(rotation, secret()).found == read(policy, secret()).found == []
    rotated = secret(RotationEnabled=True, RotationRules={"AutomaticallyAfterDays": 30}, RotationLambdaARN="l")
    found = props(rotation, rotated)
    assert (found["rotationRules"]["automaticallyAfterDays"], found["rotationLambdaArn"]) == (30, "l")
    found = props(policy, secret() | {"secretsmanager.get_resource_policy": {"ResourcePolicy": "{}"}})
    assert (found["secretArn"], found["policy"]) == (SECRET, "{}")


def test_the_policy_of_a_replica_is_its_primarys_and_not_asked_for() -> None:
    asked = {"secretsmanager.get_resource_policy": {"ResourcePolicy": "{}"}}
    replica = secret(PrimaryRegion="eu-central-1")
    assert read("aws:secretsmanager/secretPolicy:SecretPolicy", replica | asked).found == []


def test_replicas_of_secrets_and_those_of_services_are_made_by_aws() -> None:
    for more, rule in (
        ({}, ""),
        ({"PrimaryRegion": "eu-west-1"}, ""),
        ({"PrimaryRegion": "eu-central-1"}, "Replica of a secret"),
        ({"OwningService": "rds"}, "Secret of a service"),
    ):
        (found,) = read("aws:secretsmanager/secret:Secret", secret(**more)).found
        assert found.made_by_aws == rule


def test_a_parameter_is_described_and_never_read() -> None:
    listed = {"Parameters": [{"Name": "/a", "Type": "SecureString", "KeyId": "alias/aws/ssm"}]}
    found = props("aws:ssm/parameter:Parameter", {"ssm.describe_parameters": listed})
    assert (found["type"], found["keyId"], "value" in found) == ("SecureString", "alias/aws/ssm", False)


def test_a_stream_is_known_by_its_arn() -> None:
    summary = {"StreamARN": STREAM, "EncryptionType": "KMS", "KeyId": "k", "RetentionPeriodHours": 168}
    found = props(
        "aws:kinesis/stream:Stream",
        {
            "kinesis.list_streams": {"StreamNames": ["s"]},
            "kinesis.describe_stream_summary": {"StreamDescriptionSummary": summary},
        },
    )
    assert (found["id"], found["encryptionType"], found["kmsKeyId"], found["retentionPeriod"]) == (
        STREAM,
        "KMS",
        "k",
        168,
    )


def test_all_delivery_streams_are_read_page_by_page() -> None:
    def listed(**given: Any) -> Any:
        after = given.get("ExclusiveStartDeliveryStreamName")
        return {"DeliveryStreamNames": ["b" if after else "a"], "HasMoreDeliveryStreams": not after}

    def described(DeliveryStreamName: str) -> Any:
        endpoint = {
            "EndpointConfiguration": {"Url": "https://logs.example/t?token=t", "Name": "e"},
            "S3DestinationDescription": {"BucketARN": "arn:aws:s3:::refused"},
        }
        bucket = {"BucketARN": "arn:aws:s3:::b", "RoleARN": "r"}
        first = {"ExtendedS3DestinationDescription": bucket}
        second = {"HttpEndpointDestinationDescription": endpoint}
        destination = first if DeliveryStreamName == "a" else second
        arn = f"{DELIVERY}{DeliveryStreamName}"
        return {"DeliveryStreamDescription": {"DeliveryStreamARN": arn, "Destinations": [destination]}}

    type_ = "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream"
    recorded = {"firehose.list_delivery_streams": listed, "firehose.describe_delivery_stream": described}
    first, second = (one.resource.props for one in read(type_, recorded).found)
    assert first["extendedS3Configuration"]["bucketArn"] == "arn:aws:s3:::b"
    assert "httpEndpointConfiguration" not in first
    http = {"name": "e", "url": "https://logs.example/", "s3Configuration": {"bucketArn": "arn:aws:s3:::refused"}}
    assert second._values["httpEndpointConfiguration"] == http, "a URL may hold a token"  # type: ignore[attr-defined]


def plan(name: str = "p") -> dict[str, Any]:
    rule = {
        "RuleName": "daily",
        "TargetBackupVaultName": "v",
        "ScheduleExpression": "cron(0 4 * * ? *)",
        "Lifecycle": {"DeleteAfterDays": 35},
        "CopyActions": [{"DestinationBackupVaultArn": VAULT, "Lifecycle": {"DeleteAfterDays": 90}}],
    }
    return {
        "backup.list_backup_plans": {
            "BackupPlansList": [{"BackupPlanId": "p", "BackupPlanArn": PLAN, "BackupPlanName": name}]
        },
        "backup.get_backup_plan": {"BackupPlan": {"BackupPlanName": name, "Rules": [rule]}},
        "backup.list_tags": {"Tags": {"a": "b"}},
    }


def test_a_plan_is_read_with_its_rules_and_copies() -> None:
    found = props("aws:backup/plan:Plan", plan())
    (rule,) = found["rules"]
    assert (rule["targetVaultName"], rule["lifecycle"], rule["schedule"]) == (
        "v",
        {"deleteAfter": 35},
        "cron(0 4 * * ? *)",
    )
    assert rule["copyActions"] == [{"destinationVaultArn": VAULT, "lifecycle": {"deleteAfter": 90}}]
    assert found["tags"]["a"] == "b"
    (found,) = read("aws:backup/plan:Plan", plan("aws/efs/automatic-backup-plan")).found
    assert found.made_by_aws == "Backups of EFS"


def test_a_selection_has_its_conditions_in_the_words_of_the_provider() -> None:
    condition = {"ConditionKey": "aws:ResourceTag/a", "ConditionValue": "b"}
    selection = {
        "SelectionName": "s",
        "IamRoleArn": "r",
        "NotResources": ["x"],
        "ListOfTags": [{"ConditionType": "STRINGEQUALS", **condition}],
        "Conditions": {"StringEquals": [condition], "StringNotLike": [condition], "StringLike": []},
    }
    recorded = plan() | {
        "backup.list_backup_selections": {"BackupSelectionsList": [{"SelectionId": "i"}]},
        "backup.get_backup_selection": {"BackupSelection": selection},
    }
    found = props("aws:backup/selection:Selection", recorded)
    one = {"key": "aws:ResourceTag/a", "value": "b"}
    assert found["conditions"] == [{"stringEquals": [one], "stringNotLikes": [one]}]
    assert found["selectionTags"] == [{"type": "STRINGEQUALS", **one}]
    assert (found["planId"], found["notResources"]) == ("p", ["x"])


def test_a_lock_that_can_always_be_lifted_has_no_date() -> None:
    for date, status in ((datetime(2026, 12, 13, tzinfo=UTC), Status.PASS), (None, Status.FAIL)):
        vault = {"BackupVaultName": "v", "BackupVaultArn": VAULT, "Locked": True}
        recorded = {"backup.list_backup_vaults": {"BackupVaultList": [vault | ({"LockDate": date} if date else {})]}}
        types = ("vault:Vault", "vaultLockConfiguration:VaultLockConfiguration")
        found = [one.resource for type_ in types for one in read(f"aws:backup/{type_}", recorded).found]
        verdicts = {
            one.clause: one.verdict.status for one in answers(control("BCK-03"), Stack(tuple(found)), live=True)
        }
        assert (verdicts["vault_is_locked"], verdicts["lock_cannot_be_lifted"]) == (Status.PASS, status)


def test_a_vault_has_its_policy_and_aws_own_vaults_are_known_as_such() -> None:
    names = ("v", "Default", "aws/efs/automatic-backup-vault")
    listed = [{"BackupVaultName": name, "BackupVaultArn": VAULT, "EncryptionKeyArn": "k"} for name in names]
    recorded = {
        "backup.list_backup_vaults": {
            "BackupVaultList": [*listed, listed[0] | {"VaultType": "LOGICALLY_AIR_GAPPED_BACKUP_VAULT"}]
        },
        "backup.get_backup_vault_access_policy": lambda BackupVaultName: (
            {"Policy": "{}"} if BackupVaultName == "v" else {}
        ),
    }
    found = {one.identity[0]: one for one in read("aws:backup/vault:Vault", recorded).found}
    assert [found[name].made_by_aws for name in names] == ["", "Backup vault of the console", "Backups of EFS"]
    assert found["v"].resource.props["kmsKeyArn"] == "k"
    assert props("aws:backup/vaultPolicy:VaultPolicy", recorded)["policy"] == "{}"


REPOSITORY = {"repositoryName": "cell/r", "repositoryArn": "arn", "imageTagMutability": "IMMUTABLE"}


def test_a_repository_is_read_with_its_policies() -> None:
    listed = {
        "ecr.describe_repositories": {
            "repositories": [REPOSITORY | {"encryptionConfiguration": {"encryptionType": "AES256"}}]
        }
    }
    found = props("aws:ecr/repository:Repository", listed)
    assert (found["imageTagMutability"], found["encryptionConfigurations"]) == (
        "IMMUTABLE",
        [{"encryptionType": "AES256"}],
    )
    type_ = "aws:ecr/repositoryPolicy:RepositoryPolicy"
    assert props(type_, listed | {"ecr.get_repository_policy": {"policyText": "{}"}})["policy"] == "{}"
    absent = listed | {"ecr.get_repository_policy": Refusal("RepositoryPolicyNotFoundException")}
    assert read(type_, absent).found == []
    refused = listed | {"ecr.get_repository_policy": Refusal("AccessDeniedException")}
    assert read(type_, refused).unobserved


def test_a_registry_without_rules_is_no_resource() -> None:
    scanning, replication = (
        f"aws:ecr/{one}"
        for one in (
            "registryScanningConfiguration:RegistryScanningConfiguration",
            "replicationConfiguration:ReplicationConfiguration",
        )
    )
    empty = {
        "ecr.get_registry_scanning_configuration": {"registryId": "1", "scanningConfiguration": {"rules": []}},
        "ecr.describe_registry": {"registryId": "1", "replicationConfiguration": {"rules": []}},
    }
    assert read(scanning, empty).found == read(replication, empty).found == []
    rule = {"scanFrequency": "SCAN_ON_PUSH", "repositoryFilters": [{"filter": "*", "filterType": "WILDCARD"}]}
    answer = {"registryId": "123456789012", "scanningConfiguration": {"scanType": "BASIC", "rules": [rule]}}
    found = props(scanning, {"ecr.get_registry_scanning_configuration": answer})
    assert (found["scanType"], found["rules"][0]["scanFrequency"]) == ("BASIC", "SCAN_ON_PUSH")
    rules = [{"destinations": [{"region": "eu-central-1", "registryId": "123456789012"}]}]
    answer = {"registryId": "123456789012", "replicationConfiguration": {"rules": rules}}
    assert props(replication, {"ecr.describe_registry": answer})["replicationConfiguration"]["rules"] == rules


def test_each_region_has_an_opt_in_of_backups() -> None:
    (found,) = read(
        "aws:backup/regionSettings:RegionSettings",
        {"backup.describe_region_settings": {"ResourceTypeOptInPreference": {"S3": True}}},
    ).found
    assert (found.identity, found.made_by_aws) == (("eu-west-1",), "opt-in of AWS Backup")
    assert found.resource.props["resourceTypeOptInPreference"]["S3"] is True


def test_restore_tests_are_read_with_what_they_take() -> None:
    plan = {
        "RestoreTestingPlanName": "t",
        "RestoreTestingPlanArn": PLAN,
        "ScheduleExpression": "rate(7 days)",
        "CreationTime": "2026-11-29",
        "ScheduleExpressionTimezone": "UTC",
        "StartWindowHours": 1,
    }
    selection = {
        "RestoreTestingSelectionName": "s",
        "RestoreTestingPlanName": "t",
        "ProtectedResourceType": "Aurora",
        "CreationTime": "2026-11-29",
        "IamRoleArn": "arn:r",
        "ValidationWindowHours": 1,
    }
    recorded = {
        "backup.list_restore_testing_plans": {"RestoreTestingPlans": [plan]},
        "backup.list_restore_testing_selections": {"RestoreTestingSelections": [selection]},
    }
    (found,) = read("aws:backup/restoreTestingPlan:RestoreTestingPlan", recorded).found
    assert (found.identity, found.resource.props["arn"]) == (("t",), PLAN)
    (found,) = read("aws:backup/restoreTestingSelection:RestoreTestingSelection", recorded).found
    assert (found.identity, found.resource.props["protectedResourceType"]) == (("t", "s"), "Aurora")
