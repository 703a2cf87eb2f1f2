"""`cell readiness`: a pair that is ready is, and each single thing that is amiss keeps it from being."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from components.vocabulary import Strategy
from contracts.epoch import Writer, WriterState
from contracts.metrics import REPLICATION_LAG
from operations.errors import CellError, ExitCode
from operations.last_drill import drill_record
from operations.preflight_aws import Clients
from operations.readiness import files, stores
from operations.readiness.command import as_data, exit_code, pair_of, summary, verdicts
from operations.readiness.subject import Subject
from operations.readiness.verdict import Answer, Verdict
from stacks.fleet import Fleet, load_fleet
from stacks.market_files import MARKETS, load_markets
from stacks.new_stack import PLACEHOLDER, render_pair, render_replica

STACKS = Path(__file__).parents[2] / "stacks"
PRIMARY, REPLICA, PAIR = "eu-west-1", "eu-west-1-replica", "eu-west-1-pair"
HOME, AWAY, CLIENTS = "eu-west-1", "eu-central-1", "eu.pay.example.com"
NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
ADDRESS = "3.120.0.7"
REGISTERED = (
    f"      {REPLICA}: {{registeredAt: 2026-11-16, addresses: [{ADDRESS}], certificate: 'sha256:{'0' * 64}'}}\n"
)
DIGEST = "sha256:" + "1" * 64
GRANTED = {
    "eventbridge-invocations": 30_000,
    "elastic-ips": 20,
    "pipe-executions": 3_000,
    "pipes": 1_000,
    "sqs-fifo-requests": 9_000,  # Service Quotas lists none of these
}
VAULT = f"arn:aws:backup:{AWAY}:111122223333:backup-vault:copies"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The committed stacks with a replica of eu-west-1 that every bank knows."""
    folder = tmp_path_factory.mktemp("stacks")
    for path in STACKS.glob("Pulumi.*.yaml"):
        shutil.copy(path, folder)
    (folder / MARKETS).mkdir()
    for path in (STACKS / MARKETS).glob("*.yaml"):
        text = path.read_text().replace("    registrations:\n", f"    registrations:\n{REGISTERED}")
        (folder / MARKETS / path.name).write_text(text)
    replica = render_replica(
        PRIMARY,
        REPLICA,
        AWAY,
        Strategy.WARM_STANDBY,
        domain="r.cell.example.com",
        copy_vault_arn=VAULT,
        quotas=GRANTED,
    )
    (folder / f"Pulumi.{REPLICA}.yaml").write_text(replica)
    (folder / f"Pulumi.{PAIR}.yaml").write_text(render_pair(PRIMARY, REPLICA, CLIENTS))
    return folder


@pytest.fixture(scope="module")
def fleet(folder: Path) -> Fleet:
    return load_fleet(folder, check_quotas=False)


