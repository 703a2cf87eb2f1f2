"""Aurora clusters and database proxies of the emulated account as real servers that real clients talk to."""

import asyncio
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from databases_account import shard

from conftest import DEFAULT_REGION, ROOT, Sandbox
from sandbox.dataplane.databases import Databases

WAIT_S = 60.0
SCHEMA = """
    CREATE TABLE IF NOT EXISTS notes (id bigint GENERATED ALWAYS AS IDENTITY, text text NOT NULL);
    CREATE ROLE payments LOGIN;
    CREATE ROLE auditor LOGIN;
    CREATE ROLE stranger LOGIN;
    GRANT rds_iam TO payments, auditor, stranger;
    GRANT SELECT, INSERT ON notes TO payments;
"""


class Stand:
    """A manager over a shard with one reader, and clients that find hosts as its operator does."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.told: list[str] = []
        self.folder = folder
        self.shard = shard(sandbox, "cell-s00", readers=1)
        self.databases = Databases(folder, sandbox.env["AWS_ENDPOINT_URL"], self.told.append)
        hosts = {self.shard.proxy_host, self.shard.cluster_host, self.shard.reader_host}
        self.until(lambda: hosts <= set(self.databases.endpoints()) and self.reader_stands())
        self.payments = self.shard.role("payments", "payments", "stranger", "auditor", "cell_master")

    def reader_stands(self) -> bool:
        return sorted(state for *_, state in self.databases.processes()) == ["reader", "running", "writer"]

    def until(self, true: Callable[[], bool]) -> None:
        """Reconcile, as the data plane does all the time, until it is so."""
        end = time.monotonic() + WAIT_S
        while True:
            self.databases.reconcile()
            if true():
                return
            assert time.monotonic() < end, (self.told, self.databases.processes())
            threading.Event().wait(0.2)

    async def connect(self, user: str = "payments", *, token: str = "", host: str = "", **given: Any) -> Any:
        """A connection as programs make it: through the proxy, TLS verified, with a token of their role."""
        context = ssl.create_default_context(cafile=str(self.folder / "ca.pem"))
        return await asyncpg.connect(
            host=host or self.shard.proxy_host,
            port=5432,
            user=user,
            password=token or self.shard.token(self.payments, user),
            database="payments",
            statement_cache_size=0,
            **{"ssl": context, "timeout": 30, **given},
        )

    def pid(self, state: str) -> int:
        return next(pid for _, pid, _, found in self.databases.processes() if found == state)

    def other(self, state: str, before: int) -> bool:
        """Whether all stands, and another process than `before` has that state: a killed one may be seen late."""
        found = [pid for _, pid, _, now in self.databases.processes() if now == state]
        return self.reader_stands() and found not in ([], [before])

    def counted(self) -> dict[str, Any]:
        return self.databases.statistics()["cell-s00"]

    def psql(self, sql: str) -> str:
        command, env = self.databases.psql("cell", "s00")
        done = subprocess.run(
            [*command, "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql],
            env={**os.environ, **env},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


@pytest.fixture(scope="module")
def stand(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, sandbox.env[name])
        made = Stand(sandbox, tmp_path_factory.mktemp("databases"))
        system = socket.getaddrinfo

        def find(host: Any, port: Any, *more: Any, **named: Any) -> Any:
            address, _ = made.databases.endpoints().get(host, (host, 0))
            return system(address, port, *more, **named)

        patch.setattr(socket, "getaddrinfo", find)
        made.psql(SCHEMA)
        yield made
        made.databases.stop()


def run(work: Awaitable[Any]) -> Any:
    async def main() -> Any:
        return await asyncio.wait_for(work, WAIT_S)

    return asyncio.run(main())


def test_a_role_signs_in_through_the_proxy_with_a_token(stand: Stand) -> None:
    async def work() -> tuple[str, str]:
        connection = await stand.connect()
        row = await connection.fetchrow("SELECT current_user, current_setting('wal_level')")
        await connection.close()
        return tuple(row)

    assert run(work()) == ("payments", "logical")


def test_the_master_user_signs_in_with_the_secrets_password_and_is_no_superuser(stand: Stand) -> None:
    async def work() -> bool:
        connection = await stand.connect("cell_master")
        value = await connection.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        await connection.close()
        return bool(value)

    assert run(work()) is False


def refused(stand: Stand, user: str = "payments", **given: Any) -> str:
    async def work() -> str:
        with pytest.raises((asyncpg.PostgresError, ssl.SSLError, ConnectionError)) as caught:
            await stand.connect(user, **given)
        return str(caught.value)

    return str(run(work()))


def proxy_log(stand: Stand) -> str:
    return "".join(path.read_text() for path in (stand.folder / "logs").glob("database-proxy-*.log"))


def test_a_token_for_another_user_is_refused(stand: Stand) -> None:
    token = stand.shard.token(stand.payments, "auditor")
    assert "IAM authentication failed" in refused(stand, "payments", token=token)
    assert "the token is for the user auditor, not for payments" in proxy_log(stand)


def test_an_expired_token_is_refused(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    class Earlier(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return datetime.fromtimestamp(time.time() - 16 * 60, tz or UTC)

    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: Earlier.now(UTC))
    token = stand.shard.token(stand.payments, "payments")
    monkeypatch.undo()
    assert "IAM authentication failed" in refused(stand, token=token)
    assert "the token expired at" in proxy_log(stand)


def test_a_role_without_the_permission_is_refused(stand: Stand) -> None:
    keys = stand.shard.role("somebody")
    assert "IAM authentication failed" in refused(stand, token=stand.shard.token(keys, "payments"))
    assert "somebody/" in proxy_log(stand)
    assert "is not authorized to perform: rds-db:connect" in proxy_log(stand)


def test_a_user_that_the_proxys_own_role_may_not_be_is_refused(stand: Stand) -> None:
    assert "IAM authentication failed" in refused(stand, "stranger")
    assert "cell-s00-proxy/proxy is not authorized to perform: rds-db:connect" in proxy_log(stand)


def test_a_connection_without_tls_is_refused_by_proxy_and_server(stand: Stand) -> None:
    assert "requires TLS" in refused(stand, ssl=False)
    assert "no encryption" in refused(stand, ssl=False, host=stand.shard.cluster_host)


def test_a_program_reaches_the_writer_only_through_the_proxy(stand: Stand) -> None:
    assert "no pg_hba.conf entry" in refused(stand, host=stand.shard.cluster_host)


def test_a_row_is_visible_on_the_reader(stand: Stand) -> None:
    stand.psql("INSERT INTO notes (text) VALUES ('streamed')")
    reader = stand.databases.endpoints()[stand.shard.reader_host]
    assert reader != stand.databases.endpoints()[stand.shard.cluster_host]
    command, env = stand.databases.psql("cell", "s00")

    def seen() -> bool:
        sql = "SELECT pg_is_in_recovery(), count(*) FROM notes WHERE text = 'streamed'"
        found = subprocess.run(
            [*command, "-X", "-A", "-t", "-c", sql],
            env={**os.environ, **env, "PGHOST": stand.shard.reader_host, "PGHOSTADDR": reader[0]},
            capture_output=True,
            text=True,
            check=True,
        )
        return found.stdout.strip() == "t|1"

    stand.until(seen)


def test_many_clients_share_few_server_connections(stand: Stand) -> None:
    before = stand.counted()

    async def client(number: int) -> None:
        connection = await stand.connect()
        for _ in range(5):
            async with connection.transaction():
                await connection.execute("INSERT INTO notes (text) VALUES ($1)", f"many {number}")
                assert await connection.fetchval("SELECT count(*) FROM notes WHERE text = $1", f"many {number}")
        await connection.close()

    async def work() -> None:
        await asyncio.gather(*(client(number) for number in range(20)))

    run(work())
    stand.until(lambda: stand.counted()["transactions"] >= before["transactions"] + 100)
    after = stand.counted()
    assert after["pins"] == before["pins"]
    assert 0 < after["connections"] <= 10
    assert stand.psql("SELECT count(*) FROM notes WHERE text LIKE 'many %'") == "100"


def test_a_set_pins_the_session_and_is_counted(stand: Stand) -> None:
    async def work() -> None:
        connection = await stand.connect()
        await connection.execute("SET work_mem = '8MB'")
        await asyncio.to_thread(stand.until, lambda: stand.counted()["pinned"] == 1)
        assert await connection.fetchval("SHOW work_mem") == "8MB"
        other = await stand.connect()
        assert await other.fetchval("SHOW work_mem") == "4MB"
        await other.close()
        await connection.close()

    run(work())
    stand.until(lambda: stand.counted()["pinned"] == 0)
    assert stand.counted()["pins"]["a SET statement"] == 1


def test_a_client_waits_for_a_connection_no_longer_than_declared(stand: Stand) -> None:
    async def work() -> str:
        holders = [await stand.connect() for _ in range(10)]
        for holder in holders:
            await holder.execute("BEGIN")
        with pytest.raises(asyncpg.PostgresError) as caught:
            await stand.connect()
        for holder in holders:
            await holder.close()
        return str(caught.value)

    assert "Timed-out waiting to acquire database connection" in str(run(work()))


def test_pins_are_a_metric_of_the_proxy(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.dataplane.databases.manager.METRICS_S", 0.0)
    cloudwatch = stand.shard.sandbox.client("cloudwatch")

    def there() -> bool:
        found = cloudwatch.list_metrics(Namespace="AWS/RDS")["Metrics"]
        dimensions = [{"Name": "ProxyName", "Value": "cell-s00"}]
        return {"DatabaseConnectionsCurrentlySessionPinned", "ClientConnections"} <= {
            metric["MetricName"] for metric in found if metric["Dimensions"] == dimensions
        }

    stand.until(there)


def test_psqls_own_library_gets_through_and_its_cancel_is_refused(stand: Stand) -> None:
    """libpq asks for GSS or TLS its own way, sends whole scripts, and cancels on another connection."""
    command, env = stand.databases.psql("cell", "s00")
    address, port = stand.databases.endpoints()[stand.shard.proxy_host]
    env |= {"PGHOST": stand.shard.proxy_host, "PGHOSTADDR": address, "PGPORT": str(port), "PGUSER": "payments"}
    env["PGPASSWORD"] = stand.shard.token(stand.payments, "payments")
    script = (
        "COPY notes (text) FROM STDIN;\ncopied\n\\.\nBEGIN; SELECT count(*) FROM notes WHERE text = 'copied'; COMMIT;"
    )
    done = subprocess.run(
        [*command, "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-f", "-"],
        env={**os.environ, **env},
        input=script,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout.strip(), done.stderr) == ("1", "")

    async def cancelled() -> float:
        connection = await stand.connect()
        start = time.monotonic()
        with pytest.raises(TimeoutError):
            await connection.execute("SELECT pg_sleep(1)", timeout=0.2)
        await connection.close(timeout=10)
        return time.monotonic() - start

    assert run(cancelled()) >= 0.9
    stand.until(lambda: stand.counted()["refused"].get("cancel", 0) >= 1)


def test_a_killed_writer_comes_back_with_its_data(stand: Stand) -> None:
    before = stand.pid("writer")

    async def work() -> None:
        idle, busy = await stand.connect(), await stand.connect()
        await idle.execute("INSERT INTO notes (text) VALUES ('kept')")
        await busy.execute("BEGIN")
        await busy.execute("INSERT INTO notes (text) VALUES ('lost')")
        assert stand.databases.restart("s00") == ["cell-s00"]
        await asyncio.to_thread(stand.until, lambda: stand.other("writer", before))
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, ConnectionError)):
            await busy.execute("COMMIT")
        assert await idle.fetch("SELECT text FROM notes WHERE text IN ('kept', 'lost')") == [("kept",)]
        await idle.close()

    run(work())


def test_a_killed_proxy_comes_back(stand: Stand) -> None:
    before = stand.pid("running")
    os.kill(before, signal.SIGKILL)
    stand.until(lambda: stand.other("running", before) and bool(stand.databases.statistics()))

    async def work() -> int:
        connection = await stand.connect()
        value = await connection.fetchval("SELECT 1")
        await connection.close()
        return int(value)

    assert run(work()) == 1


def test_a_new_password_of_the_secret_reaches_server_and_proxy(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.dataplane.databases.account.FULL_READ_S", 0.0)
    secret = json.dumps({"username": "cell_master", "password": "Another-'one'-2"})
    stand.shard.sandbox.client("secretsmanager").put_secret_value(SecretId="cell-s00-master", SecretString=secret)
    command, env = stand.databases.psql("cell", "s00")
    env["PGPASSWORD"] = "Another-'one'-2"

    def works() -> bool:
        tried = subprocess.run([*command, "-X", "-c", "SELECT 1"], env={**os.environ, **env}, capture_output=True)
        return tried.returncode == 0

    stand.until(works)

    async def work() -> str:
        connection = await stand.connect("cell_master")
        value = await connection.fetchval("SELECT current_user")
        await connection.close()
        return str(value)

    assert run(work()) == "cell_master"


def test_a_silent_client_is_let_go_after_the_declared_time(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.dataplane.databases.account.FULL_READ_S", 0.0)
    rds = stand.shard.sandbox.client("rds")

    async def work() -> None:
        connection = await stand.connect()
        await asyncio.to_thread(stand.until, lambda: stand.counted()["clients"] == 1)
        rds.modify_db_proxy(DBProxyName="cell-s00", IdleClientTimeout=1)
        await asyncio.to_thread(stand.until, lambda: stand.counted()["clients"] == 0)
        with pytest.raises((asyncpg.InterfaceError, ConnectionError)):
            await connection.execute("SELECT 1")

    run(work())
    rds.modify_db_proxy(DBProxyName="cell-s00", IdleClientTimeout=1800)
    stand.databases.reconcile()


def test_what_postgresql_does_not_know_is_said(stand: Stand) -> None:
    assert (
        "databases: cell-s00: not applied by PostgreSQL 17: pgaudit.log=ddl,role, shared_preload_libraries=pgaudit"
        in (stand.told)
    )


def test_hosts_stand_in_the_declared_subnets(stand: Stand) -> None:
    for host in (stand.shard.proxy_host, stand.shard.cluster_host, stand.shard.reader_host):
        assert stand.databases.subnets(host) == ["10.9.0.0/24", "10.9.1.0/24"]


def test_a_cell_of_another_account_has_its_own_servers_and_proxy(stand: Stand) -> None:
    other = shard(stand.shard.sandbox, "other-s00", readers=0, account="210987654321")
    stand.until(lambda: {other.proxy_host, other.reader_host} <= set(stand.databases.endpoints()))
    endpoints = stand.databases.endpoints()
    assert endpoints[other.reader_host] == endpoints[other.cluster_host] != endpoints[stand.shard.cluster_host]
    assert [state for *_, state in stand.databases.processes()].count("running") == 2
    keys = other.role("somebody-else", "cell_master")

    async def work() -> str:
        connection = await stand.connect("cell_master", token=other.token(keys, "cell_master"), host=other.proxy_host)
        value = await connection.fetchval("SELECT to_regclass('notes') IS NULL")
        await connection.close()
        return str(value)

    assert run(work()) == "True"
    assert "IAM authentication failed" in refused(
        stand, "cell_master", token=stand.shard.token(stand.payments, "cell_master"), host=other.proxy_host
    )
    rds = other.client("rds")
    rds.delete_db_proxy(DBProxyName=other.name)
    rds.delete_db_instance(DBInstanceIdentifier="other-s00-0")
    rds.delete_db_cluster(DBClusterIdentifier=other.name, SkipFinalSnapshot=True)
    stand.until(stand.reader_stands)


def test_after_a_failover_the_other_instance_writes(stand: Stand) -> None:
    stand.psql("INSERT INTO notes (text) VALUES ('before the failover')")
    old = stand.databases.endpoints()[stand.shard.cluster_host]
    stand.shard.sandbox.client("rds").failover_db_cluster(DBClusterIdentifier=stand.shard.name)
    # Between the two looks the old writer may end.
    stand.until(
        lambda: stand.reader_stands() and stand.databases.endpoints().get(stand.shard.cluster_host) not in (None, old)
    )

    async def work() -> int:
        connection = await stand.connect()
        await connection.execute("INSERT INTO notes (text) VALUES ('after the failover')")
        value = await connection.fetchval("SELECT count(*) FROM notes WHERE text LIKE '% the failover'")
        await connection.close()
        return int(value)

    assert run(work()) == 2


MANAGER = """
import sys, threading
from pathlib import Path
from sandbox.dataplane.databases import Databases
databases = Databases(Path(sys.argv[1]), sys.argv[2], lambda text: print(text, file=sys.stderr))
while True:
    databases.reconcile()
    print(*(f"{name}={pid}={state}" for name, pid, _, state in databases.processes()), flush=True)
    threading.Event().wait(0.2)
