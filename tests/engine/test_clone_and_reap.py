"""A copy of a running cell comes and goes, by `cell clone` and `cell reap`; the original is looked at by the byte. The
tests follow each other. No workloads: nothing of them is different in a clone."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from cell import DEVELOPMENT_ACCOUNT, Aws, Project, changes, own_sandbox
from inventory import inventory

pytestmark = pytest.mark.engine

ORIGINAL, CLONE, ACCOUNT, REGION = "dev", "dev-two", "account-dev", "eu-west-1"
KEPT = (ORIGINAL, ACCOUNT)


@dataclass(frozen=True)
class World:
    """The project with its original up, and how everything was before the clone."""

    project: Project
    aws: Aws
    states: dict[str, bytes]
    files: dict[str, bytes]
    resources: frozenset[str]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with own_sandbox(tmp_path_factory.mktemp("clone-sandbox")) as sandbox:
        project = Project.copy(sandbox, tmp_path_factory.mktemp("clone") / "project")
        project.stack_file(f"{ORIGINAL}-workloads").unlink()
        project.data("up", ORIGINAL, "--yes")
        aws = Aws(sandbox, DEVELOPMENT_ACCOUNT)
        yield World(project, aws, states(project), project.stack_files(), frozenset(inventory(aws, (REGION,))))


def states(project: Project) -> dict[str, bytes]:
    return {stack: project.state_file(stack).read_bytes() for stack in KEPT}


def test_a_clone_comes_up_and_leaves_its_originals_state_as_it_was(world: World) -> None:
    made = world.project.data("clone", ORIGINAL, "--as", CLONE, "--days", "1", "--yes")

    assert changes(made["outcomes"])[ACCOUNT] == "none"
    assert len(world.project.resources(CLONE)) == len(world.project.resources(ORIGINAL)) > 100
    assert states(world.project) == world.states
    assert {row["name"]: row["clone"] for row in made["differences"]}["vpc_cidr"] == "10.252.0.0/16"
    (row,) = world.project.data("preview", ORIGINAL)[1:]
    assert (row["stack"], row["changes"]) == (ORIGINAL, "none"), "a clone's files change nothing in what others declare"


def test_its_resources_carry_its_last_day(world: World) -> None:
    tomorrow = (datetime.now(UTC).date() + timedelta(days=1)).isoformat()
    tagged = [tags for one in world.project.resources(CLONE) if (tags := one.outputs.get("tagsAll"))]

    assert len(tagged) > 50
    assert {tags.get("payment-cell:expires") for tags in tagged} == {tomorrow}


def test_before_its_last_day_is_over_nothing_is_reaped(world: World) -> None:
    (row,) = world.project.data("reap", "--yes")

    assert (row["stack"], row["state"], row["done"]) == (CLONE, "expires soon", [])
    assert world.project.resources(CLONE)


def test_after_its_last_day_it_goes_with_its_files_and_the_original_stays(world: World) -> None:
    world.project.configure(CLONE, expires="2026-01-31")
    (seen,) = world.project.data("reap", "--dry-run")
    assert (seen["state"], seen["done"]) == ("expired", [])

    (row,) = world.project.data("reap", "--yes")

    assert row["done"] == [f"destroyed {CLONE}", f"removed stacks/Pulumi.{CLONE}.yaml"]
    assert not world.project.state_file(CLONE).exists()
    assert states(world.project) == world.states
    assert {name: world.project.stack_files().get(name) for name in world.files} == world.files
    left = {thing for thing in frozenset(inventory(world.aws, (REGION,))) - world.resources if CLONE in thing}
    assert left == set()
    assert world.project.data("reap", "--yes") == []
