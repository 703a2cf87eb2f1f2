"""The API servers of the emulated EKS clusters: one etcd, one kube-apiserver a cluster, started on demand.

Runs inside the emulator's process, which calls `Clusters`. Everything below `home` belongs to one run of the sandbox.
"""

import ssl
import threading
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from sandbox.kubernetes import binaries
from sandbox.kubernetes.aws_types import Part
from sandbox.kubernetes.controllers import Controllers
from sandbox.kubernetes.etcd import Etcd
from sandbox.kubernetes.pki import Authority
from sandbox.kubernetes.server import ApiServer

SCHEMA_ONLY_URL = "https://no-api-server.sandbox.invalid"
"""Endpoint of a cluster on a machine without kube-apiserver; the provider then validates manifests against the
schema."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """What describe-cluster shows: `url` such as https://127.0.0.1:PORT, and the PEM certificate of its authority."""

    url: str
    ca_pem: str


@dataclass(frozen=True, kw_only=True, slots=True)
class _Cluster:
    server: ApiServer
    controllers: Controllers
    prefix: str


class Clusters:
    """Every method may be called from any thread.

    `token_reviewer_url`: where TokenReviews are posted; the cluster is appended as /<account>/<region>/<name>.
    `logs`: folder of the servers' logs, by default `home`/logs.
    """

    def __init__(self, home: Path, token_reviewer_url: str, logs: Path | None = None) -> None:
        self._home = home
        self._logs = logs or home / "logs"
        self._reviewer = token_reviewer_url.rstrip("/")
        self._binary = binaries.kube_apiserver()
        self._lock = threading.Lock()
        self._clusters: dict[tuple[str, str, str], _Cluster] = {}
        self._schema_only: set[tuple[str, str, str]] = set()
        self._etcd = Etcd(home / "etcd", self._logs / "etcd.log")

    def start(self, account: str, region: str, name: str) -> Endpoint:
        """The cluster's endpoint, at once; `ready` says when it answers. A second call returns the same endpoint."""
        key = (account, region, name)
        with self._lock:
            if self._binary is None:
                self._schema_only.add(key)
                self._home.mkdir(parents=True, exist_ok=True, mode=0o700)
                return Endpoint(url=SCHEMA_ONLY_URL, ca_pem=Authority(self._home, "no-api-server").pem.decode())
            if key not in self._clusters:
                self._clusters[key] = self._launch(self._binary, *key)
            server = self._clusters[key].server
        return Endpoint(url=server.url, ca_pem=server.authority.pem.decode())

    def enable(self, account: str, region: str, name: str, part: Part) -> None:
        """Give the cluster the types that a part of EKS brings; harmless for an unknown cluster."""
        with self._lock:
            cluster = self._clusters.get((account, region, name))
        if cluster is not None:
            cluster.controllers.enable(part)

    def ready(self, account: str, region: str, name: str) -> bool:
        """Whether the cluster accepts objects: the server answers and the roles that EKS brings exist."""
        key = (account, region, name)
        with self._lock:
            cluster = self._clusters.get(key)
        if cluster is None:
            return key in self._schema_only
        return cluster.controllers.bootstrapped.is_set() and cluster.server.answers()

    def admin_kubeconfig(self, account: str, region: str, name: str) -> Path:
        """kubeconfig (mode 0600) of the sandbox's own administrator; KeyError for a cluster that was not started."""
        with self._lock:
            return self._clusters[(account, region, name)].server.kubeconfig

    def admin_context(self, account: str, region: str, name: str) -> ssl.SSLContext:
        """TLS as that administrator; KeyError for a cluster that was not started."""
        with self._lock:
            return self._clusters[(account, region, name)].server.context()

    def stop(self, account: str, region: str, name: str) -> None:
        """End the server and delete its objects; harmless for an unknown cluster."""
        key = (account, region, name)
        with self._lock:
            self._schema_only.discard(key)
            cluster = self._clusters.pop(key, None)
        if cluster is not None:
            cluster.controllers.stop()
            cluster.server.stop()
            self._etcd.delete_prefix(cluster.prefix)

    def stop_all(self) -> None:
        """End all servers and etcd."""
        with self._lock:
            clusters = list(self._clusters.values())
            self._clusters.clear()
            self._schema_only.clear()
        for cluster in clusters:
            cluster.controllers.stop()
            cluster.server.stop()
        self._etcd.stop()

    def _launch(self, binary: Path, account: str, region: str, name: str) -> _Cluster:
        prefix = f"/{account}/{region}/{name}/"
        server = ApiServer(
            binary=binary,
            folder=self._home / account / region / name,
            log=self._logs / f"kube-apiserver-{account}-{region}-{name}.log",
            etcd=self._etcd,
            prefix=prefix.rstrip("/"),
            token_reviewer=f"{self._reviewer}/{account}/{region}/{quote(name)}",
        )
        controllers = Controllers(server=server, etcd=self._etcd, prefix=prefix)
        server.start()
        controllers.start()
        return _Cluster(server=server, controllers=controllers, prefix=prefix)
