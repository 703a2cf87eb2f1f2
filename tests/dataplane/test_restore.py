"""A shard is restored to a point in time: another cluster has what the first one held then, the first is untouched."""

import hashlib
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from databases_account import shard

from conftest import Sandbox
from sandbox.dataplane.databases import Databases, recovery
from sandbox.dataplane.databases.places import User, base_folder

WAIT_S = 60.0
SOURCE = "cell-s00"


class Stand:
    """A shard with real servers, and what is restored from it."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.told: list[str] = []
        self.rds = sandbox.client("rds")
        shard(sandbox, SOURCE, readers=0)
        self.databases = Databases(folder, sandbox.env["AWS_ENDPOINT_URL"], self.told.append)
        self.base = base_folder(folder, User.current())
        self.until(lambda: self.writes(SOURCE) and self.backups() == [self.earliest()])
        self.until(lambda: "cell-s00" in self.databases.statistics())

    def cluster(self, name: str) -> dict[str, Any]:
        return dict(self.rds.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0])

    def earliest(self) -> datetime:
        """The epoch while AWS says none."""
        found = self.cluster(SOURCE).get("EarliestRestorableTime", datetime.fromtimestamp(0, UTC))
        assert isinstance(found, datetime)
        return found.astimezone(UTC)

    def backups(self) -> list[datetime]:
        """From when on each base backup of the shard can be restored from."""
        digest = hashlib.sha256(self.cluster(SOURCE)["DbClusterResourceId"].encode()).hexdigest()
        names = sorted(path.name for path in self.base.glob(f"{digest[:10]}/recovery/base-*"))
        return [datetime.fromtimestamp(int(name.rpartition("-")[2]), UTC) for name in names]

    def writes(self, name: str) -> bool:
        return any(row[0] == f"database-{name}-0" and row[3] == "writer" for row in self.databases.processes())

    def until(self, true: Callable[[], bool]) -> None:
        """Reconcile, as the data plane does all the time, until it is so."""
        end = time.monotonic() + WAIT_S
        while not true():
            assert time.monotonic() < end, (self.told, self.databases.processes())
            self.databases.reconcile()
            threading.Event().wait(0.1)

    def sql(self, name: str, text: str) -> list[str]:
        """What psql answers as `cell sandbox sql` runs it, a line each."""
        cell, _, own = name.partition("-")
        command, env = self.databases.psql(cell, own)
        done = subprocess.run(
            [*command, "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", text],
            env=env, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    def notes(self, name: str) -> list[str]:
        return self.sql(name, "SELECT text FROM notes ORDER BY 1")

    def now(self) -> datetime:
        """A whole second after which nothing was written, once the clock has passed it."""
        at = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
        self.until(lambda: datetime.now(UTC) > at + timedelta(seconds=0.2))
        return at

    def restore(self, name: str, **wanted: Any) -> None:
        self.rds.restore_db_cluster_to_point_in_time(
            DBClusterIdentifier=name, SourceDBClusterIdentifier=SOURCE, DBSubnetGroupName=SOURCE, **wanted
        )
        self.rds.create_db_instance(
            DBInstanceIdentifier=f"{name}-0",
            DBClusterIdentifier=name,
            Engine="aurora-postgresql",
            DBInstanceClass="db.r7g.large",
        )
        self.until(lambda: self.writes(name))


@pytest.fixture(scope="module")
def stand(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, sandbox.env[name])
        sandbox.reset()
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
