"""`cell sandbox logs`: all logs are files of one folder, those of pods of one below it."""

import os
import sys
import time
from pathlib import Path

from sandbox.lifecycle.home import Home, SandboxError

FOLLOW_INTERVAL_S = 0.2


def show(home: Home, name: str | None, *, follow: bool) -> None:
    """Print one log, or without a name list them (following: the emulator's)."""
    if name is None and not follow:
        for path in [*sorted(home.logs.glob("*.log")), *sorted(home.pod_logs.glob("*.log"))]:
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
    if path.parent == home.logs and path.is_file():
        return path
    if pods := _of_pods(home, name):
        if len(pods) > 1:
            print(f"{len(pods)} pods match {name}; the last to write: {pods[-1].stem}", file=sys.stderr)
        return pods[-1]
    logs = [*home.logs.glob("*.log"), *home.pod_logs.glob("*.log")]
    known = ", ".join(sorted(log.stem for log in logs)) or "none yet"
    raise SandboxError(f"no log is called {name}; there are: {known} (in {home.logs})")


def _of_pods(home: Home, name: str) -> list[Path]:
    """Logs of a pod, or of all pods of a Deployment, by name with or without `<cluster>_<namespace>_`; oldest first."""
    found = []
    for path in home.pod_logs.glob("*.log"):
        forms = (path.stem, path.stem.partition("_")[2], path.stem.rpartition("_")[2])
        if any(form == name or form.startswith(f"{name}-") for form in forms):
            found.append(path)
    return sorted(found, key=lambda path: path.stat().st_mtime)
