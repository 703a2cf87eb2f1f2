"""A picture as SVG: boxes in columns, a column further right for each thing that has to be there before.

A small layered layout of our own: every box stands right of what it waits for (arrows that close a circle do not
count), and within a column near the middle of its neighbours. No browser or graph program is needed.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from operations.picture import Box, Picture

CHARACTER_PX, LINE_PX = 7, 16
"""Room of one character and one line at 12 px of a monospaced font."""
PADDING_PX, GAP_PX, COLUMN_GAP_PX = 8, 14, 70
SWEEPS = 8
"""Passes that order the columns; more change nothing that one sees."""

_STYLE = (
    "text{font:12px monospace;fill:#1b1f24}text:first-of-type{font-weight:bold}"
    "rect{fill:#f6f8fa;stroke:#57606a;rx:4}path{fill:none;stroke:#57606a;marker-end:url(#tip)}"
)
_TIP = (
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
    '<path d="M0 0L8 4L0 8z" style="fill:#57606a;stroke:none;marker-end:none"/></marker></defs>'
)

Slot = str | tuple[str, str, int]
"""A box by its key, or where an arrow passes a column: its two ends and the column's number."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """Where boxes stand and arrows run, in px."""

    places: Mapping[str, tuple[int, int]]
    """Key of a box -> its left and upper edge."""
    ways: Mapping[tuple[str, str], Sequence[tuple[int, int]]]
    """Arrow -> points from the right edge of one box to the left edge of the other, around those between."""


def svg(picture: Picture) -> str:
    """A whole SVG document."""
    found = layout(picture)
    areas = [(*found.places[box.key], *size(box)) for box in picture.boxes]
    width = max((x + width for x, _, width, _ in areas), default=0) + GAP_PX
    height = max((y + height for _, y, _, height in areas), default=0) + GAP_PX
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">',
        f"<style>{_STYLE}</style>",
        _TIP,
        *(_arrow(way) for way in found.ways.values()),
        *(_box(box, *found.places[box.key]) for box in picture.boxes),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def size(box: Box) -> tuple[int, int]:
    """Width and height in px."""
    lines = _lines(box)
    return max(map(len, lines)) * CHARACTER_PX + 2 * PADDING_PX, len(lines) * LINE_PX + 2 * PADDING_PX


