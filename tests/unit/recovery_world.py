"""A pair of cells for tests of its movements: DynamoDB, S3, SQS and the rest are moto's, RDS and EKS are made up here,
and so are time, relays and what clients see. Calls can be refused, lost on their way back, and end the process."""

import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import EndpointConnectionError
from moto import mock_aws

from components.vocabulary import Strategy
from contracts import archive
from contracts.epoch import KEY, RENEW_S, Writer, regenerated_key, writer_of
from contracts.events import GENESIS, seal
from operations.recovery import session
from operations.recovery.context import Context
from operations.recovery.machine import Journal
from operations.recovery.run import Kind, Run
from operations.recovery.steps import move
from operations.recovery.store import Store
from operations.recovery.web import Says
from stacks.fleet import read_fleet
from stacks.new_stack import render_pair, render_replica
from stacks.pairs import PairPlan
from workloads.lease import EpochStore, Lease

STACKS = Path(__file__).parents[2] / "stacks"
PRIMARY, REPLICA = "eu-west-1", "eu-west-1-replica"
HOME, AWAY = "eu-west-1", "eu-central-1"
BOB, ALICE = "arn:aws:iam::111122223333:user/bob", "arn:aws:iam::111122223333:user/alice"
EFFECTS = frozenset(
    {
        *("PutItem", "FailoverGlobalCluster", "SwitchoverGlobalCluster", "UpdateNodegroupConfig"),
        *("StartMessageMoveTask", "POST"),
    }
)
GRANTED = {"eventbridge-invocations": 30_000, "elastic-ips": 20}
START = datetime(2026, 11, 29, 14, 0, tzinfo=UTC)


@cache
def _client(service: str, region: str) -> Any:
    """To make one takes longer than all that a test does with it."""
    return boto3.client(service, region_name=region)


class Killed(BaseException):
    """The process ends here: nothing of it runs any more."""


def pair_of(folder: Path, shards: int = 1) -> PairPlan:
    """The committed production cell with a replica, and fewer shards."""
    for path in STACKS.glob("Pulumi.*.yaml"):
        shutil.copy(path, folder)
    shutil.copytree(STACKS / "markets", folder / "markets")
    text = render_replica(
        PRIMARY,
        REPLICA,
        AWAY,
        Strategy.WARM_STANDBY,
        domain="r.cell.example.com",
        copy_vault_arn="arn:aws:backup:eu-central-1:111122223333:backup-vault:copies",
        quotas=GRANTED,
    )
    (folder / f"Pulumi.{REPLICA}.yaml").write_text(text)
    (folder / f"Pulumi.{PRIMARY}-pair.yaml").write_text(render_pair(PRIMARY, REPLICA, "eu.pay.example.com"))
    plan = read_fleet(folder)[0].pair(f"{PRIMARY}-pair")
    few = {"shards": plan.primary.shards[:shards]}
    return replace(plan, primary=replace(plan.primary, **few), replica=replace(plan.replica, **few))


