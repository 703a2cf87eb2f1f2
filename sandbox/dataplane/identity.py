"""The pod identity agent: temporary credentials of the role that a service account's association names.

https://docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html. It answers on loopback what SDKs ask at
AWS_CONTAINER_CREDENTIALS_FULL_URI; who asks is told by the token of the pod.
"""

import json
import re
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from sandbox.dataplane.cluster import ClusterKey
from sandbox.dataplane.http_server import HttpServer
from sandbox.dataplane.outside import client

PATH = "/v1/credentials"
SESSION_S = 3600
"""Seconds that credentials live: role chaining allows no more."""

RENEW_BEFORE_S = 900
"""SDKs renew in the last 15 minutes: they must be given new ones then."""

TAG_LENGTH = 256
"""Characters of a session tag's value (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PodIdentity:
    """Whom a token belongs to."""

    cluster: ClusterKey
    namespace: str
    service_account: str
    pod: str
    uid: str


class NoRole(Exception):
    """There is no association for the pod's service account; the message names it."""


class Agent:
    """One server for all pods. `address`: (IP, 0 or a port)."""

    def __init__(self, address: tuple[str, int], endpoint_url: str, tell: Callable[[str], None]) -> None:
        self._url = endpoint_url
        self._tell = tell
        self._lock = threading.Lock()
        self._pods: dict[str, PodIdentity] = {}
        self._known: dict[str, tuple[str, dict[str, str], float]] = {}
        agent = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = agent.answer(self.path, self.headers.get("Authorization", ""))
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                """The emulator's access log has what matters."""

        self._server = HttpServer(address, Handler)
        self.address = (address[0], self._server.server_port)
        threading.Thread(target=self._server.serve_forever, name="pod-identity", daemon=True).start()

    def admit(self, pod: PodIdentity) -> str:
        """A token for the pod."""
        token = secrets.token_urlsafe(32)
        with self._lock:
            self._pods[token] = pod
        return token

    def dismiss(self, token: str) -> None:
        with self._lock:
            self._pods.pop(token, None)
            self._known.pop(token, None)

    def answer(self, path: str, token: str) -> tuple[int, Mapping[str, str]]:
        """(HTTP status, body)."""
        with self._lock:
            pod = self._pods.get(token)
        if path != PATH:
            return 404, {"message": f"nothing is at {path}"}
        if pod is None:
            return 401, {"message": "the token is of no pod of this node"}
        try:
            return 200, self._credentials(token, pod)
        except NoRole as error:
            return 404, {"message": str(error)}
        except (ClientError, BotoCoreError) as error:
            self._tell(f"credentials of {pod.namespace}/{pod.pod}: {error}")
            return 500, {"message": str(error)}

    def _credentials(self, token: str, pod: PodIdentity) -> Mapping[str, str]:
        association = self._association(pod)
        role = str(association["roleArn"])
        with self._lock:
            known = self._known.get(token)
        if known is not None and known[0] == role and time.time() < known[2] - RENEW_BEFORE_S:
            return known[1]
        tags = {} if association.get("disableSessionTags") else session_tags(pod)
        sts = client("sts", pod.cluster.account, pod.cluster.region, self._url)
        answer = sts.assume_role(
            RoleArn=role,
            RoleSessionName=re.sub(r"[^\w+=,.@-]", "-", f"eks-{pod.cluster.name}-{pod.pod}")[:64],
            DurationSeconds=SESSION_S,
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
            TransitiveTagKeys=sorted(tags),
        )["Credentials"]
        body = {
            "AccessKeyId": answer["AccessKeyId"],
            "SecretAccessKey": answer["SecretAccessKey"],
            "Token": answer["SessionToken"],
            "Expiration": answer["Expiration"].strftime("%Y-%m-%dT%H:%M:%SZ"),
            "AccountId": role.split(":")[4],
        }
        with self._lock:
            self._known[token] = (role, body, answer["Expiration"].timestamp())
        return body

    def _association(self, pod: PodIdentity) -> Mapping[str, Any]:
        eks = client("eks", pod.cluster.account, pod.cluster.region, self._url)
        name = pod.cluster.name
        found = eks.list_pod_identity_associations(
            clusterName=name, namespace=pod.namespace, serviceAccount=pod.service_account
        )["associations"]
        if not found:
            raise NoRole(f"no pod identity association for {pod.namespace}/{pod.service_account} in cluster {name}")
        described = eks.describe_pod_identity_association(clusterName=name, associationId=found[0]["associationId"])
        association: Mapping[str, Any] = described["association"]
        return association


def session_tags(pod: PodIdentity) -> dict[str, str]:
    """https://docs.aws.amazon.com/eks/latest/userguide/pod-id-abac.html"""
    cluster = pod.cluster
    return {
        "eks-cluster-arn": f"arn:aws:eks:{cluster.region}:{cluster.account}:cluster/{cluster.name}"[:TAG_LENGTH],
        "eks-cluster-name": cluster.name,
        "kubernetes-namespace": pod.namespace,
        "kubernetes-service-account": pod.service_account,
        "kubernetes-pod-name": pod.pod,
        "kubernetes-pod-uid": pod.uid,
    }
