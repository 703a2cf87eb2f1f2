"""What EKS Auto Mode installs in a cluster: the types of its node pools, node classes and target group bindings, from
the files in `crds/`. Nothing acts on objects of these types here: no node starts, no target is registered."""

from pathlib import Path

import yaml

from sandbox.kubernetes.client import Client
from sandbox.kubernetes.objects import Manifest

FOLDER = Path(__file__).parent / "crds"
MANAGER = "eks-auto-mode"


def definitions() -> list[Manifest]:
    """The files of `crds/`, parsed."""
    return [yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.yaml"))]


def bootstrap(client: Client) -> None:
    """Create or update the types."""
    for manifest in definitions():
        path = client.resource(manifest["apiVersion"], manifest["kind"]).path(None, manifest["metadata"]["name"])
        client.apply(path, manifest, MANAGER, force=True)