class Aws:
    """What AWS says of a pair that is ready; tests change it. Each call answers in the region that it is sent to."""

    def __init__(self, fleet: Fleet) -> None:
        self.pair = fleet.pair(PAIR)
        pair, shards = self.pair, self.pair.shards
        self.record: dict[str, Any] = {region: Writer(epoch=2, cell=PRIMARY).to_item() for region in (HOME, AWAY)}
        self.members = {
            pair.global_cluster(shard): [
                {"DBClusterArn": pair.cluster_arn(PRIMARY, shard), "IsWriter": True},
                {
                    "DBClusterArn": pair.cluster_arn(REPLICA, shard),
                    "IsWriter": False,
                    "SynchronizationStatus": "connected",
                },
            ]
            for shard in shards
        }
        restorable = NOW - timedelta(minutes=4)
        self.clusters = {
            pair.cluster(cell, shard): {
                "Status": "available",
                "DBClusterMembers": [{}],
                "LatestRestorableTime": restorable,
            }
            for cell in pair.cells
            for shard in shards
        }
        self.lag_ms: list[float] = [800.0]
        self.archive_s: list[float] = [40.0]
        self.table_replicas = {HOME: AWAY, AWAY: HOME}
        self.replication = {"one": "two", "two": "one", "one-models": "two-models", "two-models": "one-models"}
        self.certificate = {"Status": "ISSUED", "NotAfter": NOW + timedelta(days=300)}
        self.recovery_point = NOW - timedelta(hours=20)
        self.pushed = {DIGEST}
        self.quota = 1e9
        self.drill: dict[str, Any] = {"CreationDate": NOW - timedelta(days=9), "Status": "COMPLETED"}
        self.rehearsed: dict[str, tuple[datetime, str]] = {}
        """Parameter -> when and what a drill of ours noted."""
        self.refused: dict[str, str] = {}

    def get(self, service: str, region: str) -> Any:
        calls = {name.removeprefix(f"{service.replace('-', '_')}_"): name for name in dir(type(self))}
        return SimpleNamespace(
            **{call: self._call(name, region) for call, name in calls.items() if call != name},
        )

    def _call(self, name: str, region: str) -> Callable[..., Any]:
        def call(*_unnamed: Any, **parameters: Any) -> Any:
            if code := self.refused.get(name):
                raise ClientError({"Error": {"Code": code, "Message": ""}}, name)
            return getattr(self, name)(region, *_unnamed, **parameters)

        return call

    def dynamodb_get_item(self, region: str, **asked: Any) -> Any:
        assert asked["ConsistentRead"] is True
        assert asked["TableName"] == "eu-west-1-epoch"
        return {"Item": self.record[region]} if self.record[region] else {}

    def dynamodb_describe_table(self, region: str, **_: Any) -> Any:
        replicas = [{"RegionName": self.table_replicas[region], "ReplicaStatus": "ACTIVE"}]
        return {"Table": {"TableStatus": "ACTIVE", "Replicas": replicas}}

    def rds_describe_global_clusters(self, _region: str, GlobalClusterIdentifier: str) -> Any:
        return {"GlobalClusters": [{"GlobalClusterMembers": self.members[GlobalClusterIdentifier]}]}

    def rds_describe_db_clusters(self, _region: str, DBClusterIdentifier: str) -> Any:
        return {"DBClusters": [self.clusters[DBClusterIdentifier]]}

    def cloudwatch_get_metric_statistics(self, region: str, **asked: Any) -> Any:
        late = asked["MetricName"] == REPLICATION_LAG
        writer = self.pair.writer
        assert region == self.pair.cells[self.pair.other(writer) if late else writer].region
        return {"Datapoints": [{"Maximum": value} for value in (self.lag_ms if late else self.archive_s)]}

    def cloudwatch_list_metrics(self, _region: str, **asked: Any) -> Any:
        return {"Metrics": [{"Dimensions": [*asked["Dimensions"], {"Name": "RuleId", "Value": "all"}]}]}

    def s3_get_bucket_replication(self, _region: str, Bucket: str) -> Any:
        target = self.replication[Bucket]
        rule = {"Status": "Enabled", "Destination": {"Bucket": f"arn:aws:s3:::{target}"}}
        return {"ReplicationConfiguration": {"Rules": [rule]}}

    def acm_describe_certificate(self, _region: str, **_: Any) -> Any:
        return {"Certificate": self.certificate}

    def backup_get_paginator(self, _region: str, operation: str) -> Any:
        pages = {
            "list_restore_jobs": {"RestoreJobs": [self.drill] if self.drill else []},
            "list_recovery_points_by_backup_vault": {
                "RecoveryPoints": [{"CreationDate": self.recovery_point, "Status": "COMPLETED"}]
            },
        }
        return SimpleNamespace(paginate=lambda **_: [pages[operation]])

    def ssm_get_parameter(self, _region: str, Name: str) -> Any:
        if Name not in self.rehearsed:
            raise ClientError({"Error": {"Code": "ParameterNotFound", "Message": ""}}, "GetParameter")
        when, said = self.rehearsed[Name]
        return {"Parameter": {"LastModifiedDate": when, "Value": said}}

    def ecr_batch_get_image(self, region: str, **asked: Any) -> Any:
        assert region == AWAY
        return {"images": [i for i in asked["imageIds"] if i["imageDigest"] in self.pushed]}

    def service_quotas_get_service_quota(self, region: str, **_: Any) -> Any:
        assert region == AWAY
        return {"Quota": {"Value": self.quota}}


def row(stack: str, type_: str, key: str, **values: Any) -> dict[str, Any]:
    urn = f"urn:pulumi:{stack}::payment-cell::{type_}::{key}"
    return {"urn": urn, "type": type_, "custom": True, "id": f"{key}-id", "inputs": values, "outputs": values}


