"""A shard is restored to a point in time: another cluster has what the first one held then, the first is untouched."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError
from restore_stand import SOURCE, Stand, alone

from sandbox.dataplane.databases import recovery


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with alone(tmp_path_factory.mktemp("sandbox")) as sandbox:
        made = Stand(sandbox, tmp_path_factory.mktemp("databases"))
        made.sql(SOURCE, "CREATE TABLE notes (text text NOT NULL)")
        yield made
        made.databases.stop()


def test_a_shard_is_restored_to_exactly_what_it_held_then(stand: Stand) -> None:
    stand.sql(SOURCE, "INSERT INTO notes VALUES ('first'), ('second')")
    then = stand.now()
    stand.sql(SOURCE, "INSERT INTO notes VALUES ('later')")
    stand.sql(SOURCE, "DELETE FROM notes WHERE text = 'first'")
    stand.restore("cell-s00-restore-1", RestoreToTime=then)
    assert stand.notes("cell-s00-restore-1") == ["first", "second"]
    assert stand.notes(SOURCE) == ["later", "second"]
    stand.sql("cell-s00-restore-1", "INSERT INTO notes VALUES ('of its own')")
    assert stand.notes(SOURCE) == ["later", "second"]


def test_the_latest_restorable_time_has_the_last_row(stand: Stand) -> None:
    stand.sql(SOURCE, "INSERT INTO notes VALUES ('the last')")
    stand.restore("cell-s00-latest", UseLatestRestorableTime=True)
    assert "the last" in stand.notes("cell-s00-latest")


def test_a_clone_is_what_there_is_now(stand: Stand) -> None:
    stand.sql(SOURCE, "INSERT INTO notes VALUES ('cloned')")
    stand.restore("cell-s00-clone", UseLatestRestorableTime=True, RestoreType="copy-on-write")
    assert "cloned" in stand.notes("cell-s00-clone")


def test_the_window_moves_on_when_much_was_written(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "WAL_MAX_BYTES", 1024 * 1024)
    before = stand.earliest()

    def moved() -> bool:
        stand.sql(SOURCE, "SELECT pg_logical_emit_message(true, 'test', repeat('x', 5000000))")
        return stand.earliest() > before

    assert len(stand.backups()) == 1
    stand.until(moved)
    assert len(stand.backups()) == recovery.BACKUPS_KEPT
    with pytest.raises(ClientError, match="cannot be restored to"):
        stand.restore("cell-s00-too-old", RestoreToTime=before)


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"RestoreToTime": datetime(2020, 1, 1, tzinfo=UTC)}, "InvalidRestoreFault"),
        ({"RestoreToTime": datetime(2099, 1, 1, tzinfo=UTC)}, "InvalidRestoreFault"),
        ({}, "InvalidParameterCombination"),
        (
            {"RestoreToTime": datetime(2020, 1, 1, tzinfo=UTC), "UseLatestRestorableTime": True},
            "InvalidParameterCombination",
        ),
        ({"UseLatestRestorableTime": True, "DBClusterIdentifier": SOURCE}, "DBClusterAlreadyExistsFault"),
        ({"UseLatestRestorableTime": True, "SourceDBClusterIdentifier": "nobody"}, "DBClusterNotFoundFault"),
    ],
)
def test_what_aws_refuses_is_refused(stand: Stand, wanted: dict[str, Any], code: str) -> None:
    names = {"DBClusterIdentifier": "cell-s00-refused", "SourceDBClusterIdentifier": SOURCE}
    with pytest.raises(ClientError) as refused:
        stand.rds.restore_db_cluster_to_point_in_time(**{**names, **wanted})
    assert refused.value.response["Error"]["Code"] == code
