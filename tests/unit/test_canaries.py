"""A secret in any property of a cell that can hold one comes out of the audit nowhere: not in a reason, not in the
result that every report is made from, not in the evidence."""

import base64
import importlib
import inspect
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from audit_samples import answer, audit
from mocks import Recorded, Registered
from test_audit_evidence import call
from test_stacks import ACCOUNT_OUTPUTS, CELL_OUTPUTS, STACKS, made

from operations.audit.evidence.bundle import write
from operations.audit.evidence.signing import LocalSigner
from operations.audit.live.region import Call
from operations.audit.result import Answer, Audit, Calls, ResourceRef
from operations.audit.state import SECRET, stack_of
from policies.catalogue import controls
from policies.control import Status, answers
from policies.resources import Stack
from stacks.fleet import load_fleet

MARKED = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}
"""How the engine marks a secret (sdk/go/common/resource/sig in pulumi/pulumi)."""

CANARY = re.compile(r"canary[0-9]+x")

_SECRET_OUTPUTS = re.compile(r"additional_secret_outputs=\[([^\]]*)\]")


class Canaries:
    """Puts secrets into the resources of a stack, no two alike."""

    def __init__(self) -> None:
        self.put: dict[str, str] = {}
        """Canary -> where it is."""

    def state(self, resource: Recorded) -> dict[str, Any]:
        """A row as `stack export --show-secrets` has it: the worst that an audit can be given."""
        inputs, outputs = dict(resource.inputs), dict(resource.state)
        for name in secret_properties(resource.type):
            for place in (inputs, outputs):
                place[name] = {**MARKED, "plaintext": json.dumps(self.new(resource, name))}
        return {
            "urn": resource.urn,
            "type": resource.type,
            "custom": True,
            "id": resource.state.get("id", resource.name),
            "inputs": self.literal(resource, inputs),
            "outputs": self.literal(resource, outputs),
        }

    def answer(self, resource: Recorded) -> dict[str, Any]:
        """An answer of AWS or a cluster in which a reader kept all that it must not keep."""
        told = {name: self.new(resource, name) for name in secret_properties(resource.type) if name not in NOT_TELLING}
        return {**self.literal(resource, dict(resource.state)), **told}

    def literal(self, resource: Recorded, value: Any) -> Any:
        """Containers with a password in a variable, machines with one in their user data."""
        if isinstance(value, Mapping):
            changed = {name: self.literal(resource, one) for name, one in value.items()}
            if "image" in value and "name" in value:
                variable = {"name": "DB_PASSWORD", "value": self.new(resource, "env")}
                changed["env"] = [*(changed.get("env") or ()), variable]
            if "metadataOptions" in value:
                script = f"#!/bin/sh\nexport DB_PASSWORD={self.new(resource, 'userData')}\n"
                changed["userData"] = base64.b64encode(script.encode()).decode()
            return changed
        return [self.literal(resource, one) for one in value] if isinstance(value, list) else value

    def new(self, resource: Recorded, name: str) -> str:
        canary = f"canary{len(self.put)}x"
        self.put[canary] = f"{resource.type} {resource.name} {name}"
        return canary

    def found_in(self, text: str) -> list[str]:
        """Where the canaries in a text were put, those in base64 too."""
        decoded = (base64.b64decode(found).decode("utf-8", "ignore") for found in _BASE64.findall(text))
        return [self.put[one] for whole in (text, *decoded) for one in CANARY.findall(whole)]


_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4}){6,}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")

NOT_TELLING = frozenset({"value", "valueWo"})
"""Of a parameter of Systems Manager: no reader asks for it, and nothing about its name would tell."""


@cache
def secret_properties(type_: str) -> tuple[str, ...]:
    """What the provider's SDK keeps secret in a state."""
    package, module, name = type_.split(":")
    if package != "aws":
        return ()
    found = getattr(importlib.import_module(f"pulumi_aws.{module.split('/')[0]}"), name)
    return tuple(re.findall(r'"(\w+)"', " ".join(_SECRET_OUTPUTS.findall(inspect.getsource(found)))))


