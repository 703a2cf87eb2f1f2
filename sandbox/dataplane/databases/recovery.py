"""What a point-in-time recovery of a cluster is made of: a base backup of its writer and the WAL since.

The backup is taken once the writer stands. Disk is bounded: after `WAL_MAX_BYTES` of WAL another one is taken, and only
the newest two are kept with the WAL since the older; the window of recovery then begins at that one.
"""

import contextlib
import math
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sandbox.dataplane.databases.server import ADMIN, Programs, Server, ServerError

WAL_MAX_BYTES = 128 * 1024 * 1024
"""WAL after which a new base backup is taken: a cluster keeps at most twice this, and two backups of 8 MB or more."""

BACKUPS_KEPT = 2

REPLAY_S = 90.0
"""Longest replay: `WAL_MAX_BYTES` take seconds on an idle machine."""

TAR = "tar"


@dataclass(frozen=True, kw_only=True, slots=True)
class Backup:
    """A base backup."""

    folder: Path
    began: int
    """Seconds since 1970; the older WAL is not needed."""
    restorable: int
    """Seconds since 1970 from which on every moment can be restored."""


class Recovery:
    """Backups and WAL of one cluster. `cluster`: the folder of its servers."""

    def __init__(self, cluster: Path, programs: Programs) -> None:
        self._cluster, self._programs = cluster, programs
        self._folder = cluster / "recovery"
        self._wal = self._folder / "wal"

    @property
    def settings(self) -> Mapping[str, str]:
        """What a server of the cluster is configured with: the writer archives, a replica does not."""
        to = f"{self._wal}/%f"
        # The same segment comes again when a server ended between the copy and its note of it.
        return {
            "archive_mode": "on",
            "archive_command": f'test -f "{to}" || (cp %p "{to}.part" && mv "{to}.part" "{to}")',
        }

    def prepare(self) -> None:
        for folder in (self._folder, self._wal):
            folder.mkdir(mode=0o700, exist_ok=True)
            self._programs.user.own(folder)

    def forget(self) -> None:
        """Of a cluster that follows another region's writer from now on: its own WAL leads nowhere any more."""
        if any(self._folder.iterdir()) and self.backups():
            shutil.rmtree(self._folder, ignore_errors=True)
            self.prepare()

    def backups(self) -> Sequence[Backup]:
        """The oldest first."""
        found = []
        for path in self._folder.glob("base-*-*"):
            _, began, restorable = path.name.split("-")
            found.append(Backup(folder=path, began=int(began), restorable=int(restorable)))
        return sorted(found, key=lambda backup: backup.began)

    @property
    def restorable_from(self) -> int | None:
        """Seconds since 1970, of the past; None while there is no such backup."""
        now = time.time()
        return next((backup.restorable for backup in self.backups() if backup.restorable <= now), None)

    def keep(self, writer: Server) -> None:
        """A base backup where there is none, or where the WAL since the newest has grown too large."""
        backups = self.backups()
        if not backups or self._wal_since(backups[-1].began) > WAL_MAX_BYTES:
            self._back_up(writer)
            self._prune()

    def _wal_since(self, began: int) -> int:
        total = 0
        for path in self._wal.iterdir():
            with contextlib.suppress(FileNotFoundError):  # its `.part` got its name meanwhile
                found = path.stat()
                total += found.st_size if found.st_mtime >= began else 0
        return total

    def _back_up(self, writer: Server) -> None:
        began, part = int(time.time()), self._folder / "part"
        shutil.rmtree(part, ignore_errors=True)
        self._programs.run(
            "pg_basebackup", "-h", writer.folder, "-p", str(writer.port), "-U", ADMIN, "-D", part, "--format=tar",
            "--compress=client-gzip:1", "--wal-method=fetch", "--checkpoint=fast", "--no-sync",
        )  # fmt: skip
        part.rename(self._folder / f"base-{began}-{math.ceil(time.time())}")

    def _prune(self) -> None:
        backups = self.backups()
        for old in backups[:-BACKUPS_KEPT]:
            shutil.rmtree(old.folder)
        oldest = backups[-BACKUPS_KEPT:][0]
        for path in self._wal.iterdir():
            with contextlib.suppress(FileNotFoundError):
                if path.suffix != ".history" and path.stat().st_mtime < oldest.began:
                    path.unlink()

    # ---- restoring from it

    def restore(self, server: Server, at: float, configure: Callable[[Mapping[str, str]], object]) -> None:
        """Make `server` hold what this cluster held at `at`, seconds since 1970, and leave it stopped. `configure`
        writes its configuration with these settings beside its own. Raises `ServerError`."""
        backup = next((one for one in reversed(self.backups()) if one.restorable <= at), None)
        if backup is None:
            raise ServerError(f"{self._cluster.name} has no base backup from before {_stamp(at)}")
        live = self._close_segment()
        shutil.rmtree(server.data, ignore_errors=True)
        server.data.mkdir(mode=0o700)
        self._programs.user.own(server.data)
        program = shutil.which(TAR)
        if program is None:
            raise ServerError(f"{TAR} is not installed")
        self._programs.run(program, "-xzf", backup.folder / "base.tar.gz", "-C", server.data)
        signal = server.data / "recovery.signal"
        signal.touch()
        self._programs.user.own(signal)
        configure(
            {
                "restore_command": f'cp "{self._wal}/%f" "%p" 2>/dev/null || cp "{live}/%f" "%p" 2>/dev/null',
                "recovery_target_time": _stamp(at),
                "recovery_target_action": "promote",
            }
        )
        server.start()
        deadline = time.monotonic() + REPLAY_S
        while server.sql("SELECT pg_is_in_recovery();").strip() == "t":
            if time.monotonic() > deadline:
                server.stop()
                raise ServerError(f"{server.name} has not reached {_stamp(at)} after {REPLAY_S:.0f} s")
            time.sleep(0.05)
        server.stop()

    def _close_segment(self) -> Path:
        """Let the writer end its segment with a commit after the target, without which a quiet server's WAL does not
        tell that the target was reached. Answers with the folder of its WAL, for what is not archived yet."""
        link = self._cluster / "writer"
        if not link.is_symlink():
            raise ServerError(f"{self._cluster.name}: no writer runs whose WAL could be read")
        socket = link.readlink()
        port = socket.name.rpartition(".")[2]
        self._programs.run(
            "psql", "-h", socket.parent, "-p", port, "-U", ADMIN, "-d", "postgres", "-X", "-q",
            "-v", "ON_ERROR_STOP=1", "-f", "-", text="SELECT pg_current_xact_id();\nSELECT pg_switch_wal();\n",
        )  # fmt: skip
        return socket.parent / "data" / "pg_wal"


def unfinished(server: Server) -> bool:
    """Whether a recovery of its data began and did not end."""
    return (server.data / "recovery.signal").exists()


def _stamp(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S.%f}+00"
