"""What the cluster's API server says: metrics, budgets, controllers. Read only."""

import base64
import json
import shutil
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from stacks.providers import kubeconfig

TIMEOUT_S = 15
"""Seconds for one answer. A private endpoint that cannot be reached from here does not answer at all."""


class Unreachable(Exception):
    """The API server does not answer, or not to this caller; the text says which."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusterApi:
    """An API server with a token for it."""

    url: str
    context: ssl.SSLContext
    token: str

    def text(self, path: str) -> str:
        """The answer to a GET. Raises Unreachable."""
        request = urllib.request.Request(self.url + path, headers={"Authorization": f"Bearer {self.token}"})
        # Proxies of the environment are not for an endpoint inside of the VPC.
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=self.context)
        )
        try:
            with opener.open(request, timeout=TIMEOUT_S) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            raise Unreachable(f"GET {path}: the API server answers {error.code} {error.reason}") from None
        except OSError as error:
            raise Unreachable(f"{self.url} cannot be reached from here: {error}") from None

    def items(self, path: str) -> list[dict[str, Any]]:
        """The objects of a collection. Raises Unreachable."""
        found: list[dict[str, Any]] = json.loads(self.text(path))["items"]
        return found


def cluster_api(outputs: Mapping[str, Any], role_arn: str | None) -> ClusterApi:
    """The API server of a cell, from its stack's outputs, entered with `aws eks get-token` as the workloads stack does.

    Raises Unreachable where no token is to be had.
    """
    config = cast(
        dict[str, Any],
        kubeconfig(
            name=outputs["clusterName"],
            region=outputs["region"],
            endpoint=outputs["clusterEndpoint"],
            certificate_authority=outputs["clusterCertificateAuthority"],
            role_arn=role_arn,
        ),
    )
    login, cluster = config["users"][0]["user"]["exec"], config["clusters"][0]["cluster"]
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
    )
