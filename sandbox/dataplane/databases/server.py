"""One PostgreSQL server: its folder, its configuration, its life as a process."""

import contextlib
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox.dataplane.databases.parameters import quoted
from sandbox.dataplane.databases.places import User
from sandbox.kubernetes.pki import KeyPair
from sandbox.kubernetes.process import Child

ADMIN = "rdsadmin"
"""The superuser; on Aurora it is AWS's own."""

READY_S = 30.0
STOP_S = 5.0
"""Seconds that a fast shutdown gets before the process is killed."""

FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 30.0
"""Seconds between the end of a server and its next start: doubled at each end, begun anew after `STEADY_S`."""
STEADY_S = 60.0

IDENT = f"proxy {pwd.getpwuid(os.geteuid()).pw_name} all\n"
"""Who proxies run as, as everything else of the data plane, may be any user that the rule with this map is for."""


class ServerError(Exception):
    """A program of PostgreSQL failed; the message has its last words."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Programs:
    """PostgreSQL's programs and who runs them."""

    folder: Path
    user: User

    def run(self, name: str, *arguments: str | Path, text: str = "") -> str:
        command = self.user.command(sys.executable, self.folder / name, *arguments)
        done = subprocess.run(command, input=text, capture_output=True, text=True, cwd="/", timeout=120, check=False)
        if done.returncode != 0:
            raise ServerError(f"{name}: {done.stderr.strip()[-500:]}")
        return done.stdout


