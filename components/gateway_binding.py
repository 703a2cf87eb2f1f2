"""How packets get from the load balancer to the gateway: a target group binding, which the load balancer controller
(or EKS Auto Mode) follows by registering the pods behind a service in the edge's target group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi
from pulumi_kubernetes import apiextensions

from components.base import type_token
from components.vocabulary import Compute

API: Final = {Compute.MANAGED: "elbv2.k8s.aws/v1beta1", Compute.AUTO: "eks.amazonaws.com/v1"}
"""Auto Mode's controller reads its own group and leaves the other alone
(https://docs.aws.amazon.com/eks/latest/userguide/migrate-auto.html)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GatewayBindingArgs:
    """Which pods serve which target group."""

    cell: str
    compute: Compute
    namespace: pulumi.Input[str]
    target_group_arn: pulumi.Input[str]
    vpc_id: pulumi.Input[str]
    service: str = "gateway"
    port: int = 8443
    after: Sequence[pulumi.Resource] = ()
    """The type's definition, where this program declares it."""

    def __post_init__(self) -> None:
        if not 1 <= self.port <= 65_535:
            raise ValueError(f"gateway_binding.port: {self.port} is outside 1..65535")


class GatewayBinding(pulumi.ComponentResource):
    """One binding. Creation: seconds; targets are healthy after two checks of the edge."""

    def __init__(self, name: str, args: GatewayBindingArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(type_token(type(self)), name, {}, opts)
        labels = {"app.kubernetes.io/managed-by": "pulumi", "payment-cell/cell": args.cell}
        apiextensions.CustomResource(
            f"{name}-gateway",
            api_version=API[args.compute],
            kind="TargetGroupBinding",
            metadata={"name": args.service, "namespace": args.namespace, "labels": labels},
            spec=binding(args),
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(args.after)),
        )
        self.register_outputs({})


def binding(args: GatewayBindingArgs) -> dict[str, Any]:
    """The spec. What a webhook would look up is said, so that none is needed; without `networking` the controller
    leaves security groups alone: the edge opens the port."""
    return {
        "serviceRef": {"name": args.service, "port": args.port},
        "targetGroupARN": args.target_group_arn,
        "targetType": "ip",
        "ipAddressType": "ipv4",
        "vpcID": args.vpc_id,
    }
