"""What could change an answer, as digests and numbers: catalogue, packs, lock file, tool, states, thresholds."""

import importlib
import os
import pkgutil
import subprocess
from collections.abc import Iterable, Mapping
from importlib.metadata import distributions, version
from pathlib import Path
from typing import Any

import policies
import policies.controls
from operations.audit.evidence.canonical import digest, digest_of
from operations.audit.result import Tool
from operations.project import POLICY_PACKS, Project

CATALOGUE = ("policies", "catalogue")
"""Folders with clauses and with the dated data they read."""

LOCK_FILE = "requirements.lock"

_GIT_S = 30


ROOT = Path(policies.__file__).resolve().parents[1]
"""Where the tool itself is: the stacks that it audits may be elsewhere."""


def tool(project: Project, states: Mapping[str, Iterable[Any]]) -> Tool:
    """The tool as it is on disk. ``states``: by stack, the rows as they were read."""
    commit = _git(ROOT, "rev-parse", "HEAD")
    return Tool(
        version=version("payment-cell"),
        commit=commit,
        dirty=bool(commit and _git(ROOT, "status", "--porcelain")),
        catalogue=tree(ROOT, CATALOGUE),
        lock=_lock(),
        packs=tree(project.root, POLICY_PACKS),
        states={stack: digest_of(list(rows)) for stack, rows in states.items()},
    )


def _lock() -> str:
    """Of the lock file; where the tool was installed without it, of the versions that are installed."""
    path = ROOT / LOCK_FILE
    if path.is_file():
        return digest(path.read_bytes())
    return digest_of(sorted(f"{one.name}=={one.version}" for one in distributions()))


def tree(root: Path, folders: Iterable[str]) -> str:
    """Digest over the digest and path of every file in folders; what Python compiles is left out."""
    files = (path for folder in folders for path in (root / folder).rglob("*") if path.is_file())
    return digest_of(
        {
            path.relative_to(root).as_posix(): digest(path.read_bytes())
            for path in files
            if "__pycache__" not in path.parts
        }
    )


def thresholds() -> dict[str, int | float]:
    """The numbers in force: constants of every control's module, ``KEY-03.MAX_ROTATION_DAYS``."""
    found: dict[str, int | float] = {}
    for module in pkgutil.iter_modules(policies.controls.__path__):
        control = module.name.upper().replace("_", "-")
        for name, value in vars(importlib.import_module(f"policies.controls.{module.name}")).items():
            if name.isupper() and not name.startswith("_") and type(value) in (int, float):
                found[f"{control}.{name}"] = value
    return dict(sorted(found.items()))


def _git(root: Path, *arguments: str) -> str:
    """What git says of a checkout; "" where there is no git or no checkout."""
    try:
        done = subprocess.run(
            ("git", *arguments),
            cwd=root,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
            capture_output=True,
            text=True,
            timeout=_GIT_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
