"""K8S-01: Pod Security admits restricted pods only.

Source: https://kubernetes.io/docs/concepts/security/pod-security-admission/ (a namespace without the label admits all).
"""

from collections.abc import Mapping
from typing import Any

from policies.control import (
    SAFEGUARDS,
    SOC2,
    Clause,
    Control,
    Severity,
    Strength,
    Verdict,
    failed,
    not_applicable,
    passed,
)
from policies.pods import NAMESPACE, SYSTEM_NAMESPACES

ENFORCE = "pod-security.kubernetes.io/enforce"


def admits_restricted_pods_only(namespace: Mapping[str, Any]) -> Verdict:
    metadata = namespace.get("metadata") or {}
    if metadata.get("name") in SYSTEM_NAMESPACES:
        return not_applicable("a namespace of the system")
    level = (metadata.get("labels") or {}).get(ENFORCE)
    return passed() if level == "restricted" else failed(f"label {ENFORCE} is {level or 'not set'}, not restricted")


K8S_01 = Control(
    id="K8S-01",
    title="Every namespace but the system's admits restricted pods only",
    severity=Severity.HIGH,
    clauses=(Clause(resource_types=frozenset({NAMESPACE}), check=admits_restricted_pods_only),),
    maps_to=(SOC2("CC6.8", Strength.PARTIAL), *SAFEGUARDS),
    risk="A pod that may act as root or use the node takes over the node and every pod on it.",
    remediation="Label the namespace pod-security.kubernetes.io/enforce=restricted.",
)
