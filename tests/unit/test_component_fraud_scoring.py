"""What the fraud decision needs of AWS, and the scorer in the cluster."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from answers import answers
from mocks import Registered, assert_children_of_components, assert_regional, run

from components.fraud_scoring import FraudScoring, FraudScoringArgs
from components.iam import document
from components.reachability import Blocks, Party, Pods, Port
from components.registry import image_of
from components.scorer import NAMESPACE, Scorer, ScorerArgs, workloads
from components.vocabulary import TagKey
from components.workload import declared_matrix

ACCOUNT, REGION, DIGEST = "123456789012", "eu-west-1", "sha256:" + "0" * 64
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/fraud"
ARGS = FraudScoringArgs(
    region=REGION,
    account_id=ACCOUNT,
    jurisdiction="eu",
    key_arn=KEY,
    logs_key_arn=f"arn:aws:kms:{REGION}:{ACCOUNT}:key/logs",
    alarm_topic_arn=f"arn:aws:sns:{REGION}:{ACCOUNT}:alarms",
    training_image=image_of(ACCOUNT, REGION, "test", "model", DIGEST),
)
RULES = (Path(__file__).parents[2] / "stacks" / "fraud_rules.yaml").read_text()
PARTIES = {
    "aws": Party(name="aws", place=Blocks(cidrs=("10.0.0.0/19",)), ports=(Port(number=443),)),
    "gateway": Party(name="gateway", place=Pods(namespace="gateway", labels={"app.kubernetes.io/name": "gateway"})),
    # With policies of its own: here only its address counts.
    "payments": Party(name="payments", place=Blocks(cidrs=("10.0.32.0/24",)), ports=(Port(number=8080),)),
}
SCORER = ScorerArgs(
    cell="test",
    region=REGION,
    image=image_of(ACCOUNT, REGION, "test", "scorer", DIGEST),
    rules=RULES,
    parties=PARTIES,
    feature_table="features",
    decision_stream="decisions",
    model_bucket="models",
    pseudonym_secret_arn="arn:aws:secretsmanager:eu-west-1:123456789012:secret:x",
    subject_keys_table="test-subject-keys",
    subjects_key_arn=f"arn:aws:kms:{REGION}:{ACCOUNT}:key/subjects",
    rescore_queue_url="https://sqs/fraud",
)
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
TABLE, STREAM = "aws:dynamodb/table:Table", "aws:kinesis/stream:Stream"
PROJECT, RULE, TARGET = (
    "aws:codebuild/project:Project",
    "aws:cloudwatch/eventRule:EventRule",
    "aws:cloudwatch/eventTarget:EventTarget",
)


def made(args: FraudScoringArgs = ARGS, *, preview: bool = False) -> Registered:
    """Both halves, as the page's picture shows them."""

    def program() -> None:
        FraudScoring("test", args)
        Scorer("test", SCORER, NAMESPACE)

    return run(program, preview=preview, outputs=answers)


@pytest.fixture(scope="module")
def fraud() -> Registered:
    return made()


def container(registered: Registered) -> dict[str, Any]:
    spec = registered.one("kubernetes:apps/v1:Deployment").inputs["spec"]["template"]["spec"]
    return dict(spec["containers"][0])


def test_everything_of_it_is_regional_and_has_a_parent(fraud: Registered) -> None:
    assert_regional(fraud, REGION)
    assert_children_of_components(fraud)


def test_features_expire_are_encrypted_and_can_be_put_back(fraud: Registered) -> None:
    table = fraud.one(TABLE)
    assert table.protect
    assert table.inputs["ttl"] == {"enabled": True, "attributeName": "expires"}
    assert table.inputs["pointInTimeRecovery"] == {"enabled": True, "recoveryPeriodInDays": 7}
    assert table.inputs["serverSideEncryption"] == {"enabled": True, "kmsKeyArn": KEY}
    assert table.inputs["deletionProtectionEnabled"] is True
    assert table.inputs["tags"][TagKey.DATA_CLASS] == "personal"
    assert (table.inputs["hashKey"], table.inputs["rangeKey"]) == ("entity", "bucket")


