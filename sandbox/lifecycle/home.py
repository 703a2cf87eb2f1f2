"""The folder of one sandbox, what is remembered in it, and the lock that makes its commands take turns."""

import fcntl
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[2]

HOME_VARIABLE = "PAYMENT_CELL_SANDBOX"
"""Environment variable with the folder of the sandbox; without it `.sandbox` in the checkout."""


class SandboxError(Exception):
    """What the person at the terminal can act on; the message says what is wrong and what to do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Process:
    """A process as it can be recognised later: a pid alone is given to somebody else after its owner ended.

    `started`: the kernel's start time of the process (an opaque string, equal only for the same process).
    """

    pid: int
    started: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One life of the emulator, from `start` to whatever ended it. The account lives exactly as long.

    start_id: random name of this life. started_at: seconds since 1970. ended: why the emulator is gone, empty while it
    should be running.
    """

    start_id: str
    started_at: float
    port: int
    ready: bool = False
    supervisor: Process | None = None
    emulator: Process | None = None
    ended: str = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Home:
    """Paths below the sandbox's folder (mode 0700; it holds a passphrase, tokens and private keys)."""

    path: Path

    @classmethod
    def find(cls) -> "Home":
        named = os.environ.get(HOME_VARIABLE)
        return cls(path=Path(named).expanduser().resolve() if named else CHECKOUT / ".sandbox")

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def bin(self) -> Path:
        return self.path / "bin"

    @property
    def official_bin(self) -> Path:
        return self.path / "bin-official"

    @property
    def state(self) -> Path:
        return self.path / "state"

    @property
    def pulumi_home(self) -> Path:
        return self.path / "pulumi-home"

    @property
    def kubernetes(self) -> Path:
        return self.path / "kubernetes"

    @property
    def dataplane(self) -> Path:
        """Pods' folders, the node's proxy, databases and banks: of the process `sandbox.dataplane`."""
        return self.path / "dataplane"

    @property
    def pod_logs(self) -> Path:
        return self.logs / "pods"

    @property
    def passphrase(self) -> Path:
        return self.path / "passphrase"

    @property
    def reset_pending(self) -> Path:
        """Exists from the moment a reset may clear something until everything is cleared."""
        return self.path / "reset-pending"

    def make(self) -> None:
        for folder in (self.path, self.logs, self.bin, self.official_bin, self.state, self.pulumi_home):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.path.chmod(0o700)

    def secrets(self) -> dict[str, str]:
        """What `credentials.ensure` made; empty before the first start."""
        return self._read("secrets.json")

    def write_secrets(self, secrets: dict[str, str]) -> None:
        self._write("secrets.json", secrets)

    def run(self) -> Run | None:
        """The latest life of the emulator, whether it still runs or not; None before the first start."""
        data = self._read("sandbox.json")
        if not data:
            return None
        for name in ("supervisor", "emulator"):
            data[name] = Process(**data[name]) if data.get(name) else None
        known = {field.name for field in fields(Run)}  # the file may be of another version of the sandbox
        return Run(**{name: value for name, value in data.items() if name in known})

    def write_run(self, run: Run) -> None:
        self._write("sandbox.json", asdict(run))

    def _read(self, name: str) -> dict[str, Any]:
        path = self.path / name
        try:
            data = json.loads(path.read_text())
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise SandboxError(f"{path}: not JSON ({error}); delete the file and run `cell sandbox start`") from error
        return dict(data)

    def _write(self, name: str, data: dict[str, Any]) -> None:
        write_private(self.path / name, json.dumps(data, indent=2) + "\n")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One command at a time changes the sandbox. The kernel drops the lock with its holder, however that ends."""
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.path / "lock").open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print("waiting for another `cell sandbox` command to end ...", file=sys.stderr)
                fcntl.flock(file, fcntl.LOCK_EX)
            yield


def write_private(path: Path, text: str) -> None:
    """Replace the file in one step, readable by its owner only (mkstemp makes it 0600)."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
