"""The control catalogue: every module in ``policies/controls`` is one control; id, file and constant share a name."""

import importlib
import pkgutil
from functools import cache
from pathlib import Path

import policies.controls
from policies.control import Control

CHECKOUT = Path(__file__).parents[1]
"""Of an installed copy it is a folder of packages, and holds no tests of controls."""


@cache
def controls() -> tuple[Control, ...]:
    """All controls, by id. Raises ValueError for a module that does not hold the control it is named after, or whose
    control has no tests."""
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
    _check_tested(found, name)
    return found


def _check_tested(control: Control, name: str) -> None:
    """A pack runs from the checkout, with its tests beside it; from an installed copy nobody can tell."""
    tests = CHECKOUT / "tests" / "unit"
    if not (CHECKOUT / "pyproject.toml").is_file() or not tests.is_dir():
        return
    if not (tests / f"test_{name}.py").is_file():
        raise ValueError(
            f"policies/controls/{name}.py: {control.id} has no tests, every control needs them; write "
            f"tests/unit/test_{name}.py (docs/policies.md, Adding a control)"
        )
