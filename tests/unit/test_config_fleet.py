"""Stack files together: references, addresses, quotas, and what was published."""

from pathlib import Path

import pytest
from config_files import ACCOUNT, cell, fleet, write

import catalogue
from components.vocabulary import Environment
from contracts.shard_plan import first_map
from stacks.fleet import WORKLOADS_SUFFIX, load_fleet, published_problems, read_fleet
from stacks.new_stack import cell_name, render_account, render_cell, render_workloads
from stacks.problems import ConfigError, Problem

STACKS = Path(__file__).parents[2] / "stacks"


def copies(region: str, environment: Environment) -> str | None:
    """The vault that a new production cell is given."""
    arn = f"arn:aws:backup:{region}:210987654321:backup-vault:copies"
    return arn if environment is Environment.PRODUCTION else None


def problems_of_list(folder: Path) -> list[Problem]:
    with pytest.raises(ConfigError) as caught:
        load_fleet(folder)
    return list(caught.value.problems)


def problems_of(folder: Path) -> dict[str, Problem]:
    problems = problems_of_list(folder)
    found = {f"{Path(p.file).name.split('.')[1]}:{p.key}": p for p in problems}
    assert len(found) == len(problems), problems
    return found


def test_the_projects_own_stack_files_are_valid_and_complete() -> None:
    found = load_fleet(STACKS)
    cells = {"eu-west-1", "eu-central-1", "us-east-1", "us-west-2", "ap-southeast-2", "sa-east-1", "dev"}
    assert set(found.cells) == cells
    assert set(found.workloads) == {name + WORKLOADS_SUFFIX for name in cells}
    assert {name: account.account_id for name, account in found.accounts.items()} == {
        "account": "123456789012",
        "account-dev": "210987654321",
    }


def test_stacks_come_up_in_the_order_of_their_needs() -> None:
    found = load_fleet(STACKS)
    for name in ("eu-west-1", "eu-west-1-workloads"):
        assert found.order(name) == ("account", "eu-west-1", "eu-west-1-workloads")
    assert found.order("account") == ("account",)
    assert found.account_of("dev").account_id == "210987654321"
    assert found.regions_of("account-dev") == ("eu-west-1",)


def test_development_has_one_zone_smallest_sizes_and_no_protection() -> None:
    plan = load_fleet(STACKS).plan("dev")
    assert (len(plan.zone_ids), len(plan.subnet_zone_ids)) == (1, 2)
    assert [(shard.instance_class, shard.readers) for shard in plan.shards] == [("db.t4g.medium", 0)]
    assert sum(group.desired for group in plan.node_groups.values()) == 1
    assert not plan.protected
    assert plan.object_lock_mode == "GOVERNANCE"
    assert plan.recovery_region is None


@pytest.mark.parametrize("region", list(catalogue.regions()))
@pytest.mark.parametrize("environment", list(Environment))
def test_a_new_cell_of_any_region_and_environment_is_valid(
    tmp_path: Path, region: str, environment: Environment
) -> None:
    name = cell_name(region, environment)
    write(tmp_path, "account", render_account("123456789012", region, "oncall@example.com"))
    write(tmp_path, name, render_cell(region, environment=environment, copy_vault_arn=copies(region, environment)))
    write(tmp_path, name + WORKLOADS_SUFFIX, render_workloads(name))
    found = load_fleet(tmp_path).cells
    assert set(found) == {name}
    assert found[name].synthetic_data is (environment is not Environment.PRODUCTION)


def test_new_cells_of_all_regions_and_environments_stand_side_by_side(tmp_path: Path) -> None:
    for number, environment in enumerate(Environment):
        text = render_account(f"12345678901{number}", "eu-west-1", "oncall@example.com")
        write(tmp_path, f"account-{number}", text)
        for region in catalogue.regions():
            vault = copies(region, environment)
            text = render_cell(region, environment=environment, account=f"account-{number}", copy_vault_arn=vault)
            write(tmp_path, cell_name(region, environment), text)
    assert len(load_fleet(tmp_path).cells) == len(catalogue.regions()) * len(Environment)


