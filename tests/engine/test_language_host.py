"""The Python language host on the real engine: programs, policy packs, failures; all in a temporary folder."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from sandbox.engine.tools import PULUMI, locate

pytestmark = pytest.mark.engine

ROOT = Path(__file__).resolve().parents[2]

COMPONENT = """
import pulumi

class Pair(pulumi.ComponentResource):
    def __init__(self, name, opts=None):
        super().__init__("test:index:Pair", name, {}, opts)
        self.register_outputs({})

config = pulumi.Config()
Pair("pair")
pulumi.export("greeting", config.require("greeting"))
pulumi.export("secret", config.require_secret("hidden"))
pulumi.export("stack", pulumi.get_stack())
"""

PACK = """
from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy

def check(args, report):
    if args.resource_type == "test:index:Pair" and args.name != "single":
        report(f"{args.name} is not single")

PolicyPack(
    name="pack",
    enforcement_level=EnforcementLevel.MANDATORY,
    policies=[ResourceValidationPolicy(name="single", description="Only single ones", validate=check)],
)
"""


@dataclass(frozen=True)
class Project:
    """A Pulumi project with one stack, whose environment knows our language host and nothing else."""

    folder: Path
    env: dict[str, str]
    engine: str

    def pulumi(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.engine, "--non-interactive", *arguments],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def up(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.pulumi("up", "--yes", "--skip-preview", "--stack", "test", *arguments)


@pytest.fixture
def new_project(tmp_path: Path) -> Callable[..., Project]:
    engine = locate(PULUMI).path
    if engine is None:
        pytest.skip("no Pulumi engine: run `make`")
    folders = {name: tmp_path / name for name in ("bin", "state", "home", "project")}
    for folder in folders.values():
        folder.mkdir()
    host = folders["bin"] / "pulumi-language-python"
    host.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m sandbox.engine.language_host "$@"\n')
    host.chmod(0o755)
    env = {
        "PATH": f"{folders['bin']}{os.pathsep}{os.defpath}",
        "HOME": str(tmp_path),
        "PYTHONPATH": str(ROOT),
        "PULUMI_HOME": str(folders["home"]),
        "PULUMI_BACKEND_URL": folders["state"].as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": "test",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }

    def new(program: str, options: str = "") -> Project:
        (folders["project"] / "Pulumi.yaml").write_text(
            f"name: test\nruntime:\n  name: python\n{options}main: stacks/\n"
        )
        (folders["project"] / "stacks").mkdir()
        (folders["project"] / "stacks" / "__main__.py").write_text(program)
        project = Project(folder=folders["project"], env=env, engine=str(engine))
        assert project.pulumi("stack", "init", "test").returncode == 0
        return project

    return new


def test_program_with_component_and_config_comes_up_and_a_second_time_changes_nothing(
    new_project: Callable[..., Project],
) -> None:
    project = new_project(COMPONENT)
    project.pulumi("config", "set", "greeting", "hello", "--stack", "test")
    project.pulumi("config", "set", "--secret", "hidden", "s3cret", "--stack", "test")

    first = project.up()
    second = project.up("--expect-no-changes")

    assert first.returncode == 0, first.stdout + first.stderr
    assert second.returncode == 0, second.stdout + second.stderr
    outputs = json.loads(project.pulumi("stack", "output", "--json", "--stack", "test").stdout)
    assert outputs == {"greeting": "hello", "secret": "[secret]", "stack": "test"}
    assert "s3cret" not in first.stdout


def test_policy_pack_stops_what_it_forbids_and_passes_the_rest(
    new_project: Callable[..., Project], tmp_path: Path
) -> None:
    pack = tmp_path / "pack"
    pack.mkdir()
    (pack / "PulumiPolicy.yaml").write_text("runtime: python\nversion: 1.0.0\n")
    (pack / "__main__.py").write_text(PACK)
    project = new_project(
        COMPONENT.replace('config.require("greeting")', '"hello"').replace('config.require_secret("hidden")', '"x"')
    )

    refused = project.up("--policy-pack", str(pack))
    source = project.folder / "stacks" / "__main__.py"
    source.write_text(source.read_text().replace('Pair("pair")', 'Pair("single")'))
    accepted = project.up("--policy-pack", str(pack))

    assert refused.returncode != 0
    assert "pair is not single" in refused.stdout
    assert accepted.returncode == 0, accepted.stdout + accepted.stderr


def test_exception_is_shown_once_from_the_programs_own_line_on(new_project: Callable[..., Project]) -> None:
    project = new_project("def fail():\n    raise ValueError('no such cell')\n\nfail()\n")

    failed = project.up()

    assert failed.returncode != 0
    assert failed.stdout.count("ValueError: no such cell") == 1
    assert "stacks/__main__.py" in failed.stdout
    assert "language_program" not in failed.stdout
    assert "exited with" not in failed.stdout


def test_exit_code_of_a_program_is_reported(new_project: Callable[..., Project]) -> None:
    failed = new_project("import sys\nsys.exit(7)\n").up()

    assert failed.returncode != 0
    assert "program exited with non-zero exit code: 7" in failed.stdout


def test_what_a_program_prints_reaches_the_user(new_project: Callable[..., Project]) -> None:
    project = new_project("import sys\nprint('to stdout')\nprint('to stderr', file=sys.stderr)\n")

    done = project.up()

    assert done.returncode == 0
    assert "to stdout" in done.stdout
    assert "to stderr" in done.stdout


def test_missing_virtual_environment_is_named(new_project: Callable[..., Project]) -> None:
    failed = new_project("", options="  options:\n    virtualenv: nowhere\n").up()

    assert failed.returncode != 0
    assert "virtualenv: nowhere is no virtual environment" in failed.stdout + failed.stderr


def test_program_runs_in_the_environment_that_the_project_names(new_project: Callable[..., Project]) -> None:
    project = new_project("import sys\nprint('runs in', sys.prefix)\n", options="  options:\n    virtualenv: own\n")
    own = project.folder / "own"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", own], check=True)
    (own / f"lib/python3.{sys.version_info.minor}/site-packages/host.pth").write_text(
        "\n".join(path for path in sys.path if path.endswith("site-packages"))
    )

    done = project.up()

    assert f"runs in {own}" in done.stdout, done.stdout + done.stderr


def test_about_names_the_interpreter_and_the_packages(new_project: Callable[..., Project]) -> None:
    about = json.loads(new_project("").pulumi("about", "--json", "--transitive", "--stack", "test").stdout)

    assert about["runtime"]["executable"] == sys.executable
    assert "pulumi" in {found["name"] for found in about["dependencies"]}


def test_host_and_program_end_with_the_engine(new_project: Callable[..., Project], tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    project = new_project(
        f"import os, time\nopen({str(pids)!r} + '.new', 'w').write(f'{{os.getpid()}} {{os.getppid()}}')\n"
        f"os.rename({str(pids)!r} + '.new', {str(pids)!r})\ntime.sleep(300)\n"
    )
    engine = subprocess.Popen(
        [project.engine, "up", "--yes", "--skip-preview", "--stack", "test", "--non-interactive"],
        cwd=project.folder,
        env=project.env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    eventually(pids.exists)

    engine.send_signal(signal.SIGKILL)
    engine.wait()

    eventually(lambda: not any(runs(int(pid)) for pid in pids.read_text().split()))


def eventually(holds: Callable[[], bool], within_s: float = 30) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.05)


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
