"""K8S-06: roles of a cluster name what they allow, and none hands out rights or enters pods.

Source: https://kubernetes.io/docs/concepts/security/rbac-good-practices/ (privilege escalation risks).
"""

from collections.abc import Callable, Mapping
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
from policies.every import every

ROLES = frozenset(f"kubernetes:rbac.authorization.k8s.io/v1:{kind}" for kind in ("ClusterRole", "Role"))
BOOTSTRAP = "kubernetes.io/bootstrapping"
"""Label of the roles that Kubernetes makes itself
(https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings)."""

HANDS_OUT = frozenset({"bind", "escalate", "impersonate"})
ENTERS = frozenset({"pods/attach", "pods/exec"})


def names_what_it_allows(role: Mapping[str, Any]) -> Verdict:
    def check(rule: Mapping[str, Any], name: str) -> Verdict:
        return every(
            rule.get(name) or (),
            lambda word: failed(f"rules.{name} has {word}") if word == "*" or word.startswith("*/") else passed(),
        )

    names = ("verbs", "resources", "apiGroups", "nonResourceURLs")
    return _every_rule(role, lambda rule: every(names, lambda name: check(rule, name)))


def hands_out_no_rights(role: Mapping[str, Any]) -> Verdict:
    return _every_rule(role, lambda rule: _has_none(rule, "verbs", HANDS_OUT))


def enters_no_pods(role: Mapping[str, Any]) -> Verdict:
    return _every_rule(role, lambda rule: _has_none(rule, "resources", ENTERS))


def _every_rule(role: Mapping[str, Any], check: Callable[[Mapping[str, Any]], Verdict]) -> Verdict:
    if _is_bootstrap(role):
        return not_applicable("a role of Kubernetes itself")
    return every(role.get("rules") or (), check)


def _has_none(rule: Mapping[str, Any], name: str, refused: frozenset[str]) -> Verdict:
    return every(rule.get(name) or (), lambda word: failed(f"rules.{name} has {word}") if word in refused else passed())


def _is_bootstrap(role: Mapping[str, Any]) -> bool:
    metadata = role.get("metadata") or {}
    return BOOTSTRAP in (metadata.get("labels") or {}) or str(metadata.get("name") or "").startswith("system:")


K8S_06 = Control(
    id="K8S-06",
    title="Roles of a cluster name what they allow; none hands out rights or enters pods",
    severity=Severity.HIGH,
    clauses=tuple(
        Clause(resource_types=ROLES, check=check)
        for check in (names_what_it_allows, hands_out_no_rights, enters_no_pods)
    ),
    maps_to=(SOC2("CC6.3", Strength.PARTIAL), *SAFEGUARDS),
    risk="Whoever takes over its bearer is the cluster's administrator, or reads memory of the payment pods.",
    remediation="List groups, resources and verbs; leave bind, escalate, impersonate, pods/exec and pods/attach out.",
)
