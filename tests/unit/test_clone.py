"""What `cell clone` writes: a copy in small under names and addresses of its own, and what is refused."""

import shutil
from datetime import date
from ipaddress import IPv4Network
from pathlib import Path

import pytest
import yaml

from components.addresses import REGION_LIMIT, Slot, vpc_block
from components.vocabulary import Environment, Strategy
from operations.clone import CLONE_PEAK, Wish, account_for, clone_texts, differences, free_block
from operations.declared import write_stacks
from operations.errors import CellError, ExitCode
from operations.project import Project
from stacks.fleet import Fleet, read_fleet
from stacks.new_stack import render_replica

ROOT = Path(__file__).parents[2]
TODAY = date(2026, 11, 29)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """The committed stack files, in a folder of their own."""
    shutil.copy(ROOT / "Pulumi.yaml", tmp_path)
    (tmp_path / "stacks").mkdir()
    for path in (ROOT / "stacks").glob("Pulumi.*.yaml"):
        shutil.copy(path, tmp_path / "stacks")
    shutil.copytree(ROOT / "stacks" / "markets", tmp_path / "stacks" / "markets")
    return Project(tmp_path)


def fleet(project: Project) -> Fleet:
    """As far as the files can be read: `write_stacks` has checked them, which takes longer than reading."""
    return read_fleet(project.stacks_folder)[0]


def cloned(project: Project, original: str, name: str, **wish: str | int) -> Fleet:
    """The stacks with a clone among them: they are valid together."""
    asked = Wish(original=original, name=name, **wish)  # type: ignore[arg-type]
    write_stacks(project, clone_texts(fleet(project), asked, TODAY))
    return fleet(project)


def test_a_clone_of_a_production_cell_is_a_small_one_with_made_up_data_and_a_last_day(project: Project) -> None:
    found = cloned(project, "eu-west-1", "eu-test", days=3)

    cell, plan = found.cells["eu-test"], found.plan("eu-test")
    assert (cell.environment, cell.synthetic_data, cell.account) == (Environment.DEVELOPMENT, True, "account-dev")
    assert (cell.clone_of, cell.expires) == ("eu-west-1", date(2026, 12, 2))
    assert cell.peak_payments_per_second == CLONE_PEAK
    assert len(plan.shards) < len(found.plan("eu-west-1").shards)
    assert not plan.protected, "nothing has to be disarmed before it goes"
    assert found.workloads["eu-test-workloads"].images == found.workloads["eu-west-1-workloads"].images


def test_a_clone_runs_what_its_original_runs(project: Project) -> None:
    text = project.stack_file("eu-west-1").read_text()
    own = "    versions: {kubernetes: '1.34', addons: '1.34', nodes: '1.34', shards: {s00: '17.7'}}\n"
    own += "    slo: 99.5\n    consumers: {ledger: {ordered: true}}\n    cluster: {compute: managed}\n"
    project.stack_file("eu-west-1").write_text(text + own)

    found = cloned(project, "eu-west-1", "eu-test")

    one, other = found.plan("eu-west-1"), found.plan("eu-test")
    for name in ("kubernetes_version", "addons", "engine_version", "compute", "consumers", "slo", "training_image"):
        assert getattr(one, name) == getattr(other, name), name
    assert other.shard_versions == {}, "the shards of an upgrade are the original's"


def test_every_clone_has_addresses_and_a_name_that_no_other_cell_has(project: Project) -> None:
    for number in range(3):  # five VPCs is what an account has
        found = cloned(project, "dev", f"dev-{number}")
    plans = [found.plan(name) for name in found.cells]

    assert len({plan.domain for plan in plans}) == len(plans)
    networks = [IPv4Network(plan.vpc_cidr) for plan in plans]
    assert not [(a, b) for a in networks for b in networks if a is not b and a.overlaps(b)]


def test_the_plans_own_block_is_taken_where_it_is_free(project: Project) -> None:
    assert free_block(fleet(project), "eu-central-1") is None
    assert free_block(fleet(project), "eu-west-1") == vpc_block(REGION_LIMIT - 1, Slot.PRODUCTION)


def test_roles_grants_and_the_runner_are_copied_within_their_account_and_region_only(project: Project) -> None:
    assert cloned(project, "dev", "dev-two").cells["dev-two"].runner == fleet(project).cells["dev"].runner
    assert cloned(project, "dev", "dev-far", region="eu-central-1").cells["dev-far"].runner is None


