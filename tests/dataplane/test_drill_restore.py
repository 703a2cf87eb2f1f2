"""A restore drill from outside: the operation over the emulator and real servers."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from restore_stand import SOURCE, Stand, alone

from conftest import DEFAULT_REGION, ROOT, Sandbox
from operations.drill.restore import RestoreDrill, RestorePlan
from operations.errors import CellError
from operations.preflight_aws import Clients

OLD = "now() - interval '10 minutes'"
COLUMNS = "status, amount, currency, market, bank, livemode, instrument, parties, fraud, key, created_at"
VALUES = f"'pending', 100, 'EUR', 'de', 'bank', true, '{{}}', '{{}}', '{{}}', 'key', {OLD}"


class Region:
    """A stand whose data plane runs by itself, as in a sandbox."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.sandbox = sandbox
        self.stand = Stand(sandbox, folder)
        self.stand.sql(SOURCE, (ROOT / "workloads" / "payments" / "schema.sql").read_text())
        self.stand.sql(SOURCE, f"INSERT INTO accounts (account_id, created_at) VALUES ('one', {OLD})")
        self.pay("p1", "p2")
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._over.wait(0.1):
            self.stand.databases.reconcile()

    def close(self) -> None:
        self._over.set()
        self._thread.join()
        self.stand.databases.stop()

    def pay(self, *ids: str) -> None:
        rows = ", ".join(f"('{one}', 'one', {VALUES})" for one in ids)
        self.stand.sql(SOURCE, f"INSERT INTO payments (id, account_id, {COLUMNS}) VALUES {rows}")

    def ask(self, cell: str, shard: str, query: str) -> str:
        try:
            return "\n".join(self.stand.sql(f"{cell}-{shard}", query))
        except (KeyError, AssertionError) as reason:
            raise CellError(str(reason)) from reason

    def drill(self, **wanted: Any) -> RestoreDrill:
        clients = cast(
            Clients, SimpleNamespace(get=lambda service, region: self.sandbox.client(service, region=region))
        )
        values = {"clients": clients, "region": DEFAULT_REGION, "cell": "cell", "ask": self.ask, **wanted}
        return RestoreDrill(say=lambda _step: None, **values)

    def now(self) -> datetime:
        """A moment after which nothing was written yet, once it is over."""
        at = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
        while datetime.now(UTC) < at + timedelta(seconds=0.2):
            self._over.wait(0.05)
        return at

    def left(self) -> list[str]:
        """Names of what a drill made and that is still there."""
        clusters = [one["DBClusterIdentifier"] for one in self.stand.rds.describe_db_clusters()["DBClusters"]]
        groups = self.sandbox.client("ec2").describe_security_groups()["SecurityGroups"]
        return [name for name in (*clusters, *(one["GroupName"] for one in groups)) if "restore" in name]

    def said(self) -> str:
        found = self.sandbox.client("ssm").get_parameter(Name="/payment-cell/cell/last-drill")
        return str(found["Parameter"]["Value"])


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Region]:
    with alone(tmp_path_factory.mktemp("sandbox")) as sandbox:
        made = Region(sandbox, tmp_path_factory.mktemp("databases"))
        yield made
        made.close()


def test_a_drill_restores_compares_and_leaves_nothing(region: Region) -> None:
    drill = region.drill()
    found = drill.act(drill.plan("s00", region.now()))
    assert found["same"]
    rows = {one["table"]: (one["source"]["rows"], one["copy"]["rows"]) for one in found["tables"]}
    assert rows == {"accounts": (1, 1), "payments": (2, 2), "refunds": (0, 0), "outbox": (0, 0)}
    assert 0 < found["restoredS"] < found["checkedS"]
    assert region.left() == []
    assert region.said().startswith("passed: restore of s00 as of ")


def test_a_copy_that_lacks_rows_is_told_apart(region: Region) -> None:
    at = region.now()
    region.pay("backdated")  # stamped before the point in time, written after it
    drill = region.drill()
    found = drill.act(drill.plan("s00", at))
    region.stand.sql(SOURCE, "DELETE FROM payments WHERE id = 'backdated'")
    assert found["different"] == ["payments"]
    assert region.said().startswith("failed: ")
    assert "different (payments)" in region.said()


def test_the_copy_stands_apart_and_goes_when_the_check_fails(region: Region) -> None:
    seen: dict[str, Any] = {}

    def ask(cell: str, shard: str, query: str) -> str:
        if "restore" in shard and "payments" in query:
            (copy,) = region.stand.rds.describe_db_clusters(DBClusterIdentifier=f"{cell}-{shard}")["DBClusters"]
            groups = [one["VpcSecurityGroupId"] for one in copy["VpcSecurityGroups"]]
            (seen["group"],) = region.sandbox.client("ec2").describe_security_groups(GroupIds=groups)["SecurityGroups"]
            seen["copy"] = copy
            raise CellError("the check broke")
        return region.ask(cell, shard, query)

    drill = region.drill(ask=ask)
    with pytest.raises(CellError, match="the check broke"):
        drill.act(drill.plan("s00"))
    assert seen["group"]["IpPermissions"] == seen["group"]["IpPermissionsEgress"] == []
    assert seen["copy"]["DBClusterIdentifier"].startswith("cell-s00-restore-")
    assert region.stand.rds.describe_db_proxy_targets(DBProxyName=SOURCE)["Targets"][0]["RdsResourceId"] == SOURCE
    assert region.left() == []
    assert region.said().startswith("failed: restore of s00: the check broke")


def test_a_drill_removes_what_a_killed_one_left(region: Region) -> None:
    class Killed(BaseException):
        pass

    def killed(*_: str) -> str:
        raise Killed

    first = region.drill(ask=killed)
    first.clear = lambda: None  # type: ignore[method-assign]
    with pytest.raises(Killed):
        first.act(first.plan("s00"))
    cluster, group = region.left()
    assert cluster == group
    second = region.drill()
    plan: RestorePlan = second.plan("s00")
    assert second.act(plan)["same"]
    assert region.left() == []


@pytest.mark.parametrize(
    ("shard", "at", "words"),
    [
        ("s77", None, "has no shard 's77'; it has cell-s00"),
        ("s00", datetime(2020, 1, 1, tzinfo=UTC), "is outside what cell-s00 can be restored to"),
        ("s00", datetime(2099, 1, 1, tzinfo=UTC), "is outside what cell-s00 can be restored to"),
    ],
)
def test_what_cannot_be_restored_is_refused_before_anything_is_made(
    region: Region, shard: str, at: datetime | None, words: str
) -> None:
    with pytest.raises(CellError, match=words):
        region.drill().plan(shard, at)