def states(fleet: Fleet, digest: str = DIGEST) -> dict[str, list[dict[str, Any]]]:
    """Of each stack one resource of each kind that the checks read."""
    found: dict[str, list[dict[str, Any]]] = {}
    for cell, plan in fleet.pair(PAIR).cells.items():
        image = f"123456789012.dkr.ecr.{plan.region}.amazonaws.com/{PRIMARY}/payments@{digest}"
        pod = {"template": {"spec": {"containers": [{"name": "payments", "image": image}]}}}
        found[cell] = [
            row(cell, files.CERTIFICATE, cell, region=plan.region, domainName=plan.domain, arn=f"arn:{cell}"),
            row(cell, "aws:sqs/queue:Queue", f"{cell}-ledger", region=plan.region, visibilityTimeoutSeconds=30),
            row(cell, "aws:backup/restoreTestingPlan:RestoreTestingPlan", cell, region=plan.region, arn="arn:p"),
        ]
        deployment = row(f"{cell}-workloads", stores.DEPLOYMENT, "payments", metadata={"name": "payments"}, spec=pod)
        found[f"{cell}-workloads"] = [deployment]
    found[PRIMARY].append(row(PRIMARY, stores.TABLE, f"{PRIMARY}-subject-keys", region=HOME, name="keys"))
    found[PAIR] = [
        row(PAIR, files.CERTIFICATE, f"{PAIR}-{r}", region=r, domainName=CLIENTS, arn=f"arn:{r}") for r in (HOME, AWAY)
    ]
    return found


def refreshed(days: float, **changes: int) -> list[Mapping[str, Any]]:
    ended = (NOW - timedelta(days=days)).isoformat()
    return [{"kind": "refresh", "result": "succeeded", "endTime": ended, "resourceChanges": {"same": 9, **changes}}]


class World:
    """A pair, its account and its states, ready; tests break one thing."""

    def __init__(self, fleet: Fleet, folder: Path) -> None:
        self.fleet, self.aws = fleet, Aws(fleet)
        self.states = states(fleet)
        self.outputs: dict[str, dict[str, Any]] = {
            cell: {
                "archiveBucket": bucket,
                "modelBucket": f"{bucket}-models",
                "shardMap": json.dumps({"version": 1}),
                "backupVaultArn": "arn:vault",
            }
            for cell, bucket in ((PRIMARY, "one"), (REPLICA, "two"))
        }
        self.outputs[REPLICA]["egressAddresses"] = [ADDRESS]
        self.history = {stack: refreshed(2) for stack in self.states}
        self.markets, self.emulated = load_markets(folder / MARKETS, fleet.cells), False

    def ask(self) -> dict[str, Verdict]:
        of = Subject(
            pair=self.aws.pair,
            clients=cast(Clients, self.aws),
            emulated=self.emulated,
            now=NOW,
            states=self.states,
            outputs=self.outputs,
        )
        caps = self.fleet.quotas(REPLICA)
        found = verdicts(of, account=(), history=self.history, caps=caps, markets=self.markets)
        return {verdict.check: verdict for verdict in found}


@pytest.fixture
def world(fleet: Fleet, folder: Path) -> World:
    return World(fleet, folder)


def test_a_pair_of_which_nothing_is_amiss_is_ready(world: World) -> None:
    found = world.ask()
    assert {check: v.found for check, v in found.items() if v.answer is not Answer.READY} == {}
    assert exit_code(list(found.values())) is ExitCode.OK
    assert as_data(list(found.values()))["ready"] is True
    assert len(found) == 16, "two checks of one name would hide each other"


def _fenced(w: World) -> None:
    w.aws.record = dict.fromkeys((HOME, AWAY), Writer(epoch=3, cell=PRIMARY, state=WriterState.FENCED).to_item())


def _stale_epoch(w: World) -> None:
    w.aws.record[AWAY] = Writer(epoch=1, cell=PRIMARY).to_item()


def _other_writer(w: World) -> None:
    w.aws.record = dict.fromkeys((HOME, AWAY), Writer(epoch=4, cell=REPLICA).to_item())


def _member(**changed: Any) -> Callable[[World], None]:
    return lambda w: w.aws.members["eu-west-1-s00-global"][1].update(changed)


def _cluster(name: str, **changed: Any) -> Callable[[World], None]:
    return lambda w: w.aws.clusters[name].update(changed)


def _aws(**changed: Any) -> Callable[[World], None]:
    return lambda w: vars(w.aws).update(copy.deepcopy(changed))


def _replicates(bucket: str, target: str) -> Callable[[World], None]:
    return lambda w: w.aws.replication.update({bucket: target})


def _no_member(w: World) -> None:
    w.aws.members["eu-west-1-s00-global"].pop()


def _other_image(w: World) -> None:
    w.states[f"{REPLICA}-workloads"] = states(w.fleet, "sha256:" + "2" * 64)[f"{REPLICA}-workloads"]


def _image_of_home(w: World) -> None:
    (deployment,) = w.states[f"{REPLICA}-workloads"]
    containers = deployment["inputs"]["spec"]["template"]["spec"]["containers"]
    containers[0]["image"] = containers[0]["image"].replace(AWAY, HOME)


