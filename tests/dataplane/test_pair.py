"""A pair from nothing, by the commands alone: a development cell with its programs and its replica beside it; its
region dies while customers pay, the writer moves and moves back. The tests follow each other."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from cell import DEVELOPMENT, DEVELOPMENT_ACCOUNT, Aws, Project, changes

from conftest import new_sandbox

pytestmark = [pytest.mark.dataplane, pytest.mark.kubernetes, pytest.mark.long]

PRIMARY, REPLICA, PAIR = "dev", "dev-replica", "dev-pair"
HOME, HERE = "eu-west-1", "eu-central-1"
STACKS = (PRIMARY, REPLICA, PAIR)
"""Those that hold something that a movement changes; workloads do not."""


@dataclass(frozen=True)
class World:
    """The pair, and its primary's state before there was a replica."""

    project: Project
    aws: Aws
    before: bytes
    done: dict[str, str]

    def writers(self) -> set[str]:
        """Clusters that AWS says write."""
        clusters = self.aws.client("rds", HERE).describe_global_clusters()["GlobalClusters"]
        members = [member for one in clusters for member in one["GlobalClusterMembers"]]
        return {one["DBClusterArn"].rpartition(":")[2] for one in members if one["IsWriter"]}

    def writer(self) -> tuple[str, str]:
        """As the record says, and as the pair's file does."""
        return self.project.data("recovery", "status", PAIR)["writer"], self.project.settings(PAIR)["writer"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with new_sandbox(tmp_path_factory.mktemp("pair-sandbox")) as sandbox:
        project = Project.copy(sandbox, tmp_path_factory.mktemp("pair") / "project")
        project.run_programs(PRIMARY)
        project.configure(PRIMARY, recoveryRegion=HERE)
        project.bring_up(DEVELOPMENT)
        before = project.state_file(PRIMARY).read_bytes()
        done = changes(project.data("replicate", PRIMARY, "--yes"))
        yield World(project, Aws(sandbox, DEVELOPMENT_ACCOUNT), before, done)


def test_a_replica_leaves_its_primarys_state_as_it_was(world: World) -> None:
    assert (world.done[PRIMARY], world.done[f"{PRIMARY}-workloads"]) == ("none", "none")
    assert world.project.state_file(PRIMARY).read_bytes() == world.before


def test_its_shards_follow_their_primarys_in_the_other_region(world: World) -> None:
    (shard,) = world.aws.client("rds", HERE).describe_global_clusters()["GlobalClusters"]
    writes = {member["DBClusterArn"].split(":", 3)[3]: member["IsWriter"] for member in shard["GlobalClusterMembers"]}
    assert writes == {
        f"{HOME}:{DEVELOPMENT_ACCOUNT}:cluster:{PRIMARY}-s00": True,
        f"{HERE}:{DEVELOPMENT_ACCOUNT}:cluster:{REPLICA}-s00": False,
    }


@pytest.fixture(scope="module")
def report(world: World) -> dict[str, Any]:
    """Of a short drill in which the primary's region dies; the writer stays where it went."""
    asked = ("--kind", "region-dead", "--payments", "40", "--rate", "2", "--no-failback", "--yes")
    found: dict[str, Any] = world.project.data("drill", PRIMARY, *asked)
    return found


def test_when_a_region_dies_nothing_beyond_the_bound_is_lost_and_nothing_is_paid_twice(report: dict[str, Any]) -> None:
    assert report["problems"] == []
    counts = report["losses"]["counts"]
    assert (counts["appliedTwice"], counts["unnamed"]) == (0, 0)
    assert counts["lost"] <= report["bound"]
    assert set(report["acknowledgedByCell"]) == {PRIMARY, REPLICA}


@pytest.mark.usefixtures("report")
def test_the_other_cell_is_the_writer_for_everybody(world: World) -> None:
    assert world.writer() == (REPLICA, REPLICA)
    assert world.writers() == {f"{REPLICA}-s00"}


def test_no_call_of_the_failover_went_to_the_lost_region(report: dict[str, Any]) -> None:
    assert report["calls"], "it called something"
    assert report["callsInOriginRegion"] == 0


def nothing_to_do(world: World, stack: str) -> None:
    """A refresh first, as a movement changes what a state holds."""
    world.project.pulumi("refresh", "--stack", stack, "--yes", "--skip-preview")
    world.project.pulumi("up", "--stack", stack, "--yes", "--expect-no-changes")


@pytest.mark.usefixtures("report")
@pytest.mark.parametrize("stack", STACKS)
def test_after_the_failover_no_stack_has_anything_to_change(world: World, stack: str) -> None:
    nothing_to_do(world, stack)


@pytest.mark.usefixtures("report")
def test_failback_makes_the_primary_the_writer_again(world: World) -> None:
    done = world.project.data("failback", REPLICA, "--to", PRIMARY, "--yes")
    assert done["verified"]["statuses"] == ["succeeded"]
    assert done["missing"] == []
    assert world.writer() == (PRIMARY, PRIMARY)
    assert world.writers() == {f"{PRIMARY}-s00"}


@pytest.mark.usefixtures("report")
@pytest.mark.parametrize("stack", STACKS)
def test_after_the_failback_no_stack_has_anything_to_change(world: World, stack: str) -> None:
    nothing_to_do(world, stack)


@pytest.mark.usefixtures("report")
def test_an_audit_has_drill_and_movements_among_its_evidence(world: World) -> None:
    out = world.project.folder / "audit.json"
    asked = ("--control", "KEY-03", "--role", "payment-cell-deploy", "--record")
    world.project.cell("audit", PRIMARY, PAIR, *asked, "--report", f"json={out}")
    found = {one["what"] for one in json.loads(out.read_text())["recoveries"]}
    assert found >= {"drill of region-dead", "failover", "failback"}
