"""A replica beside a production cell, by `cell up`: what it makes, and that its primary stays as it was. The tests
follow each other. No workloads: they are the same programs as in any cell."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from cell import PACKS, Project, changes, own_sandbox

from components.vocabulary import Strategy
from stacks.new_stack import render_replica

pytestmark = pytest.mark.engine

PRIMARY, REPLICA, HERE = "eu-west-1", "eu-west-1-replica", "eu-central-1"
VAULT = f"arn:aws:backup:{HERE}:111122223333:backup-vault:copies"
GRANTED = {"eventbridge-invocations": 30_000, "elastic-ips": 20, "db-instances": 100}


@dataclass(frozen=True)
class World:
    """The project with both cells up, and the primary's state before the replica."""

    project: Project
    before: bytes
    done: dict[str, str]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with own_sandbox(tmp_path_factory.mktemp("replica-sandbox")) as sandbox:
        project = Project.copy(sandbox, tmp_path_factory.mktemp("replica") / "project")
        project.stack_file(f"{PRIMARY}-workloads").unlink()
        text = render_replica(
            PRIMARY, REPLICA, HERE, Strategy.WARM_STANDBY, domain="r.example.com", copy_vault_arn=VAULT, quotas=GRANTED
        )
        project.stack_file(REPLICA).write_text(text)
        project.data("up", PRIMARY, "--yes")
        before = project.state_file(PRIMARY).read_bytes()
        done = changes(project.data("up", REPLICA, "--yes"))
        yield World(project=project, before=before, done=done)


def test_a_replica_comes_up_and_leaves_its_primarys_state_as_it_was(world: World) -> None:
    assert world.done[PRIMARY] == "none"
    assert world.project.state_file(PRIMARY).read_bytes() == world.before


def test_its_shards_follow_their_primarys_in_the_other_region(world: World) -> None:
    client = world.project.sandbox.client("rds", HERE)
    worlds = client.describe_global_clusters()["GlobalClusters"]
    assert worlds
    for one in worlds:
        writers = {
            member["DBClusterArn"].rpartition(":")[2]: member["IsWriter"] for member in one["GlobalClusterMembers"]
        }
        shard = one["GlobalClusterIdentifier"].removeprefix(f"{PRIMARY}-").removesuffix("-global")
        assert writers == {f"{PRIMARY}-{shard}": True, f"{REPLICA}-{shard}": False}


@pytest.mark.parametrize("stack", [PRIMARY, REPLICA])
def test_a_preview_with_both_packs_has_no_change(world: World, stack: str) -> None:
    world.project.pulumi("preview", "--stack", stack, *PACKS, "--expect-no-changes")
