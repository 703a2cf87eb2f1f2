"""NET-07: every VPC has a flow log, and AWS delivers it."""

from collections.abc import Mapping
from typing import Any

from policies.control import (
    SAFEGUARDS,
    SOC2,
    Clause,
    Control,
    Severity,
    StackClause,
    Strength,
    Verdict,
    failed,
    passed,
    undetermined,
)
from policies.relations import may_name, naming
from policies.resources import Resource, Stack

VPCS = frozenset({"aws:ec2/vpc:Vpc", "aws:ec2/defaultVpc:DefaultVpc"})
_FLOW_LOG = "aws:ec2/flowLog:FlowLog"


def vpc_has_a_flow_log(vpc: Resource, stack: Stack) -> Verdict:
    """A flow log of a VPC covers all its interfaces; those of subnets cover theirs only
    (https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs.html)."""
    if any(naming(vpc, stack, [_FLOW_LOG], "vpcId")):
        return passed()
    if unknown := may_name(vpc, stack, [_FLOW_LOG], "vpcId"):
        return undetermined(unknown)
    return failed("no FlowLog has this vpcId")


def flow_log_is_delivered(log: Mapping[str, Any]) -> Verdict:
    """A status is SUCCESS or FAILED, for want of rights or of the destination; none before the first delivery
    (EC2 API reference, FlowLog)."""
    status = log.get("deliverLogsStatus")
    if not status:
        return undetermined("AWS has not delivered yet")
    return passed() if status == "SUCCESS" else failed(f"deliverLogsStatus is {status}")


NET_07 = Control(
    id="NET-07",
    title="Every VPC has a flow log, and AWS delivers it",
    severity=Severity.MEDIUM,
    clauses=(
        StackClause(resource_types=VPCS, check=vpc_has_a_flow_log),
        Clause(
            resource_types=frozenset({_FLOW_LOG}),
            check=flow_log_is_delivered,
            not_declared="whether a log arrives is seen after it was made",
        ),
    ),
    maps_to=(SOC2("CC7.2", Strength.DIRECT), *SAFEGUARDS),
    risk="Without flow logs nobody can say afterwards who talked to whom, or what left the network.",
    remediation="Declare an aws:ec2/flowLog:FlowLog with the VPC's id, and let its role write to its destination.",
)
