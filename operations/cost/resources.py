"""Resources as the cost rules see them: type, name, component and inputs, from a preview or from a stack's state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from operations.events import COMPONENT_TYPE_PREFIX, Reading

_OWN_KINDS = ("pulumi:", COMPONENT_TYPE_PREFIX)


@dataclass(frozen=True, kw_only=True, slots=True)
class Resource:
    """One resource of a cloud; inputs that a preview does not know yet are placeholders."""

    type: str
    name: str
    component: str
    inputs: Mapping[str, Any]

    def region(self, home: str) -> str:
        """Where it stands: its own ``region``, else the provider's."""
        own = self.inputs.get("region")
        return own if isinstance(own, str) else home


def declared(reading: Reading) -> list[Resource]:
    """What a stack holds after the previewed update."""
    return list(_resources(reading, reading.after))


def existing(reading: Reading) -> list[Resource]:
    """What it holds before."""
    return list(_resources(reading, reading.before))


def _resources(reading: Reading, inputs: Mapping[str, Mapping[str, Any]]) -> Iterable[Resource]:
    for urn, values in inputs.items():
        kind, _, name = urn.rpartition("::")
        type_ = kind.rpartition("::")[2].rpartition("$")[2]
        if not type_.startswith(_OWN_KINDS):
            yield Resource(type=type_, name=name, component=reading.component_of(urn), inputs=values)