def test_decisions_are_kept_as_long_as_the_training_reads_them(fraud: Registered) -> None:
    stream = fraud.one(STREAM).inputs
    assert stream["retentionPeriod"] >= 12 * 24
    assert (stream["encryptionType"], stream["kmsKeyId"]) == ("KMS", KEY)
    assert stream["streamModeDetails"] == {"streamMode": "ON_DEMAND"}
    assert made(replace(ARGS, stream_shards=2)).one(STREAM).inputs["shardCount"] == 2


def test_models_are_kept_in_a_private_versioned_bucket(fraud: Registered) -> None:
    assert (
        fraud.one("aws:s3/bucketVersioning:BucketVersioning").inputs["versioningConfiguration"]["status"] == "Enabled"
    )
    assert fraud.one("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock").inputs["blockPublicPolicy"] is True


def test_no_state_holds_the_key_of_the_pseudonyms(fraud: Registered) -> None:
    assert fraud.one("aws:secretsmanager/secret:Secret").inputs["kmsKeyId"] == KEY
    assert not [one for one in fraud if "secretVersion" in one.type]


def test_training_and_monitor_are_started_by_the_clock_and_the_retreat_by_the_alarm(fraud: Registered) -> None:
    rules, targets, projects = fraud.of(RULE), fraud.of(TARGET), fraud.of(PROJECT)
    when = {name.removeprefix("test-fraud-"): rule.inputs.get("scheduleExpression") for name, rule in rules.items()}
    assert when == {"training": "rate(7 days)", "monitor": "rate(1 hour)", "retreat": None}
    pattern = json.loads(rules["test-fraud-retreat"].inputs["eventPattern"])
    assert pattern["resources"] == [fraud.of(ALARM)["test-fraud-blocked"].state["arn"]]
    assert pattern["detail"] == {"state": {"value": ["ALARM"]}}
    for name, target in targets.items():
        assert target.inputs["arn"] == projects[name].state["arn"]
        start = next(p for p in fraud if p.type == "aws:iam/rolePolicy:RolePolicy" and p.name == f"{name}-start")
        (statement,) = json.loads(start.inputs["policy"])["Statement"]
        assert (statement["Action"], statement["Resource"]) == (["codebuild:StartBuild"], projects[name].state["arn"])


def test_the_jobs_run_unprivileged_with_their_own_identity_and_time_out(fraud: Registered) -> None:
    modules = {"training": "operations.model.job", "monitor": "monitor watch", "retreat": "monitor retreat"}
    for name, module in modules.items():
        project = fraud.of(PROJECT)[f"test-fraud-{name}"].inputs
        assert project["environment"]["privilegedMode"] is False
        assert project["environment"]["image"].endswith(DIGEST)
        assert project["buildTimeout"] == 60
        assert module in project["source"]["buildspec"]
        names = {variable["name"] for variable in project["environment"]["environmentVariables"]}
        assert {"DECISION_STREAM", "MODEL_BUCKET"} <= names


def test_only_training_writes_models_and_only_the_retreat_moves_what_serves(fraud: Registered) -> None:
    def writes(name: str) -> list[str]:
        policies = fraud.of("aws:iam/rolePolicy:RolePolicy")
        found = json.loads(policies[f"test-fraud-{name}"].inputs["policy"])["Statement"]
        return [str(s["Resource"]).rpartition("/")[2] for s in found if "s3:PutObject" in s["Action"]]

    assert {name: writes(name) for name in ("training", "monitor", "retreat")} == {
        "training": ["*"],
        "monitor": ["monitor.json"],
        "retreat": ["pointer.json"],
    }