class Server:
    """The server of one instance. `folder` holds its data, its socket and its certificate."""

    def __init__(self, *, name: str, folder: Path, address: str, port: int, programs: Programs, log: Path) -> None:
        self.name, self.folder, self.address, self.port = name, folder, address, port
        self.data = folder / "data"
        self.started = 0.0
        self._programs, self._log = programs, log
        self._child: Child | None = None
        self._up = False
        self._wait_s, self._not_before = FIRST_WAIT_S, 0.0

    # ---- data

    def prepare(self, certificate: KeyPair) -> None:
        """The folder, with the certificate in files that only the server's user reads."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self._programs.user.own(self.folder)
        self._write(self.folder / "server.crt", certificate.certificate.read_bytes())
        self._write(self.folder / "server.key", certificate.key.read_bytes())

    def initialise(self) -> None:
        self._programs.run(
            "initdb", "-D", self.data, "-U", ADMIN, "--auth=trust", "--no-sync", "-E", "UTF8", "--wal-segsize=4",
            "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C",
        )  # fmt: skip

    def clone(self, source: "Server") -> bool:
        """A copy of the running `source`, which follows it from then on. What a writer had that was not handed over is
        kept beside it: whether that was so."""
        kept = self.exists and not self.follows and not self.handed_over
        if kept:
            self.data.rename(next(path for n in itertools.count(1) if not (path := self._kept(n)).exists()))
        shutil.rmtree(self.data, ignore_errors=True)
        self._handed_over.unlink(missing_ok=True)
        self._programs.run(
            "pg_basebackup", "-h", source.folder, "-p", str(source.port), "-U", ADMIN, "-D", self.data,
            "--wal-method=stream", "--checkpoint=fast", "--no-sync",
        )  # fmt: skip
        self._write(self.data / "standby.signal", b"")
        (self.folder / "source").write_text(source.name)
        return kept

    def _kept(self, number: int) -> Path:
        return self.data.with_name(f"{self.data.name}.before-{number}")

    @property
    def _handed_over(self) -> Path:
        return self.folder / "handed-over"

    def hand_over(self) -> None:
        """End: another server has all of it."""
        self.stop()
        self._handed_over.touch()

    @property
    def handed_over(self) -> bool:
        """Whether another server has all of it: it wrote nothing since."""
        return self._handed_over.exists()

    @property
    def socket(self) -> Path:
        return self.folder / f".s.PGSQL.{self.port}"

    @property
    def exists(self) -> bool:
        return (self.data / "PG_VERSION").exists()

    @property
    def follows(self) -> str:
        """Name of the server that this one was cloned from; empty for a writer."""
        return (self.folder / "source").read_text() if (self.data / "standby.signal").exists() else ""

    def configure(self, settings: Mapping[str, str], master: str, source: Path | None) -> bool:
        """Write the configuration; whether it differs from the one before. source: the folder with the socket, of this
        server's own port, at which what it follows is reached."""
        own = {
            "listen_addresses": self.address,
            "port": str(self.port),
            "unix_socket_directories": str(self.folder),
            "ssl": "on",
            "ssl_cert_file": str(self.folder / "server.crt"),
            "ssl_key_file": str(self.folder / "server.key"),
            "logging_collector": "off",
        }
        if source is not None:
            own["primary_conninfo"] = f"host={source} port={self.port} user={ADMIN} application_name={self.name}"
        lines = [f"{name} = {quoted(value)}\n" for name, value in {**settings, **own}.items()]
        files = {"postgresql.conf": "".join(lines), "pg_hba.conf": access(master), "pg_ident.conf": IDENT}
        changed = [name for name, text in files.items() if not self._says(name, text)]
        for name in changed:
            self._write(self.data / name, files[name].encode())
        return bool(changed)

    def _says(self, name: str, text: str) -> bool:
        path = self.data / name
        return path.exists() and path.read_text() == text

    def _write(self, path: Path, content: bytes) -> None:
        path.touch(mode=0o600)
        path.chmod(0o600)
        path.write_bytes(content)
        self._programs.user.own(path)

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    # ---- process

    def start(self) -> None:
        """Start, and wait until it takes connections. Raises `ServerError` when it ends instead."""
        self._handed_over.unlink(missing_ok=True)
        self._child = Child(
            self._programs.user.command(sys.executable, self._programs.folder / "postgres", "-D", self.data), self._log
        )
        self.started, self._up = time.time(), False
        self._not_before = time.monotonic() + self._wait_s
        self._wait_s = min(2 * self._wait_s, LONGEST_WAIT_S)
        deadline = time.monotonic() + READY_S
        while not self.ready():
            if not self._child.alive() or time.monotonic() > deadline:
                self._child.stop()
                raise ServerError(f"{self.name} does not take connections; see {self._log}")
            time.sleep(0.05)
        self._up = True

    def ready(self) -> bool:
        command = [str(self._programs.folder / "pg_isready"), "-q", "-h", str(self.folder), "-p", str(self.port)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    @property
    def alive(self) -> bool:
        """It runs and has taken connections."""
        return self._up and self._child is not None and self._child.alive()

    @property
    def pid(self) -> int:
        return self._child.pid if self._child else 0

    def may_start(self) -> bool:
        """Whether the time after its last end is over."""
        if self.started and time.time() - self.started > STEADY_S:
            self._wait_s = FIRST_WAIT_S
        return time.monotonic() >= self._not_before

    def send(self, number: signal.Signals) -> None:
        """Signal the server with all its processes."""
        if self._child is None or not self._child.alive():
            return
        tree = [self._child.pid]
        with contextlib.suppress(OSError):
            tree += map(int, Path(f"/proc/{tree[0]}/task/{tree[0]}/children").read_text().split())
        for pid in tree:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def signal(self, number: signal.Signals) -> None:
        if self._child is not None and self._child.alive():
            os.kill(self._child.pid, number)

    def reload(self) -> None:
        """Read the configuration again; what only a restart applies waits for one, as a pending reboot does."""
        self.signal(signal.SIGHUP)

    def crash(self) -> None:
        """An immediate shutdown: as if the process had died, recovered from at the next start."""
        self.signal(signal.SIGQUIT)

    def kill(self) -> None:
        """It is dead at once, and may start again as if it had never ended."""
        self.send(signal.SIGKILL)
        self._wait_s, self._not_before = FIRST_WAIT_S, 0.0

    def stop(self) -> None:
        """A fast shutdown: SIGTERM alone would wait for all clients to leave."""
        if self._child is None:
            return
        self.signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(STOP_S)
        self._child.stop()
        self._child = None
        self._wait_s, self._not_before = FIRST_WAIT_S, 0.0

    def sql(self, text: str, database: str = "postgres") -> str:
        """What statements answer, as the superuser, over the server's own socket: a value a line."""
        return self._programs.run(
            "psql", "-h", self.folder, "-p", str(self.port), "-U", ADMIN, "-d", database,
            "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-f", "-", text=text,
        )  # fmt: skip


def access(master: str) -> str:
    """pg_hba.conf: passwords for the master user only, IAM users through a proxy only, and over the network nobody
    without TLS. Proxies come over the socket, for the master user with the password too."""
    rows: Sequence[tuple[str, ...]] = (
        ("local", "all", ADMIN, "trust"),
        ("local", "replication", ADMIN, "trust"),
        ("local", "all", quoted_name(master), "scram-sha-256"),
        ("local", "all", "+rds_iam", "peer", "map=proxy"),
        ("hostssl", "all", quoted_name(master), "all", "scram-sha-256"),
    )
    return "".join(" ".join(row) + "\n" for row in rows)


def quoted_name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def roles(master: str, database: str) -> str:
    """The roles that Aurora makes, and the master user, who is no superuser
    (https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Appendix.PostgreSQL.CommonDBATasks.Roles.html)."""
    return f"""
        CREATE ROLE rds_superuser NOLOGIN CREATEDB CREATEROLE;
        GRANT pg_monitor, pg_signal_backend, pg_checkpoint, pg_read_all_data, pg_write_all_data TO rds_superuser
            WITH ADMIN OPTION;
        CREATE ROLE rds_iam NOLOGIN;
        CREATE ROLE rds_replication NOLOGIN;
        CREATE ROLE rds_password NOLOGIN;
        GRANT rds_iam, rds_replication, rds_password TO rds_superuser WITH ADMIN TRUE, INHERIT FALSE, SET FALSE;
        CREATE ROLE {quoted_name(master)} LOGIN CREATEDB CREATEROLE IN ROLE rds_superuser;
        {f"CREATE DATABASE {quoted_name(database)} OWNER {quoted_name(master)};" if database != "postgres" else ""}
    """