def _other_queue(w: World) -> None:
    w.states[REPLICA][1]["inputs"] = {"region": AWAY, "visibilityTimeoutSeconds": 60}


def _down(stack: str) -> Callable[[World], None]:
    return lambda w: w.states.update({stack: []})


def _output(**changed: Any) -> Callable[[World], None]:
    return lambda w: w.outputs[REPLICA].update(changed)


def _history(history: list[Mapping[str, Any]]) -> Callable[[World], None]:
    return lambda w: w.history.update({REPLICA: history})


@pytest.mark.parametrize(
    ("check", "broken", "said"),
    [
        ("epoch store", _fenced, "nobody writes"),
        ("epoch store", _stale_epoch, "the regions differ"),
        ("epoch store", _other_writer, f"{REPLICA} writes, the pair's file says {PRIMARY}"),
        ("global databases", _member(SynchronizationStatus="pending-resync"), "is pending-resync"),
        ("global databases", _member(IsWriter=True), f"{REPLICA}-s00 is the writer"),
        ("global databases", _no_member, f"{REPLICA}-s00 is no member"),
        ("global databases", _cluster(f"{REPLICA}-s01", Status="stopped"), f"{REPLICA}-s01 is stopped"),
        ("global databases", _cluster(f"{REPLICA}-s01", DBClusterMembers=[]), "has no instance"),
        ("replication lag", _aws(lag_ms=[800.0, 31_000.0]), "31.0 s"),
        ("tables", _aws(table_replicas={HOME: "eu-west-3", AWAY: HOME}), f"keys of {HOME} has no replica in {AWAY}"),
        ("archive", _replicates("two", "three"), "two does not replicate to one"),
        ("archive", _output(archiveBucket=None), "has no output archiveBucket"),
        ("fraud models", _replicates("two-models", "two"), "two-models does not replicate to one-models"),
        ("fraud models", _output(modelBucket=None), "has no output modelBucket"),
        ("archive lag", _aws(archive_s=[901.0]), "901 s"),
        ("parity", _other_queue, "visibilityTimeoutSeconds: 30 in the primary, 60 in the replica"),
        ("parity", _down(f"{REPLICA}-workloads"), "is not up"),
        ("shard map", _output(shardMap="{}"), "differ"),
        ("images", _other_image, "payments/payments: sha256:1"),
        ("images", _image_of_home, f"payments/payments: from {HOME}"),
        ("images", _aws(pushed=set()), "is not in the registry"),
        ("quotas", _aws(quota=3.0), "needed at full size, 3"),
        (
            "certificates",
            _aws(certificate={"Status": "ISSUED", "NotAfter": NOW + timedelta(days=29)}),
            "ends in 29 days",
        ),
        ("certificates", _aws(certificate={"Status": "PENDING_VALIDATION"}), "is PENDING_VALIDATION"),
        ("certificates", _down(PAIR), f"{CLIENTS} has no certificate in {AWAY}"),
        ("bank registrations", _output(egressAddresses=[ADDRESS, "3.120.0.8"]), "does not know 3.120.0.8"),
        ("bank registrations", _output(egressAddresses=[]), "has no output egressAddresses"),
        ("backups", _aws(recovery_point=NOW - timedelta(hours=34)), "34.0 h ago, the bound is 33 h"),
        ("backups", _cluster(f"{PRIMARY}-s00", LatestRestorableTime=NOW - timedelta(minutes=16)), "16 min ago"),
        ("drift", _history(refreshed(8)), f"{REPLICA} was refreshed 8 days ago"),
        ("drift", _history(refreshed(1, update=3)), f"3 resources of {REPLICA} had drifted"),
        ("drift", _history([]), "was never refreshed"),
        ("last drill", _aws(drill={"CreationDate": NOW - timedelta(days=36), "Status": "COMPLETED"}), "36 days ago"),
        ("last drill", _aws(drill={"CreationDate": NOW, "Status": "FAILED"}), "it ended: restore FAILED"),
        ("last drill", _aws(drill={}), "there never was one"),
    ],
)
def test_one_thing_amiss_keeps_a_pair_from_being_ready(
    world: World, check: str, broken: Callable[[World], None], said: str
) -> None:
    broken(world)
    found = world.ask()
    assert found[check].answer is Answer.NOT_READY, found[check]
    assert said in found[check].found
    assert found[check].fix
    assert exit_code(list(found.values())) is ExitCode.ERROR


