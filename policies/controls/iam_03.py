"""IAM-03: only the named workload gets a workload's role.

Sources: https://docs.aws.amazon.com/eks/latest/userguide/pod-id-abac.html (session tags of EKS Pod Identity),
https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html and
https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html (``sub`` and ``aud``).
"""

from collections.abc import Iterator, Mapping
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
from policies.documents import ROLE, Statement, statements

PODS = "pods.eks.amazonaws.com"
POD_KEYS = {
    "aws:requesttag/kubernetes-namespace": "the namespace",
    "aws:requesttag/kubernetes-service-account": "the service account",
    "aws:sourceaccount": "the source account",
}
"""Condition keys that a trust of EKS Pod Identity needs, in lower case: IAM compares them without case."""

_NAMING = ("StringEquals", "StringEqualsIgnoreCase", "StringLike", "ArnEquals", "ArnLike")
"""Operators after which only the listed values match; ``...IfExists`` and ``ForAllValues:`` match a missing key too."""


def pod_identity_names_its_pods(role: Mapping[str, Any]) -> Verdict:
    trusts = [one for one in _trusts(role) if PODS in one.principals.get("Service", ())]
    if not trusts:
        return not_applicable("no role of EKS Pod Identity")
    for one in trusts:
        named = _named(one)
        for key, what in POD_KEYS.items():
            if not all(map(_is_a_name, named.get(key, ("*",)))):
                return failed(f"assumeRolePolicy: {one.sid} trusts {PODS} without naming {what}")
    return passed()


def web_identity_names_subject_and_audience(role: Mapping[str, Any]) -> Verdict:
    trusts = [
        (one, provider)
        for one in _trusts(role)
        for provider in one.principals.get("Federated", ())
        if ":oidc-provider/" in provider
    ]
    if not trusts:
        return not_applicable("trusts no OpenID Connect provider")
    for one, provider in trusts:
        issuer, named = provider.partition(":oidc-provider/")[2].lower(), _named(one)
        for claim in ("sub", "aud"):
            # A prefix of a subject is a name: an issuer such as a build system has one subject a branch.
            if not all(_is_more_than_a_wildcard(value) for value in named.get(f"{issuer}:{claim}", ("*",))):
                return failed(f"assumeRolePolicy: {one.sid} does not name {claim} of {issuer}")
        if issuer.startswith("oidc.eks.") and not all(map(_is_a_name, named[f"{issuer}:sub"])):
            return failed(f"assumeRolePolicy: {one.sid} trusts more than one service account of {issuer}")
    return passed()


def _trusts(role: Mapping[str, Any]) -> Iterator[Statement]:
    yield from (one for one in statements(role["assumeRolePolicy"]) if one.allows)


def _named(one: Statement) -> Mapping[str, tuple[str, ...]]:
    return {
        key.lower(): values
        for operator, keys in one.conditions.items()
        if operator.removeprefix("ForAnyValue:") in _NAMING
        for key, values in keys.items()
    }


def _is_a_name(value: str) -> bool:
    return not set("*?") & set(value)


def _is_more_than_a_wildcard(value: str) -> bool:
    return not value.startswith(("*", "?"))


IAM_03 = Control(
    id="IAM-03",
    title="Only the named workload gets a workload's role",
    severity=Severity.HIGH,
    clauses=tuple(
        Clause(resource_types=frozenset({ROLE}), check=check)
        for check in (pod_identity_names_its_pods, web_identity_names_subject_and_audience)
    ),
    maps_to=(SOC2("CC6.1", Strength.PARTIAL), *SAFEGUARDS),
    risk="Any pod of any cluster, or any job of the same build service, could act as the payment service.",
    remediation="Condition the trust on namespace, service account and account, or on sub and aud of the issuer.",
)
