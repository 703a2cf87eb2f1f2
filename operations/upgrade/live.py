"""What the cluster's API server says: metrics, budgets, controllers. Read only."""

import base64
import json
import shutil
import socket
import ssl
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

from operations.connect import Cluster, config

TIMEOUT_S = 15
"""Seconds for one answer. A private endpoint that cannot be reached from here does not answer at all."""


OK = 200


MAX_BODY = 64 * 1024 * 1024
"""Bytes of one answer: an object has at most 1.5 MiB (limit of a request to etcd), and lists are asked in pages."""


class Unreachable(Exception):
    """The API server does not answer, or not to this caller; the text says which."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What an API server said, good or bad."""

    status: int
    reason: str
    headers: Mapping[str, str]
    """By name in lower case."""
    body: bytes


class _Connection(HTTPSConnection):
    """HTTPS to a server that may stand behind another name than its certificate's."""

    def __init__(self, host: str, port: int | None, context: ssl.SSLContext, certified: str | None) -> None:
        super().__init__(host, port, timeout=TIMEOUT_S, context=context)
        self._verifying, self._certified = context, certified

    def connect(self) -> None:
        if self._certified is None:
            return super().connect()
        plain = socket.create_connection((self.host, self.port), TIMEOUT_S)
        # The name is asked for (SNI) and the certificate has to be for it: the context verifies both.
        self.sock = self._verifying.wrap_socket(plain, server_hostname=self._certified)
        return None


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusterApi:
    """An API server with a token for it."""

    url: str
    context: ssl.SSLContext
    token: str
    certified: str | None = None
    """Host that the server's certificate names, where that is not the URL's: the URL is a tunnel's near end then."""

    def get(self, path: str) -> Answer:
        """The answer to a GET, a refusal too. Raises Unreachable where there is none, or one without end."""
        near = urlsplit(self.url)
        # Not through proxies of the environment: they are not for an endpoint inside of the VPC.
        connection = _Connection(str(near.hostname), near.port, self.context, self.certified)
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {self.token}"})
            answer = connection.getresponse()
            body = answer.read(MAX_BODY + 1)
        except (OSError, HTTPException) as error:
            raise Unreachable(f"{self.url} cannot be reached from here: {error}") from None
        finally:
            connection.close()
        if len(body) > MAX_BODY:
            raise Unreachable(f"GET {path}: the API server answers more than {MAX_BODY:,} bytes")
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(status=answer.status, reason=answer.reason, headers=headers, body=body)

    def text(self, path: str) -> str:
        """The text of a good answer to a GET. Raises Unreachable."""
        answer = self.get(path)
        if answer.status != OK:
            raise Unreachable(f"GET {path}: the API server answers {answer.status} {answer.reason}")
        return answer.body.decode()

    def items(self, path: str) -> list[dict[str, Any]]:
        """The objects of a collection. Raises Unreachable."""
        found: list[dict[str, Any]] = json.loads(self.text(path))["items"]
        return found


def cluster_api(cell: str, outputs: Mapping[str, Any], role_arn: str | None, tunnel: str | None = None) -> ClusterApi:
    """The API server of a cell, from its stack's outputs, entered with `aws eks get-token` as the workloads stack does.

    `tunnel`: `HOST:PORT` of the near end of a way there, as `cell connect` sets it. Raises Unreachable where no token
    is to be had, CellError where the cell is not up.
    """
    return enter(Cluster.of(cell, outputs, role_arn), tunnel)


def enter(found: Cluster, tunnel: str | None = None) -> ClusterApi:
    """The API server of a cluster. Raises Unreachable where no token is to be had."""
    entered = config(found, tunnel)
    login, cluster = entered["users"][0]["user"]["exec"], entered["clusters"][0]["cluster"]
    program = shutil.which(login["command"])
    if program is None:
        raise Unreachable(f"{login['command']} is not on PATH: it makes the token for the cluster")
    done = subprocess.run([program, *login["args"]], capture_output=True, text=True, check=False, timeout=60)
    if done.returncode:
        raise Unreachable(f"no token for the cluster: {done.stderr.strip()}")
    authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
    return ClusterApi(
        url=cluster["server"],
        context=ssl.create_default_context(cadata=authority),
        token=json.loads(done.stdout)["status"]["token"],
        certified=cluster.get("tls-server-name"),
    )
