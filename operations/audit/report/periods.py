"""What ``cell audit period`` shows: JSON, and text for a terminal. What is wrong comes first."""

import json
from collections import Counter
from collections.abc import Iterator

from rich.console import RenderableType
from rich.text import Text

from operations.audit.period_result import Interval, Period, schema
from operations.audit.report.escape import terminal
from operations.audit.report.json_ import pretty
from operations.audit.report.table import FILE_WIDTH, listed, resource_words, written

_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def render_json(period: Period) -> bytes:
    """All of it as data."""
    return pretty(period.model_dump(mode="json")).encode()


def render(period: Period, *, width: int = FILE_WIDTH, rows: int | None = None) -> str:
    """The text; lists have at most ``rows`` rows."""
    return written(_parts(period, rows), width)


def lasting(seconds: int) -> str:
    """A duration in its two largest units: "3 d 4 h"."""
    parts: list[str] = []
    for unit, size in _UNITS:
        count, seconds = divmod(seconds, size)
        if count or parts:
            parts.append(f"{count} {unit}")
    return " ".join(part for part in parts[:2] if not part.startswith("0 ")) or "0 s"


def _parts(period: Period, rows: int | None) -> Iterator[RenderableType]:
    emulated = "EMULATED: an endpoint was not AWS. " if period.emulated else ""
    unproven = "AUTHOR UNPROVEN: no --key says who signed. " if period.unproven else ""
    scope = f"Period {period.start} to {period.end} (UTC) of {', '.join(period.stacks) or 'no stack'}"
    yield Text(terminal(f"{emulated}{unproven}{scope}, an audit every {lasting(period.every_s)}"))
    broken = [(one.name, one.problem) for one in period.broken]
    yield from listed(f"Broken bundles: {len(broken)}", ("BUNDLE", "PROBLEM"), broken, rows)
    yield from listed("Chain:", ("PROBLEM",), [(one,) for one in period.chain], rows)
    yield from _audits(period, rows)
    yield from _failures(period, rows)
    yield from _unknown(period, rows)
    yield from listed(
        "Exceptions in force:",
        ("EXCEPTION", "CONTROL", "RESOURCE", "GRANTED", "EXPIRES", "IN PERIOD", "APPROVED"),
        [
            (
                f"{one.id}{' (EMERGENCY)' if one.emergency else ''}",
                one.control,
                one.resource,
                one.granted,
                one.expires,
                lasting(one.in_force_s),
                ", ".join(one.approvers),
            )
            for one in period.exceptions
        ],
        rows,
    )
    yield from listed(
        "Rules that were changed:",
        ("IN AUDIT", "WHAT", "BEFORE", "AFTER"),
        [(one.audit, one.about, one.before, one.after) for one in period.changed],
        rows,
    )
    yield Text(f"\n{_counts(period)}")


def _audits(period: Period, rows: int | None) -> Iterator[RenderableType]:
    yield from listed(
        "Audits:",
        ("STACK", "EXPECTED", "HELD", "PARTIAL", "FIRST", "LAST"),
        [
            (one.stack, str(one.expected), str(one.held), str(one.partial), one.first or "none", one.last or "none")
            for one in period.coverage
        ],
        rows,
    )
    yield from listed(
        f"Gaps: {len(period.gaps)}",
        ("STACK", "FROM", "TO", "LASTING", "AFTER"),
        [(one.stack, one.start, one.end, lasting(one.seconds), one.after or "no audit") for one in period.gaps],
        rows,
    )
    findings: dict[str, list[str]] = {}
    for one in period.runs:
        for finding in one.findings:
            findings.setdefault(finding, []).append(one.name)
    yield from listed(
        "Doubts about bundles:",
        ("BUNDLES", "FIRST", "FINDING"),
        [(str(len(names)), names[0], finding) for finding, names in findings.items()],
        rows,
    )


def _failures(period: Period, rows: int | None) -> Iterator[RenderableType]:
    yield from listed(
        f"Failed in the period: {len(period.failures)}, {len(period.deviations)} not accepted",
        ("CONTROL", "SEVERITY", "RESOURCE", "HELD UNTIL", "FAILED", "HELD AGAIN", "LASTING", "ACCEPTED", "REASON"),
        [
            (
                one.control,
                one.severity.value,
                resource_words(one.resource),
                one.after or "never seen",
                one.first if one.first == one.last else f"{one.first} to {one.last}",
                one.until or "still open",
                lasting(one.at_least_s) + (" or more" if one.at_most_s is None else f" to {lasting(one.at_most_s)}"),
                _acceptance(one),
                one.reason,
            )
            for one in period.failures
        ],
        rows,
    )


def _acceptance(one: Interval) -> str:
    by = ", ".join(one.exceptions)
    if one.accepted:
        return by
    return f"no, for a part only by {by}" if by else "no"


def _unknown(period: Period, rows: int | None) -> Iterator[RenderableType]:
    groups = Counter((one.control, one.clause, one.first, one.until or "", one.reason) for one in period.unknown)
    yield from listed(
        f"Not known in the period: {len(period.unknown)}",
        ("CONTROL", "CLAUSE", "RESOURCES", "SINCE", "KNOWN AGAIN", "REASON"),
        [
            (control, clause, str(count), since, until or "not yet", reason)
            for (control, clause, since, until, reason), count in groups.items()
        ],
        rows,
    )


def _counts(period: Period) -> str:
    intact = len(period.runs) - len(period.broken)
    return (
        f"{intact} intact bundles, {len(period.broken)} broken, {period.elsewhere} of other stacks or times; "
        f"{len(period.gaps)} gaps, {len(period.chain)} breaks of the chain; "
        f"{len(period.deviations)} deviations, {len(period.failures) - len(period.deviations)} accepted failures, "
        f"{len(period.unknown)} not known"
    )


if __name__ == "__main__":
    print(json.dumps(schema(), indent=2))
