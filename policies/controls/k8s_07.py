"""K8S-07: the registry keeps tags and scans images.

Live: whether scanning is on in an account whose stack declares none.
Sources: https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-tag-mutability.html and
https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-scanning.html.
"""

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
from policies.resources import Resource, Stack

REPOSITORY = frozenset({"aws:ecr/repository:Repository"})
SCANNING = "aws:ecr/registryScanningConfiguration:RegistryScanningConfiguration"


def keeps_its_tags(repository: Mapping[str, Any]) -> Verdict:
    found = repository.get("imageTagMutability") or "MUTABLE"
    return passed() if found == "IMMUTABLE" else failed(f"imageTagMutability is {found}, not IMMUTABLE")


def scans_its_images(repository: Resource, stack: Stack) -> Verdict:
    if (repository.given("imageScanningConfiguration") or {}).get("scanOnPush"):
        return passed()
    if any(one.region == repository.region and _scans(one.props) for one in stack.of(SCANNING)):
        return passed()
    return failed("imageScanningConfiguration.scanOnPush is not true, and no registry configuration scans it")


def registry_scans_its_images(registry: Mapping[str, Any]) -> Verdict:
    return passed() if _scans(registry) else failed("no rule scans every repository (filter *)")


def _scans(registry: Mapping[str, Any]) -> bool:
    """Whether every repository is scanned at a push or continuously."""
    return any(
        rule.get("scanFrequency") in ("SCAN_ON_PUSH", "CONTINUOUS_SCAN")
        and any(one.get("filter") == "*" for one in rule.get("repositoryFilters") or ())
        for rule in registry.get("rules") or ()
    )


K8S_07 = Control(
    id="K8S-07",
    title="The registry keeps tags and scans images",
    severity=Severity.MEDIUM,
    clauses=(
        Clause(resource_types=REPOSITORY, check=keeps_its_tags),
        StackClause(resource_types=REPOSITORY, check=scans_its_images),
        Clause(resource_types=frozenset({SCANNING}), check=registry_scans_its_images),
    ),
    maps_to=(SOC2("CC7.1", Strength.PARTIAL), *SAFEGUARDS),
    risk="A tag that moves hides what ran, and a known hole is found by somebody else.",
    remediation="Set imageTagMutability to IMMUTABLE and scan on push, or continuously for the whole registry.",
)
