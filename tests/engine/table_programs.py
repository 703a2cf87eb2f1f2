"""What the round-trip tests of the table share: policies, roles, a network, and the steps of a round trip."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import pulumi
from inline_stack import InlineStack
from pulumi_aws import ec2, iam

ACCOUNT = "123456789012"
ZONES = ("eu-west-1a", "eu-west-1b", "eu-west-1c")

Versions = Callable[[int], None]
"""A program in several versions: 1 makes everything, 2 changes what can be changed."""


def document(*statements: dict[str, Any]) -> str:
    """An IAM policy; statements are Allow unless they say otherwise."""
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **item} for item in statements]})


def trust(service: str, *actions: str) -> str:
    """A role's trust in one service."""
    return document({"Principal": {"Service": service}, "Action": list(actions or ["sts:AssumeRole"])})


def after(*resources: pulumi.Resource) -> pulumi.ResourceOptions:
    return pulumi.ResourceOptions(depends_on=list(resources))


def role(name: str, service: str, *actions: str, allow: Sequence[str] = ()) -> tuple[iam.Role, iam.RolePolicy]:
    """A role and its inline policy; what needs the permission depends on the policy."""
    made = iam.Role(name, assume_role_policy=trust(service, *actions))
    policy = document({"Action": list(allow or ["logs:CreateLogStream"]), "Resource": "*"})
    return made, iam.RolePolicy(name, role=made.name, policy=policy)


def network() -> tuple[ec2.Vpc, list[ec2.Subnet], ec2.SecurityGroup]:
    """A VPC with three subnets and a security group."""
    vpc = ec2.Vpc("net", cidr_block="10.0.0.0/16", enable_dns_hostnames=True, enable_dns_support=True)
    subnets = [
        ec2.Subnet(f"data-{zone}", vpc_id=vpc.id, cidr_block=f"10.0.{index}.0/24", availability_zone=zone)
        for index, zone in enumerate(ZONES)
    ]
    return vpc, subnets, ec2.SecurityGroup("group", vpc_id=vpc.id, description="members")


def changed(counts: dict[str, int]) -> dict[str, int]:
    """The counts of an operation without what stayed as it was."""
    return {kind: count for kind, count in counts.items() if kind != "same"}


def expect(what: str, counts: dict[str, int], wanted: dict[str, int], stack: InlineStack) -> None:
    """The operation changed just that; else the failure shows what a preview says next."""
    if changed(counts) != wanted:
        raise AssertionError(f"{what}: {changed(counts)} instead of {wanted}\n{stack.preview_text()}")


def comes_up_and_changes(stack: InlineStack, program: Versions, *, update: int, replace: int = 0) -> None:
    """Version 1 comes up and stays, version 2 changes just what it says in place or anew, and stays."""
    stack.use(lambda: program(1))
    stack.up()
    expect("preview of version 1", stack.preview(), {}, stack)
    expect("refresh of version 1", stack.refresh(), {}, stack)
    stack.use(lambda: program(2))
    wanted = {"update": update} | ({"replace": replace} if replace else {})
    expect("up of version 2", stack.up(), wanted, stack)
    expect("preview of version 2", stack.preview(), {}, stack)


def repairs(stack: InlineStack, drifts: int) -> None:
    """What was changed through the API is seen by a refresh, and an up puts it back."""
    expect("refresh after the drift", stack.refresh(), {"update": drifts}, stack)
    expect("up after the drift", stack.up(), {"update": drifts}, stack)
