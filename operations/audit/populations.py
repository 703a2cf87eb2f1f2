"""Where populations come from: live accounts, and registers that somebody attests or hands over."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from operations.audit import attestations
from operations.audit.access import Access
from operations.audit.evidence.canonical import canonical, plain
from operations.audit.live.collect import collect
from operations.audit.live.event_history import HISTORY, changes
from operations.audit.live.region import Call, Recorder, Region
from operations.audit.population import Frozen, Header, Kind, Source, freeze
from operations.audit.registers import ATTESTED, Register, attested, register
from operations.audit.run import by_account
from operations.audit.spans import Between
from operations.deploy import Session
from operations.errors import CellError, ExitCode
from operations.preflight_checks import ALWAYS_ON
from policies.catalogue import controls
from policies.resources import ROOT, NotObservedError
from stacks.fleet import load_fleet

PRINCIPALS = (
    "aws:eks/accessEntry:AccessEntry",
    "aws:iam/accessKey:AccessKey",
    "aws:iam/role:Role",
    "aws:iam/user:User",
    ROOT,
)
"""Types of who can enter. Roles of a database are in no API: they need a register."""


def of_register(out: Path, kind: Kind, file: Path, period: Between | None) -> Frozen:
    """Freezes what a register says. Raises CellError."""
    return _of_register(out, kind, register(file, kind, period), period)


def of_attestation(session: Session, out: Path, kind: Kind, period: Between) -> Frozen:
    """Freezes what an attested register says. Raises CellError."""
    folder = session.project.root / attestations.ATTESTATIONS
    today, verify = datetime.now(UTC).date(), attestations.verifier(session.project)
    asked = [one for one in controls() if one.id == ATTESTED[kind][0]]
    found = attested(folder, attestations.load(folder, asked, today, verify), kind, period)
    return _of_register(out, kind, found, period)


def of_accounts(
    session: Session, out: Path, kind: Kind, stacks: Sequence[str], role: str, period: Between | None
) -> Frozen:
    """Freezes what accounts answer: those of stacks, or that of the credentials. Raises CellError, where one call is
    refused, too: a population that was not seen whole is none."""
    recorder = Recorder()
    entered = _entered(session, stacks, role, recorder)
    try:
        regions = [[access.region(name) for name in access.enabled_regions()] for access in entered]
        records = observed(kind, regions, period)
    except NotObservedError as error:
        problem = "not observed, and a population that was not seen whole is not frozen"
        raise CellError(f"{kind}: {error}: {problem}", ExitCode.RESOURCE) from None
    header = _header(kind, period, sources(recorder.calls)).model_copy(
        update={
            "caller": ", ".join(access.caller for access in entered),
            "emulated": any(access.emulated for access in entered),
        }
    )
    return freeze(out, header, records)


def observed(kind: Kind, accounts: Iterable[Sequence[Region]], period: Between | None) -> list[Mapping[str, Any]]:
    """What is asked of each account in its regions, the home region first. Raises NotObservedError, CellError."""
    if kind is Kind.ACCESS:
        return [record for regions in accounts for record in _principals(regions)]
    assert period is not None, "changes have a period"
    if period.start < datetime.now(UTC) - HISTORY:
        problem = f"the event history has {HISTORY.days} days; give the trail's own events with --from-file"
        raise CellError(f"changes from {period.start:%Y-%m-%d} on: {problem}", ExitCode.CONFIGURATION)
    return [record for regions in accounts for region in regions for record in changes(region, *period)]


def sources(calls: Iterable[Call]) -> tuple[Source, ...]:
    """The queries, each with the pages of its answer."""

    def query(call: Call) -> tuple[str, str, str, bytes]:
        return call.operation, call.account, call.region, canonical(call.parameters)

    return tuple(
        Source(
            what=what,
            account=account,
            region=region,
            parameters=plain(pages[0].parameters),
            pages=len(pages),
            request_ids=tuple(page.request_id for page in pages),
        )
        for (what, account, region, _), group in groupby(sorted(calls, key=query), key=query)
        for pages in [list(group)]
    )


def _principals(regions: Sequence[Region]) -> list[Mapping[str, Any]]:
    account = collect(regions, PRINCIPALS)
    for type_, reason in account.unobserved.items():
        raise NotObservedError(f"{type_}: {reason}")
    return [
        {
            "id": one.key,
            "type": one.resource.type,
            "name": one.resource.name,
            "account": regions[0].account,
            "made_by_aws": one.made_by_aws,
        }
        for one in account.found
    ]


def _entered(session: Session, stacks: Sequence[str], role: str, recorder: Recorder) -> list[Access]:
    fleet = load_fleet(session.project.stacks_folder)
    if not stacks:
        home = next((account.home_region for account in fleet.accounts.values()), ALWAYS_ON)
        return [Access(home, recorder, role=role)]
    accounts = [fleet.accounts[name] for name in by_account(session, fleet, stacks)]
    return [Access(one.home_region, recorder, role=role, account=one.account_id) for one in accounts]


def _of_register(out: Path, kind: Kind, found: Register, period: Between | None) -> Frozen:
    return freeze(out, _header(kind, period, (found.source,)), found.records)


def _header(kind: Kind, period: Between | None, sources: tuple[Source, ...]) -> Header:
    start, end = map(plain, period) if period else (None, None)
    frozen = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return Header(population=kind, start=start, end=end, frozen=frozen, sources=sources, count=0)
