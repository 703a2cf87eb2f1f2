"""What the lifecycle asks the running emulator over HTTP, outside the AWS API."""

import http.client
import json
from typing import Any

STATUS = "/_sandbox/status"
RESET = "/_sandbox/reset"

FAULTS = "/_sandbox/faults"
DNS = "/_sandbox/dns"

TOKEN_HEADER = "X-Sandbox-Token"
"""Carries the admin token; a page in a browser can reach loopback, but does not know it."""


def status(port: int, timeout_s: float) -> dict[str, Any] | None:
    """The emulator's own account of itself, None when it does not answer within `timeout_s` seconds."""
    try:
        return _request("GET", port, STATUS, {}, timeout_s)
    except (OSError, http.client.HTTPException, ValueError, RuntimeError):
        return None


def reset(port: int, token: str, timeout_s: float) -> None:
    """Clear account and Kubernetes. OSError when the emulator does not answer, RuntimeError when it refuses."""
    _request("POST", port, RESET, {TOKEN_HEADER: token}, timeout_s)


def faults(port: int, token: str, regions: Any, timeout_s: float) -> None:
    """Tell what is wrong with which regions. Errors as for `reset`."""
    _request("POST", port, FAULTS, {TOKEN_HEADER: token}, timeout_s, json.dumps(regions))


def dns(port: int, token: str, told: Any, timeout_s: float) -> dict[str, Any]:
    """Tell what health checks see, and hear which there are. Errors as for `reset`."""
    return _request("POST", port, DNS, {TOKEN_HEADER: token}, timeout_s, json.dumps(told))


def _request(
    method: str, port: int, path: str, headers: dict[str, str], timeout_s: float, content: str = ""
) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    try:
        connection.request(method, path, content or None, headers)
        response = connection.getresponse()
        body = response.read()
    finally:
        connection.close()
    if response.status != 200:
        raise RuntimeError(f"{method} {path}: {response.status} {body.decode(errors='replace')[:500]}")
    return dict(json.loads(body))
