"""The checks of `cell preflight` that ask AWS about account and region, and the way to the cluster.

Each answers a Finding and creates nothing. What AWS does not tell is ``not observed``.
"""

from __future__ import annotations

import getpass
import re
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network

import boto3
from botocore.exceptions import BotoCoreError, ClientError

import catalogue
from operations.errors import CellError, ExitCode
from operations.preflight_aws import (
    INVALID_CREDENTIALS,
    NO_CREDENTIALS,
    UNREACHABLE,
    Clients,
    NotObserved,
    ask,
    error_code,
)
from operations.preflight_report import Answer, Finding, failed, not_observed, ok
from stacks.models import AccountSettings
from stacks.plan import CellPlan

ALWAYS_ON = "us-east-1"
"""A region that no account can switch off: it is asked about those that have to be switched on."""

_SESSION = "payment-cell-preflight"
_LOG_IN = "log in (`aws sso login`, AWS_PROFILE or keys) as whoever may assume the deploy role"


def own_clients(session: boto3.Session | None, account: AccountSettings) -> Clients:
    """Clients with the credentials of this machine. Raises CellError where its AWS configuration makes no sense."""
    try:
        clients = Clients(session or boto3.Session())
        clients.get("sts", account.home_region)
    except BotoCoreError as error:
        raise CellError(f"{error}; see AWS_PROFILE and ~/.aws/config", ExitCode.AUTHENTICATION) from error
    except ValueError as error:
        raise CellError(f"{error}; see AWS_ENDPOINT_URL and ~/.aws/config", ExitCode.CONFIGURATION) from error
    return clients


def credentials(
    clients: Clients, account: AccountSettings, session_name: str = _SESSION
) -> tuple[list[Finding], Clients | None]:
    """Who we are, whether the deploy role can be assumed, and whether that is the stack's account.

    Also returns clients that act as the stacks will, or None where the account cannot be entered. `session_name`: what
    CloudTrail shows beside the deploy role.
    """
    check, region = "credentials", account.home_region
    try:
        own = clients.get("sts", region).get_caller_identity()
    except NO_CREDENTIALS as error:
        return [failed(check, f"none: {error}", _LOG_IN, ExitCode.AUTHENTICATION)], None
    except UNREACHABLE as error:
        fix = "check the network, the proxy and AWS_ENDPOINT_URL"
        return [failed(check, f"AWS does not answer: {error}", fix, ExitCode.ERROR)], None
    except ClientError as error:
        found = f"refused: {error_code(error)}" + (
            ", expired or not valid" if error_code(error) in INVALID_CREDENTIALS else ""
        )
        return [failed(check, found, _LOG_IN, ExitCode.AUTHENTICATION)], None
    except BotoCoreError as error:
        return [failed(check, str(error), _LOG_IN, ExitCode.AUTHENTICATION)], None
    findings = [ok(check, str(own["Arn"]))]
    role = account.deploy_role_arn
    if role is not None:
        try:
            answer = clients.get("sts", region).assume_role(RoleArn=role, RoleSessionName=session_name)
        except (ClientError, BotoCoreError) as error:
            code = error_code(error) if isinstance(error, ClientError) else str(error)
            fix = f"let {own['Arn']} assume it: its identity policy and the role's trust policy both have to say so"
            return [*findings, failed("deploy role", f"{role}: {code}", fix, ExitCode.AUTHENTICATION)], None
        findings.append(ok("deploy role", f"{role} can be assumed"))
        clients = clients.with_credentials(answer["Credentials"])
    actual = _account_id(clients, region) if role is not None else str(own["Account"])
    if actual != account.account_id:
        found = f"the credentials are of {actual}, accountId is {account.account_id}"
        fix = "correct accountId in the account's stack file, or use credentials or a deployRoleArn of that account"
        return [*findings, failed("account", found, fix, ExitCode.AUTHENTICATION)], None
    return [*findings, ok("account", actual)], clients