def layout(picture: Picture) -> Layout:
    """No two boxes overlap, and an arrow that passes a column has a row of its own there."""
    forward = _without_circles(picture)
    depth = _depth(picture, forward)
    passed = {
        (first, then): [(first, then, n) for n in range(depth[first] + 1, depth[then])] for first, then in forward
    }
    columns: list[list[Slot]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for key, number in depth.items():
        columns[number].append(key)
    for slots in passed.values():
        for slot in slots:
            columns[slot[2]].append(slot)
    lines: list[list[Slot]] = [[first, *passed[first, then], then] for first, then in forward]
    sizes: dict[Slot, tuple[int, int]] = {slot: (0, 0) for column in columns for slot in column}
    sizes |= {box.key: size(box) for box in picture.boxes}
    edges = _placed(_ordered(columns, lines), sizes)
    ways = {}
    for arrow in picture.arrows:
        between = _passing(passed.get(arrow, ()), edges)
        ways[arrow] = [_end(arrow[0], edges, sizes, 1), *between, _end(arrow[1], edges, sizes, 0)]
    return Layout(places={box.key: edges[box.key][:2] for box in picture.boxes}, ways=ways)


def _placed(
    columns: Sequence[Sequence[Slot]], sizes: Mapping[Slot, tuple[int, int]]
) -> dict[Slot, tuple[int, int, int]]:
    """Slot -> left and upper edge, and the right edge of its column; columns are centred on each other."""
    heights = [sum(sizes[slot][1] + GAP_PX for slot in column) for column in columns]
    edges: dict[Slot, tuple[int, int, int]] = {}
    x = GAP_PX
    for column, height in zip(columns, heights, strict=True):
        y, right = GAP_PX + (max(heights) - height) // 2, x + max(sizes[slot][0] for slot in column)
        for slot in column:
            edges[slot] = (x, y, right)
            y += sizes[slot][1] + GAP_PX
        x = right + COLUMN_GAP_PX
    return edges


def _end(
    key: str, edges: Mapping[Slot, tuple[int, int, int]], sizes: Mapping[Slot, tuple[int, int]], side: int
) -> tuple[int, int]:
    """The middle of a box's left (0) or right (1) edge."""
    (x, y, _), (width, height) = edges[key], sizes[key]
    return x + side * width, y + height // 2


def _passing(slots: Iterable[Slot], edges: Mapping[Slot, tuple[int, int, int]]) -> Iterator[tuple[int, int]]:
    """In and out of each column that an arrow passes."""
    for slot in slots:
        x, y, right = edges[slot]
        yield from ((x, y), (right, y))


def _without_circles(picture: Picture) -> list[tuple[str, str]]:
    """The arrows without those that lead back to where a walk came from."""
    after: dict[str, list[str]] = defaultdict(list)
    for first, then in picture.arrows:
        after[first].append(then)
    kept: list[tuple[str, str]] = []
    done: set[str] = set()
    for start in (box.key for box in picture.boxes):
        if start in done:
            continue
        path, walk = [start], [iter(after[start])]
        while walk:
            following = next(walk[-1], None)
            if following is None:
                walk.pop()
                done.add(path.pop())
            elif following not in path:
                kept.append((path[-1], following))
                if following not in done:
                    path.append(following)
                    walk.append(iter(after[following]))
    return kept


def _depth(picture: Picture, arrows: Sequence[tuple[str, str]]) -> dict[str, int]:
    """Key -> number of its column: the length of the longest way to it."""
    depth = {box.key: 0 for box in picture.boxes}
    for _ in picture.boxes:
        for first, then in arrows:
            depth[then] = max(depth[then], depth[first] + 1)
    return depth


def _ordered(columns: list[list[Slot]], lines: Iterable[Sequence[Slot]]) -> list[list[Slot]]:
    """The same columns, each slot near the middle of what it is joined with, so that fewer arrows cross."""
    joined: dict[Slot, list[Slot]] = defaultdict(list)
    for line in lines:
        for one, other in pairwise(line):
            joined[one].append(other)
            joined[other].append(one)
    for _ in range(SWEEPS):
        rank = {slot: number / len(column) for column in columns for number, slot in enumerate(column)}
        middle = {slot: sum(rank[one] for one in of) / len(of) for slot, of in joined.items()}
        columns = [sorted(column, key=lambda slot: middle.get(slot, rank[slot])) for column in columns]
    return columns


def _lines(box: Box) -> list[str]:
    title = f"{box.frame}: {box.title}" if box.frame else box.title
    return [title, *box.lines]


def _box(box: Box, x: int, y: int) -> str:
    width, height = size(box)
    texts = [
        f'<text x="{x + PADDING_PX}" y="{y + PADDING_PX + LINE_PX * number + 12}">{escape(line)}</text>'
        for number, line in enumerate(_lines(box))
    ]
    return f'<g><rect x="{x}" y="{y}" width="{width}" height="{height}"/>{"".join(texts)}</g>'


def _arrow(way: Sequence[tuple[int, int]]) -> str:
    """Bent between columns, straight across them."""
    (x, y), *rest = way
    path = f"M{x} {y}"
    for number, (x2, y2) in enumerate(rest):
        bend = COLUMN_GAP_PX // 2
        path += f"C{x + bend} {y} {x2 - bend} {y2} {x2} {y2}" if number % 2 == 0 else f"L{x2} {y2}"
        x, y = x2, y2
    return f'<path d="{path}"/>'
