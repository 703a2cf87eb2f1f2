"""Finds the engine (`pulumi`) and the Kubernetes API server, or makes them once and keeps them.

Order for the engine: an installation on PATH, the cache, the official installer, a build with Go. For the API server:
the cache, a build with Go; where that cannot be, the sandbox works without one.
"""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from sandbox.engine import golang, installer
from sandbox.engine.cache import Say, build_lock, cache_root, is_disk_full, platform_tag, publish, say, work_directory
from sandbox.engine.wheels import ROOT

NOTICE_EVERY_S = 30
"""Between two lines that say that a build still runs."""

THREE_WAYS = """The Pulumi engine {version} is neither on PATH nor can it be made here. Three ways to get it:
  1. Install it (https://www.pulumi.com/docs/install/) so that `pulumi` is on PATH.
  2. Install Go {go} or newer, with access to a Go module proxy (GOPROXY); then run this again.
  3. Copy {entry}
     from a machine of the same kind where this worked."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tool:
    """A program that the sandbox runs: `package` of `module` in go.mod; `check` makes it print its version."""

    name: str
    module: str
    package: str
    linker_flags: str
    check: tuple[str, ...]
    minutes: int
    """Time of a build on 2 cores with nothing compiled, measured."""

    @property
    def version(self) -> str:
        """The version that go.mod pins, such as 3.259.0."""
        return golang.module_versions()[self.module].removeprefix("v")

    def entry(self, root: Path) -> Path:
        """Directory of the finished program in the cache; another recipe is another directory."""
        recipe = [golang.MODULE.read_bytes(), golang.MODULE.with_name("go.sum").read_bytes()]
        recipe.append(repr((golang.COMPILER, golang.TAGS)).encode())
        digest = hashlib.sha256(b"\0".join(recipe)).hexdigest()[:12]
        return root / self.name / f"{self.version}-{digest}-{platform_tag()}"


PULUMI = Tool(
    name="pulumi",
    module="github.com/pulumi/pulumi/pkg/v3",
    package="github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
    linker_flags="-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v{version}",
    check=("version",),
    minutes=2,
)
KUBE_APISERVER = Tool(
    name="kube-apiserver",
    module="k8s.io/kubernetes",
    package="k8s.io/kubernetes/cmd/kube-apiserver",
    linker_flags="-X k8s.io/component-base/version.gitVersion=v{version}",
    check=("--version",),
    minutes=3,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Located:
    """Where a tool is. Without a `path`, `reason` says why there is none; else `origin` says where it came from."""

    tool: Tool
    path: Path | None
    origin: str = ""
    reason: str = ""


Finish = Callable[[Tool, Path], None]
"""Takes a directory that holds a made tool; checks it and moves it to the cache. Raises BuildError."""

Maker = Callable[[Sequence[Tool], Path, Finish, Say], Mapping[str, str]]
"""Makes tools in a work directory and hands each to `Finish`; returns why by name for those that cannot be made."""


def official_engine(root: Path, path: str | None = None) -> Path | None:
    """An installed `pulumi` on PATH that runs: neither a sandbox's own command nor a program of this cache."""
    sandboxes = [
        (ROOT / ".sandbox").resolve(),
        Path(os.environ.get("PAYMENT_CELL_SANDBOX") or ROOT / ".sandbox").resolve(),
    ]
    for directory in (os.environ.get("PATH", "") if path is None else path).split(os.pathsep):
        candidate = Path(directory or ".") / "pulumi"
        if any(Path(directory).resolve().is_relative_to(home) for home in sandboxes) or not os.access(
            candidate, os.X_OK
        ):
            continue
        if root.resolve() not in candidate.resolve().parents and says(candidate, PULUMI.check).startswith("v"):
            return candidate.absolute()
    return None