def test_an_account_is_no_more_made_up_than_its_cells(tmp_path: Path) -> None:
    fleet(tmp_path)
    account = ACCOUNT + "    environment: staging\n    syntheticData: true\n"
    write(tmp_path, "account", account)
    write(tmp_path, "one", cell(environment="staging"))
    problem = problems_of(tmp_path)["account:syntheticData"]
    assert problem.rule == "is not declared by one, whose logs the account keeps"
    write(tmp_path, "one", cell(environment="staging", syntheticData="true"))
    assert load_fleet(tmp_path).accounts["account"].synthetic_data


def test_a_region_outside_the_catalogue_is_not_rendered() -> None:
    with pytest.raises(catalogue.CatalogueError, match="mars-1"):
        render_cell("mars-1")


def test_a_cell_without_its_account_and_workloads_without_their_cell_are_refused(tmp_path: Path) -> None:
    fleet(tmp_path)
    write(tmp_path, "one", cell(account="acount"))
    write(tmp_path, "two-workloads", "config:\n  payment-cell:workloads:\n    cell: two\n")
    problems = problems_of(tmp_path)
    assert set(problems) == {"one:account", "two-workloads:cell"}
    assert (problems["one:account"].nearest, problems["one:account"].line) == ("account", 8)


@pytest.mark.parametrize("left", ["", f"\n    images: {{autoscaler: 'sha256:{'0' * 64}'}}"])
def test_production_without_auto_mode_runs_its_own_controllers(tmp_path: Path, left: str) -> None:
    fleet(tmp_path)
    write(tmp_path, "one-workloads", f"config:\n  payment-cell:workloads:\n    cell: one{left}\n")
    problem = problems_of(tmp_path)["one-workloads:images"]
    assert "load-balancer: production cell one would register no pod" in problem.rule
    write(tmp_path, "one", cell(cluster="{compute: auto}") if not left else cell(environment="staging"))
    assert load_fleet(tmp_path).workloads["one-workloads"].cell == "one"


def test_auto_mode_takes_no_second_controllers(tmp_path: Path) -> None:
    fleet(tmp_path)
    write(tmp_path, "one", cell(cluster="{compute: auto}"))
    assert "are part of Auto Mode" in problems_of(tmp_path)["one-workloads:images"].rule


def test_workloads_are_named_after_their_cell(tmp_path: Path) -> None:
    fleet(tmp_path)
    (tmp_path / "Pulumi.one-workloads.yaml").rename(tmp_path / "Pulumi.other.yaml")
    assert "rename the file to Pulumi.one-workloads.yaml" in problems_of(tmp_path)["other:cell"].fix


def test_a_second_cell_of_a_region_and_environment_needs_its_own_addresses(tmp_path: Path) -> None:
    fleet(tmp_path)
    write(tmp_path, "two", cell(domain="two.example.com"))
    problem = problems_of(tmp_path)["two:region"]
    assert "10.0.0.0/16, which overlaps 10.0.0.0/16 of stack one" in problem.rule
    assert "cidr of its own" in problem.fix
    own = cell(domain="two.example.com", cidr="10.240.0.0/16", quotas="{elastic-ips: 10}")
    write(tmp_path, "two", own)
    assert len(load_fleet(tmp_path).cells) == 2


def test_an_explicit_block_that_overlaps_the_plan_is_blamed_wherever_it_stands(tmp_path: Path) -> None:
    fleet(tmp_path)
    write(tmp_path, "a", cell(domain="a.example.com", region="us-east-1", cidr="10.0.128.0/20"))
    assert set(problems_of(tmp_path)) == {"a:cidr"}


def test_accounts_and_names_are_given_once(tmp_path: Path) -> None:
    fleet(tmp_path)
    write(tmp_path, "second", ACCOUNT)
    write(tmp_path, "two", cell(region="us-east-1"))
    assert set(problems_of(tmp_path)) == {"second:accountId", "two:domain"}


def test_a_name_too_long_for_physical_names_is_refused(tmp_path: Path) -> None:
    fleet(tmp_path)
    write(tmp_path, "a" * 31, cell(region="us-east-1", domain="two.example.com"))
    assert "more than 24" in problems_of(tmp_path)[f"{'a' * 31}:"].rule


