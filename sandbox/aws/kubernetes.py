"""Where the emulator meets `sandbox.kubernetes`: the API servers of EKS clusters and their authentication webhook."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import unquote

from moto.eks.models import eks_backends

from sandbox.aws.outages import REGIONS, NoAnswer
from sandbox.kubernetes import binaries
from sandbox.kubernetes.apiserver import Clusters, Endpoint
from sandbox.kubernetes.aws_types import Part
from sandbox.kubernetes.webhook import AccessEntry, Caller, TokenReviewer, callers
from sandbox.lifecycle.home import Home
from sandbox.regions import RegionFault


class Kubernetes:
    """The real API servers, one an emulated EKS cluster. Every method may be called from any thread."""

    def __init__(self, home: Home, token_reviewer_url: str) -> None:
        secrets = home.secrets()
        self._servers = Clusters(home.kubernetes, token_reviewer_url, logs=home.logs)
        self._find_caller = callers({secrets["access_key_id"]: secrets["secret_access_key"]})
        self._reviewer = TokenReviewer(self._find_caller, _entries)

    def start(self, account: str, region: str, name: str) -> Endpoint:
        """URL and authority of the cluster, at once; the server comes up in the background."""
        return self._servers.start(account, region, name)

    def enable(self, account: str, region: str, name: str, part: Part) -> None:
        """Give the cluster the types that a part of EKS brings."""
        self._servers.enable(account, region, name, part)

    def ready(self, account: str, region: str, name: str) -> bool:
        return self._servers.ready(account, region, name)

    def stop(self, account: str, region: str, name: str) -> None:
        self._servers.stop(account, region, name)

    def stop_all(self) -> None:
        self._servers.stop_all()

    def caller(self, access_key_id: str) -> Caller | None:
        """Whose access key this is, None for a key that the emulated accounts do not know."""
        return self._find_caller(access_key_id)

    def review_token(self, environ: Mapping[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """WSGI: a TokenReview posted to .../token-review/<account>/<region>/<cluster>. Nobody is let into a cluster of
        a region that is dead, but the data plane, which needs no token."""
        account, region, cluster = (unquote(part) for part in environ["PATH_INFO"].split("/")[-3:])
        if REGIONS.has(region, RegionFault.DEAD):
            raise NoAnswer
        length = int(environ.get("CONTENT_LENGTH") or 0)
        answer = self._reviewer.review(account, region, cluster, json.loads(environ["wsgi.input"].read(length)))
        data = json.dumps(answer).encode()
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(data)))])
        return [data]

    @staticmethod
    def summary() -> str:
        """Whether there are real API servers here."""
        binary = binaries.kube_apiserver()
        return (
            f"API servers run {binary}"
            if binary
            else "no kube-apiserver: manifests are validated against the schema only"
        )

    @staticmethod
    def clusters() -> list[dict[str, Any]]:
        """All emulated clusters."""
        return [
            {
                "account": account,
                "region": region,
                "name": cluster.name,
                "status": cluster.status,
                "endpoint": cluster.endpoint,
            }
            for account, region, backend in list(eks_backends.iter_backends())
            for cluster in list(backend.clusters.values())
        ]


def _entries(account: str, region: str, name: str) -> Iterable[AccessEntry]:
    """Access entries of a cluster for the webhook; KeyError when there is no such cluster."""
    return [entry.for_webhook() for entry in eks_backends[account][region].clusters[name].access.values()]
