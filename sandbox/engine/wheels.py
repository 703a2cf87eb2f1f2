"""Installs single packages of requirements.lock, hash-checked, with nothing but a bare Python."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements.lock"


def locked(lock: Path = LOCK) -> dict[str, str]:
    """The lock file by package name: each value is what stands there for it (version, marker and hashes)."""
    blocks = re.split(r"^(?=[A-Za-z0-9])", lock.read_text(), flags=re.MULTILINE)
    entries: dict[str, str] = {}
    for block in blocks:
        found = re.match(r"([A-Za-z0-9._-]+)==", block)
        if found:
            # A package that differs by platform has several blocks, each with its marker.
            entries[found[1]] = entries.get(found[1], "") + block
    return entries


def write_requirements(target: Path, *, only: Collection[str] = (), without: Collection[str] = ()) -> None:
    """Write a requirements file of `only` the named packages of the lock, or of all `without` the named ones."""
    chosen = [block for name, block in locked().items() if (not only or name in only) and name not in without]
    target.write_text("".join(chosen))


def base_python() -> str:
    """The interpreter under a virtual environment: it stays when .venv is made anew."""
    return getattr(sys, "_base_executable", None) or sys.executable


def install_wheel(name: str, target: Path) -> None:
    """Unpack one package of the lock file into the directory `target`, which appears only when it is complete.

    Raises RuntimeError with pip's own words.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as temporary:
        requirements = Path(temporary) / "requirements.txt"
        write_requirements(requirements, only={name})
        pip = [base_python(), "-m", "pip"]
        if subprocess.run([*pip, "--version"], capture_output=True, check=False).returncode:
            run([base_python(), "-m", "venv", f"{temporary}/venv"])
            pip = [f"{temporary}/venv/bin/python", "-m", "pip"]
        unpacked = Path(temporary) / "unpacked"
        options = ["--disable-pip-version-check", "--no-deps", "--no-compile", "--only-binary=:all:"]
        run([*pip, "install", "--quiet", "--require-hashes", *options, "-r", str(requirements), "-t", str(unpacked)])
        shutil.rmtree(target, ignore_errors=True)
        unpacked.rename(target)


def run(command: list[str], *, timeout_s: float | None = None, **environment: str) -> None:
    """Run a command quietly; raises RuntimeError with the last lines that it wrote."""
    result = subprocess.run(
        command,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=timeout_s,
    )
    if result.returncode:
        said = "\n".join(result.stdout.splitlines()[-15:])
        raise RuntimeError(f"`{' '.join(command[:4])} ...` failed (exit code {result.returncode}):\n{said}")
