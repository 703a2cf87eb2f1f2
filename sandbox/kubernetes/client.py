"""A small Kubernetes API client: requests, discovery, server-side apply, and the server's own words in errors."""

import json
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx

from sandbox.kubernetes.errors import ApiError, Unreachable

Manifest = dict[str, Any]
"""A Kubernetes object as JSON."""

APPLY = "application/apply-patch+yaml"
MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"

RETRY_DELAYS_S = (0.2, 0.6, 1.8)
"""Pauses before a request that can be repeated is repeated: the server is starting, restarting or shedding load."""

_RETRY_STATUSES = frozenset({429, 502, 503, 504})
_WARNING = re.compile(r'299 \S+ "((?:[^"\\]|\\.)*)"')
_DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


@dataclass(frozen=True, kw_only=True, slots=True)
class Resource:
    """What discovery says of a kind: its REST collection and what can be done with it."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool
    verbs: frozenset[str]

    def path(self, namespace: str | None, name: str | None = None) -> str:
        """REST path of the object, or of the collection without `name`."""
        root = f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"
        scope = f"/namespaces/{quote(namespace, safe='')}" if self.namespaced and namespace else ""
        return f"{root}{scope}/{self.plural}" + (f"/{quote(name, safe='')}" if name else "")


@dataclass(kw_only=True)
class Client:
    """Thread-safe. `headers` is called for each request, so that a token can be renewed."""

    url: str
    context: ssl.SSLContext | bool
    headers: Callable[[], Mapping[str, str]] = dict
    timeout_s: float = 30.0
    server_name: str | None = None
    """Name that the server's certificate has to be for, where it is not the one in `url`: behind a tunnel."""
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _resources: dict[tuple[str, str], Resource] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        limits = httpx.Limits(max_connections=64, max_keepalive_connections=16)
        # Proxies of the environment are not for a server on this machine or behind a tunnel.
        self._http = httpx.Client(
            base_url=self.url, verify=self.context, timeout=self.timeout_s, limits=limits, trust_env=False
        )

    def close(self) -> None:
        self._http.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
        accept: str = "application/json",
        warnings: list[str] | None = None,
        delays_s: tuple[float, ...] = RETRY_DELAYS_S,
    ) -> Manifest:
        """The answer as JSON; the server's warnings are appended to `warnings`.

        ApiError carries the server's reason; Unreachable says why nobody answered.
        """
        content = None if body is None else json.dumps(body)
        repeatable = method != "POST"
        extensions = {"sni_hostname": self.server_name} if self.server_name else {}
        for delay_s in (*delays_s, None):
            headers = {"Content-Type": content_type, "Accept": accept, **self.headers()}
            try:
                response = self._http.request(
                    method, path, params=params, content=content, headers=headers, extensions=extensions
                )
            except httpx.ConnectError as error:
                failure: Exception = Unreachable(f"{self.url} does not answer: {error}")
            except httpx.TransportError as error:
                failure = Unreachable(f"{self.url} does not answer: {error or type(error).__name__}")
                if not repeatable:
                    raise failure from error
            else:
                if response.is_success:
                    if warnings is not None:
                        warnings += _WARNING.findall(response.headers.get("Warning", ""))
                    answer: Manifest = response.json()
                    return answer
                failure = ApiError.of(response.status_code, response.text)
                if response.status_code not in _RETRY_STATUSES:
                    raise failure
            if delay_s is None:
                raise failure
            time.sleep(delay_s)
        raise AssertionError("unreachable")

    def get(self, path: str, **params: str) -> Manifest:
        return self.request("GET", path, params=params)

    def watch(self, path: str, resource_version: str, limit_s: float) -> Iterator[Manifest]:
        """Watch events of a collection after `resource_version`, for at most `limit_s` seconds.

        ApiError when the server refuses, Unreachable when the connection breaks.
        """
        params = {"watch": "1", "resourceVersion": resource_version, "timeoutSeconds": f"{limit_s:.0f}"}
        timeout = httpx.Timeout(self.timeout_s, read=limit_s + self.timeout_s)
        try:
            with self._http.stream("GET", path, params=params, headers=self.headers(), timeout=timeout) as response:
                if not response.is_success:
                    raise ApiError.of(response.status_code, response.read().decode(errors="replace"))
                for line in response.iter_lines():
                    event: Manifest = json.loads(line)
                    if event["type"] == "ERROR":
                        status = event["object"]
                        raise ApiError(status.get("code", 0), status.get("reason", ""), status.get("message", ""))
                    yield event
        except httpx.TransportError as error:
            raise Unreachable(f"{self.url} does not answer: {error or type(error).__name__}") from error

    def find(self, path: str) -> Manifest | None:
        """The object at `path`, or None when there is none."""
        try:
            return self.get(path)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def apply(
        self,
        path: str,
        manifest: Mapping[str, Any],
        manager: str,
        *,
        force: bool = False,
        dry_run: bool = False,
        warnings: list[str] | None = None,
    ) -> Manifest:
        """Server-side apply with strict field validation; the result is the whole object."""
        params = {"fieldManager": manager, "fieldValidation": "Strict", "force": "true" if force else "false"}
        if dry_run:
            params["dryRun"] = "All"
        return self.request("PATCH", path, params=params, body=manifest, content_type=APPLY, warnings=warnings)

    def delete(self, path: str, options: Mapping[str, Any] | None = None) -> bool:
        """False when there was nothing to delete."""
        try:
            self.request("DELETE", path, body=options or {})
        except ApiError as error:
            if error.status == 404:
                return False
            raise
        return True

    def resource(self, api_version: str, kind: str) -> Resource:
        """What the server says of a kind; ApiError 404 in kubectl's words when it serves no such kind."""
        with self._lock:
            known = self._resources.get((api_version, kind))
        if known is not None:
            return known
        for resource in self.resources():
            if (resource.api_version, resource.kind) == (api_version, kind):
                return resource
        raise ApiError(404, "NotFound", f'no matches for kind "{kind}" in version "{api_version}"')

    def resources(self) -> list[Resource]:
        """All kinds that the server has now, in every served version."""
        found = [
            resource
            for path in ("/api", "/apis")
            for group in self.request("GET", path, accept=_DISCOVERY)["items"]
            for resource in _resources(group)
        ]
        with self._lock:
            self._resources = {(resource.api_version, resource.kind): resource for resource in found}
        return found


def _resources(group: Mapping[str, Any]) -> list[Resource]:
    name = group["metadata"].get("name", "")
    return [
        Resource(
            api_version=f"{name}/{version['version']}" if name else version["version"],
            kind=resource["responseKind"]["kind"],
            plural=resource["resource"],
            namespaced=resource["scope"] == "Namespaced",
            verbs=frozenset(resource["verbs"]),
        )
        for version in group.get("versions", [])
        for resource in version.get("resources", [])
        if resource.get("responseKind", {}).get("kind")
    ]
