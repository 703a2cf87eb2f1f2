"""What the roles of workloads used of their policies, as the emulator saw it."""

import json
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from conftest import Sandbox
from sandbox.aws.iam.evaluator import Call, Decision, decide, like

ALLOWS = "Allow"


@dataclass(frozen=True, kw_only=True, order=True)
class Use:
    """One action on one resource that a role asked for."""

    action: str
    resource: str
    allowed: bool


def used(sandbox: Sandbox) -> Mapping[str, frozenset[Use]]:
    """Role ARN -> what its sessions asked for since the account began."""
    found = ask(sandbox, "used-actions")["roles"]
    return {role: frozenset(Use(**row) for row in rows) for role, rows in found.items()}


def unused(document: Mapping[str, Any], uses: Iterable[Use]) -> list[str]:
    """`action on resource` of every Allow in an identity policy that no allowed use needed."""
    statements = document["Statement"]
    made = [use for use in uses if use.allowed]
    return [
        f"{action} on {resource}"
        for statement in (statements if isinstance(statements, list) else [statements])
        if statement["Effect"] == ALLOWS
        for action in _list(statement["Action"])
        for resource in _list(statement["Resource"])
        if not any(like(action.lower(), use.action.lower()) and like(resource, use.resource) for use in made)
    ]


@dataclass(frozen=True, kw_only=True, order=True)
class Grant:
    """One action on one resource that a policy allows."""

    action: str
    resource: str
    condition: str = ""
    """As JSON."""

    def __str__(self) -> str:
        return f"{self.action} on {self.resource}"


def grants(document: Mapping[str, Any]) -> list[Grant]:
    """Every pair of an action and a resource in the Allows of an identity policy, each time that it is said."""
    return [
        Grant(action=action, resource=resource, condition=json.dumps(statement.get("Condition", {}), sort_keys=True))
        for statement in _list(document["Statement"])
        if statement["Effect"] == ALLOWS
        for action in _list(statement["Action"])
        for resource in _list(statement["Resource"])
    ]


def needless(document: Mapping[str, Any], uses: Iterable[Use]) -> list[Grant]:
    """Grants without which IAM would have let every recorded call pass all the same: unused ones, and those that
    another one repeats. The calls are judged again, under the policy without the grant. Conditions are not: what was
    recorded has met one. So a grant goes together with the same one under other conditions."""
    made = [Call(action=use.action, resource=use.resource) for use in uses if use.allowed]
    own = grants(document)
    return [
        grant
        for number, grant in enumerate(own)
        if all(decide(_policy(_without(own, number)), call) is Decision.ALLOWED for call in made)
    ]


def _without(own: Sequence[Grant], number: int) -> list[Grant]:
    gone = own[number]
    return [
        one
        for place, one in enumerate(own)
        if place != number
        and ((one.action, one.resource) != (gone.action, gone.resource) or one.condition == gone.condition)
    ]


def _policy(own: Iterable[Grant]) -> dict[str, Any]:
    return {"Statement": [{"Effect": ALLOWS, "Action": one.action, "Resource": one.resource} for one in own]}


def ask(sandbox: Sandbox, path: str, body: Mapping[str, Any] | None = None) -> Any:
    """GET or, with a body, POST of what the emulator answers below /_sandbox/ to whoever has the token."""
    secrets = json.loads((sandbox.home / "secrets.json").read_text())
    request = urllib.request.Request(
        f"{sandbox.env['AWS_ENDPOINT_URL']}/_sandbox/{path}",
        data=json.dumps(body).encode() if body is not None else None,
        headers={"X-Sandbox-Token": secrets["admin_token"]},
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
