"""K8S-03: images are fixed by digest and come from a private registry.

Live: whether signature and provenance were verified, and whose account the registry is.
Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/Registries.html (name of a private registry).
"""

import re
from collections.abc import Mapping
from typing import Any

from policies.control import (
    SAFEGUARDS,
    SOC2,
    Control,
    Severity,
    StackClause,
    Strength,
    Verdict,
    failed,
    not_applicable,
    passed,
)
from policies.every import every
from policies.pods import WORKLOADS, containers, in_system_namespace
from policies.resources import Resource, Stack

DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")
PRIVATE = re.compile(r"^\d{12}\.dkr[.-]ecr(-fips)?\.[a-z0-9-]+\.(amazonaws\.com(\.cn)?|on\.aws)/")


def is_fixed_by_digest(workload: Resource, _stack: Stack) -> Verdict:
    return _every_image(workload, DIGEST, "has no sha256 digest")


def comes_from_a_private_registry(workload: Resource, _stack: Stack) -> Verdict:
    return _every_image(workload, PRIVATE, "is not of a private ECR registry")


def _every_image(workload: Resource, pattern: re.Pattern[str], otherwise: str) -> Verdict:
    if in_system_namespace(workload):
        return not_applicable("a workload of the system")

    def check(container: Mapping[str, Any]) -> Verdict:
        image = str(container.get("image") or "")
        return passed() if pattern.search(image) else failed(f"container {container.get('name')}: {image} {otherwise}")

    return every(containers(workload), check)


K8S_03 = Control(
    id="K8S-03",
    title="Images are fixed by digest and come from a private registry",
    severity=Severity.HIGH,
    clauses=tuple(
        StackClause(resource_types=WORKLOADS, check=check)
        for check in (is_fixed_by_digest, comes_from_a_private_registry)
    ),
    maps_to=(SOC2("CC6.8", Strength.PARTIAL), SOC2("CC8.1", Strength.PARTIAL), *SAFEGUARDS),
    risk="A tag that moves runs code that nobody approved.",
    remediation="Copy the image to the cell's registry and name it by its sha256 digest.",
)