def test_a_clone_is_on_no_other_cells_map_and_serves_no_market(project: Project) -> None:
    before = {name: fleet(project).hosts(name) for name in fleet(project).cells}

    found = cloned(project, "dev", "dev-two")

    assert {name: found.hosts(name) for name in before} == before, "what the others declare stays as it was"
    assert found.hosts("dev-two") == {"dev-two": "dev-two.cell.example.com"}
    assert found.markets_of("dev")
    assert not found.markets_of("dev-two")


def test_differences_are_what_the_two_plans_have_otherwise(project: Project) -> None:
    found = cloned(project, "eu-west-1", "eu-test")

    told = {each.name: (each.original, each.clone) for each in differences(found, "eu-west-1", "eu-test")}

    assert told["environment"] == ("production", "development")
    assert told["synthetic_data"] == (False, True)
    assert told["recovery_region"] == ("eu-central-1", None)
    assert told["retention.archive_days"] == (2557, 1)
    assert "eu-sepa" in told["markets"][0]
    assert told["markets"][1] == []
    assert len(told["shards"][0]) > len(told["shards"][1])
    assert not {"kubernetes_version", "engine_version", "region", "jurisdiction"} & told.keys()
    assert differences(found, "dev", "dev") == []


def test_an_account_of_production_holds_a_clone_only_where_somebody_says_so(project: Project) -> None:
    wish = Wish(original="eu-west-1", name="eu-test")
    assert account_for(fleet(project), wish) == "account-dev"
    assert cloned(project, "eu-west-1", "eu-real", account="account").cells["eu-real"].account == "account"

    for path in project.stacks_folder.glob("Pulumi.*dev*.yaml"):
        path.unlink()
    left = fleet(project)
    with pytest.raises(CellError, match="an account of production, and there is no other: give --account"):
        account_for(left, wish)
    with pytest.raises(CellError, match="--account: nowhere is no account's stack"):
        account_for(left, Wish(original="eu-west-1", name="eu-test", account="nowhere"))


@pytest.mark.parametrize(
    ("wish", "code", "message"),
    [
        (Wish(original="nowhere", name="a"), ExitCode.STACK_NOT_FOUND, "nowhere: no such cell"),
        (Wish(original="account", name="a"), ExitCode.CONFIGURATION, "account: no such cell"),
        (Wish(original="standby", name="a"), ExitCode.CONFIGURATION, "clone eu-west-1, its primary"),
        (Wish(original="dev", name="../dev"), ExitCode.CONFIGURATION, "is not a cell's name"),
        (Wish(original="dev", name="d" * 25), ExitCode.CONFIGURATION, "at most 24 characters"),
        (Wish(original="dev", name="a", days=0), ExitCode.CONFIGURATION, "--days: 0 is outside 1..90 days"),
        (Wish(original="dev", name="a", region="eu-west-11"), ExitCode.CONFIGURATION, "did you mean eu-west-1?"),
    ],
    ids=lambda value: value.name + value.original if isinstance(value, Wish) else "",
)
def test_what_cannot_be_is_refused_before_anything_is_written(
    project: Project, wish: Wish, code: ExitCode, message: str
) -> None:
    text = render_replica("eu-west-1", "standby", "eu-central-1", Strategy.WARM_STANDBY, domain="s.cell.example.com")
    project.stack_file("standby").write_text(text)
    found = fleet(project)

    with pytest.raises(CellError) as refused:
        clone_texts(found, wish, TODAY)

    assert message in str(refused.value)
    assert refused.value.code is code


def test_a_name_that_is_taken_leaves_every_file_as_it_was(project: Project) -> None:
    before = {path: path.read_bytes() for path in project.stacks_folder.glob("Pulumi.*")}

    with pytest.raises(CellError, match="exists already"):
        cloned(project, "eu-west-1", "dev")

    assert {path: path.read_bytes() for path in project.stacks_folder.glob("Pulumi.*")} == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"environment": "production", "syntheticData": False, "cloneOf": None}, "production has no last day"),
        ({"expires": None}, "a clone has a last day"),
    ],
    ids=["production", "without an end"],
)
def test_a_last_day_is_for_cells_that_are_not_production(
    project: Project, change: dict[str, object], message: str
) -> None:
    text = clone_texts(fleet(project), Wish(original="dev", name="dev-two"), TODAY)["dev-two"]
    document = yaml.safe_load(text)
    settings = document["config"]["payment-cell:cell"] | change
    document["config"]["payment-cell:cell"] = {key: value for key, value in settings.items() if value is not None}
    project.stack_file("dev-two").write_text(yaml.safe_dump(document))

    assert any(message in str(problem) for problem in read_fleet(project.stacks_folder)[1])
