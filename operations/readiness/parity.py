"""Whether a replica is what its primary is: all resources of their stacks, paired and compared.

found = differences(primary_rows, replica_rows, primary_place, replica_place)
unknown(found, strategy)            those that `allowed.py` has no reason for
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.vocabulary import Strategy
from operations.audit.state import plain, resources
from operations.readiness.allowed import ALLOWED, Allowed
from operations.readiness.names import Place, Row

SAME_TYPES: Mapping[str, str] = {"aws:kms/replicaKey:ReplicaKey": "aws:kms/key:Key"}
"""Types of a replica that stand for another type of its primary."""

NOTHING = "nothing"
_SHOWN = 120
"""Characters of a value that a difference shows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """One property, or a whole resource (``property`` empty), that is not the same on both sides."""

    type: str
    name: str
    """Logical name without the place."""
    property: str
    """Dotted path of the input."""
    primary: Any
    """As the primary's state has it; `NOTHING` where it has none."""
    replica: Any

    def __str__(self) -> str:
        what = f"{self.type} {self.name}" + (f" {self.property}" if self.property else "")
        return f"{what}: {_short(self.primary)} in the primary, {_short(self.replica)} in the replica"


def differences(
    primary: Sequence[Row], replica: Sequence[Row], own: Place, other: Place, region: str = ""
) -> list[Difference]:
    """All that differs once both sides are without their places. `region`: the replica's, where each of its regional
    resources has to stand."""
    left, right = _by_name(primary, own), _by_name(replica, other)
    found = []
    for key in sorted(left.keys() | right.keys()):
        one, two = left.get(key), right.get(key)
        if one is None or two is None:
            sides = (NOTHING, "there") if one is None else ("there", NOTHING)
            found.append(Difference(type=key[0], name=key[1], property="", primary=sides[0], replica=sides[1]))
            continue
        stands = plain(two.get("inputs") or {}).get("region", region)
        if region and stands != region:
            found.append(Difference(type=key[0], name=key[1], property="region", primary=region, replica=stands))
        pairs = _unequal("", _inputs(one), _inputs(two), own, other)
        found += [Difference(type=key[0], name=key[1], property=path, primary=a, replica=b) for path, a, b in pairs]
    return found


def unknown(found: Iterable[Difference], strategy: Strategy) -> list[Difference]:
    """Differences that nothing allows."""
    return [difference for difference in found if reason(difference, strategy) is None]


def reason(difference: Difference, strategy: Strategy) -> Allowed | None:
    """What allows a difference; None: nothing."""
    return next((allowed for allowed in ALLOWED if allowed.covers(difference, strategy)), None)


def _by_name(rows: Sequence[Row], place: Place) -> Mapping[tuple[str, str], Row]:
    return {(SAME_TYPES.get(row["type"], row["type"]), _name(row, place)): row for row in resources(rows)}


def _name(row: Row, place: Place) -> str:
    # Not `text`: a logical name may be the same as an id that a cloud gave.
    name = str(row["urn"].rpartition("::")[2])
    for pattern, word in place.rules:
        name = pattern.sub(word, name)
    return name


def _inputs(row: Row) -> Mapping[str, Any]:
    filled = set((row.get("inputs") or {}).get("__defaults") or ())
    inputs: Mapping[str, Any] = plain(row.get("inputs") or {})
    return {name: value for name, value in inputs.items() if name not in {*filled, "region", "__defaults"}}


def _unequal(path: str, one: Any, two: Any, own: Place, other: Place) -> Iterator[tuple[str, Any, Any]]:
    """Paths at which two values differ. A text that is the same on both sides is, unless it names the primary's
    region."""
    if isinstance(one, Mapping) and isinstance(two, Mapping):
        left = {own.text(str(name)): value for name, value in one.items() if name != "__defaults"}
        right = {other.text(str(name)): value for name, value in two.items() if name != "__defaults"}
        for name in sorted(left.keys() | right.keys()):
            yield from _unequal(
                f"{path}.{name}".lstrip("."), left.get(name, NOTHING), right.get(name, NOTHING), own, other
            )
    elif isinstance(one, list) and isinstance(two, list) and len(one) == len(two) and _of_mappings(one, two):
        for number, (left_, right_) in enumerate(zip(one, two, strict=True)):
            yield from _unequal(f"{path}.{_member(number, left_, right_)}", left_, right_, own, other)
    elif one == two and not (other.foreign and other.foreign.search(str(two))):
        return
    elif own.value(one) != other.value(two) and own.apart.value(one) != other.apart.value(two):
        yield path, one, two


def _member(number: int, one: Mapping[str, Any], two: Mapping[str, Any]) -> str:
    """Variables and containers are known by name, other members by place."""
    name = one.get("name")
    return name if isinstance(name, str) and name == two.get("name") else str(number)


def _of_mappings(*lists: list[Any]) -> bool:
    return all(isinstance(member, Mapping) for members in lists for member in members)


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
