"""An Aurora global database: a secondary in another region streams from the writer, and takes over when told to."""

import asyncio
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from botocore.exceptions import ClientError
from databases_account import shard

from conftest import DEFAULT_REGION, Sandbox
from sandbox.dataplane.databases import Databases
from sandbox.dataplane.databases.cluster import ClusterServers
from sandbox.regions import RegionFault, Regions

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
        self.regions = Regions()
        self.databases = Databases(folder, sandbox.env["AWS_ENDPOINT_URL"], self.told.append, self.regions)
        self.metrics = sandbox.client("cloudwatch", region=AWAY)
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

    def synchronisation(self) -> dict[str, str]:
        """Region -> what AWS says of its part."""
        members = self.world()["GlobalClusterMembers"]
        return {one["DBClusterArn"].split(":")[3]: one["SynchronizationStatus"] for one in members}

    def snapshots(self, region: str) -> list[str]:
        found = self.clients[region].describe_db_cluster_snapshots(SnapshotType="automated")["DBClusterSnapshots"]
        return [one["DBClusterSnapshotIdentifier"] for one in found]

    def arn(self, region: str) -> str:
        return str(self.cluster(region)["DBClusterArn"])

    def states(self) -> dict[str, str]:
        rows = {name: state for name, _, _, state in self.databases.processes()}
        return {region: rows.get(f"database-{name}-0", "") for region, name in NAMES.items()}

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

    @contextmanager
    def fault(self, fault: RegionFault, region: str) -> Iterator[None]:
        """A region's fault, mended at the end."""
        self.regions.switch(fault, region, on=True)
        self.databases.suffer()
        try:
            yield
        finally:
            self.regions.switch(fault, region, on=False)
            self.databases.suffer()

    @contextmanager
    def late(self, region: str, seconds: float) -> Iterator[None]:
        """What replicates into the region is late."""
        self.regions.late(region, seconds)
        self.databases.suffer()
        try:
            yield
        finally:
            self.regions.late(region, 0.0)
            self.databases.suffer()

    def kept(self, region: str) -> int:
        """Volumes of former writers that are kept in a region."""
        return len(list(self.servers(region).folder.glob("*/data.before-*")))

    def servers(self, region: str) -> ClusterServers:
        return next(one for one in self.databases._clusters.values() if one.cluster.region == region)

    def lag(self) -> float:
        """Seconds that the region away is behind, as last measured; -1 for not yet."""
        return self.databases.lags().get(NAMES[AWAY], -1.0)

    def published(self) -> list[float]:
        """Milliseconds, as CloudWatch has them by the minute."""
        now = datetime.now(UTC)
        found = self.metrics.get_metric_statistics(
            Namespace="AWS/RDS",
            MetricName="AuroraGlobalDBReplicationLag",
            Dimensions=[{"Name": "DBClusterIdentifier", "Value": NAMES[AWAY]}],
            StartTime=now - timedelta(minutes=5),
            EndTime=now + timedelta(minutes=1),
            Period=60,
            Statistics=["Maximum"],
            Unit="Milliseconds",
        )
        return [one["Maximum"] for one in found["Datapoints"]]

    def notes(self, region: str) -> list[Any]:
        return self.sql(region, "SELECT text FROM notes ORDER BY 1")


@pytest.fixture(scope="module")
def world(bare_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, bare_sandbox.env[name])
        made = World(bare_sandbox, tmp_path_factory.mktemp("databases"))
        made.sql(HOME, "CREATE TABLE notes (text text NOT NULL)")
        yield made
        made.databases.stop()


def test_a_secondary_has_what_the_writer_wrote_and_takes_no_writes(world: World) -> None:
    world.sql(HOME, "INSERT INTO notes VALUES ('first')")
    world.until(lambda: world.notes(AWAY) == ["first"])
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        world.sql(AWAY, "INSERT INTO notes VALUES ('refused')")


def test_a_secondary_that_has_everything_has_no_lag(world: World) -> None:
    world.until(lambda: world.lag() == 0)
    assert world.published()


def test_what_replicates_is_as_late_as_asked_for_and_the_metric_says_so(world: World) -> None:
    with world.late(AWAY, 3.0):
        begun = time.monotonic()
        world.sql(HOME, "INSERT INTO notes VALUES ('late')")
        world.until(lambda: world.lag() > 0)
        world.until(lambda: "late" in world.notes(AWAY))
        assert time.monotonic() - begun >= 3.0
        world.until(lambda: world.lag() == 0)
    assert max(world.published()) > 0


def test_nothing_passes_a_cut_and_the_lag_grows_until_it_is_mended(world: World) -> None:
    with world.fault(RegionFault.CUT, AWAY):
        world.sql(HOME, "INSERT INTO notes VALUES ('beyond the cut')")
        world.until(lambda: world.lag() > 2)
        grown = world.lag()
        world.until(lambda: world.lag() > grown)
        assert world.synchronisation() == {HOME: "connected", AWAY: "pending-resync"}
        assert "beyond the cut" not in world.notes(AWAY)
    world.until(lambda: "beyond the cut" in world.notes(AWAY) and world.lag() == 0)
    assert world.synchronisation() == {HOME: "connected", AWAY: "connected"}


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
    assert (moving["Status"], moving["FailoverState"]["Status"]) == ("switching-over", "pending")
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
    with world.fault(RegionFault.CUT, home):
        world.sql(away, "INSERT INTO notes VALUES ('not there yet')")
        world.clients[away].switchover_global_cluster(
            GlobalClusterIdentifier=WORLD, TargetDbClusterIdentifier=world.arn(home)
        )
        world.until(lambda: world.world()["Status"] == "available")
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


