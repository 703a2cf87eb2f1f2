"""Payments in the cluster, the table of subject keys, the secret of API keys: what they declare and who may use it."""

import json
from dataclasses import replace
from typing import Any

import pytest
from mocks import Registered, assert_children_of_components, assert_regional, is_unknown, run

from components import payments
from components.api_keys import ApiKeys, ApiKeysArgs, checks
from components.iam import via_service
from components.payments import MIGRATOR, PAYMENTS, SETTLER, Payments, PaymentsArgs
from components.reachability import Blocks, Party, Port
from components.registry import image_of
from components.subject_keys import SubjectKeys, SubjectKeysArgs, opens, seals
from components.vocabulary import SUBJECT_KEYS, TagKey
from components.workload import declared_matrix
from contracts.personal import Purpose

ACCOUNT, REGION = "123456789012", "eu-west-1"
PARTIES = (
    Party(name="aws", place=Blocks(cidrs=("10.0.0.0/19",)), ports=(Port(number=443),)),
    Party(name="database", place=Blocks(cidrs=("10.0.40.0/21",)), ports=(Port(number=5432),)),
    # Other workloads, with policies of their own: here only their addresses count.
    Party(name="gateway", place=Blocks(cidrs=("10.0.32.0/24",)), ports=(Port(number=8443),)),
    Party(name="scorer", place=Blocks(cidrs=("10.0.34.0/24",)), ports=(Port(number=9001),)),
    Party(name="egress-0", place=Blocks(cidrs=("10.0.33.0/24",)), ports=(Port(number=8080),)),
)
ARGS = PaymentsArgs(
    cell="test",
    region=REGION,
    image=image_of(ACCOUNT, REGION, "test", "payments", "sha256:" + "0" * 64),
    shards={"s01": "s01.proxy.example", "s00": "s00.proxy.example"},
    markets='{"markets": {}}',
    egress=("egress-0",),
    parties={party.name: party for party in PARTIES},
    fraud_fail_mode={"live": "allow", "test": "allow", "platform": "review", "batch": "block"},
    subject_keys_table="test-subject-keys",
    subjects_key_arn="arn:aws:kms:eu-west-1:123456789012:key/subjects",
    api_keys_secret_arn="arn:aws:secretsmanager:eu-west-1:123456789012:secret:test-api-keys",
)
TABLE = SubjectKeysArgs(region=REGION, jurisdiction="eu", key_arn="arn:aws:kms:eu-west-1:123456789012:key/subjects")
SECRET = ApiKeysArgs(region=REGION, jurisdiction="eu", key_arn="arn:aws:kms:eu-west-1:123456789012:key/secrets")


def made(*, preview: bool = False, table: SubjectKeysArgs = TABLE, secret: ApiKeysArgs = SECRET) -> Registered:
    def program() -> None:
        SubjectKeys("test", table)
        ApiKeys("test", secret)
        Payments("test", ARGS, "payments")

    return run(program, preview=preview)


def deployment(registered: Registered, name: str) -> dict[str, Any]:
    found = registered.of("kubernetes:apps/v1:Deployment")[f"test-{name}"].inputs["spec"]["template"]["spec"]
    return dict(found["containers"][0])


def test_api_and_settler_start_when_the_migrator_has_made_the_tables() -> None:
    registered = made()
    deployments = registered.of("kubernetes:apps/v1:Deployment")
    for name in ("payments", "settler"):
        waited = registered.waits_for(deployments[f"test-{name}"])
        assert "kubernetes:apps/v1:Deployment test-migrator" in waited
    assert not {one for one in registered.waits_for(deployments["test-migrator"]) if "Deployment" in one}


def test_programs_get_their_files_and_names_as_arguments_and_environment() -> None:
    container = deployment(made(), PAYMENTS)
    assert container["args"] == [
        "serve",
        "--shards=/etc/payment-cell/shards/shards.json",
        "--shard-map=/etc/payment-cell/shard-map/shard-map.json",
        "--markets=/etc/payment-cell/markets/markets.json",
    ]
    environment = {entry["name"]: entry.get("value") for entry in container["env"]}
    assert json.loads(environment["FRAUD_FAIL_MODE"]) == ARGS.fraud_fail_mode
    assert json.loads(environment["ACCOUNT_CONCURRENCY"]) == payments.ACCOUNT_CONCURRENCY
    assert environment["SUBJECT_KEYS_TABLE"] == "test-subject-keys"
    assert {mount["mountPath"] for mount in container["volumeMounts"]} > set(payments.FOLDERS.values())


def test_shards_are_listed_with_address_and_name() -> None:
    data = made().of("kubernetes:core/v1:ConfigMap")["test-shards"].inputs["data"]["shards.json"]
    assert json.loads(data) == {
        "database": "payments",
        "region": REGION,
        "shards": {
            shard: {"host": f"{shard}.proxy.example", "name": f"{shard}.proxy.example", "port": 5432}
            for shard in ("s00", "s01")
        },
    }


