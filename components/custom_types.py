"""Types that the controllers of a cluster bring along, declared from the files in `crds/`: each says where it is from.

In Auto Mode AWS installs its own, so only the scaling type is declared.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import pulumi
import yaml
from pulumi_kubernetes import apiextensions

from components.base import type_token
from components.vocabulary import Compute

FOLDER = Path(__file__).parent / "crds"

SCALING: Final = ("scaledobjects.keda.sh",)
BALANCING: Final = ("targetgroupbindings.elbv2.k8s.aws", "ingressclassparams.elbv2.k8s.aws")
TYPES: Final[Mapping[Compute, tuple[str, ...]]] = {Compute.MANAGED: SCALING + BALANCING, Compute.AUTO: SCALING}


@cache
def definition(name: str) -> Mapping[str, Any]:
    """A file of `crds/`, parsed."""
    parsed = yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    assert isinstance(parsed, dict)
    return parsed


class CustomTypes(pulumi.ComponentResource):
    """CustomResourceDefinitions. Creation: seconds; objects of the types wait for `types`."""

    types: Mapping[str, pulumi.Resource]

    def __init__(self, name: str, compute: Compute, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(type_token(type(self)), name, {}, opts)
        self.types = {
            kind: apiextensions.v1.CustomResourceDefinition(
                f"{name}-{kind}",
                metadata={"name": kind, "labels": {"app.kubernetes.io/managed-by": "pulumi"}},
                spec=definition(kind)["spec"],
                opts=pulumi.ResourceOptions(parent=self),
            )
            for kind in TYPES[compute]
        }
        self.register_outputs({"types": sorted(self.types)})
