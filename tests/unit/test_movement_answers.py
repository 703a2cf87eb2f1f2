"""A shard's program stays true whatever RDS answers once the writer has moved, as far as anybody knows what that is."""

import pytest
import yaml
from mocks import run
from test_component_sharded_database import ARGS, CLUSTER, GLOBAL

from components.shard import MOVED
from components.sharded_database import ShardedDatabase
from sandbox.aws.extensions.global_answers import FILE, Answer, Part, table
from sandbox.aws.table.rds_cluster import TYPES

FORCE_NEW = {entry.token: entry.force_new for entry in TYPES}


def test_what_a_movement_changes_or_may_change_is_no_change_of_a_program() -> None:
    moves = {row.argument for row in table().clusters.values() if row.argument and not row.certain and not row.seen}
    assert moves == set(MOVED)


def test_nothing_of_a_global_cluster_that_a_program_gives_moves() -> None:
    given = run(lambda: ShardedDatabase("test", ARGS)).of(GLOBAL)
    arguments = {row.argument: row for row in table().groups.values() if row.argument}
    for world in given.values():
        # `region` is where it is asked for; tags are its own.
        assert set(world.inputs) - {"region", "tags"} == set(arguments)
    assert all(row.certain for row in arguments.values())


def test_a_difference_that_is_to_be_seen_is_one_and_is_not_ignored() -> None:
    seen = {name: row for name, row in table().clusters.items() if row.seen}
    assert set(seen) == {"KmsKeyId", "StorageType"}
    for row in seen.values():
        assert not row.certain
        assert row.argument not in MOVED


def test_every_input_of_a_shards_cluster_is_in_the_table_or_never_answered() -> None:
    """An input that AWS answers and that is not in the table would be one that nobody thought of."""
    unanswered = {
        *("region", "applyImmediately", "allowMajorVersionUpgrade", "masterPasswordWo", "masterPasswordWoVersion"),
        *("deleteAutomatedBackups", "skipFinalSnapshot", "finalSnapshotIdentifier"),
    }
    arguments = {row.argument for row in table().clusters.values()}
    for cluster in run(lambda: ShardedDatabase("test", ARGS)).of(CLUSTER).values():
        assert set(cluster.inputs) - unanswered <= arguments


def test_the_table_and_the_emulated_plugin_agree_on_what_replaces() -> None:
    for kind, rows in ((CLUSTER, table().clusters), (GLOBAL, table().groups)):
        for name, row in rows.items():
            assert row.replaces == (row.argument in FORCE_NEW[kind]), name


def test_every_answer_has_a_source_or_says_why_it_is_unverified() -> None:
    read = yaml.safe_load(FILE.read_text())
    used = {
        cell["source"]
        for kind in ("DBCluster", "GlobalClusterMember", "GlobalCluster")
        for row in read[kind].values()
        for cell in row.values()
        if isinstance(cell, dict) and "source" in cell
    }
    assert used <= set(read["sources"])
    assert all(address.startswith("https://") for address in read["sources"].values())
    with pytest.raises(ValueError, match="has a source, or says why"):
        Answer(value=True)


def test_an_answer_is_there_for_each_part_that_a_cluster_can_have() -> None:
    for name, row in table().clusters.items():
        assert all(row.of(part) for part in Part), name
    for name, row in table().members.items():
        assert all(row.of(part) for part in Part if part is not Part.ALONE), name
