"""``cell audit``: the options, the exit code, and what is printed while it runs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from typer.core import TyperGroup

from operations.audit.population import Kind
from operations.audit.request import Request, Tell
from operations.audit.result import Audit, Place
from operations.declared import declared_stacks
from operations.deploy import Session
from operations.engine import Engine
from operations.errors import CellError, ExitCode
from operations.output import Format, show, talk
from operations.project import Project
from policies.catalogue import controls
from policies.control import Control, Framework, Severity, Status, scope

EVIDENCE = ".audit"
"""Folder of the project with its evidence bundles, unless another is given."""

LEVELS = tuple(Severity)
"""In rising order."""

console = talk()


class _Runs(TyperGroup):
    """A group whose own arguments are those of ``run``: `cell audit eu-west-1` beside `cell audit verify BUNDLE`."""

    def parse_args(self, context: Any, args: list[str]) -> list[str]:
        if not args or args[0] not in {*self.commands, "--help"}:
            args = ["run", *args]
        return super().parse_args(context, args)


app = typer.Typer(
    cls=_Runs,
    help="The controls asked of state, preview and live account, with reports and evidence.",
    rich_markup_mode=None,
)


def places(words: str) -> frozenset[Place]:
    """``"state,live"``. Raises CellError (configuration)."""
    given = [word.strip() for word in words.split(",") if word.strip()]
    unknown = [word for word in given if word not in set(Place)]
    if unknown or not given:
        raise CellError(
            f"--observe {words}: give one or more of {', '.join(Place)}, with commas", ExitCode.CONFIGURATION
        )
    return frozenset(map(Place, given))


def chosen(
    ids: Sequence[str] = (), framework: Framework | None = None, severity: Severity | None = None
) -> tuple[Control, ...]:
    """Controls by id, framework and least severity; without any, all. Raises CellError for an unknown id."""
    known = {control.id: control for control in controls()}
    if unknown := [one for one in ids if one.upper() not in known]:
        raise CellError(
            f"--control {', '.join(unknown)}: no such control; `cell audit --list` has all", ExitCode.CONFIGURATION
        )
    wanted = {one.upper() for one in ids} or known.keys()
    return tuple(
        control
        for control in known.values()
        if control.id in wanted
        and (framework is None or control.mapped(framework))
        and (severity is None or LEVELS.index(control.severity) >= LEVELS.index(severity))
    )


def listing(chosen_: Sequence[Control]) -> list[dict[str, Any]]:
    """Every question of these controls, what it applies to ("": all), where it is asked, and why not elsewhere."""
    rows = []
    for one in chosen_:
        claims = ", ".join(map(str, one.maps_to))
        for clause in one.clauses:
            where = "live only" if clause.not_declared else "not live" if clause.not_live else "preview, state, live"
            reason = clause.not_declared or clause.not_live
            rows.append((one, clause.check.__name__, scope(clause), where, reason, claims))
        rows += [(one, asked.name, "", asked.source, asked.statement, claims) for asked in one.asked]
    return [
        {
            "control": one.id,
            "severity": one.severity.value,
            "question": name,
            "applies": applies,
            "asked": where,
            "why": why,
            "claims": said,
        }
        for one, name, applies, where, why, said in rows
    ]


def exit_code(audit: Audit, fail_on: Severity, *, strict: bool) -> ExitCode:
    """5 where a control at or above ``fail_on`` fails and nobody accepted it (an emergency lets ``up`` go on and keeps
    the audit red), or with ``strict`` where anything was not observed or is not known."""
    severe = {entry.id for entry in audit.controls if LEVELS.index(entry.severity) >= LEVELS.index(fail_on)}
    from operations.audit.exceptions import emergencies

    red = emergencies(audit.exceptions) | {""}
    failing = any(answer.control in severe and answer.exception in red for answer in audit.of(Status.FAIL))
    blind = strict and any(answer.status in (Status.NOT_OBSERVED, Status.UNDETERMINED) for answer in audit.answers)
    blind = blind or (strict and any(population.listed is None for population in audit.populations))
    return ExitCode.POLICY_VIOLATION if failing or blind else ExitCode.OK


@contextmanager
def progress(console: Console) -> Iterator[Tell]:
    """A bar on a terminal; without one, silence."""
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        tasks: dict[str, Any] = {}

        def tell(what: str, done: int, all_: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=all_)
            bars.update(tasks[what], completed=done, total=all_)

        yield tell


def request_of(
    session: Session,
    stacks: Sequence[str],
    observe: str | None,
    controls_: tuple[Control, ...],
    *,
    account: bool,
    role: str,
) -> Request:
    """What is to be audited. Without stacks: all that are up. Raises CellError (configuration)."""
    partial = len(controls_) < len(controls())
    if account:
        if stacks or (observe is not None and places(observe) != {Place.LIVE}):
            raise CellError("--account looks at no state: leave out stacks and --observe", ExitCode.CONFIGURATION)
        return Request(stacks=(), places=frozenset({Place.LIVE}), controls=controls_, partial=partial, role=role)
    up = [name for name in session.engine.stacks() if name in session.declared]
    wanted = tuple(dict.fromkeys(stacks or up))
    if not wanted:
        raise CellError("no stack is up: `cell up STACK`, or --account without a state", ExitCode.STACK_NOT_FOUND)
    return Request(
        stacks=wanted, places=places(observe or "state,live"), controls=controls_, partial=partial, role=role
    )


def _session() -> Session:
    project = Project.find()
    return Session(
        project=project,
        engine=Engine(project),
        console=console,
        declared=declared_stacks(project, check_quotas=False),
        policy_packs=project.policy_packs,
    )


@app.command(hidden=True)
def run(
    stacks: Annotated[list[str] | None, typer.Argument(help="Left out: every stack that is up.")] = None,
    observe: Annotated[
        str | None, typer.Option(help="Where to ask: preview, state, live, with commas. Left out: state,live.")
    ] = None,
    account: Annotated[
        bool, typer.Option("--account", help="The account of the credentials, with no state at all.")
    ] = False,
    role: Annotated[str, typer.Option(help="Name or ARN of a role to act as. Left out: your own credentials.")] = "",
    control: Annotated[list[str] | None, typer.Option(help="Only this control; may repeat.")] = None,
    framework: Annotated[Framework | None, typer.Option(help="Only controls that claim one of its criteria.")] = None,
    severity: Annotated[Severity | None, typer.Option(help="Only controls of this severity and above.")] = None,
    fail_on: Annotated[Severity, typer.Option(help="Least severity of a failure that makes the exit code 5.")] = LEVELS[
        0
    ],
    strict: Annotated[bool, typer.Option("--strict", help="Exit code 5 for what was not observed, too.")] = False,
    report: Annotated[list[str] | None, typer.Option(help="FORMAT=FILE; may repeat.")] = None,
    evidence: Annotated[Path | None, typer.Option(help="Folder of the evidence bundles. Left out: .audit")] = None,
    sign_with: Annotated[
        str | None, typer.Option(help="KMS key that signs the bundle. Left out: the evidence key of the first cell.")
    ] = None,
    anchor: Annotated[
        str, typer.Option(help="s3://BUCKET under Object Lock, where the signed head is put. Left out: nowhere.")
    ] = "",
    record: Annotated[
        bool, typer.Option("--record", help="Note in each stack's account that it was audited, for `cell status`.")
    ] = False,
    iam_policy: Annotated[bool, typer.Option("--iam-policy", help="Print the policy of an auditor's role.")] = False,
    cluster_role: Annotated[bool, typer.Option("--cluster-role", help="Print its role in a cluster.")] = False,
    list_: Annotated[bool, typer.Option("--list", help="Print the controls, and what cannot be asked where.")] = False,
    output: Annotated[Format, typer.Option("--output", "-o", help="How to print the result.")] = Format.TABLE,
) -> None:
    """Ask every control of state, preview and live account. Exit code 5 where one fails that nobody has accepted."""
    # What asks AWS and writes reports takes a second to load: other commands do not wait for that.
    from operations.audit.conduct import audited, earlier, note_audit, signer_of
    from operations.audit.evidence.anchor import Anchor, Target
    from operations.audit.evidence.bundle import write as write_bundle
    from operations.audit.live.kubernetes import cluster_role as audit_cluster_role
    from operations.audit.report import formats, table
    from operations.audit.rights import anchor_statements, audit_policy

    target = Target.parse(anchor) if anchor else None
    if iam_policy or cluster_role:
        document = audit_policy() if iam_policy else audit_cluster_role()
        if iam_policy and target:
            document["Statement"] += anchor_statements(target.bucket, target.prefix)
        show(document, Format.JSON if output is Format.TABLE else output)
        return
    controls_ = chosen(control or (), framework, severity)
    if list_:
        show(listing(controls_), output)
        return
    for spec in report or ():
        formats.parse(spec)
    anchored = Anchor(target) if target else None
    if anchored:
        anchored.check()
    session = _session()
    request = request_of(session, stacks or (), observe, controls_, account=account, role=role)
    folder = evidence or session.project.root / EVIDENCE
    with progress(console) as tell:
        audit, calls = audited(session, request, folder, tell)
    bundle = write_bundle(folder, audit, calls, signer_of(session, audit, folder, sign_with))
    trend = earlier(folder, audit)
    for spec in report or ():
        console.print(f"wrote {formats.write(audit, spec, trend)}", markup=False, soft_wrap=True)
    if output is Format.TABLE:
        table.show(audit)
    else:
        show(json.loads(audit.model_dump_json()), output)
    console.print(f"evidence: {bundle}", markup=False, soft_wrap=True)
    if record:
        note_audit(session, audit)
    if anchored:
        console.print(f"anchored: {anchored.put(bundle)}", markup=False, soft_wrap=True)
    raise typer.Exit(exit_code(audit, fail_on, strict=strict))


@app.command()
def diff(
    before: Annotated[Path, typer.Argument(help="JSON report, or the folder of a bundle.", show_default=False)],
    after: Annotated[Path, typer.Argument(help="Another, later or of another cell.", show_default=False)],
    output: Annotated[Format, typer.Option("--output", "-o", help="How to print the result.")] = Format.TABLE,
) -> None:
    """What two audits say differently: new, fixed and still open failures, by control and resource."""
    from operations.audit.compare import compare
    from operations.audit.report import compared
    from operations.audit.report.json_ import load

    one, other = (load(path / "audit.json" if path.is_dir() else path) for path in (before, after))
    found = compare(one, other)
    if output is Format.TABLE:
        typer.echo(compared.render(found), nl=False)
    else:
        show(json.loads(compared.render_json(found)), output)


@app.command()
def verify(
    bundle: Annotated[Path, typer.Argument(help="Folder of the bundle.", show_default=False)],
    key: Annotated[
        list[Path] | None,
        typer.Option(help="Public key in PEM form, from elsewhere than the bundle. Repeat for retired ones."),
    ] = None,
    previous: Annotated[
        Path | None, typer.Option(help="Bundle of the audit before: shows that none is left out.")
    ] = None,
    anchor: Annotated[
        str, typer.Option(help="s3://BUCKET where you know heads to be anchored: its object is read and compared.")
    ] = "",
    output: Annotated[Format, typer.Option("--output", "-o", help="How to print the result.")] = Format.TABLE,
) -> None:
    """Verify an evidence bundle and name the first thing in it that is not as it was written.

    Exit code 0 only where it is intact, signed by a given key, and anchored where an anchor is given; 1 where it is
    broken, of an author that is unproven for want of a key, or not anchored there; 2 for a key, folder or anchor that
    is none.
    """
    from operations.audit.evidence.command import verified

    verified(bundle, key or (), previous, anchor, output)


@app.command()
def period(
    start: Annotated[str, typer.Option("--from", help="First day, or a time. UTC.", show_default=False)],
    end: Annotated[str, typer.Option("--to", help="Last day, or the time before which it ends.", show_default=False)],
    stacks: Annotated[list[str] | None, typer.Argument(help="Left out: every stack that a bundle is of.")] = None,
    every: Annotated[
        str | None, typer.Option(help="Longest time between two audits, such as 1d. Left out: that of MON-01, 31d.")
    ] = None,
    evidence: Annotated[Path | None, typer.Option(help="Folder of the evidence bundles. Left out: .audit")] = None,
    key: Annotated[
        list[Path] | None, typer.Option(help="Public key, as for `cell audit verify`; may repeat for retired ones.")
    ] = None,
    fail_on: Annotated[
        Severity, typer.Option(help="Least severity of a deviation that makes the exit code 5.")
    ] = LEVELS[0],
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit code 5 for what was not observed and for unproven authors, too.")
    ] = False,
    output: Annotated[Format, typer.Option("--output", "-o", help="How to print the result.")] = Format.TABLE,
) -> None:
    """What the bundles of a period say together: audits left out, and for each control and resource when it failed.

    Every bundle is verified first. Exit code 5 where one is broken, an audit was left out, or a control failed at or
    above --fail-on that nobody had accepted, whether or not it holds again.
    """
    from operations.audit.evidence.signing import public_keys
    from operations.audit.period import exit_code as period_exit_code
    from operations.audit.period import period as period_of
    from operations.audit.period_command import between, interval, show_period

    times, longest = between(start, end, datetime.now(UTC).replace(microsecond=0)), interval(every)
    folder, keys = evidence or Project.find().root / EVIDENCE, list(public_keys(key or ()))
    with progress(console) as tell:
        found = period_of(folder, keys, times, longest, stacks or (), lambda done, all_: tell("verify", done, all_))
    show_period(found, output)
    raise typer.Exit(period_exit_code(found, fail_on, strict=strict))


@app.command()
def population(
    kind: Annotated[Kind, typer.Argument(help="Of what.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", help="File to write; never over another.", show_default=False)],
    stacks: Annotated[
        list[str] | None, typer.Argument(help="Whose accounts are asked. Left out: that of the credentials.")
    ] = None,
    start: Annotated[str | None, typer.Option("--from", help="First day, or a time. UTC.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="Last day, or the time before which it ends.")] = None,
    from_file: Annotated[
        Path | None, typer.Option(help="A register (CSV, JSON, YAML) in place of accounts or attestations.")
    ] = None,
    role: Annotated[str, typer.Option(help="Name or ARN of a role to act as. Left out: your own credentials.")] = "",
    output: Annotated[Format, typer.Option("--output", "-o", help="How to print the result.")] = Format.TABLE,
) -> None:
    """Freeze everything of one kind in a file with its digest, before anybody says what is chosen from it.

    Changes come from CloudTrail, access from IAM and EKS as they are now; incidents, restores and erasures from the
    register that an attestation vouches for.
    """
    from operations.audit import sample_command as freezing
    from operations.audit.population import summary
    from operations.audit.populations import of_register

    freezing.check(kind, stacks or (), role, from_file)
    times = freezing.period_of(kind, start, end, datetime.now(UTC))
    if from_file is not None:
        found = of_register(out, kind, from_file, times)
    else:
        found = freezing.frozen(_session(), out, kind, stacks or (), role, times)
    show(summary(found, out), output)


@app.command()
def sample(
    file: Annotated[Path, typer.Argument(help="Frozen by `cell audit population`.", show_default=False)],
    size: Annotated[int, typer.Option(help="How many; a smaller population is taken whole.", show_default=False)],
    seed: Annotated[str, typer.Option(help="Any text, chosen after the population was frozen.", show_default=False)],
    sha256: Annotated[str, typer.Option(help="The population's digest, as it was told when it was frozen.")] = "",
    output: Annotated[Format, typer.Option("--output", "-o", help="How to print the result.")] = Format.TABLE,
) -> None:
    """Choose from a frozen population: the same seed always chooses the same, and `sha256sum` repeats it."""
    from operations.audit.sample_command import show_sample

    show_sample(file, size, seed, sha256, output)
