"""Stack files of replicas and pairs: what follows from the primary, and what is refused."""

import shutil
from pathlib import Path

import pytest

import catalogue
from components.vocabulary import Strategy
from contracts.epoch import epoch_table
from stacks.fleet import read_fleet
from stacks.new_stack import render_pair, render_replica
from stacks.pairs import PairPlan
from stacks.problems import Problem

STACKS = Path(__file__).parents[2] / "stacks"
PRIMARY, REPLICA, PAIR = "eu-west-1", "eu-west-1-replica", "eu-west-1-pair"
VAULT = "arn:aws:backup:eu-central-1:111122223333:backup-vault:copies"
GRANTED = {"eventbridge-invocations": 30_000, "elastic-ips": 20, "db-instances": 100}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The committed stacks with a replica of eu-west-1."""
    for path in STACKS.glob("Pulumi.*.yaml"):
        shutil.copy(path, tmp_path)
    shutil.copytree(STACKS / "markets", tmp_path / "markets")
    write(tmp_path, REPLICA, replica())
    write(tmp_path, PAIR, render_pair(PRIMARY, REPLICA, "eu.pay.example.com"))
    return tmp_path


def replica(region: str = "eu-central-1", strategy: Strategy = Strategy.WARM_STANDBY, of: str = PRIMARY) -> str:
    return render_replica(
        of, REPLICA, region, strategy, domain="r.cell.example.com", copy_vault_arn=VAULT, quotas=GRANTED
    )


def write(folder: Path, stack: str, text: str) -> None:
    (folder / f"Pulumi.{stack}.yaml").write_text(text)


def problems(folder: Path) -> list[Problem]:
    fleet, found = read_fleet(folder)
    return [*found, *fleet.problems()]


def pair(folder: Path) -> PairPlan:
    return read_fleet(folder)[0].pair(PAIR)


def test_a_replica_is_its_primarys_cell_in_another_place(folder: Path) -> None:
    assert problems(folder) == []
    plan = pair(folder)
    own, other = plan.primary, plan.replica
    assert other.region == "eu-central-1"
    assert (other.shard_map, other.consumers, other.engine_version) == (
        own.shard_map,
        own.consumers,
        own.engine_version,
    )
    assert other.serves == own.cell == own.serves
    assert other.pair_primary == own.pair_primary == own.cell
    assert other.recovery_region is None, "its shards are members of the primary's global databases"


def test_a_pairs_stacks_come_up_in_order(folder: Path) -> None:
    fleet, _ = read_fleet(folder)
    assert fleet.order(PAIR) == ("account", PRIMARY, f"{PRIMARY}-workloads", REPLICA, PAIR)


def test_names_of_both_sides_follow_from_the_files(folder: Path) -> None:
    plan = pair(folder)
    assert plan.global_cluster("s00") == "eu-west-1-s00-global"
    account = plan.account_id
    assert plan.cluster_arn(REPLICA, "s00") == f"arn:aws:rds:eu-central-1:{account}:cluster:eu-west-1-replica-s00"
    assert plan.epoch_table == epoch_table(PRIMARY)
    assert plan.other(PRIMARY) == REPLICA


def test_a_warm_standby_has_one_instance_a_shard_and_room_to_grow(folder: Path) -> None:
    plan = pair(folder)
    assert {shard.readers for shard in plan.replica.shards} == {0}
    for name, group in plan.replica.node_groups.items():
        assert group.desired == group.minimum
        assert group.maximum == plan.primary.node_groups[name].maximum


def test_a_hot_replica_has_the_primarys_size(folder: Path) -> None:
    write(folder, REPLICA, replica(strategy=Strategy.HOT))
    assert pair(folder).replica.shards == pair(folder).primary.shards


def test_a_pilot_light_has_smaller_instances(folder: Path) -> None:
    write(folder, REPLICA, replica(strategy=Strategy.PILOT_LIGHT))
    assert problems(folder) == [], "they need not carry the peak before their scale-up"
    assert {shard.instance_class for shard in pair(folder).replica.shards} == {"db.r7g.large"}


@pytest.mark.parametrize(
    ("text", "key", "rule"),
    [
        (replica(region="us-east-1"), "region", "outside its jurisdiction"),
        (replica(region="eu-west-1"), "region", "own region"),
        (replica(of="eu-west-9"), "of", "is not a cell's stack"),
        (replica(of="dev"), "of", "cannot join"),
        (replica(strategy=Strategy.BACKUP_RESTORE), "strategy", "no replica cell"),
        (replica().replace(VAULT, VAULT.replace("eu-central-1", "us-east-1")), "backups.copyVaultArn", "outside of eu"),
        (replica().replace(f"      copyVaultArn: {VAULT}\n", "      noCopyReason: ''\n"), "backups", ""),
        (replica() + "    peakPaymentsPerSecond: 5\n", "peakPaymentsPerSecond", "is not a"),
    ],
)
def test_a_replica_that_cannot_be_is_refused_with_its_line(folder: Path, text: str, key: str, rule: str) -> None:
    write(folder, REPLICA, text)
    found = [problem for problem in problems(folder) if problem.key.startswith(key) and rule in problem.rule]
    assert found, problems(folder)
    assert found[0].line
    assert found[0].file.endswith(f"Pulumi.{REPLICA}.yaml")


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        (f"replica: {REPLICA}", "replica: eu-central-1", "is not a replica's stack"),
        (f"replica: {REPLICA}", "replica: nobody", "is not a replica"),
        (f"primary: {PRIMARY}", "primary: us-east-1", "is not in the pair"),
        (f"writer: {PRIMARY}", "writer: us-east-1", "is not in the pair"),
    ],
)
def test_a_pair_of_others_is_refused(folder: Path, old: str, new: str, rule: str) -> None:
    write(folder, PAIR, render_pair(PRIMARY, REPLICA, "eu.pay.example.com").replace(old, new))
    found = [problem for problem in problems(folder) if rule in problem.rule]
    assert found, problems(folder)
    assert found[0].file.endswith(f"Pulumi.{PAIR}.yaml")


def test_a_strongly_consistent_store_has_its_witness_in_the_jurisdiction() -> None:
    assert catalogue.witness("eu-west-1", "eu-central-1") == "eu-west-3", "London is of another jurisdiction"
    assert catalogue.witness("us-east-1", "us-west-2") == "us-east-2"
    assert catalogue.witness("ap-southeast-2", "ap-southeast-4") is None