def test_only_gateway_and_scorer_reach_the_api_and_only_what_is_needed_is_reached() -> None:
    workloads = payments.workloads(ARGS)
    declared_matrix(list(workloads.values()), PARTIES).check()
    assert {name: set(workload.needs) for name, workload in workloads.items()} == {
        PAYMENTS: {"aws", "database", "egress-0"},
        SETTLER: {"database", "egress-0"},
        MIGRATOR: {"database"},
    }
    assert workloads[PAYMENTS].serves == ("gateway", "scorer")


def test_settler_and_migrator_are_given_no_key_and_no_secret() -> None:
    for name in (SETTLER, MIGRATOR):
        names = {entry["name"] for entry in deployment(made(), name)["env"]}
        assert names == {"POD_IP", "CELL", "AWS_REGION", "DATABASE_CA_FILE"}


def test_the_table_is_encrypted_recoverable_for_days_and_in_no_backup() -> None:
    table = made().one("aws:dynamodb/table:Table")
    assert table.inputs["serverSideEncryption"] == {"enabled": True, "kmsKeyArn": TABLE.key_arn}
    assert table.inputs["pointInTimeRecovery"] == {"enabled": True, "recoveryPeriodInDays": 7}
    assert table.inputs["tags"][TagKey.USE] == SUBJECT_KEYS
    assert TagKey.BACKUP not in table.inputs["tags"]
    assert table.inputs["name"] == "test-subject-keys"
    assert (table.inputs["hashKey"], table.inputs["rangeKey"]) == ("subject", "purpose")


def test_table_and_secret_are_protected_unless_they_go_with_their_stack() -> None:
    lasting, passing = (
        made(),
        made(table=replace(TABLE, protected=False), secret=replace(SECRET, protected=False, disposable=True)),
    )
    for type_ in ("aws:dynamodb/table:Table", "aws:secretsmanager/secret:Secret"):
        assert (lasting.one(type_).protect, passing.one(type_).protect) == (True, False)
    tables = [r.one("aws:dynamodb/table:Table").inputs["deletionProtectionEnabled"] for r in (lasting, passing)]
    assert tables == [True, False]
    secrets = [r.one("aws:secretsmanager/secret:Secret").inputs["recoveryWindowInDays"] for r in (lasting, passing)]
    assert secrets == [30, 0]


def test_the_first_api_key_secret_is_written_only_and_in_no_plan() -> None:
    version = made().one("aws:secretsmanager/secretVersion:SecretVersion")
    value = version.inputs["secretStringWo"]
    found = json.loads(value["value"] if isinstance(value, dict) else value)
    assert len(found["current"]) == 43
    assert found["previous"] is None
    assert "secretString" not in version.inputs
    planned = made(preview=True).one("aws:secretsmanager/secretVersion:SecretVersion").inputs["secretStringWo"]
    assert is_unknown(planned) or is_unknown(planned["value"])


def test_who_opens_for_one_purpose_reads_keys_and_unwraps_those_only() -> None:
    read, table, unwrap = opens("arn:table/t", "arn:key/k", Purpose.FRAUD, REGION, ACCOUNT)
    assert (read.actions, read.resources) == (["dynamodb:GetItem"], ["arn:table/t"])
    assert table.when == via_service(["dynamodb"], REGION, ACCOUNT)
    assert (unwrap.actions, unwrap.resources) == (["kms:Decrypt"], ["arn:key/k"])
    assert unwrap.when == {"StringEquals": {"kms:EncryptionContext:purpose": "fraud"}}


def test_the_api_seals_and_opens_and_cannot_erase() -> None:
    statements = [
        *seals("arn:aws:dynamodb:eu-west-1:1:table/t", "arn:aws:kms:eu-west-1:1:key/k"),
        *checks("arn:aws:secretsmanager:eu-west-1:1:secret:s", "arn:aws:kms:eu-west-1:1:key/s", REGION, ACCOUNT),
    ]
    actions = {action for statement in statements for action in statement.actions}
    assert actions == {
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "kms:Decrypt",
        "kms:GenerateDataKey",
        "secretsmanager:GetSecretValue",
    }
    assert all("*" not in statement.resources for statement in statements)


def test_everything_is_in_the_cells_region_under_a_component() -> None:
    assert_regional(made(), REGION)
    assert_children_of_components(made())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fraud_fail_mode": {"live": "allow"}}, "payments.fraud_fail_mode: name each of"),
        ({"fraud_fail_mode": {**ARGS.fraud_fail_mode, "live": "shrug"}}, "'shrug' is not one of"),
        ({"account_concurrency": {"live": 5}}, "payments.account_concurrency: give 1 or more"),
        ({"account_concurrency": {**payments.ACCOUNT_CONCURRENCY, "test": 0}}, "give 1 or more requests to each"),
    ],
)
def test_payments_that_cannot_work_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(ARGS, **change)


@pytest.mark.parametrize("days", [0, 24])
def test_a_table_that_keeps_erased_keys_too_long_is_refused(days: int) -> None:
    with pytest.raises(ValueError, match=r"subject_keys\.recovery_days"):
        replace(TABLE, recovery_days=days)
