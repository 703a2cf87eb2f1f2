"""The IAM actions of the calls in the emulator's access log."""

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import botocore.session
from botocore.model import OperationModel

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
        scored = [
            (score, name, operation)
            for name, operation in candidates
            if (score := fits(operation, method, path, frozenset(query.split("&")))) is not None
        ]
        best = max((score for score, *_ in scored), default=None)
        found = [(name, operation) for score, name, operation in scored if score == best]
    if not found:
        raise LookupError(f"{service}: no operation is {call}")
    name, operation = found[0]
    return action(name, operation.name)


def fits(operation: OperationModel, method: str, path: str, keys: frozenset[str]) -> tuple[int, int] | None:
    """How closely an operation's URI template matches a request: literal query keys, then literal characters."""
    template, _, query = operation.http["requestUri"].partition("?")
    literal = {part.partition("=")[0] for part in query.split("&") if part}
    pattern = "".join(_piece(piece) for piece in re.split(r"(\{[^}]+\})", template))
    if operation.http["method"] != method or not literal <= keys or not re.fullmatch(pattern.rstrip("/") + "/?", path):
        return None
    return len(literal), len(re.sub(r"\{[^}]+\}", "", template))


def _piece(piece: str) -> str:
    if not piece.startswith("{"):
        return re.escape(piece)
    # An ARN in a path has slashes too.
    return ".+" if piece.endswith("+}") or "rn}" in piece else "[^/]+"


@functools.cache
def signing(name: str) -> tuple[str, ...]:
    """botocore services of the table, and of what is looked at first, that sign as `name`."""
    services = sorted({"s3control", "service-quotas", "sts"} | {entry.service for entry in entries().values()})
    return tuple(service for service in services if model(service).signing_name == name)


@functools.cache
def operations(service: str) -> tuple[OperationModel, ...]:
    """All operations of a service."""
    return tuple(_operations(service))


def _operations(service: str) -> Iterator[OperationModel]:
    for name in model(service).operation_names:
        yield model(service).operation_model(name)


@functools.cache
def model(service: str) -> botocore.model.ServiceModel:
    """botocore's model of a service."""
    return botocore.session.Session().get_service_model(service)
