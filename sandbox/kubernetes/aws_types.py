"""The types that AWS installs in a cluster, from the files in `crds/`: a folder for each part of EKS that brings some.
Nothing acts on objects of these types here: no node starts, no target is registered.

Which types a cluster has was read from listings of real ones, such as
https://github.com/mlewis7127/amazon-eks-guide/blob/main/docs/getting-started/test-cluster.md.
Left out are the newer ones of networking.k8s.aws (admin and application policies), which nothing of a cell uses.
"""

from enum import StrEnum
from pathlib import Path

import yaml

from sandbox.kubernetes.client import Client
from sandbox.kubernetes.objects import Manifest

FOLDER = Path(__file__).parent / "crds"
MANAGER = "eks"


class Part(StrEnum):
    """What brings types; the value is the name of the folder."""

    CLUSTER = "cluster"
    """Every cluster's control plane."""
    AUTO_MODE = "auto-mode"
    VPC_CNI = "vpc-cni"
    """The add-on of that name."""


def definitions(part: Part) -> list[Manifest]:
    """The files of one folder, parsed."""
    return [yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted((FOLDER / part).glob("*.yaml"))]


def install(client: Client, part: Part) -> None:
    """Create or update the types."""
    for manifest in definitions(part):
        path = client.resource(manifest["apiVersion"], manifest["kind"]).path(None, manifest["metadata"]["name"])
        client.apply(path, manifest, MANAGER, force=True)
