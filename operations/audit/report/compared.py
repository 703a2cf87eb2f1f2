"""What ``cell audit diff`` shows of a comparison: JSON, and text for a terminal."""

from collections.abc import Iterator

from rich.console import RenderableType
from rich.text import Text

from operations.audit.compare import Change, Comparison, Kind, Side
from operations.audit.report.escape import terminal
from operations.audit.report.json_ import pretty
from operations.audit.report.table import FILE_WIDTH, listed, resource_words, written


def render_json(comparison: Comparison) -> bytes:
    """All of it as data."""
    return pretty(comparison.model_dump(mode="json")).encode()


def render(comparison: Comparison, *, width: int = FILE_WIDTH, rows: int | None = None) -> str:
    """The text; lists have at most ``rows`` rows. What is new comes first, what is fixed last."""
    return written(_parts(comparison, rows), width)


def _parts(comparison: Comparison, rows: int | None) -> Iterator[RenderableType]:
    yield Text(terminal(f"{_side(comparison.before)} -> {_side(comparison.after)}"))
    if comparison.cells:
        first, second = comparison.cells
        yield Text(terminal(f"Resources of {first} and {second} are matched by name without the cell's."))
    for kind in (Kind.NEW, Kind.OPEN, Kind.CHANGED, Kind.FIXED):
        changes = comparison.of(kind)
        columns = ("CONTROL", "SEVERITY", "CLAUSE", "RESOURCE", "BEFORE", "AFTER", "REASON")
        yield from listed(f"{kind.value.capitalize()}: {len(changes)}", columns, [_cells(one) for one in changes], rows)
    yield from listed(
        "What else differs:",
        ("WHAT", "BEFORE", "AFTER"),
        [(one.about, one.before, one.after) for one in comparison.differences],
        rows,
    )
    counts = ", ".join(f"{len(comparison.of(kind))} {kind}" for kind in Kind)
    yield Text(f"\n{counts}; {len(comparison.differences)} other differences")


def _side(side: Side) -> str:
    emulated = " (EMULATED)" if side.emulated else ""
    return f"{side.id}{emulated} of {', '.join(side.stacks) or 'no stack'} at {side.started}"


def _cells(change: Change) -> tuple[str, ...]:
    before = change.before.value if change.before else "no answer"
    after = change.after.value if change.after else "no answer"
    return (
        change.control,
        change.severity.value,
        change.clause,
        resource_words(change.resource),
        f"{before}, accepted by {change.exception_before}" if change.exception_before else before,
        f"{after}, accepted by {change.exception_after}" if change.exception_after else after,
        change.reason,
    )
