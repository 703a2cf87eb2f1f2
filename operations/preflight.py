"""``cell preflight``: everything that would stop a cell halfway, looked at before anything is created.

    report = preflight(subject(project, fleet, "eu-west-1", backend_url))
    report.code                 0, or Pulumi's code of the gravest failure
    report.quotas               need against have, and the increase to file

Nothing is created. Where the endpoint is not AWS the report says ``emulated``.
"""

from __future__ import annotations

import os
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import boto3
from rich.console import Console

from components.vocabulary import Environment
from operations import preflight_checks as checks
from operations import preflight_names as names
from operations.emulated import PREFIX
from operations.engine import Engine
from operations.errors import CellError, ExitCode
from operations.images import placeholders
from operations.output import Format, show
from operations.plan import Declared, Kind, known_stack, plan_up
from operations.preflight_aws import CONNECT_TIMEOUT_S, Clients, is_emulated
from operations.preflight_quotas import live_values, quota_finding
from operations.preflight_report import Answer, Finding, Report, not_observed
from operations.preflight_state import secrets_provider, state_backend
from operations.project import Project
from stacks.fleet import load_fleet
from stacks.models import AccountSettings
from stacks.plan import Cap, CellPlan

_OWN_ADDRESS = "https://checkip.amazonaws.com"
"""AWS's own service that answers the caller's public address
(https://docs.aws.amazon.com/ec2/latest/userguide/finding-an-ip-address.html)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """What is going to be brought up, and where its state is."""

    plan: CellPlan
    account: AccountSettings
    quotas: Sequence[Cap]
    """Demand is that of all cells of the account in the region."""
    backend_url: str
    secrets: Mapping[str, str | None]
    """Stack -> secrets provider of its file."""
    placeholders: Sequence[str] = ()
    """Programs whose digest is of no image yet."""


def subject(project: Project, declared: Mapping[str, Declared], stack: str, backend_url: str) -> Subject:
    """The cell of a stack. Raises CellError for an account's stack: each of its cells is checked with it."""
    target = known_stack(stack, declared)
    if target.kind is Kind.ACCOUNT:
        cells = [name for name, other in declared.items() if other.kind is Kind.CELL and other.needs == stack]
        raise CellError(f"{stack} is an account: run `cell preflight` for {', '.join(cells)}", ExitCode.CONFIGURATION)
    cell = target.needs if target.kind is Kind.WORKLOADS else stack
    assert cell is not None
    fleet = load_fleet(project.stacks_folder, check_quotas=False)
    return Subject(
        plan=fleet.plan(cell),
        account=fleet.account_of(cell),
        quotas=fleet.quotas(cell),
        backend_url=backend_url,
        secrets={name: project.secrets_provider(name) for name in plan_up(cell, declared)},
        placeholders=placeholders(fleet, cell),
    )


def backend_url(engine: Engine) -> str:
    """Where the engine keeps state: the environment's word, else what it is logged in to."""
    return os.environ.get("PULUMI_BACKEND_URL") or engine.backend_url()


def preflight(
    of: Subject, session: boto3.Session | None = None, own_address: Callable[[], str] | None = None
) -> Report:
    """Asks everything and answers what was found; each question has a timeout.

    Raises CellError where no question can be asked: the machine's AWS configuration names what is not there.
    """
    plan, own = of.plan, checks.own_clients(session, of.account)
    emulated = is_emulated(own.get("sts", of.account.home_region))
    findings, acting = checks.credentials(own, of.account)
    entered = acting is not None
    if acting is not None:
        findings += _in_the_account(acting, plan, emulated=emulated)
    else:
        findings.append(not_observed("region, zones, names", "not asked", "first mend what is said of the credentials"))
    findings.append(checks.cluster_reachable(acting, plan, own_address or _ask_own_address, emulated=emulated))
    findings.append(checks.images(of.placeholders))
    findings += _state(own, of, entered=entered, emulated=emulated)
    wanted = [cap.dimension for cap in of.quotas]
    live = live_values(acting.get("service-quotas", plan.region), wanted) if acting is not None else {}
    return Report(
        stack=plan.cell,
        account_id=of.account.account_id,
        region=plan.region,
        emulated=emulated,
        findings=findings,
        quotas=[quota_finding(cap, live.get(cap.dimension), plan.region, emulated=emulated) for cap in of.quotas],
    )


def _in_the_account(clients: Clients, plan: CellPlan, *, emulated: bool) -> list[Finding]:
    findings = [checks.region_enabled(clients, plan.region, "the cell's", emulated=emulated)]
    if (recovery := checks.recovery_region_of(plan)) is not None:
        findings.append(checks.region_enabled(clients, recovery, "the replica's", emulated=emulated))
    return [
        *findings,
        checks.zones_exist(clients, plan),
        names.hosted_zone(clients.get("route53", checks.ALWAYS_ON), plan),
        names.certificate(clients.get("route53", checks.ALWAYS_ON), plan),
    ]


def _state(own: Clients, of: Subject, *, entered: bool, emulated: bool) -> list[Finding]:
    """State and its secrets are opened with our own credentials, not with the deploy role's."""
    production = of.plan.environment is Environment.PRODUCTION
    home = of.account.home_region
    state = state_backend(own, of.backend_url, home, production=production, emulated=emulated)
    return [
        state,
        *(
            secrets_provider(
                own if entered else None,
                stack,
                provider,
                of.backend_url,
                home,
                production=production,
                emulated=emulated,
            )
            for stack, provider in of.secrets.items()
        ),
    ]


def _ask_own_address() -> str:
    with urllib.request.urlopen(_OWN_ADDRESS, timeout=CONNECT_TIMEOUT_S) as answer:
        return str(answer.read(64).decode("ascii", "replace")).strip()


def print_report(report: Report, console: Console, output: Format) -> None:
    """Tables on standard output and what to do on standard error; or all of it as data on standard output."""
    if output is not Format.TABLE:
        return show(report.data(), output)
    show([{"check": f.check, "result": f.result, "found": f.found} for f in report.findings], output)
    show(
        [
            {"quota": q.name, "result": q.result, "need": q.need, "have": q.have, "unit": q.unit, "from": q.origin}
            for q in report.quotas
        ],
        output,
    )
    for answer in (Answer.FAILED, Answer.NOT_OBSERVED):
        for line in report.advice(answer):
            console.print(f"  {answer}: {line}", markup=False, soft_wrap=True)
    console.print(summary(report), markup=False, soft_wrap=True)
    return None


def summary(report: Report) -> str:
    """One line: how many of each, and whether AWS was asked at all."""
    counts = ", ".join(f"{report.count(answer)} {answer}" for answer in Answer)
    note = f"; {PREFIX} account, quotas, names and state are asked for real"
    return f"preflight {report.stack}: {counts}{note if report.emulated else ''}"


def gate(report: Report, console: Console) -> None:
    """Before `up`: warns of what is not known. Raises CellError, before anything is created, where a check failed."""
    if report.code is not ExitCode.OK:
        print_report(report, console, Format.TABLE)
        raise CellError(f"preflight of {report.stack} failed; nothing was created", report.code)
    console.print(summary(report), markup=False, soft_wrap=True)
    if report.emulated:
        console.print(f"  see `cell preflight {report.stack}` for what is not observed here", markup=False)
        return
    for line in report.advice(Answer.NOT_OBSERVED):
        console.print(f"  warning: not observed: {line}", markup=False, soft_wrap=True)
