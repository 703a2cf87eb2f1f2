"""`cell sandbox logs`: all logs are files of one folder."""

import os
import sys
import time
from pathlib import Path

from sandbox.lifecycle.home import Home, SandboxError

FOLLOW_INTERVAL_S = 0.2


def show(home: Home, name: str | None, *, follow: bool) -> None:
    """Print one log, or without a name list them (following: the emulator's)."""
    if name is None and not follow:
        for path in sorted(home.logs.glob("*.log")):
            print(f"{path.stem:<40} {path.stat().st_size:>10} bytes  {path}")
        return
    path = _find(home, name or "emulator")
    with path.open("rb") as file:
        while True:
            while chunk := file.read(1 << 16):
                sys.stdout.buffer.write(chunk)
            sys.stdout.flush()
            if not follow:
                return
            time.sleep(FOLLOW_INTERVAL_S)
            if os.fstat(file.fileno()).st_size < file.tell():
                file.seek(0)  # the log was cut


def _find(home: Home, name: str) -> Path:
    path = home.logs / f"{name.removesuffix('.log')}.log"
    if path.parent != home.logs or not path.is_file():
        known = ", ".join(sorted(log.stem for log in home.logs.glob("*.log"))) or "none yet"
        raise SandboxError(f"no log is called {name}; there are: {known} (in {home.logs})")
    return path
