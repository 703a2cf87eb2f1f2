"""How long a cell's vault keeps backups, by environment and setting."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from types import MappingProxyType

from pydantic.alias_generators import to_camel

from components.vocabulary import Environment
from stacks.models import CellSettings
from stacks.plan import BackupSpec

_DEFAULTS = MappingProxyType(
    {
        Environment.PRODUCTION: BackupSpec(daily_days=35, weekly_days=90, monthly_days=365, cooling_off_days=14),
        Environment.STAGING: BackupSpec(daily_days=7, weekly_days=14, monthly_days=31),
        Environment.DEVELOPMENT: BackupSpec(daily_days=1, weekly_days=7, monthly_days=31),
    }
)
"""Production alone has a lock that becomes final: two weeks to find a wrong number, then nobody shortens a backup."""

_WAIVER = "no_copy_reason"

Note = Callable[[str, str | int | float | bool, str, str, str], None]
"""(name, value, unit, formula, source)"""


def backups(settings: CellSettings, note: Note) -> BackupSpec:
    """The defaults of the environment, with what the file says in their place."""
    own = {key: value for key, value in settings.backups.model_dump(exclude={_WAIVER}).items() if value is not None}
    spec = replace(_DEFAULTS[settings.environment], **own)
    for name, value in asdict(spec).items():
        if value is not None:
            unit = "days" if name.endswith("_days") else "vault"
            formula = unit if name in own else f"default of {settings.environment}"
            note(f"backups.{to_camel(name)}", value, unit, formula, "setting" if name in own else "stacks/backups.py")
    if settings.backups.no_copy_reason is not None:
        note(f"backups.{to_camel(_WAIVER)}", settings.backups.no_copy_reason, "reason", "no copies", "setting")
    return spec
