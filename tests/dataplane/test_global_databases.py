"""An Aurora global database: a secondary in another region streams from the writer, and takes over when told to."""

import asyncio
import os
import signal
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from botocore.exceptions import ClientError
from databases_account import shard

from conftest import DEFAULT_REGION, Sandbox
from sandbox.dataplane.databases import Databases

WAIT_S = 60.0
HOME, AWAY = DEFAULT_REGION, "eu-central-1"
NAMES = {HOME: "home-s00", AWAY: "away-s00"}
WORLD = "s00-global"


class World:
    """Two clusters of one global database, one instance each, and the manager that runs their servers."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.told: list[str] = []
        self.clients = {region: sandbox.client("rds", region=region) for region in NAMES}
        shard(sandbox, NAMES[HOME], readers=0, world=WORLD)
        away = self.clients[AWAY]
        ec2 = sandbox.client("ec2", region=AWAY)
        vpc = ec2.create_vpc(CidrBlock="10.19.0.0/16")["Vpc"]["VpcId"]
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.19.0.0/24")["Subnet"]["SubnetId"]
        away.create_db_subnet_group(DBSubnetGroupName="away", DBSubnetGroupDescription="away", SubnetIds=[subnet])
        away.create_db_cluster(
            DBClusterIdentifier=NAMES[AWAY],
            Engine="aurora-postgresql",
            GlobalClusterIdentifier=WORLD,
            DBSubnetGroupName="away",
            Port=5432,
        )
        away.create_db_instance(
            DBInstanceIdentifier=f"{NAMES[AWAY]}-0",
            DBClusterIdentifier=NAMES[AWAY],
            DBInstanceClass="db.r7g.large",
            Engine="aurora-postgresql",
        )
        self.databases = Databases(folder, sandbox.env["AWS_ENDPOINT_URL"], self.told.append)
        self.trusted = folder / "ca.pem"
        self.until(lambda: self.states() == {HOME: "writer", AWAY: "reader"})

    def cluster(self, region: str) -> dict[str, Any]:
        (found,) = self.clients[region].describe_db_clusters(DBClusterIdentifier=NAMES[region])["DBClusters"]
        return dict(found)

    def world(self) -> dict[str, Any]:
        (found,) = self.clients[AWAY].describe_global_clusters(GlobalClusterIdentifier=WORLD)["GlobalClusters"]
        return dict(found)

    @property
    def writer(self) -> str:
        """The region that AWS says writes."""
        (arn,) = [one["DBClusterArn"] for one in self.world()["GlobalClusterMembers"] if one["IsWriter"]]
        return str(arn.split(":")[3])

    def arn(self, region: str) -> str:
        return str(self.cluster(region)["DBClusterArn"])

    def states(self) -> dict[str, str]:
        rows = {name: state for name, _, _, state in self.databases.processes()}
        return {region: rows.get(f"database-{name}-0", "") for region, name in NAMES.items()}

    def pid(self, region: str) -> int:
        return next(pid for name, pid, *_ in self.databases.processes() if name == f"database-{NAMES[region]}-0")

    def until(self, true: Callable[[], bool]) -> None:
        """Reconcile, as the data plane does all the time, until it is so."""
        end = time.monotonic() + WAIT_S
        while not true():
            assert time.monotonic() < end, (self.told, self.databases.processes())
            self.databases.reconcile()
            threading.Event().wait(0.1)

    def sql(self, region: str, text: str) -> list[Any]:
        """What a region's server answers the master user, whatever it is now."""
        host = self.clients[region].describe_db_instances(DBInstanceIdentifier=f"{NAMES[region]}-0")
        address, port = self.databases.endpoints()[host["DBInstances"][0]["Endpoint"]["Address"]]
        trust = ssl.create_default_context(cafile=str(self.trusted))
        trust.check_hostname = False  # the address is asked for by itself

        async def ask() -> list[Any]:
            connection = await asyncpg.connect(
                host=address,
                port=port,
                user="cell_master",
                password=f"Secret-of-{NAMES[HOME]}-1",
                database="payments",
                ssl=trust,
                timeout=20,
            )
            try:
                return [row[0] for row in await connection.fetch(text)]
            finally:
                await connection.close()

        return asyncio.run(ask())

    def notes(self, region: str) -> list[Any]:
        return self.sql(region, "SELECT text FROM notes ORDER BY 1")


def children_of(pid: int) -> list[int]:
    """Processes whose parent this is."""
    stats = (path.read_text().rpartition(")") for path in Path("/proc").glob("[0-9]*/stat"))
    return [int(head.split()[0]) for head, _, rest in stats if int(rest.split()[1]) == pid]


@pytest.fixture(scope="module")
def world(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, sandbox.env[name])
        sandbox.reset()
        made = World(sandbox, tmp_path_factory.mktemp("databases"))
        made.sql(HOME, "CREATE TABLE notes (text text NOT NULL)")
        yield made
        made.databases.stop()