def says(program: Path, arguments: Iterable[str]) -> str:
    """What a program prints, "" if it does not run."""
    try:
        done = subprocess.run(
            [program, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def locate(tool: Tool, root: Path | None = None, path: str | None = None) -> Located:
    """Where `tool` is now; makes nothing. `path` stands for $PATH."""
    root = root or cache_root()
    if tool is PULUMI and (found := official_engine(root, path)):
        return Located(tool=tool, path=found, origin="an installation on PATH")
    entry = tool.entry(root)
    if (entry / tool.name).is_file():
        return Located(tool=tool, path=entry / tool.name, origin="the cache")
    try:
        reason = _reason_file(entry).read_text()
    except OSError:
        reason = f"{tool.name} {tool.version} was not built yet; `make up` builds it"
    return Located(tool=tool, path=None, reason=reason)


def provide(
    tools: Sequence[Tool] = (KUBE_APISERVER, PULUMI),
    *,
    root: Path | None = None,
    path: str | None = None,
    make: Maker | None = None,
    tell: Say = say,
) -> dict[str, Located]:
    """Locate every tool, making what is missing; one process at a time makes, the others wait and use the result."""
    root = root or cache_root()
    found = {tool.name: locate(tool, root, path) for tool in tools}
    if all(located.path for located in found.values()):
        return found
    with build_lock(root, tell), work_directory(root) as work:
        missing = [tool for tool in tools if locate(tool, root, path).path is None]
        if missing:
            _make(missing, root, work, make or make_for_real, tell)
    return {tool.name: locate(tool, root, path) for tool in tools}


def _make(missing: Sequence[Tool], root: Path, work: Path, make: Maker, tell: Say) -> None:
    def finish(tool: Tool, directory: Path) -> None:
        printed = says(directory / tool.name, tool.check)
        if f"v{tool.version}" not in printed.split():
            raise golang.BuildError(f"{tool.name} {tool.version} was made but does not run: it printed {printed!r}")
        publish(directory, tool.entry(root))
        _reason_file(tool.entry(root)).unlink(missing_ok=True)
        tell(f"{tool.name} {tool.version} is ready")

    try:
        failed = make(missing, work, finish, tell)
    except OSError as error:
        if not is_disk_full(error):
            raise
        failed = {tool.name: f"the disk is full: {error}" for tool in missing}
    for tool in missing:
        if tool.name in failed:
            file = _reason_file(tool.entry(root))
            try:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(failed[tool.name])
            except OSError as error:
                tell(f"{tool.name}: {failed[tool.name]} ({error})")


def make_for_real(tools: Sequence[Tool], work: Path, finish: Finish, tell: Say) -> Mapping[str, str]:
    """Ask the official installer for the engine, and compile what it does not give.

    Modules of the second tool are fetched while the first compiles; both share compiled packages.
    """
    home = work.parents[1] / "go"
    with ThreadPoolExecutor(max_workers=len(tools) + 1) as pool:
        asked = pool.submit(_install, work / "installer", finish, tell) if PULUMI in tools else None
        try:
            go = golang.find_go(home)
            _check_space(home)
            build = golang.GoBuild(home, go)
        except (golang.BuildError, OSError) as error:
            given = asked is not None and asked.result()
            return {tool.name: str(error) for tool in tools if not (given and tool is PULUMI)}
        failed = _compile_all(build, tools, work, finish, tell, pool, asked)
    if not failed:
        build.clean(work.parents[1])
    return failed


def _compile_all(
    build: golang.GoBuild,
    tools: Sequence[Tool],
    work: Path,
    finish: Finish,
    tell: Say,
    pool: ThreadPoolExecutor,
    asked: "Future[bool] | None",
) -> dict[str, str]:
    failed: dict[str, str] = {}
    compiling: dict[Future[None], Tool] = {}
    for tool in tools:
        if tool is PULUMI and asked is not None and asked.result():
            continue
        tell(f"fetching the modules of {tool.name} {tool.version} with {build.go.origin}")
        try:
            build.fetch(tool.package)
        except golang.BuildError as error:
            failed[tool.name] = str(error)
            continue
        tell(f"compiling {tool.name} {tool.version} (about {tool.minutes} min on 2 cores, once)")
        compiling[pool.submit(_compile, build, tool, work, finish)] = tool
    started = monotonic()
    pending = set(compiling)
    while pending:
        _, pending = wait(pending, timeout=NOTICE_EVERY_S)
        if pending:
            names = " and ".join(sorted(compiling[one].name for one in pending))
            tell(f"compiling {names}: {monotonic() - started:.0f} s so far")
    for future, tool in compiling.items():
        problem = future.exception()
        if isinstance(problem, golang.BuildError | OSError):
            failed[tool.name] = str(problem)
        elif problem:
            raise problem
    return failed


def _compile(build: golang.GoBuild, tool: Tool, work: Path, finish: Finish) -> None:
    directory = work / tool.name
    directory.mkdir()
    build.compile(tool.package, tool.linker_flags.format(version=tool.version), directory / tool.name)
    finish(tool, directory)


def _install(directory: Path, finish: Finish, tell: Say) -> bool:
    tell(f"asking the official installer for pulumi {PULUMI.version}")
    try:
        finish(PULUMI, installer.install(PULUMI.version, directory))
    except (installer.NotInstalled, golang.BuildError) as error:
        tell(f"building pulumi instead: {error}")
        return False
    return True


def _check_space(home: Path) -> None:
    home.mkdir(parents=True, exist_ok=True)
    done = sum(file.stat().st_size for file in home.rglob("*") if file.is_file())
    free = shutil.disk_usage(home).free
    if free + done < golang.NEEDED_BYTES:
        raise golang.BuildError(
            f"{home} has {free / 2**30:.1f} GiB free; a build needs {golang.NEEDED_BYTES / 2**30:.0f} GiB for a while"
        )


def _reason_file(entry: Path) -> Path:
    return entry.with_name(entry.name + ".reason")


def engine_message(located: Located) -> str:
    """The one message for a machine where the engine can neither be found nor made."""
    root = cache_root()
    ways = THREE_WAYS.format(
        version=PULUMI.version, go=".".join(map(str, golang.needed_go())), entry=PULUMI.entry(root)
    )
    return f"{ways}\nWhy it cannot be made: {located.reason}"
