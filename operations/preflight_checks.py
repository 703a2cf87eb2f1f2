"""The checks of `cell preflight` that ask AWS about account and region, and the way to the cluster.

Each answers a Finding and creates nothing. What AWS does not tell is ``not observed``.
"""

from __future__ import annotations

import getpass
import os
import re
import socket
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv4Network
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import BotoCoreError, ClientError

import catalogue
from components.vocabulary import Compute
from operations.errors import CellError, ExitCode
from operations.preflight_aws import (
    CONNECT_TIMEOUT_S,
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
from stacks.providers import TUNNEL_VARIABLE

ALWAYS_ON = "us-east-1"
"""A region that no account can switch off: it is asked about those that have to be switched on."""

_CLUSTER = "cluster endpoint"
_SESSION = "payment-cell-preflight"
_DEPLOY_ROLE = "deploy role"
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
    clients: Clients, account: AccountSettings, session_name: str = _SESSION, called: str = _DEPLOY_ROLE
) -> tuple[list[Finding], Clients | None]:
    """Who we are, whether the deploy role can be assumed, and whether that is the stack's account.

    Also returns clients that act as the stacks will, or None where the account cannot be entered. `session_name`: what
    CloudTrail shows beside the deploy role. `called`: what the role is, where it is another one.
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
            return [*findings, failed(called, f"{role}: {code}", fix, ExitCode.AUTHENTICATION)], None
        findings.append(ok(called, f"{role} can be assumed"))
        clients = clients.with_credentials(answer["Credentials"])
    actual = _account_id(clients, region) if role is not None else str(own["Account"])
    if actual != account.account_id:
        found = f"the credentials are of {actual}, accountId is {account.account_id}"
        fix = "correct accountId in the account's stack file, or use credentials or a deployRoleArn of that account"
        return [*findings, failed("account", found, fix, ExitCode.AUTHENTICATION)], None
    return [*findings, ok("account", actual)], clients


def entered(account: AccountSettings, purpose: str, role: str = _DEPLOY_ROLE) -> Clients:
    """Clients that act as the account's deploy role, or as the one that `deployRoleArn` was replaced by and that is
    called `role`. Raises CellError with what is wrong and how to mend it."""
    # CloudTrail shows this name beside the role: who it was, and by which command.
    person = re.sub(r"[^\w+=,.@-]", "-", getpass.getuser())[:40]
    findings, acting = credentials(own_clients(None, account), account, f"cell-{purpose}-{person}", role)
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


def cluster_reachable(
    clients: Clients | None, plan: CellPlan, own_address: Callable[[], str], *, emulated: bool
) -> Finding:
    """Whether the workloads stack can reach the cluster from here: its Kubernetes API is private by default.

    A tunnel, and the endpoint of a cluster that exists, are tried; for one that does not, addresses decide.
    """
    if tunnel := os.environ.get(TUNNEL_VARIABLE):
        return _tunnel(tunnel, plan)
    try:
        endpoint = _endpoint(clients, plan) if clients is not None else None
    except NotObserved as reason:
        return not_observed(_CLUSTER, str(reason), f"allow eks:DescribeCluster; {ways_in(plan)}")
    if endpoint is not None:
        return _existing(endpoint, plan, emulated=emulated)
    if emulated:
        return not_observed(
            _CLUSTER, f"emulated: it will be on this machine; on AWS it is reachable {_from(plan)}", ways_in(plan)
        )
    if not plan.endpoint_cidrs:
        return not_observed(_CLUSTER, "private: reachable from inside the VPC only", ways_in(plan))
    try:
        address = IPv4Address(own_address())
    except (OSError, ValueError) as error:
        return not_observed(_CLUSTER, f"this machine's public address is not known: {error}", ways_in(plan))
    if any(address in IPv4Network(cidr) for cidr in plan.endpoint_cidrs):
        return ok(_CLUSTER, f"{address} is in endpoint.allowedCidrs")
    found = f"{address} is not in endpoint.allowedCidrs ({', '.join(plan.endpoint_cidrs)})"
    return failed(_CLUSTER, found, ways_in(plan))


def ways_in(plan: CellPlan) -> str:
    """The ways to the cluster that the cell has, and those that it could have."""
    runner = f"`{start_build(plan)}` brings up {plan.cell}-workloads in the VPC"
    ways = [runner] if plan.runner else []
    # Auto Mode nodes take no sessions (docs/reaching-a-cluster.md).
    if plan.compute is Compute.MANAGED:
        ways.append(f"go through `cell connect {plan.cell} -- cell up {plan.cell}-workloads`")
    if not plan.runner:
        ways.append("declare a runner in the VPC (`runner`)")
    return ", or ".join([*ways, "list this machine's block as endpoint.allowedCidrs"])


def start_build(plan: CellPlan) -> str:
    """What starts the runner (`components/runner.py` names its project)."""
    return f"aws codebuild start-build --region {plan.region} --project-name {plan.cell}-runner"


def _tunnel(tunnel: str, plan: CellPlan) -> Finding:
    host, _, port = tunnel.rpartition(":")
    if not (host and port.isdigit()):
        return failed(_CLUSTER, f"{TUNNEL_VARIABLE} is {tunnel!r}, not HOST:PORT", f"unset {TUNNEL_VARIABLE}")
    if error := _refused(host, int(port)):
        fix = f"unset {TUNNEL_VARIABLE}, or open the tunnel again with `cell connect {plan.cell}`"
        return failed(_CLUSTER, f"nothing answers at {tunnel} ({TUNNEL_VARIABLE}): {error}", fix)
    return ok(_CLUSTER, f"the tunnel at {tunnel} is open")


def _endpoint(clients: Clients, plan: CellPlan) -> str | None:
    """Of a cluster that is there."""
    eks = clients.get("eks", plan.region)
    answer = ask(eks.describe_cluster, absent={"ResourceNotFoundException"}, name=plan.cell)
    return answer["cluster"].get("endpoint") if answer else None


def _existing(endpoint: str, plan: CellPlan, *, emulated: bool) -> Finding:
    parts = urlsplit(endpoint)
    error = _refused(str(parts.hostname), parts.port or 443)
    if error is None:
        return ok(
            _CLUSTER, f"{endpoint} answers" + (f"; emulated: on AWS it is reachable {_from(plan)}" if emulated else "")
        )
    found = f"{endpoint} does not answer from here: {error}"
    if plan.runner:
        # The cell itself can be changed from here; its workloads are the runner's.
        return not_observed(_CLUSTER, found, ways_in(plan))
    return failed(_CLUSTER, found, ways_in(plan))


def _refused(host: str, port: int) -> str | None:
    """Why nothing takes a connection there; None where something does."""
    try:
        socket.create_connection((host, port), timeout=CONNECT_TIMEOUT_S).close()
    except OSError as error:
        return str(error)
    return None


def _from(plan: CellPlan) -> str:
    return f"from {', '.join(plan.endpoint_cidrs)} and inside" if plan.endpoint_cidrs else "from inside the VPC only"


def recovery_region_of(plan: CellPlan) -> str | None:
    """The region of the replica where it has to be switched on, else None."""
    region = plan.recovery_region
    return region if region is not None and catalogue.region(region).opt_in else None


def images(placeholders: Sequence[str]) -> Finding:
    """Whether each program's digest can be one of an image. No failure: the cell's stack makes the registry first."""
    if not placeholders:
        return ok("images", "each has a digest")
    fix = "`make images` or mirror them, push them to the cell's registry once it is there, and declare their digests"
    return not_observed("images", f"placeholders, whose pods do not start: {', '.join(placeholders)}", fix)
