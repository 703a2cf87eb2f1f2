"""`make images`: what is built, and what is said where nothing can be."""

import os
from pathlib import Path

import pytest
from config_files import fleet

from operations import images

DIGEST = "sha256:" + "ab" * 32


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on PATH beside the shell's."""
    folder = tmp_path / "tools"
    folder.mkdir()
    monkeypatch.setattr(images, "BUILDERS", tuple((f"own-{name}", *probe) for name, *probe in images.BUILDERS))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with one cell and one image."""
    for folder in ("stacks", "images/runner"):
        (tmp_path / folder).mkdir(parents=True)
    fleet(tmp_path / "stacks")
    (tmp_path / "images/runner/Dockerfile").write_text("FROM scratch\n")
    (tmp_path / "requirements.lock").write_text("pulumi==3.1.0 \\\npulumi-aws==7.2.0 \\\npulumi-policy==1.0.0 \\\n")
    return tmp_path


def tool(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_without_a_builder_the_declared_digests_are_printed_and_said_so(
    tools: Path, project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    tool(tools, "own-docker", "exit 1")
    images.main(project)
    said = capfd.readouterr()
    assert "No builder runs here" in said.err
    rows = [line.split() for line in said.out.splitlines()[1:]]
    assert rows == [
        ["one-workloads", name, images.PLACEHOLDER, "placeholder"] for name in ("autoscaler", "load-balancer")
    ]
    assert not (project / ".images").exists()


def test_where_a_builder_runs_each_dockerfile_becomes_a_digest(
    tools: Path, project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    script = f'case "$1" in push) echo {DIGEST} > "${{2#--digestfile=}}";; build) echo "$@" > built;; esac'
    tool(tools, "own-podman", script)
    images.main(project)
    row = capfd.readouterr().out.splitlines()[1].split()
    assert row == ["runner", DIGEST, ".images/runner.tar"]
    built = (project / "built").read_text()
    assert "--build-arg=PULUMI=3.1.0 --build-arg=PULUMI_AWS=7.2.0 --tag" in built


def test_docker_tells_the_digest_of_the_archive_in_its_metadata(project: Path) -> None:
    folder = project / ".images"
    (command,) = images.commands("docker", "runner", folder / "runner.tar", folder / "runner.digest", project)
    assert f"--output=type=oci,dest={folder}/runner.tar" in command
    assert f"--metadata-file={folder}/runner.digest" in command


def test_the_runners_dockerfile_takes_the_versions_that_are_given() -> None:
    text = (images.ROOT / "images/runner/Dockerfile").read_text()
    (command,) = images.commands("docker", "runner", Path("a"), Path("b"), images.ROOT)
    given = {part.removeprefix("--build-arg=").partition("=")[0] for part in command if part.startswith("--build-arg")}
    assert given == {line.split()[1] for line in text.splitlines() if line.startswith("ARG ")}
