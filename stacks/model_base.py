"""What every model of a stack file shares."""

from __future__ import annotations

import datetime
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints
from pydantic.alias_generators import to_camel


def _day(value: object) -> object:
    """Pulumi's engine turns a YAML date into ``2026-12-01 00:00:00 +0000 UTC``."""
    return value.removesuffix(" 00:00:00 +0000 UTC") if isinstance(value, str) else value


Day = Annotated[datetime.date, BeforeValidator(_day)]
ShardId = Annotated[str, StringConstraints(pattern=r"^s[0-9]{2,3}$")]


class Settings(BaseModel):
    """Base of all models: unknown keys are refused, nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, validate_by_name=True)
