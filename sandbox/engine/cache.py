"""Finished programs under ~/.cache/payment-cell: an entry is complete or absent, whatever happened while it was made.

Layout: `<tool>/<version>-<recipe>-<os>-<arch>/<tool>` is finished, `work/` being made, `lock` names who makes it.
"""

import errno
import fcntl
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

Say = Callable[[str], None]
"""Tells the user what is happening; one line a call."""

_ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def say(line: str) -> None:
    """Talk goes to stderr: stdout is for data."""
    print(f"engine: {line}", file=sys.stderr, flush=True)


def cache_root() -> Path:
    """Where finished programs live: $XDG_CACHE_HOME/payment-cell, else ~/.cache/payment-cell."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "payment-cell"


def platform_tag() -> str:
    """Operating system and architecture in Go's words, such as `linux-amd64`."""
    machine = platform.machine().lower()
    return f"{sys.platform}-{_ARCHITECTURES.get(machine, machine)}"


@contextmanager
def build_lock(root: Path, tell: Say) -> Iterator[None]:
    """Let one process build at a time; a second one says so and waits.

    The kernel frees the lock when its holder dies, so a killed build leaves nothing to clean up by hand.
    """
    root.mkdir(parents=True, exist_ok=True)
    with (root / "lock").open("a+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.seek(0)
            tell(f"process {handle.read().strip() or 'unknown'} is building in {root}; waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        yield


@contextmanager
def work_directory(root: Path) -> Iterator[Path]:
    """A private directory on the cache's own file system, gone afterwards. Call it with the lock held.

    Whatever lies in `work/` then belongs to a build that was killed, and is removed first.
    """
    work = root / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        yield Path(tempfile.mkdtemp(dir=work))
    finally:
        shutil.rmtree(work, ignore_errors=True)


def publish(built: Path, target: Path) -> None:
    """Move a verified program (file or directory) to its final place in one step that survives a power cut."""
    for path in [built, *built.rglob("*")] if built.is_dir() else [built]:
        _sync(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_dir():
        shutil.rmtree(target)
    os.replace(built, target)
    _sync(target.parent)


def _sync(path: Path) -> None:
    if path.is_symlink():
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def discard(directory: Path, root: Path) -> None:
    """Remove a large directory without waiting for it (a Go module cache is 100,000 files)."""
    if not directory.exists():
        return
    trash = root / "trash"
    trash.mkdir(exist_ok=True)
    with suppress(OSError):
        os.replace(directory, Path(tempfile.mkdtemp(dir=trash)) / directory.name)
    subprocess.Popen(
        ["rm", "-rf", str(trash)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def is_disk_full(error: BaseException | str) -> bool:
    """True for ENOSPC and EDQUOT, and for a compiler's message of the same."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    return any(words in str(error).lower() for words in ("no space left on device", "disk quota exceeded"))
