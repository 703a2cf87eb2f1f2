"""LOG-04: clusters send all five kinds of control-plane log."""

from collections.abc import Mapping
from typing import Any

from policies.control import SOC2, Clause, Control, Severity, Strength, Verdict, failed, passed

KINDS = frozenset({"api", "audit", "authenticator", "controllerManager", "scheduler"})
"""All that EKS has (https://docs.aws.amazon.com/eks/latest/userguide/control-plane-logs.html)."""


def cluster_sends_all_logs(cluster: Mapping[str, Any]) -> Verdict:
    missing = sorted(KINDS - set(cluster.get("enabledClusterLogTypes") or ()))
    return failed(f"enabledClusterLogTypes lacks {', '.join(missing)}") if missing else passed()


LOG_04 = Control(
    id="LOG-04",
    title="Clusters send all five kinds of control-plane log",
    severity=Severity.MEDIUM,
    clauses=(Clause(resource_types=frozenset({"aws:eks/cluster:Cluster"}), check=cluster_sends_all_logs),),
    maps_to=(SOC2("CC7.2", Strength.DIRECT),),
    risk="Who read a secret or entered a pod is in the audit log only; without it nobody can say.",
    remediation="Set enabledClusterLogTypes to api, audit, authenticator, controllerManager and scheduler.",
)
