"""kubeconfig: which server, how to trust it, and who we are there.

https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/
"""

import base64
import json
import os
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from sandbox.kubernetes.errors import ConfigError

EXEC_TIMEOUT_S = 60
RENEW_BEFORE_S = 60
"""A token is fetched again this long before it expires."""

DEFAULT_PATH = "~/.kube/config"


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """The chosen context: entries `cluster` and `user` of the kubeconfig, and its namespace."""

    cluster: Mapping[str, Any]
    user: Mapping[str, Any]
    namespace: str
    folder: Path

    @property
    def server(self) -> str:
        return str(self.cluster["server"]).rstrip("/")

    @property
    def server_name(self) -> str | None:
        """Name in the server's certificate, where `server` has another: a tunnel's end."""
        return self.cluster.get("tls-server-name") or None


def load(text: str, *, context: str = "", cluster: str = "", namespace: str = "") -> Target:
    """`text`: a kubeconfig (YAML or JSON), a path of one, or empty for $KUBECONFIG and ~/.kube/config."""
    config, folder = _parse(text)
    name = context or str(config.get("current-context") or "")
    if not name and not cluster:
        raise ConfigError("kubeconfig: no current-context; set it, or the provider's `context`")
    chosen = _entry(config, "contexts", name, "context") if name else {}
    cluster_name = cluster or str(chosen.get("cluster") or "")
    found = _entry(config, "clusters", cluster_name, "cluster")
    if not found.get("server"):
        raise ConfigError(f"kubeconfig: cluster {cluster_name!r} has no server")
    user = _entry(config, "users", str(chosen["user"]), "user") if chosen.get("user") else {}
    return Target(
        cluster=found, user=user, namespace=namespace or str(chosen.get("namespace") or "") or "default", folder=folder
    )


