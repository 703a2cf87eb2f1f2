"""The keys of a cell: kinds, rotation, and who may do what with them."""

from dataclasses import replace
from typing import Any

import pytest
from mocks import Recorded, Registered, assert_children_of_components, assert_regional, run

from components.keys import ADMINISTRATION, CELL_USES, DELIVERY, ENCRYPTION, KEYS, SIGNING, Keys, KeysArgs
from components.vocabulary import DataClass, KeyUse, TagKey

ARGS = KeysArgs(region="eu-west-1", account_id="123456789012")
ROLE = "arn:aws:iam::123456789012:role/payments-api"
KEY, ALIAS = "aws:kms/key:Key", "aws:kms/alias:Alias"


def made(args: KeysArgs = ARGS, *, preview: bool = False) -> Registered:
    return run(lambda: Keys("test", args), preview=preview)


def key(use: KeyUse, args: KeysArgs = ARGS) -> Recorded:
    return made(replace(args, uses=frozenset({use}))).one(KEY)


@pytest.fixture(scope="module")
def cell() -> Registered:
    return made()


def test_each_use_has_a_key_of_its_own(cell: Registered) -> None:
    assert set(cell.of(KEY)) == {f"test-{use}" for use in CELL_USES}
    arns = cell.one("payment-cell:components:Keys").outputs["arns"]
    assert set(arns) == {use.value for use in CELL_USES}
    assert len(set(arns.values())) == len(arns)


def test_personal_data_audit_and_backup_have_different_keys() -> None:
    both = made(replace(ARGS, uses=frozenset({KeyUse.SUBJECTS, KeyUse.AUDIT, KeyUse.BACKUP, KeyUse.PAYMENTS})))
    assert len(both.of(KEY)) == 4


def test_a_cell_has_no_audit_key(cell: Registered) -> None:
    assert "test-audit" not in cell.of(KEY)


def test_each_key_has_an_alias_with_cell_and_use(cell: Registered) -> None:
    for use in CELL_USES:
        alias = cell.of(ALIAS)[f"test-{use}"]
        assert alias.inputs["name"] == f"alias/test/{use}"
        assert alias.inputs["targetKeyId"] == f"test-{use}-key-id"


def test_symmetric_keys_rotate_yearly_or_faster(cell: Registered) -> None:
    for use in CELL_USES - {KeyUse.EVIDENCE}:
        inputs = cell.of(KEY)[f"test-{use}"].inputs
        assert inputs["enableKeyRotation"] is True
        assert inputs["rotationPeriodInDays"] == 365
    assert key(KeyUse.LOGS, replace(ARGS, rotation_days=90)).inputs["rotationPeriodInDays"] == 90


def test_the_evidence_key_signs_and_does_not_rotate(cell: Registered) -> None:
    inputs = cell.of(KEY)["test-evidence"].inputs
    assert inputs["keyUsage"] == "SIGN_VERIFY"
    assert inputs["customerMasterKeySpec"] == "ECC_NIST_P256"
    assert inputs["enableKeyRotation"] is False
    assert "rotationPeriodInDays" not in inputs


def test_only_what_two_regions_read_by_ciphertext_is_multi_region(cell: Registered) -> None:
    multi = {name for name, resource in cell.of(KEY).items() if resource.inputs["multiRegion"]}
    assert multi == {"test-subjects", "test-envelope", "test-evidence"}


def test_deletion_takes_thirty_days_unless_told_otherwise(cell: Registered) -> None:
    assert {r.inputs["deletionWindowInDays"] for r in cell.of(KEY).values()} == {30}
    assert key(KeyUse.LOGS, replace(ARGS, deletion_window_days=7)).inputs["deletionWindowInDays"] == 7


def test_keys_are_protected_and_their_aliases_are_not(cell: Registered) -> None:
    assert all(r.protect for r in cell.of(KEY).values())
    assert not any(r.protect for r in cell.of(ALIAS).values())
    assert not key(KeyUse.PAYMENTS, replace(ARGS, protected=False)).protect


def test_administrators_cannot_use_a_key_and_users_cannot_administer_it(cell: Registered) -> None:
    assert not set(ADMINISTRATION) & (
        (set(ENCRYPTION) | set(SIGNING) | set(DELIVERY)) - {"kms:DescribeKey", "kms:GetPublicKey"}
    )
    for resource in cell.of(KEY).values():
        for statement in resource.document()["Statement"]:
            administers = "kms:PutKeyPolicy" in statement["Action"]
            assert administers == (statement["Sid"] == "Administer")
            assert not (administers and {"kms:Decrypt", "kms:Sign", "kms:CreateGrant"} & set(statement["Action"]))


def test_named_administrators_are_the_only_ones() -> None:
    deploy = "arn:aws:iam::123456789012:role/deploy"
    statement = key(KeyUse.LOGS, replace(ARGS, administrators=(deploy,))).statement("Administer")
    assert statement["Principal"] == {"AWS": "arn:aws:iam::123456789012:root"}
    assert statement["Condition"] == {"ArnLike": {"aws:PrincipalArn": ["arn:aws:iam::123456789012:root", deploy]}}


def test_no_statement_is_open_to_other_accounts(cell: Registered) -> None:
    for resource in cell.of(KEY).values():
        for statement in resource.document()["Statement"]:
            if statement["Principal"] == {"AWS": "*"}:
                assert statement["Condition"]["StringEquals"]["kms:CallerAccount"] == "123456789012"


