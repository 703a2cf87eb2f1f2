"""What Pulumi's file backend in the sandbox holds, compared with the life of the emulated account.

The account lives in the emulator's memory. A resource in state that is older than the account is gone from it.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sandbox.lifecycle import processes
from sandbox.lifecycle.home import Home


@dataclass(frozen=True, kw_only=True, slots=True)
class Stack:
    """resources: what a provider created, without components and providers; stale: those of an older account."""

    name: str
    resources: int
    stale: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Update:
    """A running update that holds the lock of a stack."""

    stack: str
    pid: int


def stacks(home: Home, account_since: float | None) -> list[Stack]:
    """All stacks by name. `account_since`: seconds since 1970, None when there is no account at all."""
    found = []
    root = home.state / ".pulumi" / "stacks"
    for path in sorted(root.rglob("*.json")):
        resources = list(_custom_resources(path))
        stale = sum(1 for resource in resources if _older(resource, account_since))
        found.append(Stack(name=path.stem, resources=len(resources), stale=stale))
    return found


def updates(home: Home) -> list[Update]:
    """Updates that run now; a lock whose process is gone does not count."""
    found = []
    root = home.state / ".pulumi" / "locks"
    for path in sorted(root.rglob("*.json")):
        try:
            pid = int(json.loads(path.read_text())["pid"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if processes.identify(pid):
            found.append(Update(stack=path.parent.name, pid=pid))
    return found


def _custom_resources(path: Path) -> Iterator[dict[str, Any]]:
    try:
        checkpoint = json.loads(path.read_text())
    except (OSError, ValueError):  # being written, or not a checkpoint: Pulumi itself is the one to complain
        return
    latest = (checkpoint.get("checkpoint") or {}).get("latest") or {}
    for resource in latest.get("resources") or ():
        if resource.get("custom") and not resource["type"].startswith("pulumi:"):
            yield resource


def _older(resource: dict[str, Any], account_since: float | None) -> bool:
    created = resource.get("created")
    if account_since is None or not created:
        return account_since is None
    moment = datetime.fromisoformat(created)
    return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() < account_since
