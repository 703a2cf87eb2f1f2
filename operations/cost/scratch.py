"""A preview of a stack as if nothing were deployed: in a state of its own that is thrown away, beside the real one.

What a stack reads from the stacks below it is made up, so none of them has to be up. Nothing is created anywhere, and
neither the project's state nor its stack files are touched.
"""

from __future__ import annotations

import json
import os
import secrets
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from operations.engine import Engine, Outcome
from operations.errors import CellError
from operations.plan import Declared, Kind
from operations.project import Project

PLACEHOLDER = "known-after-deployment"

_WRITTEN_BY_PULUMI = ("secretsprovider", "encryptionsalt", "encryptedkey")


def preview_from_nothing(project: Project, stack: str, declared: Mapping[str, Declared]) -> Outcome:
    """The preview of a stack's first deployment. Raises CellError where it fails.

    The providers of the real preview are used, so AWS credentials are needed where that one needs them.
    """
    with tempfile.TemporaryDirectory(prefix="cell-cost-") as folder:
        scratch = _copied(project, Path(folder), stack)
        state = Path(folder, "state")
        state.mkdir(mode=0o700)
        environment = {
            "PULUMI_BACKEND_URL": f"file://{state}",
            "PULUMI_CONFIG_PASSPHRASE": secrets.token_urlsafe(),
            "PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER": "true",
        }
        engine = Engine(scratch, environment)
        below = declared[stack].needs
        if below is not None:
            _invent(engine, Path(folder), scratch.name, declared[below], declared[stack])
        engine.ensure_stack(stack)
        outcome = engine.operate("preview", stack)
    if outcome.exit_code:
        raise CellError("\n".join([f"preview {stack} failed", *outcome.reading.errors]), outcome.code)
    return outcome


def _copied(project: Project, folder: Path, stack: str) -> Project:
    """The project's two files, with paths that lead back to the program: Pulumi may write into the copies."""
    definition = yaml.safe_load((project.root / "Pulumi.yaml").read_text())
    definition["main"] = str(project.root / definition.get("main", ""))
    options = definition["runtime"].get("options", {}) if isinstance(definition["runtime"], dict) else {}
    if "virtualenv" in options:
        options["virtualenv"] = str(project.root / options["virtualenv"])
    copy = Project(folder)
    copy.stacks_folder.mkdir()
    (folder / "Pulumi.yaml").write_text(yaml.safe_dump(definition))
    settings: dict[str, Any] = yaml.safe_load(project.stack_file(stack).read_text())
    kept = {key: value for key, value in settings.items() if key not in _WRITTEN_BY_PULUMI}
    copy.stack_file(stack).write_text(yaml.safe_dump(kept))
    return copy


def _invent(engine: Engine, folder: Path, project: str, below: Declared, above: Declared) -> None:
    """A stack that has nothing but the outputs that the one above it reads."""
    urn = f"urn:pulumi:{below.name}::{project}::pulumi:pulumi:Stack::{project}-{below.name}"
    root = {"urn": urn, "custom": False, "type": "pulumi:pulumi:Stack", "outputs": _outputs(below, above)}
    manifest = {"time": "2026-01-01T00:00:00Z", "magic": "", "version": ""}
    path = folder / "below.json"
    path.write_text(json.dumps({"version": 3, "deployment": {"manifest": manifest, "resources": [root]}}))
    engine.ask("stack", "init", below.name, "--no-select")
    engine.ask("stack", "import", "--stack", below.name, "--file", os.fspath(path))


def _outputs(below: Declared, above: Declared) -> dict[str, Any]:
    if below.kind is Kind.ACCOUNT:
        trail = {"bucket": PLACEHOLDER, "keyArn": PLACEHOLDER}
        return {
            "accountId": PLACEHOLDER,
            "loadBalancerLogBuckets": {above.region: PLACEHOLDER},
            "dataEventTrails": {above.region: trail},
        }
    raise CellError(f"{above.name}: nothing is known of what it reads from {below.name}")
