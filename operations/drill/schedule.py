"""`cell drill STACK --schedule WHEN`: notes the weekly drill in the pair's stack file; `cell up` declares it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from components.pair_drill import Weekday
from operations.declared import change_file
from operations.errors import CellError, ExitCode
from operations.project import Project
from stacks.fleet import Fleet, load_fleet
from stacks.problems import ConfigError, nearest

OFF: Final = "off"
KEY: Final = "drillSchedule"

_WHEN = re.compile(r"(?P<day>[a-z]+)[ -](?P<hour>[0-9]{1,2})(?::(?P<minute>[0-9]{2}))?", re.IGNORECASE)


def when(text: str) -> tuple[Weekday, int]:
    """`tuesday 10`, `tue 10:00` -> weekday and hour in UTC. Raises CellError (configuration)."""
    found = _WHEN.fullmatch(text.strip())
    if found is None:
        raise _wrong(text, "is no weekday and hour", 'write "tuesday 10:00", in UTC, or off')
    word, hour = found["day"].lower(), int(found["hour"])
    days = [day for day in Weekday if day == word or day[:3] == word]
    if not days:
        near = nearest(word, list(Weekday))
        raise _wrong(text, "names no weekday", f"did you mean {near}?" if near else f"use {', '.join(Weekday)}")
    if hour > 23 or found["minute"] not in (None, "00"):
        raise _wrong(text, "is no full hour of a day", "use 0 to 23, in UTC")
    return days[0], hour


def schedule(project: Project, stack: str, text: str, image: str | None) -> tuple[Path, str, bool]:
    """Notes it: the pair's file, the pair's stack, and whether anything changed. Nothing stays written unless all stack
    files are valid with it. Raises CellError or ConfigError."""
    fleet = load_fleet(project.stacks_folder, check_quotas=False)
    pair = _pair(fleet, stack)
    path = project.stack_file(pair)
    wanted: dict[str, Any] | None = None
    if text != OFF:
        day, hour = when(text)
        kept = fleet.pairs[pair].drill_schedule
        chosen = image or (kept.image if kept else None)
        wanted = {"weekday": day.value, "hourUtc": hour, **({"image": chosen} if chosen else {})}
    elif image is not None:
        raise CellError("--image: of which drill? --schedule off removes it", ExitCode.CONFIGURATION)
    before = path.read_text()
    try:
        change_file(path, "pair", KEY, wanted)
        load_fleet(project.stacks_folder, check_quotas=False)
    except ConfigError:
        path.write_text(before)
        raise
    return path, pair, path.read_text() != before


def _pair(fleet: Fleet, stack: str) -> str:
    if stack not in fleet.stacks:
        raise CellError(f"{stack}: no such stack; stacks/ declares {', '.join(fleet.stacks)}", ExitCode.STACK_NOT_FOUND)
    name = fleet.pair_of(stack)
    if name is None:
        raise CellError(
            f"{stack}: is in no pair, and there is nobody to move its writer to: cell replicate {stack}",
            ExitCode.STACK_NOT_FOUND,
        )
    return name


def _wrong(text: str, rule: str, fix: str) -> CellError:
    return CellError(f"--schedule: {text!r} {rule}; {fix}", ExitCode.CONFIGURATION)