def fail_over(world: World, after: str) -> None:
    world.clients[after].failover_global_cluster(
        GlobalClusterIdentifier=WORLD, TargetDbClusterIdentifier=world.arn(after), AllowDataLoss=True
    )


@pytest.mark.parametrize("fault", [RegionFault.DEAD, RegionFault.DATABASE_DEAD])
def test_a_dead_region_stays_dead_and_comes_back_on_its_volumes(world: World, fault: RegionFault) -> None:
    home, away = world.writer, next(region for region in NAMES if region != world.writer)
    world.sql(home, f"INSERT INTO notes VALUES ('before {fault}')")
    with world.fault(fault, home):
        world.until(lambda: world.states()[home] == "stopped")
        for _ in range(3):
            world.databases.reconcile()
        assert world.states() == {home: "stopped", away: "reader"}
    world.until(lambda: world.states() == {home: "writer", away: "reader"})
    assert f"before {fault}" in world.notes(home)


def test_a_secondary_whose_writer_dies_while_it_is_looked_at_still_follows_it(world: World) -> None:
    home, away = world.writer, next(region for region in NAMES if region != world.writer)
    primary, secondary = world.servers(home), world.servers(away)
    with world.fault(RegionFault.DATABASE_DEAD, home):
        world.until(lambda: world.states()[home] == "stopped")
        secondary.converge(secondary.cluster, "", primary)
        assert world.states() == {home: "stopped", away: "reader"}
    world.until(lambda: world.states() == {home: "writer", away: "reader"})


def test_a_region_that_dies_slowly_answers_late(world: World) -> None:
    def took() -> float:
        begun = time.monotonic()
        world.sql(world.writer, "SELECT 1")
        return time.monotonic() - begun

    with world.fault(RegionFault.SLOW, world.writer):
        world.until(lambda: took() > 1)
    world.until(lambda: took() < 1)


def test_a_switchover_from_a_dead_region_is_cancelled(world: World) -> None:
    home, away = world.writer, next(region for region in NAMES if region != world.writer)
    with world.fault(RegionFault.DEAD, home):
        world.until(lambda: world.states()[home] == "stopped")
        world.clients[away].switchover_global_cluster(
            GlobalClusterIdentifier=WORLD, TargetDbClusterIdentifier=world.arn(away)
        )
        world.until(lambda: world.world()["Status"] == "available")
        assert world.writer == home
    world.until(lambda: world.states() == {home: "writer", away: "reader"})


def test_a_failover_to_a_dead_region_is_cancelled_and_the_writer_goes_on(world: World) -> None:
    home, away = world.writer, next(region for region in NAMES if region != world.writer)
    with world.fault(RegionFault.DEAD, away):
        world.until(lambda: world.states()[away] == "stopped")
        fail_over(world, away)
        world.until(lambda: world.world()["Status"] == "available")
        assert (world.writer, world.states()[home]) == (home, "writer")
    world.until(lambda: world.states() == {home: "writer", away: "reader"})


def test_the_writer_of_a_region_that_died_comes_back_as_a_secondary_and_its_volume_is_kept(world: World) -> None:
    before, after = world.writer, next(region for region in NAMES if region != world.writer)
    kept = world.kept(before)
    with world.fault(RegionFault.CUT, before):
        world.sql(before, "INSERT INTO notes VALUES ('never arrived')")
        with world.fault(RegionFault.DEAD, before):
            world.until(lambda: world.states()[before] == "stopped")
            fail_over(world, after)
            world.until(lambda: world.writer == after and world.states() == {before: "stopped", after: "writer"})
            world.sql(after, "INSERT INTO notes VALUES ('of the new writer')")
            world.until(lambda: world.synchronisation()[before] == "pending-resync")
    world.until(lambda: world.states() == {before: "reader", after: "writer"})
    world.until(lambda: "of the new writer" in world.notes(before))
    assert "never arrived" not in world.notes(before)
    assert world.kept(before) == kept + 1
    cell = NAMES[before].removesuffix("-s00")
    assert "never arrived\n" in world.databases.kept(cell, "s00", "SELECT text\nFROM notes")
    world.until(lambda: world.synchronisation()[before] == "connected")
    assert world.snapshots(before)[-1].startswith(f"rds:unplanned-global-failover-{NAMES[before]}-")


def test_a_failover_does_not_reach_a_writer_that_is_cut_off_until_the_network_is_back(world: World) -> None:
    before, after = world.writer, next(region for region in NAMES if region != world.writer)
    with world.fault(RegionFault.CUT, before):
        fail_over(world, after)
        world.until(lambda: world.writer == after and world.states()[after] == "writer")
        world.sql(before, "INSERT INTO notes VALUES ('still writing, to nobody')")
        world.databases.reconcile()
        assert world.states()[before] == "writer"
    world.until(lambda: world.states() == {before: "reader", after: "writer"})
    assert "still writing, to nobody" not in world.notes(before)


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