def test_a_secondary_has_what_the_writer_wrote_and_takes_no_writes(world: World) -> None:
    world.sql(HOME, "INSERT INTO notes VALUES ('first')")
    world.until(lambda: world.notes(AWAY) == ["first"])
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        world.sql(AWAY, "INSERT INTO notes VALUES ('refused')")


def test_aws_says_whom_a_secondary_follows(world: World) -> None:
    assert world.cluster(AWAY)["ReplicationSourceIdentifier"] == world.arn(HOME)
    assert "ReplicationSourceIdentifier" not in world.cluster(HOME)
    assert world.cluster(AWAY)["MasterUsername"] == "cell_master"
    assert not any(one["IsClusterWriter"] for one in world.cluster(AWAY)["DBClusterMembers"])


def test_a_switchover_loses_nothing_and_swaps_the_roles(world: World) -> None:
    world.sql(HOME, "INSERT INTO notes SELECT 'many ' || n FROM generate_series(1, 20000) n")
    before = world.notes(HOME)
    moving = world.clients[HOME].switchover_global_cluster(
        GlobalClusterIdentifier=WORLD, TargetDbClusterIdentifier=world.arn(AWAY)
    )["GlobalCluster"]
    assert moving["FailoverState"]["Status"] == "switching-over"
    assert moving["FailoverState"]["IsDataLossAllowed"] is False
    assert world.writer == HOME
    world.until(lambda: world.writer == AWAY and world.states() == {HOME: "reader", AWAY: "writer"})
    assert world.world()["Status"] == "available"
    assert not world.world().get("FailoverState")
    assert world.notes(AWAY) == before
    world.sql(AWAY, "INSERT INTO notes VALUES ('after')")
    world.until(lambda: "after" in world.notes(HOME))
    assert world.cluster(HOME)["ReplicationSourceIdentifier"] == world.arn(AWAY)
    assert "ReplicationSourceIdentifier" not in world.cluster(AWAY)


def test_a_switchover_is_cancelled_where_the_other_side_does_not_catch_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandbox.dataplane.databases.cluster.HAND_OVER_S", 0.5)
    away, home = world.writer, next(region for region in NAMES if region != world.writer)
    # Neither receives nor applies anything.
    children = children_of(world.pid(home))
    for child in children:
        os.kill(child, signal.SIGSTOP)
    try:
        world.sql(away, "INSERT INTO notes VALUES ('not there yet')")
        world.clients[away].switchover_global_cluster(
            GlobalClusterIdentifier=WORLD, TargetDbClusterIdentifier=world.arn(home)
        )
        world.until(lambda: world.world()["Status"] == "available")
    finally:
        for child in children:
            os.kill(child, signal.SIGCONT)
    assert world.writer == away
    assert world.sql(away, "INSERT INTO notes VALUES ('still writing') RETURNING text") == ["still writing"]


def test_a_failover_takes_what_arrived_and_the_region_before_follows(world: World) -> None:
    before, after = world.writer, next(region for region in NAMES if region != world.writer)
    world.sql(before, "INSERT INTO notes VALUES ('arrived')")
    world.until(lambda: "arrived" in world.notes(after))
    world.clients[after].failover_global_cluster(
        GlobalClusterIdentifier=WORLD, TargetDbClusterIdentifier=world.arn(after), AllowDataLoss=True
    )
    world.until(lambda: world.writer == after and world.states() == {before: "reader", after: "writer"})
    assert "arrived" in world.notes(after)
    world.sql(after, "INSERT INTO notes VALUES ('after the failover')")
    world.until(lambda: "after the failover" in world.notes(before))


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"TargetDbClusterIdentifier": "nobody"}, "DBClusterNotFoundFault"),
        ({"GlobalClusterIdentifier": "no-world"}, "GlobalClusterNotFoundFault"),
        ({"AllowDataLoss": True, "Switchover": True}, "InvalidParameterCombination"),
    ],
)
def test_what_aws_refuses_is_refused(world: World, wanted: dict[str, Any], code: str) -> None:
    target = world.arn(next(region for region in NAMES if region != world.writer))
    with pytest.raises(ClientError) as refused:
        world.clients[HOME].failover_global_cluster(
            **{"GlobalClusterIdentifier": WORLD, "TargetDbClusterIdentifier": target, **wanted}
        )
    assert refused.value.response["Error"]["Code"] == code


def test_the_writer_is_no_target(world: World) -> None:
    with pytest.raises(ClientError, match="not a secondary"):
        world.clients[HOME].switchover_global_cluster(
            GlobalClusterIdentifier=WORLD, TargetDbClusterIdentifier=world.arn(world.writer)
        )
