"""What the emulator answers of a global database before and after each movement is what `global_answers.yaml` says, row
for row."""

import json
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from conftest import PRODUCTION_ACCOUNT, Sandbox
from sandbox.aws.extensions.global_answers import Move, Part, Row, Word, table
from sandbox.dataplane.databases.account import PLACES

pytestmark = pytest.mark.engine

HOME, AWAY = "eu-west-1", "eu-central-1"
NAMES = {HOME: "home-s00", AWAY: "away-s00"}
WORLD = "home-s00-global"

MOMENTS: Mapping[str, tuple[Part, Part]] = {
    "before": (Part.WRITER, Part.SECONDARY),
    "switched over": (Part.SECONDARY, Part.WRITER),
    "switched back": (Part.WRITER, Part.SECONDARY),
    "failed over": (Part.BEHIND, Part.WRITER),
    "back again": (Part.SECONDARY, Part.WRITER),
    "removed": (Part.ALONE, Part.WRITER),
}
"""Moment -> what the clusters of both regions are then, in the order in which they happen."""

ASKED = {"switched over": Move.SWITCHING, "failed over": Move.FAILING}
"""Moments whose movement answered, and as what."""

SETTINGS: Mapping[str, dict[str, Any]] = {
    HOME: {"MasterUsername": "cell_master", "MasterUserPassword": "open-sesame", "DatabaseName": "payments"},
    AWAY: {
        "BackupRetentionPeriod": 35,
        "PreferredBackupWindow": "04:00-05:00",
        "StorageType": "aurora-iopt1",
        "EnablePerformanceInsights": True,
        "EnableCloudwatchLogsExports": ["postgresql"],
    },
}
"""Different on both sides, so that what moves along is seen."""


@dataclass(frozen=True)
class Seen:
    """What RDS said at one moment."""

    clusters: Mapping[str, Mapping[str, Any]]
    group: Mapping[str, Any]
    answer: Mapping[str, Any] = field(default_factory=dict)
    """Of the movement that led here."""

    @property
    def members(self) -> dict[str, Mapping[str, Any]]:
        """Region -> member."""
        return {one["DBClusterArn"].split(":")[3]: one for one in self.group["GlobalClusterMembers"]}


def tell(sandbox: Sandbox, word: Mapping[str, Any]) -> None:
    """What the data plane tells of a cluster or a global database. Movements wait for it from then on."""
    body = json.dumps({"account": PRODUCTION_ACCOUNT, **word}).encode()
    with urllib.request.urlopen(f"{sandbox.env['AWS_ENDPOINT_URL']}{PLACES}", data=body, timeout=10):
        pass


