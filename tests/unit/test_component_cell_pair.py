"""The pair stack: what joins a cell and its replica, as the engine is told of it."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from answers import answers
from healthy import findings, stack_of
from mocks import Registered, assert_children_of_components, run

from components.pair_epoch import EpochStoreArgs
from components.pair_name import ClientNameArgs
from components.vocabulary import KeyUse
from contracts.metrics import METRICS, Subject
from operations.drill.schedule import schedule
from operations.project import Project
from operations.replicate import Wanted, plan_replicate, write_replicate
from policies.control import Status
from stacks import pair
from stacks.fleet import load_fleet
from stacks.pairs import PairPlan

ROOT = Path(__file__).parents[2]
HOME, AWAY, ACCOUNT = "eu-west-1", "eu-central-1", "123456789012"
PLACES = {"eu-west-1": HOME, "eu-west-1-replica": AWAY}
STACK = "eu-west-1-pair"
TABLE, REPLICA = "aws:dynamodb/table:Table", "aws:dynamodb/tableReplica:TableReplica"
REPLICATION, RECORD = "aws:s3/bucketReplicationConfig:BucketReplicationConfig", "aws:route53/record:Record"
CHECK, CERTIFICATE = "aws:route53/healthCheck:HealthCheck", "aws:lb/listenerCertificate:ListenerCertificate"
ALARM, COMPOSITE = "aws:cloudwatch/metricAlarm:MetricAlarm", "aws:cloudwatch/compositeAlarm:CompositeAlarm"

IMAGE = f"{ACCOUNT}.dkr.ecr.{AWAY}.amazonaws.com/tools/payment-cell@sha256:{'0a' * 32}"
PERSON = "arn:aws:iam::111122223333:user/bob"


def outputs(cell: str) -> dict[str, Any]:
    """What a cell's stack says."""
    region = PLACES[cell]
    return {
        "archiveBucket": f"{cell}-archive-1a2b3c4",
        "modelBucket": f"{cell}-fraud-models-1a2b3c4",
        "subjectKeysTable": "eu-west-1-subject-keys",
        "featureTable": "eu-west-1-fraud-1a2b3c4",
        "keyArns": {use.value: f"arn:aws:kms:{region}:{ACCOUNT}:key/{use}" for use in KeyUse},
        "listenerArn": f"arn:aws:elasticloadbalancing:{region}:{ACCOUNT}:listener/app/{cell}/1a2b/3c4d",
        "loadBalancerDnsName": f"{cell}.elb.example",
        "loadBalancerZoneId": f"Z-{region}",
        "alarmTopicArn": f"arn:aws:sns:{region}:{ACCOUNT}:page",
        "ticketTopicArn": f"arn:aws:sns:{region}:{ACCOUNT}:ticket",
    }


def answered(type_: str, name: str, inputs: Any) -> dict[str, Any]:
    if type_ == "pulumi:pulumi:StackReference":
        cell = inputs["name"].rpartition("/")[2]
        return {"name": inputs["name"], "outputs": outputs(cell), "secretOutputNames": []}
    return answers(type_, name, inputs)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The committed stacks with a replica of eu-west-1."""
    return paired(tmp_path_factory.mktemp("project"))


def paired(root: Path) -> Path:
    """The stack files in a project of their own, which `cell replicate` has added to."""
    shutil.copy(ROOT / "Pulumi.yaml", root)
    shutil.copytree(ROOT / "stacks", root / "stacks", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    project = Project(root)
    write_replicate(project, plan_replicate(project, Wanted(primary="eu-west-1", domain="pay.example.com")))
    return project.stacks_folder


@pytest.fixture(scope="module")
def plan(folder: Path) -> PairPlan:
    return load_fleet(folder).pair(STACK)


def made(folder: Path | None = None, *, preview: bool = False) -> Registered:
    """What the stack registers, without the references to the cells' stacks and the provider."""
    if folder is None:
        with TemporaryDirectory() as root:
            return made(paired(Path(root)), preview=preview)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pair, "HERE", folder)
        all_ = run(lambda: pair.run(STACK), preview=preview, outputs=answered)  # type: ignore[arg-type, return-value]
    own = [one for one in all_ if not one.type.startswith("pulumi:")]
    known = {one.urn for one in own}
    return Registered(resources=[replace(one, dependencies=one.dependencies & known) for one in own])


def scheduled() -> Registered:
    """What the stack registers with a weekly drill and people who are named."""
    with TemporaryDirectory() as root:
        folder = paired(Path(root))
        schedule(Project(Path(root)), STACK, "tuesday 10:00", IMAGE)
        with (folder / f"Pulumi.{STACK}.yaml").open("a") as file:
            file.write(f"    operators: [{PERSON}]\n")
        return made(folder)


@pytest.fixture(scope="module")
def declared(folder: Path) -> Registered:
    return made(folder)


def test_a_preview_declares_the_same(folder: Path, declared: Registered) -> None:
    assert {one.urn for one in made(folder, preview=True)} == {one.urn for one in declared}


