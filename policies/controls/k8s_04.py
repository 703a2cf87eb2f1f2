"""K8S-04: secrets stand in no variable and no config map.

What stands in a Secret is not asked: it is the place for it.
Live: what a running pod has.
"""

import re
from collections.abc import Mapping
from typing import Any

from policies.control import (
    SAFEGUARDS,
    SOC2,
    Clause,
    Control,
    Severity,
    StackClause,
    Strength,
    Verdict,
    failed,
    passed,
)
from policies.every import every
from policies.pods import WORKLOADS, containers
from policies.resources import Resource, Stack

NAMES = re.compile(r"(PASSWORD|PASSWD|SECRET|TOKEN|CREDENTIALS?|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY)$")
"""Ends of variables that hold a secret itself; ``..._ARN`` or ``..._FILE`` say where one is."""

VALUES = re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{16}\b|-----BEGIN [A-Z ]*PRIVATE KEY-----|://[^/\s:@]+:[^/\s@]+@")
"""An access key id (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html), a private key in PEM,
a URL with a password."""


def no_variable_holds_a_secret(workload: Resource, _stack: Stack) -> Verdict:
    return every(containers(workload), lambda container: every(container.get("env") or (), _holds_no_secret))


def _holds_no_secret(variable: Mapping[str, Any]) -> Verdict:
    name = str(variable["name"])
    if variable.get("value") and (NAMES.search(name.upper()) or VALUES.search(str(variable["value"]))):
        return failed(f"variable {name} holds a secret as its value")
    return passed()


def no_entry_holds_a_secret(config_map: Mapping[str, Any]) -> Verdict:
    data: Mapping[str, Any] = config_map.get("data") or {}
    return every(data, lambda name: failed(f"data.{name} holds a secret") if VALUES.search(data[name]) else passed())


K8S_04 = Control(
    id="K8S-04",
    title="Secrets stand in no variable and no config map",
    severity=Severity.HIGH,
    clauses=(
        StackClause(resource_types=WORKLOADS, check=no_variable_holds_a_secret),
        Clause(resource_types=frozenset({"kubernetes:core/v1:ConfigMap"}), check=no_entry_holds_a_secret),
    ),
    maps_to=(SOC2("C1.1", Strength.PARTIAL), *SAFEGUARDS),
    risk="Whoever may look at a deployment or read its state reads the secret.",
    remediation="Read it from Secrets Manager by the workload's role, or use valueFrom.secretKeyRef.",
)
