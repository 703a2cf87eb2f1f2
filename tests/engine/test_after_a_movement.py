"""The infrastructure code of a shard and of its secondary stays true: once the writer has moved, by whichever movement,
a refresh, a preview and an up of both stacks change nothing. The stacks are two, as those of a cell and its replica;
what the account answers before and after is `global_answers.yaml`'s. The tests follow each other."""

import json
from collections.abc import Callable
from typing import Any

import pulumi
import pytest
from inline_stack import InlineStack, fails
from pulumi_aws import ec2, kms
from test_global_answers import tell

from components import shard
from components.sharded_database import DatabaseShard, ShardedDatabase, ShardedDatabaseArgs
from components.standby import Standby
from conftest import PRODUCTION_ACCOUNT, Sandbox
from contracts.shard_plan import first_map

pytestmark = pytest.mark.engine

HOME, AWAY = "eu-west-1", "eu-central-1"
CELLS = {HOME: "home", AWAY: "away"}
WORLD = "home-s00-global"
CLUSTER, GLOBAL = "aws:rds/cluster:Cluster", "aws:rds/globalCluster:GlobalCluster"


def database(region: str, standby: Standby | None = None) -> ShardedDatabase:
    """One shard with a reader, as in production, in the smallest network that holds it."""
    name = CELLS[region]
    zones = {f"{name}-{letter}": f"{region}{letter}" for letter in "ab"}
    network = ec2.Vpc(name, region=region, cidr_block="10.0.0.0/16", enable_dns_hostnames=True)
    subnets = [
        ec2.Subnet(key, region=region, vpc_id=network.id, cidr_block=f"10.0.{number}.0/24", availability_zone=zone).id
        for number, (key, zone) in enumerate(zones.items())
    ]
    clients = ec2.SecurityGroup(f"{name}-clients", region=region, vpc_id=network.id, description="workloads")
    key = kms.Key(name, region=region, deletion_window_in_days=7, policy=policy(region))
    args = ShardedDatabaseArgs(
        region=region,
        account_id=PRODUCTION_ACCOUNT,
        jurisdiction="eu",
        shards=[DatabaseShard(id="s00", instance_class="db.r7g.large", readers=1)],
        shard_map=first_map(1),
        engine_version="17.5",
        ca_certificate="rds-ca-rsa2048-g1",
        vpc_id=network.id,
        subnet_ids=dict(zip(zones, subnets, strict=True)),
        zone_names=zones,
        client_security_group_id=clients.id,
        key_arn=key.arn,
        secrets_key_arn=key.arn,
        logs_key_arn=key.arn,
        global_members=standby is None,
        replica_region=None if standby else AWAY,
        standby=standby,
    )
    return ShardedDatabase(name, args)


