"""Movements of the writer and drills as an audit shows them: what lies in `.recovery/` of the project.

They support two criteria and answer no clause: that recovery infrastructure is there and operated (SOC 2 A1.2), and
that recovery procedures are tested (A1.3). What an emulator rehearsed supports nothing in an audit of AWS.

An auditor reads no data, and so no journal of a pair: `cell recovery collect` brings the runs of other machines here,
by whoever may read it. Where nobody has, the audit says so.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from operations.audit.evidence.canonical import digest
from operations.audit.result import Mapped, Recovery, RecoveryStep
from operations.recovery.collect import JOURNALS
from operations.recovery.run import Kind, Status
from operations.recovery.timeline import DRILLS, FOLDER
from policies.control import Framework, Strength
from stacks.fleet import Fleet

MAX_BYTES: Final = 16 * 2**20
"""Of one file: a drill that loses thousands of payments names each of them."""

MAX_RECORDS: Final = 1000
"""Of an audit, the newest; a weekly drill makes four runs a month."""

UNREADABLE: Final = (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError)
"""What a file of another shape ends with."""

OPERATED: Final = Mapped(framework=Framework.SOC2, criterion="A1.2", strength=Strength.SUPPORTS)
TESTED: Final = Mapped(framework=Framework.SOC2, criterion="A1.3", strength=Strength.SUPPORTS)

PLANNED: Final = frozenset({Kind.SWITCHOVER.value, Kind.FAILBACK.value})
"""Movements of which both cells are well: whoever makes one tests the procedure."""

ENDED: Final = frozenset({Status.DONE.value, Status.ROLLED_BACK.value})


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """What the folder has of the audited cells."""

    records: tuple[Recovery, ...]
    problems: tuple[str, ...]
    """Sentences about what is not known."""


def known(root: Path, stacks: Sequence[str], fleet: Fleet, *, emulated: bool) -> Known:
    """`emulated`: the audit asks no AWS. Never raises: a file that cannot be read is a problem."""
    mine = {*stacks, *(cell for stack in stacks if stack in fleet.pairs for cell in _cells(fleet, stack))}
    records: list[Recovery] = []
    problems: list[str] = []
    for path, made in _files(root / FOLDER):
        file = path.relative_to(root).as_posix()
        try:
            data, document = _read(path)
            if not mine.isdisjoint({str(document.get(name)) for name in ("origin", "target", "cell")}):
                records.append(_judged(made(path, document, file, digest(data)), emulated))
        except UNREADABLE as error:
            problems.append(f"{file}: no record of a movement or drill ({type(error).__name__})")
    records.sort(key=lambda one: (one.started, one.id), reverse=True)
    if len(records) > MAX_RECORDS:
        problems.append(f"{FOLDER}: {len(records) - MAX_RECORDS} older movements and drills are left out")
    ids = {one.id for one in records}
    pairs = sorted({pair for stack in mine if stack not in fleet.workloads and (pair := fleet.pair_of(stack))})
    problems += [problem for pair in pairs if (problem := _incomplete(root, pair, ids))]
    return Known(records=tuple(records[:MAX_RECORDS]), problems=tuple(problems))


def _cells(fleet: Fleet, pair: str) -> tuple[str, str]:
    return fleet.pairs[pair].primary, fleet.pairs[pair].replica


Maker = Callable[[Path, Mapping[str, Any], str, str], Recovery]
"""Of the path, what it says, the path below the project, and the digest."""


def _files(folder: Path) -> list[tuple[Path, Maker]]:
    runs: list[tuple[Path, Maker]] = [(path, _movement) for path in sorted(folder.glob("*/timeline.json"))]
    drills: list[tuple[Path, Maker]] = [(path, _drill) for path in sorted(folder.glob(f"{DRILLS}/*/drill.json"))]
    return runs + drills


def _read(path: Path) -> tuple[bytes, Mapping[str, Any]]:
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ValueError(f"more than {MAX_BYTES:,} bytes")
    found = json.loads(data)
    if not isinstance(found, dict):
        raise TypeError("no mapping")
    return data, found


def _movement(_path: Path, run: Mapping[str, Any], file: str, sha256: str) -> Recovery:
    lost = run["steps"].get("missing", {}).get("facts", {}).get("payments", ())
    accepted = "data loss was accepted" if run["accept_data_loss"] else "data loss was not accepted"
    return Recovery(
        file=file,
        sha256=sha256,
        id=run["id"],
        what=run["kind"],
        origin=run["origin"],
        target=run["target"],
        started=_time(run["started_at"]),
        ended=_time(run["ended_at"]) if run["ended_at"] else None,
        outcome=run["status"],
        found=f"{accepted}, {len(lost)} payments were named as missing",
        by=run["started_by"],
        approved_by=tuple(one["by"] for one in run["approvals"]),
        steps=tuple(
            RecoveryStep(name=one["step"], state=one["state"], seconds=one["seconds"]) for one in run["timeline"]
        ),
        # Timelines that do not say so were made before they did: nothing of AWS is claimed for them.
        emulated=run.get("emulated") is not False,
        maps_to=(OPERATED, TESTED) if run["kind"] in PLANNED else (OPERATED,),
    )


def _drill(path: Path, drill: Mapping[str, Any], file: str, sha256: str) -> Recovery:
    restore = drill["kind"] == "restore"
    steps = {one["name"]: one["seconds"] for one in drill["steps"]} if restore else drill["steps"]
    return Recovery(
        file=file,
        sha256=sha256,
        id=path.parent.name,
        what=f"drill of {drill['kind']}",
        origin=drill["cell"] if restore else drill["origin"],
        target="" if restore else drill["target"],
        started=_time(drill["began"]),
        outcome="kept" if (drill["same"] if restore else not drill["problems"]) else "broken",
        found=_restored(drill) if restore else _rehearsed(drill),
        steps=tuple(RecoveryStep(name=name, state="done", seconds=seconds) for name, seconds in steps.items()),
        emulated="sandbox" in drill,
        maps_to=(OPERATED, TESTED),
    )


def _restored(drill: Mapping[str, Any]) -> str:
    verdict = "the same" if drill["same"] else f"different: {', '.join(drill['different'])}"
    return f"{drill['source']} as of {drill['at']}: {verdict}, checked after {drill['checkedS']:.1f} s"


def _rehearsed(drill: Mapping[str, Any]) -> str:
    first, lost = drill["seconds"]["firstSuccess"], drill["losses"]["counts"]["lost"]
    served = "nobody was served again" if first is None else f"served again after {first:.1f} s"
    missed = "".join(f"; missed: {one}" for one in drill["problems"])
    return f"{served}, {lost} of {drill['acknowledged']} acknowledged payments lost, at most {drill['bound']}{missed}"


def _judged(one: Recovery, emulated: bool) -> Recovery:
    """Without criteria where it supports none."""
    if one.emulated and not emulated:
        note = "rehearsed where the endpoint was not AWS"
    elif not one.what.startswith("drill") and one.outcome not in ENDED:
        note = "did not come to an end"
    else:
        return one
    return one.model_copy(update={"maps_to": (), "note": note})


def _incomplete(root: Path, pair: str, ids: set[str]) -> str:
    """Why runs of a pair may be missing; "" where its journal was read and all that it had are here."""
    path = root / FOLDER / JOURNALS / f"{pair}.json"
    fix = f"`cell recovery collect {pair}`"
    try:
        _, told = _read(path)
        missing, at = {str(one) for one in told["runs"]} - ids, str(told["at"])
    except FileNotFoundError:
        return f"{pair}: its journal was not collected, movements from other machines are not known; {fix}"
    except UNREADABLE:
        return f"{pair}: {path.relative_to(root)} cannot be read; {fix}"
    return f"{pair}: {len(missing)} movements that its journal had on {at} are not here; {fix}" if missing else ""


def _time(text: str) -> str:
    """As the result has times. Raises ValueError, also for one without a zone."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text}: no zone")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
