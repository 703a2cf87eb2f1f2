"""One kube-apiserver: the control plane of one emulated EKS cluster, kept running until it is stopped.

The flags are those of an EKS control plane as far as AWS publishes them; what differs is said at the flag.
"""

import http.client
import json
import ssl
import threading
from pathlib import Path

from sandbox.kubernetes.etcd import Etcd
from sandbox.kubernetes.pki import Authority, KeyPair, service_account_keys, write_private
from sandbox.kubernetes.ports import free_port
from sandbox.kubernetes.process import Child

POLL_S = 0.1
RESTART_DELAY_S = 1.0
TOKEN_CACHE_S = 5
"""Seconds for which the API server remembers an answer of the token reviewer, and so how late a changed access entry is
noticed. EKS says "a few seconds" of its own authenticator."""

SERVICE_CIDR = "172.20.0.0/16"
"""What EKS takes for services in a VPC inside 10.0.0.0/8
(https://docs.aws.amazon.com/eks/latest/APIReference/API_KubernetesNetworkConfigRequest.html)."""

# Half the memory of the defaults at a little more processor time; the limit is soft.
_GO = {"GOGC": "40", "GOMEMLIMIT": "220MiB"}

_AUTHENTICATION = {
    "apiVersion": "apiserver.config.k8s.io/v1",
    "kind": "AuthenticationConfiguration",
    "anonymous": {"enabled": True, "conditions": [{"path": path} for path in ("/livez", "/readyz", "/healthz")]},
}


class ApiServer:
    """`start` returns at once; the server, once up, is restarted whenever it ends, on the same port and data."""

    def __init__(self, *, binary: Path, folder: Path, log: Path, etcd: Etcd, prefix: str, token_reviewer: str) -> None:
        self._binary = binary
        self._folder = folder
        self._log = log
        self._etcd = etcd
        self._prefix = prefix
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.authority = Authority(folder, "ca")
        self.serving = self.authority.issue("apiserver", common_name="kube-apiserver")
        self.admin = self.authority.issue("admin", common_name="sandbox-admin", organization="system:masters")
        self._service_accounts = service_account_keys(folder)
        self.port = free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        self._authentication = folder / "authentication.json"
        self._authentication.write_text(json.dumps(_AUTHENTICATION))
        self._reviewer = folder / "token-reviewer.json"
        self._reviewer.write_text(json.dumps(_kubeconfig(token_reviewer)))
        self.kubeconfig = folder / "admin.kubeconfig"
        write_private(self.kubeconfig, json.dumps(self._admin_kubeconfig()).encode())
        self._stopping = threading.Event()
        self._supervisor = threading.Thread(target=self._supervise, name=f"apiserver-{self.port}", daemon=True)
        self._child: Child | None = None

    def start(self) -> None:
        self._supervisor.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._supervisor.is_alive():
            self._supervisor.join()

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child else None

    def context(self) -> ssl.SSLContext:
        """TLS as the sandbox's own administrator."""
        context = ssl.create_default_context(cadata=self.authority.pem.decode())
        context.load_cert_chain(self.admin.certificate, self.admin.key)
        return context

    def answers(self) -> bool:
        """Whether /readyz says ok now."""
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=self.context(), timeout=5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _supervise(self) -> None:
        while not self._stopping.is_set():
            try:
                self._etcd.ensure()
            except RuntimeError as error:
                self.note(str(error))
                self._stopping.wait(RESTART_DELAY_S)
                continue
            self._child = Child(self._command(self._etcd.client), self._log, _GO)
            while self._child.alive() and not self._stopping.wait(POLL_S):
                pass
            if not self._stopping.is_set():
                self.note(f"kube-apiserver ended with {self._child.wait()}; starting it again")
                self._stopping.wait(RESTART_DELAY_S)
        if self._child:
            self._child.stop()

    def note(self, message: str) -> None:
        """Add a line of the sandbox itself to the log of the server."""
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("a") as log:
            log.write(f"sandbox: {message}\n")

    def _admin_kubeconfig(self) -> dict[str, object]:
        user = {"client-certificate": str(self.admin.certificate), "client-key": str(self.admin.key)}
        return _kubeconfig(self.url, {"certificate-authority": str(self.authority.certificate)}, user)

    def _command(self, etcd_client: KeyPair) -> list[str | Path]:
        return [
            self._binary,
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            f"--secure-port={self.port}",
            f"--tls-cert-file={self.serving.certificate}",
            f"--tls-private-key-file={self.serving.key}",
            f"--client-ca-file={self.authority.certificate}",
            f"--authentication-config={self._authentication}",
            f"--authentication-token-webhook-config-file={self._reviewer}",
            "--authentication-token-webhook-version=v1",
            f"--authentication-token-webhook-cache-ttl={TOKEN_CACHE_S}s",
            "--authorization-mode=Node,RBAC",
            # As on EKS, whose nodes run privileged agents; Pod Security decides where.
            "--allow-privileged=true",
            # PodSecurity, ResourceQuota, LimitRanger, Priority, ServiceAccount ... are on by default, as on EKS.
            "--enable-admission-plugins=NodeRestriction",
            f"--service-account-issuer={self.url}",
            f"--service-account-key-file={self._service_accounts.certificate}",
            f"--service-account-signing-key-file={self._service_accounts.key}",
            f"--service-cluster-ip-range={SERVICE_CIDR}",
            f"--etcd-servers={self._etcd.url}",
            f"--etcd-cafile={self._etcd.authority.certificate}",
            f"--etcd-certfile={etcd_client.certificate}",
            f"--etcd-keyfile={etcd_client.key}",
            f"--etcd-prefix={self._prefix}",
            # JSON, so that the sandbox's controllers can follow all kinds of objects with one watch of etcd.
            "--storage-media-type=application/json",
            # There is one server and no load: queues and endpoint leases would only cost memory.
            "--enable-priority-and-fairness=false",
            "--endpoint-reconciler-type=none",
            "--profiling=false",
            "--shutdown-delay-duration=0s",
        ]


def _kubeconfig(
    server: str, cluster: dict[str, str] | None = None, user: dict[str, str] | None = None
) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "sandbox", "cluster": {"server": server, **(cluster or {})}}],
        "users": [{"name": "sandbox", "user": user or {}}],
        "contexts": [{"name": "sandbox", "context": {"cluster": "sandbox", "user": "sandbox"}}],
        "current-context": "sandbox",
    }
