"""Plans an upgrade against what is there, and carries it out step by step.

Each step writes its settings into the cell's stack file and runs a `pulumi up` that may change nothing but what the
step names. Then the plan is made anew from the state: a run that was killed goes on where it was when it is started
again.
"""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from operations import deploy
from operations.deploy import Consent, Session
from operations.errors import CellError, ExitCode
from operations.events import Reading, type_and_name
from operations.plan import Kind as StackKind
from operations.plan import known_stack
from operations.upgrade.checks import (
    Finding,
    Stuck,
    kubernetes_objects,
    removed_in_objects,
    requested_deprecated,
    stuck_budgets,
)
from operations.upgrade.live import ClusterApi, Unreachable, cluster_api
from operations.upgrade.running import PARAMETERS, Running, running
from operations.upgrade.steps import DRAINS, IN_CLUSTER, MAY_CHANGE, Kind, Step, Target, plan_upgrade
from stacks.fleet import WORKLOADS_SUFFIX, load_fleet
from stacks.models import CellSettings
from stacks.problems import ConfigError
from stacks.providers import TUNNEL_VARIABLE
from stacks.settings import NAMESPACE, load_stack_file
from stacks.versions import chosen_versions

CONTROLLERS = ("/apis/apps/v1/deployments", "/apis/apps/v1/statefulsets")


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """A plan with what was found on the way."""

    steps: tuple[Step, ...]
    findings: tuple[Finding, ...] = ()
    stuck: tuple[Stuck, ...] = ()
    unchecked: str | None = None
    """Why the API server could not be asked; None where it was, or where nothing changes in the cluster."""


def prepare(session: Session, cell: str, target: Target) -> Prepared:
    """The steps that are left, and what stands in their way. Changes nothing."""
    now = _now(session, cell)
    settings = load_stack_file(session.project.stack_file(cell)).settings
    assert isinstance(settings, CellSettings)
    declared = chosen_versions(settings.versions)
    steps = plan_upgrade(now, declared, target)
    if not any(step.kind in IN_CLUSTER for step in steps):
        return Prepared(steps=steps)
    goal = target.kubernetes or declared.kubernetes
    findings = removed_in_objects(kubernetes_objects(_workloads(session, cell)), goal)
    try:
        api = _api(session, cell)
        findings += requested_deprecated(api.text("/metrics"), goal)
        return Prepared(steps=steps, findings=tuple(findings), stuck=tuple(_stuck(api)))
    except Unreachable as error:
        return Prepared(steps=steps, findings=tuple(findings), unchecked=str(error))


def upgrade(session: Session, cell: str, target: Target, consent: Consent) -> list[Step]:
    """Carries out what is left, one step after the other. Returns the steps taken.

    Raises CellError at the first that fails, or before the first where something stands in the way.
    """
    prepared = prepare(session, cell, target)
    _refuse(cell, prepared)
    if not prepared.steps:
        return []
    if not consent(f"{cell}: {len(prepared.steps)} steps. Apply?"):
        raise CellError("cancelled; nothing was changed", ExitCode.CANCELLED)
    done: list[Step] = []
    while prepared.steps:
        step = prepared.steps[0]
        if step in done:
            raise CellError(f"{cell}: {step.name} was applied and is not there: run `cell refresh {cell}`, then again")
        session.console.print(f"step: {step.name} ({len(prepared.steps)} left)", markup=False)
        _take(session, cell, step)
        done.append(step)
        prepared = prepare(session, cell, target)
        _refuse(cell, prepared)
    return done


def _refuse(cell: str, prepared: Prepared) -> None:
    """Raises CellError where the next steps would fail or break what runs."""
    reasons = [str(finding) for finding in prepared.findings if finding.blocks]
    if any(step.kind in DRAINS for step in prepared.steps):
        reasons += [str(stuck) for stuck in prepared.stuck]
    if prepared.unchecked:
        reasons.append(f"removed APIs and PodDisruptionBudgets could not be checked: {prepared.unchecked}")
    if reasons:
        raise CellError("\n".join([f"{cell} cannot be upgraded now", *reasons]), ExitCode.CONFIGURATION)


def _take(session: Session, cell: str, step: Step) -> None:
    """One step: the stack file, a preview that is looked at, the update."""
    stack = cell + WORKLOADS_SUFFIX if step.kind is Kind.WORKLOADS else cell
    path = session.project.stack_file(cell)
    before = path.read_text()
    write_versions(path, step.settings)

    def only_this(planned: Reading) -> None:
        if others := unexpected(step, planned):
            path.write_text(before)
            raise CellError(
                f"{step.name}: the preview of {stack} would also change {', '.join(others)}; the stack file "
                f"is as it was: bring that up or take it back (`cell preview {stack}` shows it), then run this again",
                ExitCode.CONFIGURATION,
            )

    try:
        deploy.up_one(session, stack, only_this)
    except CellError as error:
        raise CellError(
            f"{error}\nstopped at {step.name}; correct the cause and run the same command again: it goes on here",
            error.code,
        ) from None


