"""Brings stacks up and down, one after the other: preview, show, consent, act."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from rich.console import Console

from operations.cost.ceiling import PreviewCost, in_words, preview_cost, refuse_above_ceiling
from operations.declared import refuse_lost_accounts
from operations.engine import Engine, Outcome
from operations.errors import CellError, ExitCode
from operations.events import Reading, Violation
from operations.plan import Declared, Kind, known_stack, plan_destroy, plan_up
from operations.progress import Progress
from operations.project import Project
from operations.summary import by_component, drift_lines, kept

Consent = Callable[[str], bool]
"""Asks whether to go on; the text says with what."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """What every deployment command works with."""

    project: Project
    engine: Engine
    console: Console
    declared: Mapping[str, Declared]
    policy_packs: tuple[Path, ...] = ()


def preview(session: Session, target: str) -> list[Outcome]:
    """Previews the target and what it needs, as far as the needed stacks are up."""
    existing = session.engine.stacks()
    outcomes: list[Outcome] = []
    for stack in plan_up(target, session.declared):
        needs = session.declared[stack].needs
        if needs is not None and not existing.get(needs, {}).get("resourceCount"):
            session.console.print(f"{stack}: not previewed, it reads outputs of {needs}, which is not up")
            continue
        session.engine.ensure_stack(stack)
        outcomes.append(_succeeded(session, _preview(session, stack)))
    return outcomes


def up(session: Session, target: str, consent: Consent) -> list[Outcome]:
    """Brings up the target with what it needs and what belongs to it. Stops at the first failure.

    Policies gate the preview, before anything is created; the update runs them once more.
    """
    outcomes: list[Outcome] = []
    for stack in plan_up(target, session.declared):
        session.engine.ensure_stack(stack)
        if published := session.engine.outputs(stack).get("shardMap"):
            refuse_lost_accounts(session.project, stack, published)
        planned = _succeeded(session, _preview(session, stack))
        cost = cost_of(session, planned)
        hold_ceiling(session, stack, cost)
        if not planned.reading.actions:
            session.console.print(f"{stack}: no change")
            outcomes.append(planned)
            continue
        say_costs(session, {stack: cost})
        _ask(consent, f"{stack}: {_counts(planned.reading)}. Apply?")
        outcomes.append(_succeeded(session, _act(session, "up", stack, _expected(planned.reading))))
    return outcomes


def cost_of(session: Session, planned: Outcome) -> PreviewCost | None:
    """What a previewed update does to the bill; None where its region has no prices."""
    return preview_cost(session.project, planned.stack, planned.reading)


def say_costs(session: Session, costs: Mapping[str, PreviewCost | None]) -> None:
    """A line a stack with its monthly difference; a stack without a region of its own, or without charges, has none."""
    for stack, cost in costs.items():
        if cost is not None:
            line = in_words(stack, cost.difference)
        elif session.declared[stack].kind is Kind.CELL:
            line = (
                f"{stack}: no prices for {session.declared[stack].region} in catalogue/prices.yaml, cost not computed"
            )
        else:
            continue
        session.console.print(f"  {line}", soft_wrap=True, markup=False)


def hold_ceiling(session: Session, stack: str, cost: PreviewCost | None) -> None:
    """Raises ConfigError where a cell becomes dearer than allowed; warns where it is so already."""
    if warning := refuse_above_ceiling(session.project, stack, cost):
        session.console.print(f"  warning: {warning}", markup=False, soft_wrap=True)


def up_one(session: Session, stack: str, check: Callable[[Reading], None]) -> Outcome:
    """Brings up one stack without asking, where `check` raises nothing about its preview."""
    planned = _succeeded(session, _preview(session, stack))
    if not planned.reading.actions:
        return planned
    check(planned.reading)
    return _succeeded(session, _act(session, "up", stack, _expected(planned.reading)))


def refresh(session: Session, target: str, consent: Consent) -> Outcome:
    """Reads the target's resources back into its state; shows what drifted first."""
    known_stack(target, session.declared)
    planned = _succeeded(session, session.engine.operate("refresh", target, "--preview-only"))
    if not planned.reading.actions:
        session.console.print(f"{target}: no drift")
        return planned
    for line in drift_lines(planned.reading.diffs):
        session.console.print(f"  {line}", soft_wrap=True, markup=False)
    _ask(consent, f"{target}: {_counts(planned.reading)} drifted. Take this into the state?")
    return _succeeded(session, _act(session, "refresh", target, _expected(planned.reading)))


