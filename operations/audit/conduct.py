"""An audit as a whole: what was seen, with exceptions, attestations, digests and the audit before it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import catalogue
from components.vocabulary import DataClass, tags
from operations.audit import attestations, recoveries, run
from operations.audit.asked import Circumstances, asked_answers
from operations.audit.evidence.digests import thresholds, tool
from operations.audit.evidence.history import latest
from operations.audit.evidence.signing import KmsSigner, LocalSigner, Signer
from operations.audit.exceptions import applied, exceptions_of
from operations.audit.live.region import Call
from operations.audit.report.json_ import load
from operations.audit.request import Request, Tell
from operations.audit.result import Audit
from operations.deploy import Session
from operations.errors import CellError, ExitCode
from operations.health import audit_record
from operations.plan import Kind
from operations.preflight_checks import entered
from stacks.fleet import load_fleet

TREND = 12
"""Earlier audits that a report shows: a year of monthly ones."""

LOCAL_KEY = "signing-key.pem"
"""In the evidence folder; signs audits of an emulator only."""

KEY_OUTPUT, KEY_USE = "keyArns", "evidence"
"""Output of a cell, and its member, with the key that signs evidence."""


def audited(session: Session, request: Request, folder: Path, tell: Tell) -> tuple[Audit, tuple[Call, ...]]:
    """The audit and the calls that it rests on. Raises CellError."""
    started, now = run.now(), datetime.now(UTC)
    asked = frozenset(control.id for control in request.controls)
    seen = run.see(session, request, tell)
    answers, accepted, refused = applied(seen.answers, exceptions_of(session.project, request.stacks, now), asked)
    folder_of = session.project.root / attestations.ATTESTATIONS
    read = attestations.load(folder_of, request.controls, now.date(), attestations.verifier(session.project))
    previous, previous_ended = latest(folder)
    circumstances = Circumstances(today=now.date(), accepted=accepted, refused=refused, previous_ended=previous_ended)
    fleet = load_fleet(session.project.stacks_folder, check_quotas=False)
    recovered = recoveries.known(session.project.root, request.stacks, fleet, emulated=seen.emulated)
    calls = seen.recorder.calls
    return (
        Audit(
            id=f"{now:%Y%m%dT%H%M%SZ}-{'-'.join(request.stacks) or 'account'}"[:120],
            started=started,
            ended=run.now(),
            scope=run.scope_of(request, seen),
            tool=tool(session.project, seen.states),
            thresholds=thresholds(),
            controls=run.entries(request.controls),
            answers=(
                *answers,
                *asked_answers(request.controls, circumstances),
                *attestations.answers(request.controls, read),
            ),
            populations=tuple(seen.populations),
            exceptions=accepted,
            refused_exceptions=refused,
            attestations=attestations.records(read),
            recoveries=recovered.records,
            calls=run.calls_of(calls),
            unaccounted=(
                *seen.unaccounted,
                *recovered.problems,
                *(f"{one.file}: {one.problem}" for one in read if not one.attested),
            ),
            previous=previous,
        ),
        calls,
    )


def earlier(folder: Path, audit: Audit) -> tuple[Audit, ...]:
    """The last audits of the same scope whose bundles are in a folder, oldest first; what cannot be read is left out:
    `cell audit verify` says of a bundle what is wrong with it."""
    found: list[Audit] = []
    for path in sorted(folder.glob("[!.]*/audit.json")):
        try:
            one = load(path)
        except CellError:
            continue
        if one.scope.stacks == audit.scope.stacks and one.ended < audit.started:
            found.append(one)
    return tuple(sorted(found, key=lambda one: one.ended)[-TREND:])


def signer_of(session: Session, audit: Audit, folder: Path, key: str | None) -> Signer:
    """Who signs the bundle: the given key, else a local one for an emulator, else the evidence key of the first cell.

    Raises CellError where there is none.
    """
    fleet = load_fleet(session.project.stacks_folder)
    if key is None and audit.scope.emulated:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return LocalSigner(folder / LOCAL_KEY)
    cells = [stack for stack in audit.scope.stacks if session.declared[stack].kind is Kind.CELL]
    if not cells:
        raise CellError("no cell is audited, whose key would sign: give --sign-with KEY", ExitCode.CONFIGURATION)
    arn = key or str(session.engine.outputs(cells[0])[KEY_OUTPUT][KEY_USE])
    clients = entered(fleet.account_of(cells[0]), "audit")
    return KmsSigner(clients.get("kms", fleet.cells[cells[0]].region), arn)


def note_audit(session: Session, audit: Audit) -> None:
    """Writes how the audit ended where `cell status` looks for it. Acts as the deploy role: an auditor only reads."""
    fleet = load_fleet(session.project.stacks_folder)
    said = ", ".join(f"{count} {status}" for status, count in audit.counts.items() if count)
    for stack in audit.scope.stacks:
        kind = session.declared[stack].kind
        if kind in (Kind.WORKLOADS, Kind.PAIR):  # `cell status` shows their cells'
            continue
        account = fleet.accounts[stack] if kind is Kind.ACCOUNT else fleet.account_of(stack)
        region = account.home_region if kind is Kind.ACCOUNT else fleet.cells[stack].region
        ssm, name = entered(account, "audit").get("ssm", region), audit_record(stack)
        ssm.put_parameter(Name=name, Value=f"{audit.id}: {said}", Type="String", Overwrite=True)
        # By itself: PutParameter takes no tags where it may overwrite. Untagged, it would be judged as personal data.
        marks = tags(DataClass.INTERNAL, jurisdiction=catalogue.region(region).jurisdiction)
        listed = [{"Key": key, "Value": value} for key, value in marks.items()]
        ssm.add_tags_to_resource(ResourceType="Parameter", ResourceId=name, Tags=listed)