def held(registered: Registered) -> list[Recorded]:
    """What a cloud or a cluster holds."""
    return [one for one in registered if one.type.startswith(("aws:", "kubernetes:"))]


def answered(stack: Stack) -> Iterator[Answer]:
    """What every clause answers, as of a state and as of a live account."""
    for control in controls():
        for live in (False, True):
            for finding in answers(control, stack, live=live):
                resource = next(one for one in stack.resources if one.urn == finding.urn)
                yield answer(
                    finding.verdict.status,
                    of=(finding.control, finding.clause),
                    reason=finding.verdict.reason,
                    resource=ResourceRef(
                        type=resource.type, name=resource.name, id=str(resource.props["id"]), urn=resource.urn
                    ),
                )


def audited(found: list[Answer], calls: list[Call]) -> Audit:
    counted = Calls(by_operation=dict(Counter(one.operation for one in calls)))
    return audit(controls=(), answers=tuple(found), populations=(), calls=counted)


@pytest.fixture(scope="module", params=["account-dev", "dev", "dev-workloads"])
def registered(request: pytest.FixtureRequest) -> Registered:
    return made(request.param, load_fleet(STACKS), {**ACCOUNT_OUTPUTS, **CELL_OUTPUTS})


def test_a_secret_of_a_cell_is_in_no_answer_and_no_bundle(registered: Registered, tmp_path: Path) -> None:
    canaries = Canaries()
    rows = [canaries.state(resource) for resource in held(registered)]
    calls = [call(number, answer=canaries.answer(resource)) for number, resource in enumerate(held(registered))]
    assert len(canaries.put) >= 3
    assert set(canaries.found_in(json.dumps(rows))) | set(
        canaries.found_in(json.dumps([one.answer for one in calls]))
    ) == set(canaries.put.values())

    result = audited(list(answered(stack_of(rows))), calls)
    assert len(result.answers) > 20
    if any(one.type == "aws:ec2/launchTemplate:LaunchTemplate" for one in registered):
        assert any(where.endswith(" userData") for where in canaries.put.values())
    assert canaries.found_in(result.model_dump_json()) == []

    folder = write(tmp_path / "evidence", result, calls, LocalSigner(tmp_path / "key.pem"))
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert len(files) == 8
    for file in files:
        assert canaries.found_in(file.read_text()) == [], file.name
    assert "[redacted]" in (folder / "records.ndjson").read_text()


def test_a_literal_secret_is_a_failure_that_does_not_say_which() -> None:
    registered = made("dev-workloads", load_fleet(STACKS), {**ACCOUNT_OUTPUTS, **CELL_OUTPUTS})
    canaries = Canaries()
    found = answered(stack_of([canaries.state(resource) for resource in held(registered)]))
    failures = [one for one in found if one.control == "K8S-04" and one.status is Status.FAIL]
    assert failures
    assert all("DB_PASSWORD" in one.reason for one in failures)
    assert canaries.found_in("\n".join(one.reason for one in failures)) == []


def test_a_marked_secret_is_not_known_to_any_clause() -> None:
    registered = made("dev", load_fleet(STACKS), {**ACCOUNT_OUTPUTS, **CELL_OUTPUTS})
    canaries = Canaries()
    stack = stack_of([canaries.state(resource) for resource in held(registered)])
    hidden = [
        (resource.type, name)
        for resource in stack.resources
        for name in secret_properties(resource.type)
        if resource.props[name] == SECRET
    ]
    assert {type_ for type_, _ in hidden} >= {
        "aws:rds/cluster:Cluster",
        "aws:secretsmanager/secretVersion:SecretVersion",
        "aws:ssm/parameter:Parameter",
    }
    assert [
        (one.type, name) for one in stack.resources for name in secret_properties(one.type) if one.props[name] != SECRET
    ] == []
