"""K8S-02: containers run without the rights that they do not need.

Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/ (Restricted); the read-only root is ours.
"""

from collections.abc import Callable, Mapping
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
from policies.pods import WORKLOADS, containers, in_system_namespace, pod_spec
from policies.resources import Resource, Stack


def runs_as_no_root(workload: Resource, _stack: Stack) -> Verdict:
    def check(settings: _Settings) -> Verdict:
        if settings.get("runAsNonRoot") is not True:
            return failed(f"container {settings.container}: runAsNonRoot is not true")
        return failed(f"container {settings.container}: runAsUser is 0") if settings.get("runAsUser") == 0 else passed()

    return _every_container(workload, check)


def has_a_read_only_root(workload: Resource, _stack: Stack) -> Verdict:
    def check(settings: _Settings) -> Verdict:
        if settings.get("readOnlyRootFilesystem") is not True:
            return failed(f"container {settings.container}: readOnlyRootFilesystem is not true")
        return passed()

    return _every_container(workload, check)


def drops_all_capabilities(workload: Resource, _stack: Stack) -> Verdict:
    def check(settings: _Settings) -> Verdict:
        capabilities = settings.get("capabilities") or {}
        if "ALL" not in tuple(capabilities.get("drop") or ()):
            return failed(f"container {settings.container}: capabilities.drop has no ALL")
        # The standard lets this one back in: it binds a port below 1024.
        if added := set(capabilities.get("add") or ()) - {"NET_BIND_SERVICE"}:
            return failed(f"container {settings.container}: capabilities.add has {', '.join(sorted(added))}")
        return passed()

    return _every_container(workload, check)


def gains_no_privileges(workload: Resource, _stack: Stack) -> Verdict:
    def check(settings: _Settings) -> Verdict:
        if settings.get("privileged"):
            return failed(f"container {settings.container}: privileged is true")
        if settings.get("allowPrivilegeEscalation") is not False:
            return failed(f"container {settings.container}: allowPrivilegeEscalation is not false")
        return passed()

    return _every_container(workload, check)


def has_a_seccomp_profile(workload: Resource, _stack: Stack) -> Verdict:
    def check(settings: _Settings) -> Verdict:
        profile = (settings.get("seccompProfile") or {}).get("type")
        if profile not in ("RuntimeDefault", "Localhost"):
            return failed(f"container {settings.container}: seccompProfile.type is {profile or 'not set'}")
        return passed()

    return _every_container(workload, check)


class _Settings:
    """A container's security context; what it leaves open is the pod's."""

    def __init__(self, container: Mapping[str, Any], pod: Mapping[str, Any]) -> None:
        self.container = str(container.get("name"))
        self._own: Mapping[str, Any] = container.get("securityContext") or {}
        self._pod = pod

    def get(self, name: str) -> Any:
        value = self._own.get(name)
        return self._pod.get(name) if value is None else value


def _every_container(workload: Resource, check: Callable[[_Settings], Verdict]) -> Verdict:
    if in_system_namespace(workload):
        return not_applicable("a workload of the system")
    pod = pod_spec(workload).get("securityContext") or {}
    return every(containers(workload), lambda container: check(_Settings(container, pod)))


K8S_02 = Control(
    id="K8S-02",
    title="Containers run as no root, on a read-only root, without capabilities, under seccomp",
    severity=Severity.HIGH,
    clauses=tuple(
        StackClause(resource_types=WORKLOADS, check=check)
        for check in (
            runs_as_no_root,
            has_a_read_only_root,
            drops_all_capabilities,
            gains_no_privileges,
            has_a_seccomp_profile,
        )
    ),
    maps_to=(SOC2("CC6.8", Strength.PARTIAL), *SAFEGUARDS),
    risk="Code that breaks into a container writes itself into the image's files, or breaks out to the node.",
    remediation="Set the security context of Pod Security's restricted level and readOnlyRootFilesystem.",
)