def test_drift_and_a_model_that_blocks_too_much_call_a_person(fraud: Registered) -> None:
    for name, metric in (("drift", "ModelDrift"), ("blocked", "ModelBlockedPercent")):
        alarm = fraud.of(ALARM)[f"test-fraud-{name}"].inputs
        assert (alarm["metricName"], alarm["alarmActions"]) == (metric, [ARGS.alarm_topic_arn])
        assert list(alarm["dimensions"]) == ["DecisionStream"]


def test_without_an_image_nothing_is_trained_on_a_schedule() -> None:
    plain = made(replace(ARGS, training_image=None))
    assert not [one for one in plain if one.type in {ALARM, PROJECT, RULE, TARGET}]


def statements() -> list[dict[str, Any]]:
    found: list[Any] = []

    def program() -> None:
        scoring = FraudScoring("test", ARGS)
        queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:test-fraud"
        found.extend(document(*scoring.scorer_statements(queue, "arn:key/events"))["Statement"])

    run(program, outputs=answers)
    return found


def test_the_scorer_may_use_its_own_stores_and_delete_nothing_in_them() -> None:
    found = statements()
    actions = {action for statement in found for action in statement["Action"]}
    assert not [action for action in actions if "Delete" in action and action != "sqs:DeleteMessage"]
    assert not [statement for statement in found if statement["Resource"] == "*"]
    assert all("Condition" in s for s in found if any(action.startswith("kms:") for action in s["Action"]))


def test_the_scorer_is_called_by_the_gateway_only_and_calls_aws_and_the_payments_api() -> None:
    declared = workloads(SCORER)["scorer"]
    assert (declared.needs, declared.serves) == (("aws", "payments"), ("gateway",))
    assert declared.ports == {"grpc": 9001, "http": 9002}
    gateway = replace(declared, name="gateway", namespace="gateway", needs=("scorer",), serves=(), config_maps={})
    declared_matrix([declared, gateway], [PARTIES["aws"], PARTIES["payments"]]).check()


def test_rules_are_mounted_and_the_budget_is_below_the_gateways_deadline(fraud: Registered) -> None:
    rules = fraud.one("kubernetes:core/v1:ConfigMap")
    assert rules.inputs["data"]["rules.yaml"] == RULES
    environment = {variable["name"]: variable.get("value") for variable in container(fraud)["env"]}
    assert float(environment["FEATURE_READ_MS"]) < float(environment["BUDGET_MS"]) < SCORER.deadline_ms
    folders = {mount["mountPath"] for mount in container(fraud)["volumeMounts"]}
    assert "/etc/payment-cell/fraud-rules" in folders
    assert environment["RULES_FILE"].startswith("/etc/payment-cell/fraud-rules/")


def test_what_the_program_reads_is_what_the_component_declares(fraud: Registered) -> None:
    from workloads.scorer.settings import read

    environment = {variable["name"]: variable.get("value", "127.0.0.1") for variable in container(fraud)["env"]}
    settings = read({name: value or "127.0.0.1" for name, value in environment.items()})
    assert settings.rescore_queue == "https://sqs/fraud"
    assert settings.budget_ms == 40


def test_broken_rules_are_refused_before_anything_is_declared() -> None:
    with pytest.raises(ValueError, match=r"scorer\.rules: rules\.yaml:1: rules\[0\]"):
        replace(SCORER, rules="rules: [{id: x}]")
    with pytest.raises(ValueError, match="deadline_ms"):
        replace(SCORER, deadline_ms=10)


def test_what_aws_would_refuse_of_it_is_refused_at_once() -> None:
    for change, message in (
        ({"stream_retention_h": 24}, "336..8760"),
        ({"stream_shards": 0}, "stream_shards"),
        ({"training_image": "latest"}, "training_image"),
    ):
        with pytest.raises(ValueError, match=message):
            replace(ARGS, **change)  # type: ignore[arg-type]


def test_a_preview_of_it_registers_the_same_resources(fraud: Registered) -> None:
    assert sorted((one.type, one.name) for one in made(preview=True)) == sorted((one.type, one.name) for one in fraud)
