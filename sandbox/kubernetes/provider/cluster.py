"""The provider's connection to its cluster: made once, on first use, and what to do when there is none."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.kubernetes.apiserver import SCHEMA_ONLY_URL
from sandbox.kubernetes.client import RETRY_DELAYS_S, Client, Resource
from sandbox.kubernetes.errors import ApiError, ConfigError, Unreachable
from sandbox.kubernetes.provider import kubeconfig
from sandbox.kubernetes.provider.manifests import Kind, Manifest
from sandbox.kubernetes.provider.settings import Settings


@dataclass(frozen=True, slots=True)
class State:
    """`client` is None without an API server; then `reason` says why, and `schema_only` whether that is by design."""

    client: Client | None
    namespace: str
    reason: str = ""
    schema_only: bool = False


class Cluster:
    """Decides once per provider process whether the cluster can be reached, as the official plugin does."""

    def __init__(self, settings: Settings, warn: Callable[[str], None]) -> None:
        self.settings = settings
        self._warn = warn
        self._lock = threading.Lock()
        self._state: State | None = None

    @property
    def state(self) -> State:
        with self._lock:
            if self._state is None:
                self._state = self._connect()
                if self._state.schema_only:
                    self._warn(
                        "no kube-apiserver on this machine: manifests are validated against the published schema only, "
                        "and marked `not emulated` in state"
                    )
                elif self._state.client is None:
                    self._warn(
                        f"the Kubernetes cluster is unreachable, so only inputs are compared: {self._state.reason}"
                    )
            return self._state

    def _connect(self) -> State:
        settings = self.settings
        namespace = settings.namespace or "default"
        try:
            target = kubeconfig.load(
                settings.kubeconfig, context=settings.context, cluster=settings.cluster, namespace=settings.namespace
            )
            if target.server == SCHEMA_ONLY_URL:
                return State(None, target.namespace, "there is no kube-apiserver on this machine", schema_only=True)
            credentials = kubeconfig.Credentials(target)
            client = _Renewing(
                url=target.server,
                context=kubeconfig.tls(target),
                headers=credentials.headers,
                timeout_s=settings.timeout_s,
                server_name=target.server_name,
                forget=credentials.forget,
            )
            client.request("GET", "/version", delays_s=RETRY_DELAYS_S[:1])
        except (ConfigError, Unreachable) as error:
            return State(None, namespace, str(error))
        except ApiError as error:
            if error.status != 403:
                return State(None, namespace, f"{error.message} (HTTP {error.status} from {target.server})")
        return State(client, target.namespace)

    def client(self) -> Client:
        """Unreachable with the reason when there is no API server."""
        state = self.state
        if state.client is None:
            raise Unreachable(f"the Kubernetes cluster is unreachable: {state.reason}")
        return state.client

    def resource(self, kind: Kind) -> Resource:
        return self.client().resource(kind.api_version, kind.kind)

    def path(self, kind: Kind, manifest: Mapping[str, Any]) -> str:
        found = manifest["metadata"]
        return self.resource(kind).path(found.get("namespace"), found["name"])

    def live(self, kind: Kind, manifest: Mapping[str, Any]) -> Manifest | None:
        """The object that the manifest names, None when it does not exist."""
        return self.client().find(self.path(kind, manifest))


class _Renewing(Client):
    """Asks for new credentials once when they are refused: a session may have ended early."""

    def __init__(self, *, forget: Callable[[], None], **arguments: Any) -> None:
        super().__init__(**arguments)
        self._forget = forget

    def request(self, *arguments: Any, **named: Any) -> Manifest:
        try:
            return super().request(*arguments, **named)
        except ApiError as error:
            if error.status != 401:
                raise
            self._forget()
            return super().request(*arguments, **named)