def test_a_peak_above_a_quota_is_refused_until_the_quota_is_granted(tmp_path: Path) -> None:
    fleet(tmp_path)
    write(tmp_path, "one", cell(region="sa-east-1", peakPaymentsPerSecond="500"))
    problem = problems_of(tmp_path)["one:peakPaymentsPerSecond"]
    assert "eventbridge-invocations, which has 1,100" in problem.rule
    assert "quotas.eventbridge-invocations" in problem.fix
    granted = "{eventbridge-invocations: 4000}"
    write(tmp_path, "one", cell(region="sa-east-1", peakPaymentsPerSecond="500", quotas=granted))
    load_fleet(tmp_path)


def test_cells_of_one_account_and_region_share_its_quotas(tmp_path: Path) -> None:
    fleet(tmp_path)
    for number in range(1, 6):
        text = cell(domain=f"c{number}.example.com", cidr=f"10.{200 + number}.0.0/16")
        write(tmp_path, f"cell-{number}", text)
    problems = problems_of_list(tmp_path)
    assert {p.key for p in problems} == {"account"}
    assert any("6 of vpcs in account, eu-west-1: the quota is 5" in p.rule for p in problems)
    assert any("18 of elastic-ips" in p.rule for p in problems)


def test_a_broken_file_hides_nothing_of_the_others_and_causes_no_further_problem(tmp_path: Path) -> None:
    fleet(tmp_path)
    write(tmp_path, "account", "config: [\n")
    write(tmp_path, "one", cell(region="nowhere"))
    write(tmp_path, "two", cell(zones="9", domain="two.example.com", account="nobody", region="us-east-1"))
    assert set(problems_of(tmp_path)) == {"account:", "one:region", "two:zones", "two:account"}


def test_a_folder_without_stack_files_says_how_to_begin(tmp_path: Path) -> None:
    _, problems = read_fleet(tmp_path)
    assert [problem.fix for problem in problems] == ["run cell new REGION"]


def test_a_lower_shard_count_than_the_published_is_refused_at_its_line(tmp_path: Path) -> None:
    write(tmp_path, "one", cell(shards="{count: 4}"))
    found, _ = read_fleet(tmp_path)
    [problem] = published_problems(found, "one", first_map(8).to_json())
    assert (problem.key, problem.line) == ("shards.count", 9)
    assert "below the published" in problem.rule
    assert published_problems(found, "one", first_map(4).to_json()) == []
    assert published_problems(found, "one", first_map(2).to_json(), slots_may_move=True) == []
    assert "would leave" in published_problems(found, "one", first_map(2).to_json())[0].rule


def test_the_same_file_declares_the_same_map_on_every_run() -> None:
    first, second = load_fleet(STACKS), load_fleet(STACKS)
    for name in first.cells:
        assert first.plan(name).shard_map.to_json() == second.plan(name).shard_map.to_json()


def test_backups_are_not_copied_into_the_account_that_they_are_to_survive(tmp_path: Path) -> None:
    own = "arn:aws:backup:eu-central-1:123456789012:backup-vault:copies"
    write(fleet(tmp_path), "one", cell(backups=f"{{copyVaultArn: '{own}'}}"))
    problem = problems_of(tmp_path)["one:backups.copyVaultArn"]
    assert "the cell's own account" in problem.rule
    write(tmp_path, "one", cell(backups=f"{{copyVaultArn: '{own.replace('123456789012', '210987654321')}'}}"))
    assert load_fleet(tmp_path).plan("one").backups.copy_vault_arn


def test_production_is_copied_to_another_account_or_says_why_not(tmp_path: Path) -> None:
    write(fleet(tmp_path), "one", cell(backups=""))
    problem = problems_of(tmp_path)["one:backups.copyVaultArn"]
    assert "BCK-03" in problem.rule
    assert "backups.noCopyReason" in problem.fix
    write(tmp_path, "one", cell(environment="staging", backups=""))
    assert load_fleet(tmp_path).plan("one").backups.copy_vault_arn is None
    write(tmp_path, "one", cell())
    told = {row.name: row.value for row in load_fleet(tmp_path).plan("one").derived}
    assert told["backups.noCopyReason"] == "no other account in these tests"


def test_rarer_backups_are_kept_as_long_as_more_frequent_ones(tmp_path: Path) -> None:
    write(fleet(tmp_path), "one", cell(backups="{weeklyDays: 30, noCopyReason: no other account in these tests}"))
    assert "fewer than the 35" in problems_of(tmp_path)["one:backups.weeklyDays"].rule