def policy(region: str) -> str:
    """Of one key for everything: who deploys may, and CloudWatch Logs."""
    who = {"AWS": f"arn:aws:iam::{PRODUCTION_ACCOUNT}:root", "Service": f"logs.{region}.amazonaws.com"}
    statement = {"Effect": "Allow", "Principal": who, "Action": "kms:*", "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def primary() -> None:
    pulumi.export("secret", database(HOME).shards["s00"].secret_arn)


def secondary(secret: str) -> Callable[[], None]:
    standby = Standby(
        primary=CELLS[HOME],
        keys={},
        shard_secrets={"s00": secret.replace(HOME, AWAY)},
        api_keys_secret="unused",
        pseudonym_secret="unused",
        subject_keys_table="unused",
        feature_table="unused",
    )
    return lambda: database(AWAY, standby) and None


class World:
    """Both stacks, up, and the global database between them. No data plane: a movement is done at once."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._rds = {region: sandbox.client("rds", region=region) for region in CELLS}
        home = InlineStack(sandbox, primary)
        home.up()
        away = InlineStack(sandbox, secondary(home.outputs()["secret"]))
        away.up()
        self.stacks = {HOME: home, AWAY: away}

    def switch_over(self, to: str) -> None:
        self._rds[to].switchover_global_cluster(GlobalClusterIdentifier=WORLD, TargetDbClusterIdentifier=arn(to))

    def fail_over(self, to: str) -> None:
        """With loss of data; the other region is away and gets nothing."""
        self._rds[to].failover_global_cluster(
            GlobalClusterIdentifier=WORLD, TargetDbClusterIdentifier=arn(to), AllowDataLoss=True
        )
        self.tell(next(region for region in CELLS if region != to), connected=False)

    def rejoin(self, region: str) -> None:
        """A former writer is back: its volume was kept and made anew."""
        self.tell(region, kept=True)
        self.tell(region, connected=True)

    def remove(self, region: str) -> None:
        self._rds[AWAY].remove_from_global_cluster(GlobalClusterIdentifier=WORLD, DbClusterIdentifier=arn(region))

    def tell(self, region: str, **word: bool) -> None:
        tell(self._sandbox, {"region": region, "cluster": f"{CELLS[region]}-s00", **word})

    def state(self, region: str, type_: str) -> dict[str, Any]:
        """What a stack's state has of the only resource of a type."""
        (found,) = [one for one in self.stacks[region].state() if one["type"] == type_]
        return dict(found["outputs"])

    def follows(self) -> dict[str, str | None]:
        """Region -> region of the cluster that the one there follows, as state has it."""
        sources = {region: self.state(region, CLUSTER).get("replicationSourceIdentifier") for region in CELLS}
        return {region: source.split(":")[3] if source else None for region, source in sources.items()}

    def writers(self) -> list[str]:
        """Clusters that the state of the primary's stack has as writers, by region."""
        members = self.state(HOME, GLOBAL)["globalClusterMembers"]
        return [one["dbClusterArn"].split(":")[3] for one in members if one["isWriter"]]


def arn(region: str) -> str:
    return f"arn:aws:rds:{region}:{PRODUCTION_ACCOUNT}:cluster:{CELLS[region]}-s00"


def changed(counts: dict[str, int]) -> dict[str, int]:
    return {kind: count for kind, count in counts.items() if kind != "same"}


def assert_true_to_the_account(world: World) -> None:
    """A refresh first, as a movement changes what a state holds; then nothing is left to do in either stack."""
    for region, stack in world.stacks.items():
        assert set(changed(stack.refresh())) <= {"update"}, region
        assert changed(stack.preview()) == {}, f"{region}\n{stack.preview_text()}"
        assert changed(stack.up()) == {}, region


@pytest.fixture(scope="module")
def world(bare_sandbox: Sandbox) -> World:
    return World(bare_sandbox)


@pytest.fixture
def nothing_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: the same programs without `MOVED`."""
    monkeypatch.setattr(shard, "MOVED", ())


def test_nothing_is_left_to_do_at_first(world: World) -> None:
    assert_true_to_the_account(world)
    assert (world.writers(), world.follows()) == ([HOME], {HOME: None, AWAY: HOME})


@pytest.mark.usefixtures("nothing_ignored")
def test_without_what_is_ignored_a_secondary_would_be_promoted_from_its_first_day_on(world: World) -> None:
    assert changed(world.stacks[HOME].preview()) == {}
    assert changed(world.stacks[AWAY].preview()) == {"update": 1}
    assert "- replicationSourceIdentifier" in world.stacks[AWAY].preview_text()


def test_after_a_switchover(world: World) -> None:
    world.switch_over(AWAY)
    assert_true_to_the_account(world)
    assert (world.writers(), world.follows()) == ([AWAY], {HOME: AWAY, AWAY: None})


@pytest.mark.usefixtures("nothing_ignored")
def test_without_what_is_ignored_the_former_writer_would_be_promoted(world: World) -> None:
    assert changed(world.stacks[HOME].preview()) == {"update": 1}
    assert "- replicationSourceIdentifier" in world.stacks[HOME].preview_text()


def test_after_a_failback(world: World) -> None:
    world.switch_over(HOME)
    assert_true_to_the_account(world)
    assert (world.writers(), world.follows()) == ([HOME], {HOME: None, AWAY: HOME})


def test_after_a_failover_while_the_old_region_is_away(world: World) -> None:
    world.fail_over(AWAY)
    assert_true_to_the_account(world)
    assert (world.writers(), world.follows()) == ([AWAY], {HOME: AWAY, AWAY: None})


def test_once_the_old_region_is_a_secondary(world: World) -> None:
    world.rejoin(HOME)
    assert_true_to_the_account(world)
    assert world.follows() == {HOME: AWAY, AWAY: None}


def test_if_a_lost_region_has_left_the_global_database(world: World) -> None:
    """Unverified is whether it does until it is added back: nothing is to be done in either case."""
    world.remove(HOME)
    assert_true_to_the_account(world)
    assert not world.state(HOME, CLUSTER).get("globalClusterIdentifier")


@pytest.mark.usefixtures("nothing_ignored")
def test_without_what_is_ignored_an_up_would_fail_then(world: World) -> None:
    assert "+ globalClusterIdentifier" in world.stacks[HOME].preview_text()
    assert "cannot join" in fails(world.stacks[HOME].up)


def test_if_a_former_writer_had_no_user_and_no_name_it_would_not_be_replaced(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unverified is whether it has: the state is what a refresh would make of an answer without."""
    stack = world.stacks[HOME]
    stack.deploy(without(stack.deployment(), "masterUsername", "databaseName"))
    assert changed(stack.preview()) == {}
    for name in ("masterUsername", "databaseName"):
        monkeypatch.setattr(shard, "MOVED", tuple(other for other in shard.MOVED if other != name))
        assert "unable to replace" in fails(stack.preview)
        monkeypatch.undo()


def without(deployment: dict[str, Any], *names: str) -> dict[str, Any]:
    """A state in which the cluster has nothing of these names."""
    (cluster,) = [one for one in deployment["resources"] if one["type"] == CLUSTER]
    for name in names:
        del cluster["inputs"][name]
        cluster["outputs"][name] = ""
    return deployment
