"""A shard with real servers over an emulator that has no other data plane, and what is restored from it."""

import hashlib
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from databases_account import shard

from conftest import Sandbox, run_sandbox
from sandbox.dataplane.databases import Databases
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


@contextmanager
def alone(home: Path) -> Iterator[Sandbox]:
    """A sandbox whose own data plane is off: two would each tell from when on a cluster can be restored."""
    try:
        made = Sandbox.start(home, {"PAYMENT_CELL_SANDBOX_DATAPLANE": "off"})
        with pytest.MonkeyPatch.context() as patch:
            for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
                patch.setenv(name, made.env[name])
            yield made
    finally:
        run_sandbox(home, "stop", check=False)