class World:
    """Two clusters of one global database. No data plane: movements are done at once."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._rds = {region: sandbox.client("rds", region=region) for region in NAMES}
        self._rds[HOME].create_global_cluster(
            GlobalClusterIdentifier=WORLD, Engine="aurora-postgresql", EngineVersion="17.5", StorageEncrypted=True
        )
        for region, name in NAMES.items():
            self._make(sandbox, region, name)

    def _make(self, sandbox: Sandbox, region: str, name: str) -> None:
        ec2, rds = sandbox.client("ec2", region=region), self._rds[region]
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        group = ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"]
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
        rds.create_db_subnet_group(DBSubnetGroupName=name, DBSubnetGroupDescription=name, SubnetIds=[subnet])
        rds.create_db_cluster(
            DBClusterIdentifier=name,
            Engine="aurora-postgresql",
            EngineVersion="17.5",
            GlobalClusterIdentifier=WORLD,
            DBSubnetGroupName=name,
            VpcSecurityGroupIds=[group],
            StorageEncrypted=True,
            KmsKeyId=sandbox.client("kms", region=region).create_key()["KeyMetadata"]["Arn"],
            Tags=[{"Key": "cell", "Value": name}],
            **SETTINGS[region],
        )
        for number in range(2):
            rds.create_db_instance(
                DBInstanceIdentifier=f"{name}-{number}",
                DBClusterIdentifier=name,
                DBInstanceClass="db.r7g.large",
                Engine="aurora-postgresql",
                AvailabilityZone=f"{region}{'ab'[number]}",
            )

    def look(self, answer: Mapping[str, Any] | None = None) -> Seen:
        clusters = {
            region: self._rds[region].describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0]
            for region, name in NAMES.items()
        }
        (group,) = self._rds[AWAY].describe_global_clusters(GlobalClusterIdentifier=WORLD)["GlobalClusters"]
        return Seen(clusters=clusters, group=group, answer=answer or {})

    def arn(self, region: str) -> str:
        return f"arn:aws:rds:{region}:{PRODUCTION_ACCOUNT}:cluster:{NAMES[region]}"

    def switch(self, to: str) -> Any:
        asked = {"GlobalClusterIdentifier": WORLD, "TargetDbClusterIdentifier": self.arn(to)}
        return self._rds[to].switchover_global_cluster(**asked)["GlobalCluster"]

    def fail(self, to: str) -> Any:
        asked = {"GlobalClusterIdentifier": WORLD, "TargetDbClusterIdentifier": self.arn(to), "AllowDataLoss": True}
        return self._rds[to].failover_global_cluster(**asked)["GlobalCluster"]

    def remove(self, region: str) -> None:
        self._rds[AWAY].remove_from_global_cluster(GlobalClusterIdentifier=WORLD, DbClusterIdentifier=self.arn(region))

    def tell(self, region: str, **word: Any) -> None:
        tell(self._sandbox, {"region": region, "cluster": NAMES[region], **word})

    def snapshots(self, region: str) -> list[str]:
        found = self._rds[region].describe_db_cluster_snapshots(SnapshotType="automated")["DBClusterSnapshots"]
        return [one["DBClusterSnapshotIdentifier"] for one in found]


@dataclass(frozen=True)
class History:
    seen: Mapping[str, Seen]
    empty: Seen
    """Once the writer has left, too."""
    waiting: Seen
    """While a switchover waits for the data plane."""
    cancelled: Seen
    snapshots: list[str]
    """Of the former writer, after its return."""
    arns: Mapping[str, str]


@pytest.fixture(scope="module")
def history(bare_sandbox: Sandbox) -> History:
    world = World(bare_sandbox)
    seen = {"before": world.look()}
    seen["switched over"] = world.look(world.switch(AWAY))
    seen["switched back"] = world.look(world.switch(HOME))
    answer = world.fail(AWAY)
    world.tell(HOME, connected=False)
    seen["failed over"] = world.look(answer)
    world.tell(HOME, kept=True)
    world.tell(HOME, connected=True)
    seen["back again"] = world.look()
    world.switch(HOME)
    waiting = world.look()
    world.tell(HOME, globalCluster=WORLD, moved=False)
    cancelled = world.look()
    snapshots = world.snapshots(HOME)
    world.remove(HOME)
    seen["removed"] = world.look()
    world.remove(AWAY)
    return History(seen, world.look(), waiting, cancelled, snapshots, {region: world.arn(region) for region in NAMES})


def found(answer: Mapping[str, Any], attribute: str) -> Any:
    """An attribute of an answer, `Word.ABSENT` without one; of a list the values of all."""
    here: Any = answer
    for name in attribute.split("."):
        if isinstance(here, list):
            here = [one.get(name, Word.ABSENT) for one in here]
        elif here is not Word.ABSENT:
            here = here.get(name, Word.ABSENT)
    return here


def meant(history: History, row: Row, column: Part | Move, before: Any, parts: tuple[Part, Part]) -> Any:
    """What the row says that is to be found."""
    writers = [region for region, part in zip(NAMES, parts, strict=True) if part is Part.WRITER]
    others = [region for region, part in zip(NAMES, parts, strict=True) if part in (Part.SECONDARY, Part.BEHIND)]
    answer = row.of(column)
    assert answer is not None, f"no answer for {column}"
    words = {
        Word.KEPT: before,
        Word.GROUP: WORLD,
        Word.WRITER: history.arns[writers[0]],
        Word.SECONDARIES: [history.arns[region] for region in others],
        Word.TARGET: history.arns[AWAY],
    }
    value = words.get(answer.value, answer.value) if isinstance(answer.value, str) else answer.value
    return [value] * len(before) if isinstance(before, list) and isinstance(value, bool) else value


@pytest.mark.parametrize("attribute", table().clusters)
def test_a_cluster_answers_as_its_part_does(history: History, attribute: str) -> None:
    row = table().clusters[attribute]
    for moment, parts in MOMENTS.items():
        for region, part in zip(NAMES, parts, strict=True):
            # What is kept is what a cluster was born with; but one that was born as a secondary has a writer among its
            # instances for the first time when it is promoted.
            then = "switched over" if region == AWAY and attribute.startswith("DBClusterMembers") else "before"
            wanted = meant(history, row, part, found(history.seen[then].clusters[region], attribute), parts)
            assert found(history.seen[moment].clusters[region], attribute) == wanted, (moment, region, part)


@pytest.mark.parametrize("attribute", table().members)
def test_a_member_answers_as_its_part_does(history: History, attribute: str) -> None:
    row = table().members[attribute]
    for moment, parts in MOMENTS.items():
        here, listed = history.seen[moment].members, dict(zip(NAMES, parts, strict=True))
        assert set(here) == {region for region, part in listed.items() if part is not Part.ALONE}
        for region in here:
            wanted = meant(history, row, listed[region], None, parts)
            assert found(here[region], attribute) == wanted, (moment, region)


@pytest.mark.parametrize("attribute", table().groups)
def test_a_movement_answers_what_it_begins_with_and_stands_still_in_the_end(history: History, attribute: str) -> None:
    row, before = table().groups[attribute], found(history.seen["before"].group, attribute)
    for moment, parts in MOMENTS.items():
        seen = history.seen[moment]
        assert found(seen.group, attribute) == meant(history, row, Move.STILL, before, parts), moment
        if moment in ASKED:
            asked = meant(history, row, ASKED[moment], before, MOMENTS["before"])
            assert found(seen.answer, attribute) == asked, moment
            assert [one["IsWriter"] for one in seen.answer["GlobalClusterMembers"]] == [True, False]


def test_roles_stay_until_the_movement_is_done_and_when_it_is_cancelled(history: History) -> None:
    before = history.seen["back again"]
    assert history.waiting.group["FailoverState"]["Status"] == "switching-over"
    for then in (history.waiting, history.cancelled):
        assert [one["IsWriter"] for one in then.group["GlobalClusterMembers"]] == [False, True]
        for region in NAMES:
            name = "ReplicationSourceIdentifier"
            assert found(then.clusters[region], name) == found(before.clusters[region], name)
    assert history.cancelled.group == before.group


def test_a_global_database_may_be_left_by_all(history: History) -> None:
    assert history.empty.group["GlobalClusterMembers"] == []
    for cluster in history.empty.clusters.values():
        assert found(cluster, "GlobalClusterIdentifier") is Word.ABSENT


def test_the_volume_of_a_former_writer_is_kept_as_a_snapshot_of_that_name(history: History) -> None:
    assert [name for name in history.snapshots if name.startswith(f"rds:unplanned-global-failover-{NAMES[HOME]}-")]


def test_all_clusters_differ_in_what_is_kept(history: History) -> None:
    """Else a row that says so would prove nothing."""
    home, away = (history.seen["before"].clusters[region] for region in NAMES)
    for attribute in (
        "BackupRetentionPeriod",
        "PreferredBackupWindow",
        "StorageType",
        "KmsKeyId",
        "PerformanceInsightsEnabled",
    ):
        assert home[attribute] != away[attribute], attribute