def test_where_the_writer_is_changes_nothing_that_any_stack_declares(
    folder: Path, declared: Registered, tmp_path: Path
) -> None:
    """The file follows the record: a movement writes it, and no program may take it for something to do."""
    moved = tmp_path / "stacks"
    shutil.copytree(folder, moved)
    file = moved / f"Pulumi.{STACK}.yaml"
    text = file.read_text()
    file.write_text(text.replace("writer: eu-west-1 #", "writer: eu-west-1-replica #"))
    before, after = load_fleet(folder), load_fleet(moved)
    assert (before.pair(STACK).writer, after.pair(STACK).writer) == ("eu-west-1", "eu-west-1-replica")
    assert replace(after.pair(STACK), writer="eu-west-1") == before.pair(STACK)
    assert after.cells == before.cells
    assert {one.urn: one.inputs for one in made(moved)} == {one.urn: one.inputs for one in declared}


def test_everything_of_a_pair_has_a_parent(declared: Registered) -> None:
    assert_children_of_components(Registered(resources=[one for one in declared if not one.type.startswith("pulumi:")]))


def test_the_record_outlives_each_region_of_the_pair(declared: Registered, plan: PairPlan) -> None:
    table = declared.one(TABLE)
    assert table.inputs["name"] == plan.epoch_table == "eu-west-1-epoch"
    (other,) = table.inputs["replicas"]
    assert (other["regionName"], other["consistencyMode"]) == (AWAY, "STRONG")
    assert table.inputs["globalTableWitness"] == {"regionName": plan.witness_region}
    assert table.inputs["hashKey"] == "id"


def test_the_record_is_protected_and_can_be_put_back_in_both_regions(declared: Registered) -> None:
    table = declared.one(TABLE)
    (other,) = table.inputs["replicas"]
    assert table.protect
    assert table.inputs["deletionProtectionEnabled"] is other["deletionProtectionEnabled"] is True
    assert table.inputs["pointInTimeRecovery"]["enabled"] is other["pointInTimeRecovery"] is True


def test_programs_read_the_record_without_a_right_over_a_key(declared: Registered) -> None:
    assert "serverSideEncryption" not in declared.one(TABLE).inputs


def test_tables_are_replicated_under_keys_of_the_recovery_region(declared: Registered) -> None:
    found = {name: made.inputs for name, made in declared.of(REPLICA).items()}
    assert {(one["globalTableArn"], one["kmsKeyArn"]) for one in found.values()} == {
        (
            f"arn:aws:dynamodb:{HOME}:{ACCOUNT}:table/eu-west-1-subject-keys",
            f"arn:aws:kms:{AWAY}:{ACCOUNT}:key/subjects",
        ),
        (f"arn:aws:dynamodb:{HOME}:{ACCOUNT}:table/eu-west-1-fraud-1a2b3c4", f"arn:aws:kms:{AWAY}:{ACCOUNT}:key/fraud"),
    }
    for one in found.values():
        assert one["region"] == AWAY
        assert one["pointInTimeRecovery"] is one["deletionProtectionEnabled"] is True


@pytest.mark.parametrize(
    ("name", "output", "use"), [("", "archiveBucket", KeyUse.ARCHIVE), ("-models", "modelBucket", KeyUse.FRAUD)]
)
@pytest.mark.parametrize(
    ("key", "source", "target"),
    [("out", "eu-west-1", "eu-west-1-replica"), ("back", "eu-west-1-replica", "eu-west-1")],
)
def test_archives_and_models_replicate_into_each_other_under_the_others_key(
    declared: Registered, name: str, output: str, use: KeyUse, key: str, source: str, target: str
) -> None:
    made = declared.one(REPLICATION, f"{STACK}{name}-{key}").inputs
    assert (made["region"], made["bucket"]) == (PLACES[source], outputs(source)[output])
    (rule,) = made["rules"]
    assert rule["destination"]["bucket"] == f"arn:aws:s3:::{outputs(target)[output]}"
    assert rule["destination"]["encryptionConfiguration"]["replicaKmsKeyId"] == outputs(target)["keyArns"][use]
    assert rule["destination"]["replicationTime"] == {"status": "Enabled", "time": {"minutes": 15}}
    assert rule["deleteMarkerReplication"] == {"status": "Disabled"}
    assert rule["sourceSelectionCriteria"]["replicaModifications"] == {"status": "Enabled"}


def test_a_replication_role_reads_one_archive_and_writes_the_other(declared: Registered) -> None:
    document = json.loads(declared.one("aws:iam/rolePolicy:RolePolicy", f"{STACK}-replication-out").inputs["policy"])
    by_sid = {one["Sid"]: one for one in document["Statement"]}
    assert by_sid["ReadVersions"]["Resource"] == "arn:aws:s3:::eu-west-1-archive-1a2b3c4/*"
    assert by_sid["WriteReplicas"]["Resource"] == "arn:aws:s3:::eu-west-1-replica-archive-1a2b3c4/*"
    assert "s3:ReplicateDelete" not in by_sid["WriteReplicas"]["Action"]
    assert by_sid["OpenVersions"]["Resource"] == f"arn:aws:kms:{HOME}:{ACCOUNT}:key/archive"
    assert by_sid["SealReplicas"]["Condition"]["StringEquals"]["kms:ViaService"] == f"s3.{AWAY}.amazonaws.com"