@pytest.mark.parametrize("use", [KeyUse.EVENTS, KeyUse.LOGS, KeyUse.AUDIT])
def test_delivering_services_are_bound_to_this_account(use: KeyUse) -> None:
    delivering = [s for s in key(use).document()["Statement"] if "Service" in s["Principal"]]
    assert delivering
    for statement in delivering:
        assert "eu-west-1:123456789012" in str(statement["Condition"]["ArnLike"])


def test_the_event_key_lets_bus_topic_and_alarms_deliver(cell: Registered) -> None:
    events = cell.of(KEY)["test-events"]
    for sid, principal in (("DeliverEvents", "events"), ("DeliverSns", "sns"), ("DeliverCloudwatch", "cloudwatch")):
        statement = events.statement(sid)
        assert statement["Principal"] == {"Service": f"{principal}.amazonaws.com"}
        assert {"kms:GenerateDataKey", "kms:Decrypt"} <= set(statement["Action"])


def test_the_log_key_lets_this_regions_logs_encrypt_log_groups_only(cell: Registered) -> None:
    statement = cell.of(KEY)["test-logs"].statement("DeliverLogs")
    assert statement["Principal"] == {"Service": "logs.eu-west-1.amazonaws.com"}
    assert statement["Condition"]["ArnLike"] == {
        "kms:EncryptionContext:aws:logs:arn": "arn:aws:logs:eu-west-1:123456789012:log-group:*"
    }


def test_the_volume_key_lets_auto_scaling_create_grants(cell: Registered) -> None:
    statement = cell.of(KEY)["test-volumes"].statement("GrantByRoles")
    assert "AWSServiceRoleForAutoScaling" in statement["Condition"]["ArnLike"]["aws:PrincipalArn"][0]
    assert statement["Condition"]["Bool"] == {"kms:GrantIsForAWSResource": "true"}


def test_the_cluster_key_is_open_to_the_control_planes_role(cell: Registered) -> None:
    condition = cell.of(KEY)["test-cluster"].statement("UseByRoles")["Condition"]
    assert condition["ArnLike"]["aws:PrincipalArn"] == ["arn:aws:iam::123456789012:role/test-control-plane-*"]


@pytest.mark.parametrize("use", [use for use in KeyUse if KEYS[use].via])
def test_services_use_a_key_in_this_region_only(use: KeyUse) -> None:
    via = key(use).statement("UseThroughServices")["Condition"]["StringEquals"]["kms:ViaService"]
    assert all(".eu-west-1." in endpoint for endpoint in ([via] if isinstance(via, str) else via))


def test_the_evidence_key_has_named_users_only() -> None:
    assert [s["Sid"] for s in key(KeyUse.EVIDENCE).document()["Statement"]] == ["Administer"]
    args = replace(ARGS, uses=frozenset({KeyUse.EVIDENCE}), users={KeyUse.EVIDENCE: (ROLE,)})
    statement = key(KeyUse.EVIDENCE, args).statement("UseByRoles")
    assert statement["Action"] == list(SIGNING)
    assert statement["Condition"]["ArnLike"]["aws:PrincipalArn"] == [ROLE]


def test_the_subject_key_is_used_by_the_payments_api_and_through_its_table_only() -> None:
    subjects = key(KeyUse.SUBJECTS)
    through = subjects.statement("UseThroughServices")["Condition"]["StringEquals"]
    assert through["kms:ViaService"] == "dynamodb.eu-west-1.amazonaws.com"
    direct = subjects.statement("UseByRoles")
    assert direct["Action"] == list(ENCRYPTION)
    assert direct["Condition"]["ArnLike"]["aws:PrincipalArn"] == ["arn:aws:iam::123456789012:role/test-payments-*"]


def test_the_scorer_unwraps_data_keys_of_the_purpose_fraud_and_no_others() -> None:
    opened = key(KeyUse.SUBJECTS).statement("OpenForFraud")
    assert opened["Action"] == ["kms:Decrypt"]
    assert opened["Condition"]["StringEquals"]["kms:EncryptionContext:purpose"] == "fraud"
    assert opened["Condition"]["ArnLike"]["aws:PrincipalArn"] == "arn:aws:iam::123456789012:role/test-scorer-*"


def test_keys_carry_their_data_class(cell: Registered) -> None:
    classes = {use: cell.of(KEY)[f"test-{use}"].inputs["tags"][TagKey.DATA_CLASS] for use in CELL_USES}
    assert classes[KeyUse.SUBJECTS] == DataClass.PERSONAL
    assert classes[KeyUse.PAYMENTS] == DataClass.PAYMENTS
    assert set(classes.values()) <= set(DataClass)


def test_every_key_and_alias_is_in_the_cells_region(cell: Registered) -> None:
    assert_regional(cell, "eu-west-1")
    assert_children_of_components(cell)


def test_a_preview_knows_the_policies_already() -> None:
    planned, done = made(preview=True), made()
    assert {n: r.document() for n, r in planned.of(KEY).items()} == {n: r.document() for n, r in done.of(KEY).items()}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"account_id": "12345"}, "keys.account_id"),
        ({"rotation_days": 400}, r"keys.rotation_days: 400 is outside 90..365"),
        ({"deletion_window_days": 3}, r"keys.deletion_window_days: 3 is outside 7..30"),
        ({"users": {KeyUse.AUDIT: (ROLE,)}}, "keys.users"),
    ],
)
def test_what_kms_or_a_control_refuses_is_refused_before(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(ARGS, **change)