class World:
    """The pair, its time, and what goes wrong."""

    def __init__(self, pair: PairPlan) -> None:
        self.pair, self.s = pair, 0.0
        self.dead: set[str] = set()
        """Regions that nobody reaches."""
        self.cut: set[str] = set()
        """Cells whose programs do not reach the epoch store."""
        self.calls: list[tuple[str, str, str]] = []
        """(service, action, region)"""
        self.count: Counter[str] = Counter()
        self.kill_at: tuple[int, bool] | None = None
        """Number of an effect, and whether it took place."""
        self.effects = 0
        self.lose_at: int | None = None
        """Number of an effect whose answer is lost; the process goes on."""
        self.killed = False
        self.on_tick: Callable[[], None] | None = None
        self.writers = dict.fromkeys(pair.shards, PRIMARY)
        self.pending: dict[str, str] = {}
        """Shard -> cell that is to write once RDS has been asked as often as `slow` says."""
        self.slow: dict[str, int] = {}
        """Shard -> looks at it during which a move stays pending."""
        self.cancels = False
        """RDS cancels every switchover."""
        self.cancelled: set[str] = set()
        """Shards whose switchover it cancels."""
        self.members: dict[str, str] = {}
        """Cluster -> synchronisation status that is not `connected`."""
        self.lag_ms = {pair.cluster(cell, shard): 200.0 for cell in pair.cells for shard in pair.shards}
        groups = {f"-{key}-0a1b2c3": group.minimum for key, group in pair.primary.node_groups.items()}
        self.nodes = {cell: {cell + name: size for name, size in groups.items()} for cell in pair.cells}
        self.most_nodes = 450
        """Maximum of every group."""
        self.moved_letters: list[str] = []
        self.paid: dict[str, str] = {}
        self.refuses_payments = False
        self.epochs = [0]
        self.replicas: set[str] = set()
        """Versions of archived objects that came by replication."""
        self.on_call: Callable[[], None] = lambda: None
        self.on_sleep: Callable[[], object] = lambda: None
        self.relays = True
        self._regenerated = 0
        self.real("dynamodb", AWAY).create_table(
            TableName=pair.epoch_table,
            KeySchema=[{"AttributeName": KEY, "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": KEY, "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        secret = json.dumps({"current": "s" * 40, "previous": None})
        for region in (HOME, AWAY):
            self.real("secretsmanager", region).create_secret(Name=f"{PRIMARY}-api-keys-0a1b2c3", SecretString=secret)
        self.leases = {
            cell: Lease(
                EpochStore(client=Seen(self, cell), table=pair.epoch_table, cell=cell, primary=PRIMARY),
                lambda: self.s,
            )
            for cell in pair.cells
        }
        self.asked = dict.fromkeys(pair.cells, float("-inf"))

    def real(self, service: str, region: str) -> Any:
        return _client(service, region)

    # what the code under test is given

    def get(self, service: str, region: str) -> Any:
        return Client(self, service, region)

    def monotonic(self) -> float:
        return self.s

    def now(self) -> datetime:
        return START + timedelta(seconds=self.s)

    def sleep(self, seconds: float) -> None:
        if self.killed:
            raise Killed
        self.on_sleep()
        end = self.s + seconds
        while self.s < end:
            self.s = min(end, self.s + 1.0)
            self.tick()

    def writer(self, domain: str) -> Says | None:
        """GET /writer."""
        if domain == self.pair.domain:
            cell = next((name for name in self.pair.cells if self.holds(name)), None)
        else:
            cell = next(name for name, plan in self.pair.cells.items() if plan.domain == domain)
        if cell is None or self.pair.cells[cell].region in self.dead:
            return None
        lease = self.leases[cell]
        return Says(cell=cell, epoch=lease.epoch, writes=lease.held)

    def ask(self, method: str, domain: str, path: str, headers: Any, body: Any = None) -> Any:
        assert domain == self.pair.domain
        assert method == "GET" or body["currency"] == "EUR"
        if self.refuses_payments:
            return 400, {"error": {"reason": "card_number"}}
        if method == "GET":
            return 200, {"status": "succeeded", "id": path.rpartition("/")[2]}
        key = headers["Idempotency-Key"]
        return self.effect("POST", lambda: (201, {"id": self.paid.setdefault(key, f"pay_{len(self.paid)}")}))

    # what happens by itself

    def holds(self, cell: str) -> bool:
        return self.pair.cells[cell].region not in self.dead and self.leases[cell].held

    def record(self) -> Writer:
        """The writer's record."""
        found = self.real("dynamodb", AWAY).get_item(
            TableName=self.pair.epoch_table, Key={KEY: {"S": "writer"}}, ConsistentRead=True
        )
        return writer_of(found.get("Item"), PRIMARY)

    def tick(self) -> None:
        for cell, lease in self.leases.items():
            if self.s - self.asked[cell] >= RENEW_S:
                self.asked[cell] = self.s
                lease.ask()
        self.check()
        if self.relays:
            self._relay()
        if self.on_tick is not None:
            self.on_tick()

    def check(self) -> None:
        holding = [cell for cell, lease in self.leases.items() if lease.held]
        assert len(holding) < 2, f"{holding} both hold a lease at {self.s}"
        assert self.epochs == sorted(self.epochs)

    def _relay(self) -> None:
        for cell, lease in self.leases.items():
            writer = lease.writer
            if not self.holds(cell) or writer is None or writer.regenerate_since is None:
                continue
            if self._regenerated == writer.epoch:
                continue
            self._regenerated = writer.epoch
            for shard in self.pair.shards:
                item = {KEY: {"S": regenerated_key(writer.epoch, shard)}, "events": {"N": "0"}}
                self.real("dynamodb", AWAY).put_item(TableName=self.pair.epoch_table, Item=item)

    # calls

    def effect(self, action: str, call: Callable[[], Any]) -> Any:
        if self.killed:
            raise Killed
        self.check()
        number = self.effects
        if action in EFFECTS:
            self.effects += 1
        mine = action in EFFECTS and self.kill_at is not None and number == self.kill_at[0]
        if mine and self.kill_at is not None and not self.kill_at[1]:
            self.killed = True
            raise Killed
        answer = call()
        if mine:
            self.killed = True
            raise Killed
        if action in EFFECTS and number == self.lose_at:
            raise EndpointConnectionError(endpoint_url="https://lost")
        return answer

    # the command

    def context(self, run: Run, by: str) -> Context:
        store = Store(self, (self.pair.cells[run.target].region,), self.pair.epoch_table, PRIMARY)
        markets = {"de": {"currency": "EUR", "banks": {"bank-one": {}}}}
        return Context(
            journal=Journal(store, run, f"{by}-{self.s}-{len(self.calls)}", self),  # type: ignore[arg-type]
            clock=self,  # type: ignore[arg-type]
            tell=lambda _line: None,
            pair=self.pair,
            store=store,
            clients=self,
            web=self,  # type: ignore[arg-type]
            markets=markets,
        )

    def plan(self, kind: Kind, origin: str, target: str, loss: bool, by: str = BOB) -> session.Planned:
        store = Store(self, (self.pair.cells[target].region,), self.pair.epoch_table, PRIMARY)
        opened = session.Opened(store=store, clients=self, caller=by)
        return session.plan(opened, kind, origin, target, loss, self)  # type: ignore[arg-type]

    def command(
        self, kind: Kind, origin: str = PRIMARY, target: str = REPLICA, *, loss: bool = False, by: str = BOB
    ) -> Run | None:
        """What the command does, as a process of its own. None: the target writes already."""
        self.killed = False
        planned = self.plan(kind, origin, target, loss, by)
        if planned.already:
            return None
        context = self.context(planned.run, by)
        session.begin(context, planned)
        return move(context, 20.0)


class Client:
    """A region's client of a service: moto's, or the world's."""

    def __init__(self, world: World, service: str, region: str) -> None:
        self._world, self._service, self._region = world, service, region
        home = AWAY if service == "dynamodb" else region
        self._real = world.real(service, home)

    def __getattr__(self, operation: str) -> Any:
        action = self._real.meta.method_to_api_mapping[operation]

        def call(**asked: Any) -> Any:
            world = self._world
            if world.killed:
                raise Killed
            world.on_call()
            world.calls.append((self._service, action, self._region))
            if self._region in world.dead:
                raise EndpointConnectionError(endpoint_url=f"https://{self._service}.{self._region}")
            return world.effect(action, lambda: self._noted(operation, action, asked))

        return call

    def _noted(self, operation: str, action: str, asked: Mapping[str, Any]) -> Any:
        answer = self._answer(operation, action, asked)
        if action == "PutItem" and asked["Item"][KEY]["S"] == "writer":
            self._world.epochs.append(int(asked["Item"]["epoch"]["N"]))
        return answer

    def get_paginator(self, operation: str) -> Any:
        ask = getattr(self, operation)

        class Pages:
            def paginate(self, **asked: Any) -> Iterator[Any]:
                yield ask(**asked)

        return Pages()

    def _answer(self, operation: str, action: str, asked: Mapping[str, Any]) -> Any:
        made_up = getattr(self, f"_{operation}", None) if f"_{operation}" in type(self).__dict__ else None
        if made_up is None:
            return getattr(self._real, operation)(**asked)
        # What the API would refuse is refused here too.
        shape = self._real.meta.service_model.operation_model(action).input_shape
        from botocore.validate import ParamValidator

        problems = ParamValidator().validate(asked, shape)
        assert not problems.has_errors(), problems.generate_report()
        return made_up(**asked)

    def _describe_global_clusters(self, GlobalClusterIdentifier: str) -> Any:
        world, pair = self._world, self._world.pair
        shard = next(one for one in pair.shards if pair.global_cluster(one) == GlobalClusterIdentifier)
        members = [
            {
                "DBClusterArn": pair.cluster_arn(cell, shard),
                "IsWriter": world.writers[shard] == cell,
                "SynchronizationStatus": world.members.get(cell, "connected"),
            }
            for cell in pair.cells
            if world.members.get(cell) != "gone"
        ]
        found: dict[str, Any] = {"GlobalClusterMembers": members, "Status": "available"}
        if shard in world.pending:
            found["FailoverState"] = {"Status": "pending"}
            world.slow[shard] -= 1
            if world.slow[shard] <= 0:
                world.writers[shard] = world.pending.pop(shard)
                del world.slow[shard]
        return {"GlobalClusters": [found]}

    def _failover_global_cluster(self, **asked: Any) -> Any:
        assert asked["AllowDataLoss"]
        return self._moved(asked)

    def _switchover_global_cluster(self, **asked: Any) -> Any:
        return {} if self._world.cancels else self._moved(asked)

    def _moved(self, asked: Mapping[str, Any]) -> Any:
        world, pair = self._world, self._world.pair
        cell, shard = next(
            (cell, shard)
            for cell in pair.cells
            for shard in pair.shards
            if pair.cluster_arn(cell, shard) == asked["TargetDbClusterIdentifier"]
        )
        if shard in world.cancelled:
            return {}
        world.count[f"{shard} -> {cell}"] += 1
        if shard in world.slow:
            world.pending[shard] = cell
        else:
            world.writers[shard] = cell
        return {}

    def _describe_db_clusters(self, DBClusterIdentifier: str) -> Any:
        members = [{"DBInstanceIdentifier": f"{DBClusterIdentifier}-0"}]
        return {"DBClusters": [{"Status": "available", "DBClusterMembers": members}]}

    def _get_metric_data(self, MetricDataQueries: Any, **_asked: Any) -> Any:
        found = []
        for query in MetricDataQueries:
            (name,) = (one["Value"] for one in query["MetricStat"]["Metric"]["Dimensions"])
            lag = self._world.lag_ms.get(name)
            found.append({"Id": query["Id"], "Values": [] if lag is None else [lag]})
        return {"MetricDataResults": found}

    def _head_object(self, **asked: Any) -> Any:
        found = self._real.head_object(**asked)
        return {**found, "ReplicationStatus": "REPLICA"} if asked["VersionId"] in self._world.replicas else found

    def _list_nodegroups(self, clusterName: str) -> Any:
        return {"nodegroups": sorted(self._world.nodes[clusterName])}

    def _describe_nodegroup(self, clusterName: str, nodegroupName: str) -> Any:
        size = self._world.nodes[clusterName][nodegroupName]
        return {"nodegroup": {"scalingConfig": {"desiredSize": size, "maxSize": self._world.most_nodes}}}

    def _update_nodegroup_config(self, clusterName: str, nodegroupName: str, scalingConfig: Any) -> Any:
        assert scalingConfig["desiredSize"] <= self._world.most_nodes, "EKS refuses more than the maximum"
        self._world.nodes[clusterName][nodegroupName] = scalingConfig["desiredSize"]
        return {}

    def _start_message_move_task(self, SourceArn: str) -> Any:
        self._world.moved_letters.append(SourceArn)
        return {}


class Seen:
    """The epoch store as the programs of a cell reach it."""

    def __init__(self, world: World, cell: str) -> None:
        self._world, self._cell = world, cell

    def get_item(self, **asked: Any) -> Any:
        world = self._world
        if self._cell in world.cut or world.pair.cells[self._cell].region in world.dead:
            raise EndpointConnectionError(endpoint_url="https://dynamodb")
        return world.real("dynamodb", AWAY).get_item(**asked)


@contextmanager
def made(pair: PairPlan) -> Iterator[World]:
    """A world of its own."""
    kept = {name: os.environ.get(name) for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL")}
    os.environ.update(AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test")
    os.environ.pop("AWS_ENDPOINT_URL", None)
    try:
        with mock_aws():
            yield World(pair)
    finally:
        for name, value in kept.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def archived(world: World, cell: str, *payments: str, replica: bool = True, event_id: str | None = None) -> None:
    """An object of the cell's archive that came by replication, or that it wrote itself. `event_id`: of its events."""
    s3 = world.real("s3", AWAY)
    bucket = f"{cell}-archive-0a1b2c3"
    if bucket not in [one["Name"] for one in s3.list_buckets()["Buckets"]]:
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": AWAY})
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    lines = []
    for number, payment in enumerate(payments, 1):
        event = seal(
            account=f"acct_{number:05d}",
            sequence=1,
            previous=GENESIS,
            type="payment.succeeded",
            schema="payment/1",
            region=HOME,
            cell=PRIMARY,
            shard="s00",
            data={"payment": payment},
            id=event_id,
        )
        lines.append(archive.Line(sequence_number=number, text=event.to_json(), account=event.account, sequence=1))
    made_ = archive.encode(lines)
    key = archive.Range(folder="s", day=archive.day_of(world.now()), first=1, last=len(lines)).key
    s3.put_object(Bucket=bucket, Key=key, Body=made_.body, Metadata=dict(made_.metadata))
    version = s3.list_object_versions(Bucket=bucket)["Versions"][0]["VersionId"]
    if replica:
        world.replicas.add(version)