def unexpected(step: Step, planned: Reading) -> list[str]:
    """What a preview would change that is not the step's: other types, and whatever is created, replaced or deleted."""
    found = []
    for diff in planned.diffs:
        kind = diff["urn"].split("::")[2].rpartition("$")[2]
        if diff["op"] == "read" or kind.startswith("pulumi:"):
            continue
        replaces_groups = step.kind in (Kind.SHARD_MAJOR, Kind.TIDY) and kind == PARAMETERS
        allowed = diff["op"] == "update" or (replaces_groups and diff["op"] in ("create", "delete"))
        if not (allowed and kind in MAY_CHANGE[step.kind]):
            found.append(f"{type_and_name(diff['urn'])} ({diff['op']})")
    return found


def write_versions(path: Path, settings: Mapping[str, Any]) -> None:
    """Sets keys of `versions` in a cell's file, None takes one out; comments and order stay.

    Raises ConfigError, and leaves the file as it was, where they do not fit together.
    """
    yaml = YAML()
    yaml.preserve_quotes = True
    before = path.read_text()
    document = yaml.load(before)
    cell = document["config"][f"{NAMESPACE}:cell"]
    versions = cell.setdefault("versions", {})
    for key, value in settings.items():
        if value is None:
            versions.pop(key, None)
        else:
            versions[key] = value
    if not versions:
        del cell["versions"]
    with path.open("w") as target:
        yaml.dump(document, target)
    try:
        load_stack_file(path)
    except ConfigError:
        path.write_text(before)
        raise


def _now(session: Session, cell: str) -> Running:
    if known_stack(cell, session.declared).kind is not StackKind.CELL:
        raise CellError(f"{cell} is not a cell: only cells are upgraded", ExitCode.CONFIGURATION)
    if cell not in session.engine.stacks():
        raise CellError(f"{cell} is not up: there is nothing to upgrade; run `cell up {cell}`", ExitCode.CONFIGURATION)
    deployment = session.engine.state(cell)
    if pending := deployment.get("pending_operations"):
        raise CellError(
            f"{cell}: an interrupted update left {len(pending)} operations open; run `cell refresh {cell}` first",
            ExitCode.CONFIGURATION,
        )
    return running(cell, deployment.get("resources") or [], _workloads(session, cell))


def _workloads(session: Session, cell: str) -> list[dict[str, Any]]:
    stack = cell + WORKLOADS_SUFFIX
    return session.engine.resources(stack) if stack in session.engine.stacks() else []


def _api(session: Session, cell: str) -> ClusterApi:
    account = load_fleet(session.project.stacks_folder).account_of(cell)
    tunnel = os.environ.get(TUNNEL_VARIABLE)
    return cluster_api(cell, session.engine.outputs(cell), account.deploy_role_arn, tunnel)


def _stuck(api: ClusterApi) -> list[Stuck]:
    budgets = api.items("/apis/policy/v1/poddisruptionbudgets")
    return stuck_budgets(budgets, [item for path in CONTROLLERS for item in api.items(path)]) if budgets else []


def shown(prepared: Prepared) -> list[dict[str, Any]]:
    """A row a step, for `show`."""
    return [
        {
            "step": number,
            "name": step.name,
            "touches": ", ".join(step.touches) + (f"; {step.remark}" if step.remark else ""),
            "interruption": step.interruption,
            "source": step.source,
        }
        for number, step in enumerate(prepared.steps, 1)
    ]


def plan_data(prepared: Prepared) -> dict[str, Any]:
    """The same and all that was found, for programs."""
    return {
        "steps": shown(prepared),
        "deprecatedApis": [asdict(finding) for finding in prepared.findings],
        "stuckBudgets": [asdict(stuck) for stuck in prepared.stuck],
        "unchecked": prepared.unchecked,
    }


def remarks(prepared: Prepared) -> list[str]:
    """What a person has to know beside the steps, a line each."""
    lines = [str(finding) for finding in prepared.findings] + [f"blocks: {stuck}" for stuck in prepared.stuck]
    if prepared.unchecked:
        lines.append(f"not checked: removed APIs in use, PodDisruptionBudgets: {prepared.unchecked}")
    return lines