"""


def test_a_killed_data_plane_leaves_no_process_and_finds_its_data_again(stand: Stand, tmp_path: Path) -> None:
    url = stand.shard.sandbox.env["AWS_ENDPOINT_URL"]
    with subprocess.Popen(
        [sys.executable, "-c", MANAGER, str(tmp_path), url], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        assert process.stdout
        stood = next(line for line in process.stdout if {"writer", "reader"} <= set(re.findall(r"=(\w+)(?: |$)", line)))
        process.kill()
    pids = re.findall(r"=(\d+)=(?:writer|reader|running)", stood)
    stand.until(lambda: not [pid for pid in pids if Path(f"/proc/{pid}").exists()])
    again = Databases(tmp_path, url, print)
    (folder,) = (path for path in again._machine.base.iterdir() if path.name != "postgresql")
    kept = {path: path.stat().st_ino for path in folder.glob("*/data/PG_VERSION")}
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(stand, "databases", again)
            stand.until(stand.reader_stands)
        assert len(kept) == 2
        assert {path: path.stat().st_ino for path in folder.glob("*/data/PG_VERSION")} == kept
    finally:
        again.stop()
    assert not again._machine.base.exists()


def test_a_deleted_cluster_leaves_no_process(stand: Stand) -> None:
    pids = [pid for _, pid, _, _ in stand.databases.processes()]
    assert len(pids) == 3
    rds = stand.shard.sandbox.client("rds", DEFAULT_REGION)
    rds.delete_db_proxy(DBProxyName=stand.shard.name)
    for instance in ("cell-s00-1", "cell-s00-0"):
        rds.delete_db_instance(DBInstanceIdentifier=instance)
    rds.delete_db_cluster(DBClusterIdentifier=stand.shard.name, SkipFinalSnapshot=True)
    stand.until(lambda: not stand.databases.processes())
    assert not stand.databases.endpoints()
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