def drift(session: Session, target: str) -> list[dict[str, Any]]:
    """What of a stack is not as its state says, with both values; state stays as it is."""
    known_stack(target, session.declared)
    return _succeeded(session, session.engine.operate("refresh", target, "--preview-only")).reading.diffs


def destroy(session: Session, target: str, consent: Consent, *, with_account: bool = True) -> list[Outcome]:
    """Takes down what stands on the target, then the target; with its last cell a development account, if
    `with_account`. Removes the emptied stacks' state.

    Raises CellError where a production stack is not disarmed: nothing has been touched then.
    """
    order = plan_destroy(target, session.declared, session.engine.stacks(), with_account=with_account)
    for stack in order:
        armed = [resource["urn"] for resource in session.engine.resources(stack) if resource.get("protect")]
        if armed:
            raise CellError(
                f"{stack} protects {len(armed)} resources ({armed[0].rpartition('::')[2]}, ...): "
                f"run `cell disarm {target}` first",
                ExitCode.CONFIGURATION,
            )
    if not order:
        session.console.print(f"{target}: nothing to destroy")
        return []
    counts = [f"{stack} ({len(session.engine.resources(stack))} resources)" for stack in order]
    _ask(consent, f"This destroys {', '.join(counts)}.")
    outcomes: list[Outcome] = []
    for stack in order:
        resources = session.engine.resources(stack)
        outcomes.append(_succeeded(session, _act(session, "destroy", stack, by_component(resources))))
        for line in kept(resources, date.today()):
            session.console.print(f"  kept: {line}", markup=False, soft_wrap=True)
        session.engine.ask("stack", "rm", stack, "--yes", "--preserve-config")
    return outcomes


def row(outcome: Outcome) -> dict[str, Any]:
    """What an operation did to a stack, for a table or JSON."""
    changes = {op: count for op, count in outcome.reading.changes.items() if op not in {"same", "read", "discard"}}
    return {
        "stack": outcome.stack,
        "operation": outcome.operation,
        "changes": ", ".join(f"{count} {op}" for op, count in sorted(changes.items())) or "none",
        "unchanged": outcome.reading.changes.get("same", 0),
        "seconds": outcome.reading.duration_s,
    }


def _preview(session: Session, stack: str) -> Outcome:
    with session.console.status(f"preview {stack}"):
        return session.engine.operate("preview", stack, policy_packs=session.policy_packs)


def _act(session: Session, operation: str, stack: str, expected: Mapping[str, int]) -> Outcome:
    packs = session.policy_packs if operation == "up" else ()
    with Progress(session.console, stack, operation, expected) as progress:
        return session.engine.operate(operation, stack, "--skip-preview", "--yes", policy_packs=packs, on_step=progress)


def _expected(planned: Reading) -> Mapping[str, int]:
    """Operations a component that a preview announced."""
    return Counter(planned.component_of(diff["urn"]) for diff in planned.diffs)


def _succeeded(session: Session, outcome: Outcome) -> Outcome:
    """The outcome, its warnings and violations shown; raises CellError where it failed."""
    reading = outcome.reading
    for line in not_known(reading.violations):
        session.console.print(f"  {line}", markup=False, soft_wrap=True)
    for violation in reading.violations:
        if violation.undetermined:
            continue
        level = "mandatory" if violation.mandatory else "advisory"
        where = violation.urn.rpartition("::")[2]
        session.console.print(
            f"  [{level}] {violation.pack} {where}: {violation.message}", markup=False, soft_wrap=True
        )
    for warning in reading.warnings:
        session.console.print(f"  warning: {warning}", markup=False, soft_wrap=True)
    if outcome.exit_code:
        raise CellError(
            "\n".join([f"{outcome.operation} {outcome.stack} failed", *reading.errors]),
            outcome.code,
        )
    return outcome


def not_known(violations: Sequence[Violation]) -> list[str]:
    """A line for all controls that a preview could not answer: on a first `up` they are many, and the update asks them
    again, when the values are known."""
    waiting: dict[str, set[str]] = {}
    for one in violations:
        if one.undetermined:
            waiting.setdefault(one.policy, set()).add(one.urn)
    if not waiting:
        return []
    told = ", ".join(f"{policy} of {len(urns)}" for policy, urns in sorted(waiting.items()))
    return [f"not known before the update, asked again in it: {told} resources"]


def _ask(consent: Consent, question: str) -> None:
    if not consent(question):
        raise CellError("cancelled; nothing was changed", ExitCode.CANCELLED)


def _counts(reading: Reading) -> str:
    return ", ".join(f"{count} to {op}" for op, count in sorted(reading.changes.items()) if op != "same")
