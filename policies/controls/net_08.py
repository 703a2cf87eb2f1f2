"""NET-08: the default security group lets nothing pass, and instances give credentials to their own programs only."""

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
from policies.relations import given_at, may_name, naming
from policies.resources import Resource, Stack

HOPS = 1
"""A reply of the metadata service that lives one hop does not leave the instance: no container behind a bridge and no
forwarder gets it (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html)."""

_DEFAULT_GROUP = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
_DEFAULTS = "aws:ec2/instanceMetadataDefaults:InstanceMetadataDefaults"
_MACHINES = frozenset(
    {
        "aws:ec2/instance:Instance",
        "aws:ec2/launchConfiguration:LaunchConfiguration",
        "aws:ec2/launchTemplate:LaunchTemplate",
    }
)


def default_group_is_empty(group: Resource, _: Stack) -> Verdict:
    for name in ("ingress", "egress"):
        if group.given(name):
            return failed(f"{name} holds a rule")
    return passed()


def vpc_empties_its_default_group(vpc: Resource, stack: Stack) -> Verdict:
    """AWS's default group opens all members to each other and outwards; a DefaultSecurityGroup takes those rules away
    (https://docs.aws.amazon.com/vpc/latest/userguide/default-security-group.html)."""
    if any(naming(vpc, stack, [_DEFAULT_GROUP], "vpcId")):
        return passed()
    if unknown := may_name(vpc, stack, [_DEFAULT_GROUP], "vpcId"):
        return undetermined(unknown)
    return failed("no DefaultSecurityGroup has this vpcId: AWS's default rules stay")


def metadata_needs_a_token(machine: Resource, stack: Stack) -> Verdict:
    if _option(machine, stack, "httpEndpoint") == "disabled":
        return not_applicable("metadataOptions.httpEndpoint is disabled")
    tokens = _option(machine, stack, "httpTokens")
    return passed() if tokens == "required" else failed(f"metadataOptions.httpTokens is {tokens or 'not set'}")


def metadata_stays_on_the_machine(machine: Resource, stack: Stack) -> Verdict:
    if _option(machine, stack, "httpEndpoint") == "disabled":
        return not_applicable("metadataOptions.httpEndpoint is disabled")
    hops = _option(machine, stack, "httpPutResponseHopLimit")
    if hops == HOPS:
        return passed()
    return failed(f"metadataOptions.httpPutResponseHopLimit is {f'{hops:g}' if hops else 'not set'}, not {HOPS}")


def _option(machine: Resource, stack: Stack, name: str) -> str | float | None:
    """The machine's own option, else the account's default in its region, which stands before that of the image
    (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-options.html)."""
    own: str | float | None = given_at(machine, f"metadataOptions.{name}")
    if own is not None:
        return own
    for defaults in stack.of(_DEFAULTS):
        if defaults.region == machine.region and (found := defaults.given(name)) not in (None, "no-preference", -1):
            default: str | float = found
            return default
    return None


NET_08 = Control(
    id="NET-08",
    title="Default security groups are empty, and instance metadata needs a token and stays on the machine",
    severity=Severity.HIGH,
    clauses=(
        StackClause(resource_types=frozenset({_DEFAULT_GROUP}), check=default_group_is_empty),
        StackClause(
            resource_types=frozenset({"aws:ec2/vpc:Vpc"}),
            check=vpc_empties_its_default_group,
            not_live="every VPC of an account has its default group, whose rules default_group_is_empty judges",
        ),
        StackClause(resource_types=_MACHINES, check=metadata_needs_a_token),
        StackClause(resource_types=_MACHINES, check=metadata_stays_on_the_machine),
    ),
    maps_to=(SOC2("CC6.6", Strength.PARTIAL), *SAFEGUARDS),
    risk="A forgotten resource lands in an open group; a forged request reads the machine's credentials.",
    remediation="Declare an empty DefaultSecurityGroup; set metadataOptions httpTokens required and"
    " httpPutResponseHopLimit 1.",
)
