"""NET-04: a network reaches the services that hold its data through endpoints with policies."""

import json
from collections.abc import Mapping

from policies.control import (
    SAFEGUARDS,
    SOC2,
    Control,
    Severity,
    StackClause,
    Strength,
    Verdict,
    failed,
    not_applicable,
    passed,
    undetermined,
)
from policies.relations import naming
from policies.resources import Resource, Stack
from policies.stores import at_least

SERVICES: Mapping[str, str] = {
    "aws:dynamodb/table:Table": "dynamodb",
    "aws:kinesis/stream:Stream": "kinesis-streams",
    "aws:s3/bucket:Bucket": "s3",
    "aws:secretsmanager/secret:Secret": "secretsmanager",
    "aws:sqs/queue:Queue": "sqs",
}
"""Store -> last part of the name of the endpoint service that its data is read and written through
(https://docs.aws.amazon.com/vpc/latest/privatelink/aws-services-privatelink-support.html)."""

_TAKE_A_POLICY = frozenset(
    {*SERVICES.values(), "ecr.api", "ecr.dkr", "events", "kms", "logs", "monitoring", "sns", "sts"}
)
"""Services whose own guides show a policy of an endpoint; of others ``describe-vpc-endpoint-services`` knows."""

_ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"
_POLICY = "aws:ec2/vpcEndpointPolicy:VpcEndpointPolicy"

_COMPUTE: Mapping[str, str] = {
    "aws:ec2/instance:Instance": "subnetId",
    "aws:ecs/service:Service": "networkConfiguration",
    "aws:eks/cluster:Cluster": "vpcConfig",
    "aws:lambda/function:Function": "vpcConfig",
}
"""What computes in a network -> the property with its subnets."""


def endpoint_has_a_policy_of_its_own(endpoint: Resource, stack: Stack) -> Verdict:
    """Without a policy an endpoint has AWS's default, which allows everything
    (https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html)."""
    service = endpoint.props.get("serviceName")
    if not service or not service.startswith("com.amazonaws.") or service.startswith("com.amazonaws.vpce."):
        return not_applicable("no endpoint of a service of AWS")
    for policy in (endpoint.given("policy"), *(own.props.get("policy") for own in _own_policies(endpoint, stack))):
        if policy:
            return failed("policy allows everything to everybody") if _allows_everything(policy) else passed()
    if service.split(".", 3)[-1] in _TAKE_A_POLICY:
        return failed("policy is not set")
    return undetermined(f"policy is not set; whether an endpoint of {service} takes one is not known here")


def vpc_has_endpoints_for_its_data(vpc: Resource, stack: Stack) -> Verdict:
    """The services used are those with stores of personal or payments data in the stack and the VPC's region."""
    if not _computes(vpc, stack):
        return not_applicable("nothing in the stack computes in this network")
    stores = [store for store in stack.of(*SERVICES) if store.region == vpc.region and at_least(store, "personal")]
    used = {SERVICES[store.type] for store in stores}
    if not used:
        return not_applicable("no store of personal or payments data in its region is in the stack")
    endpoints = list(naming(vpc, stack, [_ENDPOINT], "vpcId"))
    names = [endpoint.maybe("serviceName") for endpoint in endpoints]
    missing = sorted(used - {name.split(".", 3)[-1] for name in names if name})
    if missing and None in names:
        return undetermined("the serviceName of an endpoint is not known here")
    return failed(f"no VpcEndpoint for {', '.join(missing)}") if missing else passed()


def _own_policies(endpoint: Resource, stack: Stack) -> list[Resource]:
    return list(naming(endpoint, stack, [_POLICY], "vpcEndpointId"))


def _allows_everything(policy: str) -> bool:
    statements = json.loads(policy).get("Statement", [])
    return any(
        statement.get("Effect") == "Allow"
        and statement.get("Principal") in ("*", {"AWS": "*"}, {"AWS": ["*"]})
        and statement.get("Action") in ("*", ["*"])
        and statement.get("Resource") in ("*", ["*"])
        and not statement.get("Condition")
        for statement in ([statements] if isinstance(statements, dict) else statements)
    )


def _computes(vpc: Resource, stack: Stack) -> bool:
    subnets = [
        source for type_, name in _COMPUTE.items() for one in stack.of(type_) for source in stack.sources(one, name)
    ]
    return any(vpc in stack.sources(subnet, "vpcId") for subnet in subnets)


NET_04 = Control(
    id="NET-04",
    title="A network reaches the services that hold its data through endpoints with policies",
    severity=Severity.MEDIUM,
    clauses=(
        StackClause(resource_types=frozenset({_ENDPOINT}), check=endpoint_has_a_policy_of_its_own),
        StackClause(resource_types=frozenset({"aws:ec2/vpc:Vpc"}), check=vpc_has_endpoints_for_its_data),
    ),
    maps_to=(SOC2("CC6.7", Strength.PARTIAL), *SAFEGUARDS),
    risk="Data crosses the internet, or leaves through an endpoint to a store of somebody else.",
    remediation="Declare a VpcEndpoint for each service, with a policy for own principals and resources.",
)
