"""`cell sandbox ...` as a probe uses it: a process of its own, whose answer is data."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from operations.errors import CellError, ExitCode

PROJECT = Path(__file__).parents[2]


def ask(about: str, *arguments: str) -> str:
    """What the command wrote. Raises CellError with `about` and the command's own words."""
    command = [sys.executable, "-m", "sandbox", *arguments]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CellError(f"{about}: {done.stderr.strip()}", ExitCode.RESOURCE)
    return done.stdout