def entered(account: AccountSettings, purpose: str) -> Clients:
    """Clients that act as the account's deploy role. Raises CellError with what is wrong and how to mend it."""
    # CloudTrail shows this name beside the role: who it was, and by which command.
    person = re.sub(r"[^\w+=,.@-]", "-", getpass.getuser())[:40]
    findings, acting = credentials(own_clients(None, account), account, f"cell-{purpose}-{person}")
    if acting is None:
        (refused,) = (finding for finding in findings if finding.result is Answer.FAILED)
        raise CellError(f"{refused.check}: {refused.found}; {refused.fix}", refused.code)
    return acting


def _account_id(clients: Clients, region: str) -> str:
    try:
        return str(ask(clients.get("sts", region).get_caller_identity)["Account"])
    except NotObserved as reason:
        return f"an unknown account ({reason})"


def region_enabled(clients: Clients, region: str, why: str, *, emulated: bool) -> Finding:
    """Whether the account has switched the region on."""
    check = f"region {region}"
    try:
        ec2 = clients.get("ec2", ALWAYS_ON)
        absent = {"InvalidParameterValue", "InvalidRegionName"}
        answer = ask(ec2.describe_regions, absent=absent, AllRegions=True, RegionNames=[region])
    except NotObserved as reason:
        return not_observed(check, str(reason), "allow ec2:DescribeRegions")
    if answer is None or not answer["Regions"]:
        return failed(check, "AWS does not know it", "correct region, or update catalogue/regions.yaml")
    status = answer["Regions"][0].get("OptInStatus", "unknown")
    if status in ("opt-in-not-required", "opted-in"):
        return ok(check, f"{why}: {status}")
    fix = f"aws account enable-region --region-name {region}, which takes minutes to hours"
    if emulated:
        return not_observed(check, f"{why}: the emulator says {status} of every region that can be switched on", fix)
    return failed(check, f"{why}: {status}", fix)


def zones_exist(clients: Clients, plan: CellPlan) -> Finding:
    """Whether the account sees the zones that the cell's subnets are planned in. Ids name the same place everywhere."""
    try:
        answer = ask(clients.get("ec2", plan.region).describe_availability_zones)
    except NotObserved as reason:
        return not_observed("zones", str(reason), f"allow ec2:DescribeAvailabilityZones and enable {plan.region}")
    available = {zone["ZoneId"] for zone in answer["AvailabilityZones"] if zone["State"] == "available"}
    if missing := [zone for zone in plan.subnet_zone_ids if zone not in available]:
        found = f"{', '.join(missing)} not available; the account sees {', '.join(sorted(available))}"
        return failed("zones", found, "exclude it in catalogue/regions.yaml with the reason, so that another is taken")
    return ok("zones", ", ".join(plan.subnet_zone_ids))


def cluster_reachable(plan: CellPlan, own_address: Callable[[], str], *, emulated: bool) -> Finding:
    """Whether the workloads stack can reach the cluster from here: its Kubernetes API is private by default."""
    check = "cluster endpoint"
    ways = (
        f"bring up {plan.cell}-workloads from a runner in the VPC or through a tunnel into it, "
        "or list this machine's block as endpoint.allowedCidrs"
    )
    if emulated:
        where = (
            f"from {', '.join(plan.endpoint_cidrs)} and inside" if plan.endpoint_cidrs else "from inside the VPC only"
        )
        return not_observed(check, f"emulated: it is on this machine; on AWS it is reachable {where}", ways)
    if not plan.endpoint_cidrs:
        return not_observed(check, "private: reachable from inside the VPC only", ways)
    try:
        address = IPv4Address(own_address())
    except (OSError, ValueError) as error:
        return not_observed(check, f"this machine's public address is not known: {error}", ways)
    if any(address in IPv4Network(cidr) for cidr in plan.endpoint_cidrs):
        return ok(check, f"{address} is in endpoint.allowedCidrs")
    return failed(check, f"{address} is not in endpoint.allowedCidrs ({', '.join(plan.endpoint_cidrs)})", ways)


def recovery_region_of(plan: CellPlan) -> str | None:
    """The region of the replica where it has to be switched on, else None."""
    region = plan.recovery_region
    return region if region is not None and catalogue.region(region).opt_in else None