@pytest.mark.parametrize(
    ("check", "call"),
    [
        ("epoch store", "dynamodb_get_item"),
        ("global databases", "rds_describe_global_clusters"),
        ("replication lag", "cloudwatch_get_metric_statistics"),
        ("tables", "dynamodb_describe_table"),
        ("archive", "s3_get_bucket_replication"),
        ("fraud models", "s3_get_bucket_replication"),
        ("archive lag", "cloudwatch_list_metrics"),
        ("images", "ecr_batch_get_image"),
        ("certificates", "acm_describe_certificate"),
        ("backups", "backup_get_paginator"),
    ],
)
def test_what_aws_does_not_tell_is_not_ready_and_said_apart(world: World, check: str, call: str) -> None:
    world.aws.refused[call] = "AccessDenied"
    if call == "backup_get_paginator":
        world.aws.refused = {"rds_describe_db_clusters": "AccessDenied"}
    found = world.ask()
    assert found[check].answer is Answer.NOT_OBSERVED
    assert "AccessDenied" in found[check].found
    assert exit_code(list(found.values())) is ExitCode.ERROR


@pytest.mark.parametrize("cell", [PRIMARY, REPLICA])
def test_a_drill_of_either_cell_is_as_good_as_a_restore_test(world: World, cell: str) -> None:
    world.aws.drill = {}
    world.aws.rehearsed = {drill_record(cell): (NOW - timedelta(days=2), "passed: switchover: there and back")}
    found = world.ask()["last drill"]
    assert found.answer is Answer.READY
    assert found.found == f"2 days ago, the bound is {files.DRILL_DAYS}: passed: switchover: there and back"
    world.aws.rehearsed = {drill_record(cell): (NOW, "failed: switchover: an alarm rang")}
    assert world.ask()["last drill"].answer is Answer.NOT_READY


def test_what_the_emulator_lacks_is_told_and_does_not_count(world: World) -> None:
    world.emulated = True
    world.aws.refused["s3_get_bucket_replication"] = "NotEmulated"
    world.aws.archive_s = []
    world.states |= {k: v for k, v in states(world.fleet, PLACEHOLDER).items() if k.endswith("-workloads")}
    found = world.ask()
    for check in ("archive", "fraud models", "archive lag", "images"):
        assert found[check].excused, found[check]
        assert found[check].found.startswith("emulated: ")
    assert exit_code(list(found.values())) is ExitCode.OK
    assert "the emulator cannot show" in summary(PRIMARY, list(found.values()))


def test_an_emulator_excuses_no_refusal_and_no_silence_of_the_databases(world: World) -> None:
    world.emulated = True
    world.aws.lag_ms = []
    world.aws.refused["dynamodb_get_item"] = "AccessDenied"
    found = world.ask()
    assert not found["replication lag"].excused
    assert not found["epoch store"].excused
    assert exit_code(list(found.values())) is ExitCode.ERROR


def test_a_bank_that_does_not_know_the_replica_keeps_it_from_being_ready(world: World, fleet: Fleet) -> None:
    world.markets = load_markets(STACKS / MARKETS, fleet.cells)
    found = world.ask()["bank registrations"]
    assert found.answer is Answer.NOT_READY
    assert f"alder (eu-sepa) does not know {REPLICA}" in found.found
    assert "kapok (brazil)" in found.found, "every market of the primary"


def test_after_a_failover_the_roles_are_asked_the_other_way_round(world: World) -> None:
    world.aws.pair = replace(world.aws.pair, writer=REPLICA)
    assert {c for c, v in world.ask().items() if v.holds_up} == {"epoch store", "global databases"}
    world.aws.record = dict.fromkeys((HOME, AWAY), Writer(epoch=4, cell=REPLICA).to_item())
    for own, other in world.aws.members.values():
        own.update(IsWriter=False, SynchronizationStatus="connected")
        other.update(IsWriter=True)
    assert {c: v.found for c, v in world.ask().items() if v.holds_up} == {}


def test_quotas_are_asked_for_the_size_after_a_failover(fleet: Fleet) -> None:
    found = next(cap.demand for cap in fleet.quotas(REPLICA) if cap.dimension == "db-instances")
    both = [fleet.plan(PRIMARY), fleet.plan("eu-central-1")]
    full = sum(len(plan.shards) * (1 + plan.shards[0].readers) for plan in both)
    assert found == full > len(fleet.plan(REPLICA).shards), "with its readers, beside the region's other cell"


def test_it_takes_the_primary_the_replica_and_the_pair(fleet: Fleet) -> None:
    assert {pair_of(fleet, stack) for stack in (PRIMARY, REPLICA, PAIR, f"{PRIMARY}-workloads")} == {PAIR}


def test_a_cell_without_a_replica_is_told_what_to_run(fleet: Fleet) -> None:
    with pytest.raises(CellError, match="cell replicate us-east-1"):
        pair_of(fleet, "us-east-1")
