"""The control catalogue: every module in ``policies/controls`` is one control; id, file and constant share a name."""

import importlib
import pkgutil
from functools import cache

import policies.controls
from policies.control import Control


@cache
def controls() -> tuple[Control, ...]:
    """All controls, by id. Raises ValueError for a module that does not hold the control it is named after."""
    return tuple(_load(module.name) for module in pkgutil.iter_modules(policies.controls.__path__))


def control(control_id: str) -> Control:
    """One control. Raises KeyError with the known ids."""
    known = {found.id: found for found in controls()}
    if control_id not in known:
        raise KeyError(f"{control_id}: no such control; known: {', '.join(known)}")
    return known[control_id]


def _load(name: str) -> Control:
    found = getattr(importlib.import_module(f"policies.controls.{name}"), name.upper(), None)
    expected = name.upper().replace("_", "-")
    if not isinstance(found, Control) or found.id != expected:
        raise ValueError(f"policies/controls/{name}.py must define {name.upper()} = Control(id={expected!r}, ...)")
    return found