def active_cluster(values: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Entry of the cluster that these provider inputs choose; None when they choose none."""
    try:
        return load(
            str(values.get("kubeconfig") or ""),
            context=str(values.get("context") or ""),
            cluster=str(values.get("cluster") or ""),
        ).cluster
    except ConfigError:
        return None


def _parse(text: str) -> tuple[dict[str, Any], Path]:
    folder = Path.cwd()
    if not text:
        paths = [part for part in os.environ.get("KUBECONFIG", DEFAULT_PATH).split(os.pathsep) if part]
        files = [path for path in (Path(part).expanduser() for part in paths) if path.is_file()]
        if not files:
            raise ConfigError("no kubeconfig: set the provider's `kubeconfig` or the environment variable KUBECONFIG")
        text, folder = files[0].read_text(), files[0].parent
    elif "\n" not in text and not text.lstrip().startswith("{"):
        path = Path(text).expanduser()
        if not path.is_file():
            raise ConfigError(f"kubeconfig: {text[:200]} is neither a kubeconfig nor the path of a file")
        text, folder = path.read_text(), path.parent
    try:
        config = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"kubeconfig: not YAML: {getattr(error, 'problem', error)}") from None
    if not isinstance(config, dict):
        raise ConfigError("kubeconfig: not an object with clusters, users and contexts")
    return config, folder


def _entry(config: Mapping[str, Any], section: str, name: str, key: str) -> dict[str, Any]:
    for entry in config.get(section) or ():
        if entry.get("name") == name:
            return dict(entry.get(key) or {})
    known = ", ".join(str(entry.get("name")) for entry in config.get(section) or ()) or "none"
    raise ConfigError(f"kubeconfig: no {key} {name!r} (it has: {known})")


def tls(target: Target) -> ssl.SSLContext | bool:
    """How to trust the server, with the client certificate when the user has one."""
    if target.server.startswith("http://"):
        return True
    cluster, user = target.cluster, target.user
    authority = _content(target, cluster, "certificate-authority")
    context = ssl.create_default_context(cadata=authority.decode() if authority else None)
    if cluster.get("insecure-skip-tls-verify"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    certificate, key = _content(target, user, "client-certificate"), _content(target, user, "client-key")
    if certificate and key:
        # OpenSSL reads keys from files only.
        with tempfile.TemporaryDirectory() as folder:
            pair = Path(folder) / "client.pem"
            pair.touch(mode=0o600)
            pair.write_bytes(certificate + b"\n" + key)
            context.load_cert_chain(pair)
    return context


def _content(target: Target, entry: Mapping[str, Any], key: str) -> bytes | None:
    if entry.get(f"{key}-data"):
        return base64.b64decode(entry[f"{key}-data"])
    if entry.get(key):
        path = target.folder / Path(str(entry[key])).expanduser()
        if not path.is_file():
            raise ConfigError(f"kubeconfig: {key}: no file {path}")
        return path.read_bytes()
    return None


class Credentials:
    """Headers that say who we are. An exec plugin is run when its last token is about to expire; thread-safe."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._lock = threading.Lock()
        self._token = ""
        self._expires_at = 0.0
        unsupported = {"auth-provider", "as", "as-groups", "as-uid", "as-user-extra"} & set(target.user)
        if unsupported or target.cluster.get("proxy-url"):
            names = ", ".join(sorted(unsupported)) or "proxy-url"
            raise ConfigError(f"kubeconfig: the sandbox's provider does not support {names}")

    def headers(self) -> dict[str, str]:
        user = self._target.user
        if user.get("exec"):
            return {"Authorization": f"Bearer {self._exec_token(user['exec'])}"}
        if user.get("token"):
            return {"Authorization": f"Bearer {user['token']}"}
        if user.get("tokenFile"):
            return {"Authorization": f"Bearer {(self._target.folder / user['tokenFile']).read_text().strip()}"}
        if user.get("username"):
            pair = base64.b64encode(f"{user['username']}:{user.get('password', '')}".encode()).decode()
            return {"Authorization": f"Basic {pair}"}
        return {}

    def forget(self) -> None:
        """Run the exec plugin again at the next request."""
        with self._lock:
            self._expires_at = 0.0

    def _exec_token(self, plugin: Mapping[str, Any]) -> str:
        with self._lock:
            if time.time() > self._expires_at - RENEW_BEFORE_S:
                status = _run(plugin, self._target)
                self._token = str(status.get("token") or "")
                expires = status.get("expirationTimestamp")
                # Without an expiry a token is kept until it is refused, as client-go does.
                self._expires_at = datetime.fromisoformat(expires).timestamp() if expires else float("inf")
            return self._token


def _run(plugin: Mapping[str, Any], target: Target) -> dict[str, Any]:
    command = [str(plugin.get("command", "")), *(str(argument) for argument in plugin.get("args") or ())]
    info = {"kind": "ExecCredential", "apiVersion": plugin.get("apiVersion"), "spec": {"interactive": False}}
    if plugin.get("provideClusterInfo"):
        info["spec"] = {"interactive": False, "cluster": {"server": target.server}}
    extra = {str(entry["name"]): str(entry["value"]) for entry in plugin.get("env") or ()}
    environment = {**os.environ, **extra, "KUBERNETES_EXEC_INFO": json.dumps(info)}
    shown = " ".join(command)
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=EXEC_TIMEOUT_S, check=False
        )
    except FileNotFoundError:
        hint = plugin.get("installHint") or f"put {command[0]} on PATH"
        raise ConfigError(f"kubeconfig: exec plugin {command[0]!r} not found; {hint}") from None
    except subprocess.TimeoutExpired:
        raise ConfigError(f"kubeconfig: `{shown}` gave no token within {EXEC_TIMEOUT_S} s") from None
    if done.returncode:
        raise ConfigError(f"kubeconfig: `{shown}` failed with {done.returncode}: {done.stderr.strip()[-500:]}")
    try:
        status = json.loads(done.stdout)["status"]
    except (ValueError, KeyError, TypeError):
        raise ConfigError(f"kubeconfig: `{shown}` did not print an ExecCredential") from None
    return dict(status)
