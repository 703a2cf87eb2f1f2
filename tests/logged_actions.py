"""The IAM actions of the calls in the emulator's access log."""

import functools
import re
from dataclasses import dataclass
from pathlib import Path

from sandbox.aws.iam.actions import closest, model, operations
from sandbox.aws.permissions import action
from sandbox.aws.table import entries

FREE = frozenset({"sts:AssumeRole", "sts:GetCallerIdentity"})
"""How one becomes the deploy role, and what everybody may
(https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html)."""

_LINE = re.compile(r"\S+ (?P<status>\d+|-) [\d.]+ ms (?P<service>\S+) (?P<region>\S+) (?P<call>.+)")


@dataclass(frozen=True, kw_only=True)
class Log:
    """The part of an access log that was written since this was made."""

    path: Path
    begin: int

    @classmethod
    def since_now(cls, home: Path) -> "Log":
        """What a sandbox's emulator will write from here on."""
        path = home / "logs" / "access.log"
        return cls(path=path, begin=path.stat().st_size if path.exists() else 0)

    def text(self) -> str:
        """The lines as they stand."""
        with self.path.open() as file:
            file.seek(self.begin)
            return file.read()

    def actions(self) -> frozenset[str]:
        """IAM actions of all calls. Raises LookupError for a call that no operation explains."""
        lines = self.text().splitlines()
        calls = {(found["service"], found["call"]) for line in lines if (found := _LINE.fullmatch(line))}
        return frozenset(name for service, call in calls for name in actions_of(service, call)) - FREE


def actions_of(service: str, call: str) -> tuple[str, ...]:
    """`("sqs", "CreateQueue")`, `("s3", "GET /bucket?versioning")` -> IAM actions."""
    candidates = [(name, operation) for name in signing(service) for operation in operations(name)]
    method, _, target = call.partition(" ")
    if not target:
        found = [(name, operation) for name, operation in candidates if operation.name == call]
    else:
        path, _, query = target.partition("?")
        best = closest(candidates, method, path, frozenset(query.split("&")))
        found = [best] if best else []
    if not found:
        raise LookupError(f"{service}: no operation is {call}")
    name, operation = found[0]
    return action(name, operation.name)


@functools.cache
def signing(name: str) -> tuple[str, ...]:
    """botocore services of the table, and of what is looked at first, that sign as `name`."""
    services = sorted({"s3control", "service-quotas", "sts"} | {entry.service for entry in entries().values()})
    return tuple(service for service in services if model(service).signing_name == name)