def test_s3_assumes_a_replication_role_for_its_source_only(declared: Registered) -> None:
    trust = json.loads(declared.one("aws:iam/role:Role", f"{STACK}-replication-out").inputs["assumeRolePolicy"])
    (statement,) = trust["Statement"]
    assert statement["Principal"] == {"Service": "s3.amazonaws.com"}
    assert statement["Condition"]["ArnLike"] == {"aws:SourceArn": "arn:aws:s3:::eu-west-1-archive-1a2b3c4"}


def test_the_name_follows_the_cell_that_says_it_writes(declared: Registered, plan: PairPlan) -> None:
    for cell, role in (("eu-west-1", "PRIMARY"), ("eu-west-1-replica", "SECONDARY")):
        record = declared.one(RECORD, f"{STACK}-{cell}").inputs
        check = declared.one(CHECK, f"{STACK}-{cell}")
        assert (record["name"], record["setIdentifier"]) == ("pay.example.com", cell)
        assert record["failoverRoutingPolicies"] == [{"type": role}]
        assert record["healthCheckId"] == f"{STACK}-{cell}-id"
        (alias,) = record["aliases"]
        assert alias == {"name": f"{cell}.elb.example", "zoneId": f"Z-{PLACES[cell]}", "evaluateTargetHealth": True}
        asked = check.inputs
        assert (asked["fqdn"], asked["resourcePath"]) == (plan.cells[cell].domain, "/writer")
        assert (asked["requestInterval"], asked["failureThreshold"]) == (10, 3)


def test_nobody_is_sent_to_a_load_balancer_that_cannot_prove_the_name(declared: Registered) -> None:
    for cell, region in PLACES.items():
        served = declared.one(CERTIFICATE, f"{STACK}-{cell}")
        assert (served.inputs["region"], served.inputs["listenerArn"]) == (region, outputs(cell)["listenerArn"])
        assert f"{CERTIFICATE} {STACK}-{cell}" in declared.waits_for(declared.one(RECORD, f"{STACK}-{cell}"))


def test_data_that_lags_beyond_the_objective_pages_in_each_region(declared: Registered, plan: PairPlan) -> None:
    for cell, region in PLACES.items():
        for shard in plan.shards:
            alarm = declared.one(ALARM, f"{STACK}-{cell}-{shard}-lag").inputs
            assert alarm["metricName"] == "AuroraGlobalDBReplicationLag"
            assert alarm["dimensions"] == {"DBClusterIdentifier": plan.cluster(cell, shard)}
            assert (alarm["region"], alarm["threshold"]) == (region, 1_000 * plan.rpo_s)
        composite = declared.one(COMPOSITE, f"{STACK}-{cell}-lag").inputs
        assert composite["alarmActions"] == [outputs(cell)["alarmTopicArn"]]


def test_an_archive_that_is_late_opens_a_ticket_in_each_region(declared: Registered) -> None:
    for cell in PLACES:
        assert declared.one(COMPOSITE, f"{STACK}-{cell}-archive").inputs["alarmActions"] == [
            outputs(cell)["ticketTopicArn"]
        ]
        late = declared.one(ALARM, f"{STACK}-{cell}-archive-out").inputs
        assert late["threshold"] == 900
        assert late["dimensions"]["SourceBucket"] == outputs("eu-west-1")["archiveBucket"]


def test_each_alarm_of_a_pair_is_on_a_metric_that_somebody_emits(declared: Registered) -> None:
    pairs = {Subject.REPLICATED_SHARD, Subject.ARCHIVE_REPLICATION}
    emitted = {
        (metric.namespace, metric.name, frozenset(metric.dimensions)) for metric in METRICS if metric.subject in pairs
    }
    watched = [one.inputs for one in declared.of(ALARM).values()]
    assert {(one["namespace"], one["metricName"], frozenset(one["dimensions"])) for one in watched} == emitted


def test_a_pair_violates_no_control(declared: Registered) -> None:
    answered = list(findings(stack_of(declared)))
    failed = [f"{one.control} {one.urn}: {one.verdict.reason}" for one in answered if one.verdict.status is Status.FAIL]
    assert not failed, "\n".join(failed)
    assert {"RES-01", "RES-03"} <= {one.control for one in answered if one.verdict.status is Status.PASS}


def test_an_epoch_store_in_two_regions_is_refused() -> None:
    with pytest.raises(ValueError, match="are not three regions"):
        EpochStoreArgs(
            region=HOME, replica_region=AWAY, witness_region=HOME, jurisdiction="eu", table="eu-west-1-epoch"
        )


def test_a_name_points_at_two_cells(plan: PairPlan) -> None:
    with pytest.raises(ValueError, match="a failover record has two"):
        ClientNameArgs(domain_name=plan.domain, targets={})
