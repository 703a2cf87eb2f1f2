"""Writes a stack's state as a fixture: `python tests/upgrade/record.py dev`, where the stack is up.

What it leaves out says nothing about the resources: times, dependencies, lines of programs, the keeper of secrets.
Secret values are replaced by `null`. The same state gives the same bytes.
"""

import gzip
import json
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

STATES = Path(__file__).parent / "states"
"""A folder for each release, in it a file for each stack."""

SECRET_MARK = "4dabf18193072939515e22adb298388d"
"""Key by which Pulumi tells special values in a state; a secret has a ciphertext beside it."""

LEFT_OUT = ("created", "modified", "dependencies", "propertyDependencies", "sourcePosition", "stackTrace")


def trimmed(deployment: Mapping[str, Any], types: tuple[str, ...] = ()) -> dict[str, Any]:
    """A deployment as a fixture holds it; with `types`, only resources of these."""
    rows = [row for row in deployment["resources"] if not types or row["type"] in types]
    return {
        "manifest": {**deployment["manifest"], "time": "0001-01-01T00:00:00Z"},
        "resources": [
            {key: _without_secrets(value) for key, value in row.items() if key not in LEFT_OUT} for row in rows
        ],
    }


def _without_secrets(value: Any) -> Any:
    if isinstance(value, Mapping):
        if SECRET_MARK in value and ("ciphertext" in value or "plaintext" in value):
            return {SECRET_MARK: value[SECRET_MARK], "plaintext": "null"}
        return {key: _without_secrets(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_secrets(item) for item in value]
    return value


def packed(deployment: Mapping[str, Any]) -> bytes:
    """The bytes of a fixture."""
    text = json.dumps({"version": 3, "deployment": deployment}, sort_keys=True, indent=1)
    return gzip.compress(text.encode(), mtime=0)


def read_state(path: Path) -> dict[str, Any]:
    """A fixture, as `pulumi stack import` takes it."""
    state: dict[str, Any] = json.loads(gzip.decompress(path.read_bytes()))
    return state


def main(cell: str) -> None:
    """Records a cell, and of its account what the cell reads: the outputs."""
    folder = STATES / version("payment-cell")
    folder.mkdir(parents=True, exist_ok=True)
    for stack, types in ((cell, ()), (_account_of(cell), ("pulumi:pulumi:Stack",))):
        exported = json.loads(_pulumi("stack", "export", "--stack", stack))["deployment"]
        path = folder / f"{stack}.json.gz"
        path.write_bytes(packed(trimmed(exported, types)))
        print(f"{path}: {len(exported['resources'])} resources")


def _account_of(cell: str) -> str:
    rows = json.loads(_pulumi("stack", "export", "--stack", cell))["deployment"]["resources"]
    (name,) = (row["inputs"]["name"] for row in rows if row["type"] == "pulumi:pulumi:StackReference")
    return str(name).rpartition("/")[2]


def _pulumi(*arguments: str) -> str:
    return subprocess.run(["pulumi", *arguments], check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    main(*sys.argv[1:])
