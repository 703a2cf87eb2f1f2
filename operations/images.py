"""`make images`: builds each `images/<program>/Dockerfile` to a digest where a builder runs; without one it says which
digests the stack files declare. Nothing is pushed: copying an archive to a cell's registry keeps its digest."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from operations.output import Format, show, talk
from stacks.fleet import WORKLOADS_SUFFIX, Fleet, load_fleet
from stacks.new_stack import PLACEHOLDER

ROOT = Path(__file__).parents[1]
PLATFORM = "linux/arm64"
"""Nodes and the runner's builds are Graviton: `catalogue/instances.yaml`, `ARM_CONTAINER`."""

BUILDERS = (("docker", "info"), ("podman", "info"), ("buildah", "version"))
"""Builder and what succeeds where it can build: a docker client alone cannot. Docker writes archives with the
containerd image store or a docker-container builder only (https://docs.docker.com/build/exporters/oci-docker/)."""


@dataclass(frozen=True, kw_only=True)
class Image:
    """A built image: an OCI archive and the digest that it keeps in every registry."""

    program: str
    digest: str
    archive: str


def builder() -> str | None:
    """The first builder that works here."""
    for name, *probe in BUILDERS:
        if shutil.which(name) and subprocess.run([name, *probe], capture_output=True, check=False).returncode == 0:
            return name
    return None


def build(tool: str, program: str, root: Path = ROOT) -> Image:
    """Builds one program's image. Raises `subprocess.CalledProcessError` where the builder fails."""
    folder = root / ".images"
    folder.mkdir(exist_ok=True)
    archive, told = folder / f"{program}.tar", folder / f"{program}.digest"
    for command in commands(tool, program, archive, told, root):
        subprocess.run(command, cwd=root, check=True, stdout=sys.stderr)
    text = told.read_text(encoding="utf-8")
    digest = json.loads(text)["containerimage.digest"] if tool == "docker" else text.strip()
    return Image(program=program, digest=digest, archive=str(archive.relative_to(root)))


def commands(tool: str, program: str, archive: Path, told: Path, root: Path) -> Sequence[Sequence[str]]:
    """What makes the archive and writes its digest to `told`."""
    lock = (root / "requirements.lock").read_text(encoding="utf-8")
    pinned = re.findall(r"^(pulumi(?:-aws|-kubernetes)?)==(\S+)", lock, re.MULTILINE)
    versions = [f"--build-arg={name.upper().replace('-', '_')}={version}" for name, version in pinned]
    common = ["build", f"--platform={PLATFORM}", f"--file=images/{program}/Dockerfile", *versions]
    if tool == "docker":
        return [["docker", "buildx", *common, f"--output=type=oci,dest={archive}", f"--metadata-file={told}", "."]]
    tag = f"payment-cell/{program}:built"
    return [
        [tool, *common, f"--tag={tag}", "."],
        [tool, "push", f"--digestfile={told}", tag, f"oci-archive:{archive}"],
    ]


def declared(fleet: Fleet) -> list[dict[str, str]]:
    """Every digest that a stack file declares."""
    rows = [
        {"stack": stack, "program": program, "digest": digest}
        for stack, settings in sorted(fleet.workloads.items())
        for program, digest in sorted(settings.images.items())
    ]
    rows += [
        {"stack": name, "program": "runner", "digest": cell.runner.image.partition("@")[2]}
        for name, cell in sorted(fleet.cells.items())
        if cell.runner is not None
    ]
    return [{**row, "state": "placeholder" if row["digest"] == PLACEHOLDER else "declared"} for row in rows]


def placeholders(fleet: Fleet, cell: str) -> list[str]:
    """Programs of a cell and its workloads whose digest is of no image yet."""
    stacks = {cell, cell + WORKLOADS_SUFFIX}
    return [row["program"] for row in declared(fleet) if row["stack"] in stacks and row["state"] == "placeholder"]


def main(root: Path = ROOT) -> None:
    """Builds, or says what is declared."""
    tool = builder()
    if tool is None:
        talk().print("No builder runs here (docker, podman or buildah): nothing is built. Declared digests:")
        show(declared(load_fleet(root / "stacks")), Format.TABLE)
        return
    programs = sorted(path.parent.name for path in (root / "images").glob("*/Dockerfile"))
    show([vars(build(tool, program, root)) for program in programs], Format.TABLE)
    talk().print("Copy each archive to its cell's registry and declare the digest in the stack file.")


if __name__ == "__main__":
    main()
