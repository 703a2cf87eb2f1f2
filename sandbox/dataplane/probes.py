"""Probes of a container: what a kubelet asks, and when it has heard enough.

https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/
"""

import http.client
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Spec = Mapping[str, Any]

_SERVING = b"\x08\x01"
"""grpc.health.v1.HealthCheckResponse with status SERVING."""


def ask(probe: Spec, address: str, ports: Mapping[str, int]) -> str:
    """Empty when the container is well, else why not. `ports`: names of the container's ports."""
    timeout_s = float(probe.get("timeoutSeconds") or 1)
    try:
        if "httpGet" in probe:
            return _http(probe["httpGet"], address, ports, timeout_s)
        if "grpc" in probe:
            return _grpc(probe["grpc"], address, timeout_s)
        if "tcpSocket" in probe:
            port = _number(probe["tcpSocket"]["port"], ports)
            socket.create_connection((address, port), timeout_s).close()
            return ""
    except (OSError, http.client.HTTPException) as error:
        return f"{type(error).__name__}: {error}"
    return "the sandbox has HTTP, gRPC and TCP probes only"


def _http(get: Spec, address: str, ports: Mapping[str, int], timeout_s: float) -> str:
    port = _number(get["port"], ports)
    if get.get("scheme", "HTTP").upper() == "HTTPS":
        context = ssl._create_unverified_context()  # kubelets verify nothing either
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            address, port, timeout=timeout_s, context=context
        )
    else:
        connection = http.client.HTTPConnection(address, port, timeout=timeout_s)
    try:
        headers = {header["name"]: header["value"] for header in get.get("httpHeaders") or ()}
        connection.request("GET", get.get("path", "/"), headers={"User-Agent": "kube-probe/sandbox", **headers})
        status = connection.getresponse().status
    finally:
        connection.close()
    return "" if 200 <= status < 400 else f"HTTP probe failed with statuscode: {status}"


def _grpc(check: Spec, address: str, timeout_s: float) -> str:
    import grpc  # costs 20 MB: only for those that ask so

    service = (check.get("service") or "").encode()
    request = b"\x0a" + bytes([len(service)]) + service if service else b""
    with grpc.insecure_channel(f"{address}:{check['port']}") as channel:
        call = channel.unary_unary("/grpc.health.v1.Health/Check", lambda given: given, lambda given: given)
        try:
            answer = call(request, timeout=timeout_s)
        except grpc.RpcError as error:
            return f"gRPC probe failed: {error.code().name}"
    return "" if answer == _SERVING else "gRPC probe failed: not SERVING"


def _number(port: int | str, ports: Mapping[str, int]) -> int:
    return port if isinstance(port, int) else ports.get(port, 0)


@dataclass(kw_only=True)
class Watcher:
    """One probe of one run of a container. Times are of a monotonic clock, in seconds."""

    spec: Spec
    due: float
    passed: bool = False
    """Whether the container counts as well for this probe now."""
    failed: bool = False
    """Whether it failed as often as `failureThreshold`."""
    reason: str = ""
    asking: bool = False
    _streak: int = 0
    """Successes in a row, or failures as a negative number."""

    @classmethod
    def of(cls, spec: Spec, now: float, *, well: bool = False) -> "Watcher":
        return cls(spec=spec, due=now + float(spec.get("initialDelaySeconds") or 0), passed=well)

    def heard(self, reason: str, now: float) -> None:
        """Take one answer in."""
        self.asking = False
        self.due = now + float(self.spec.get("periodSeconds") or 10)
        if reason:
            self._streak = min(self._streak, 0) - 1
            self.reason = reason
            if -self._streak >= int(self.spec.get("failureThreshold") or 3):
                self.passed, self.failed = False, True
        else:
            self._streak = max(self._streak, 0) + 1
            if self._streak >= int(self.spec.get("successThreshold") or 1):
                self.passed, self.failed, self.reason = True, False, ""
