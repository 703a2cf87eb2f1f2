"""What every model of a stack file shares."""

from __future__ import annotations

import datetime
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator
from pydantic.alias_generators import to_camel

from components.vocabulary import Environment


def _day(value: object) -> object:
    """Pulumi's engine turns a YAML date into ``2026-12-01 00:00:00 +0000 UTC``."""
    return value.removesuffix(" 00:00:00 +0000 UTC") if isinstance(value, str) else value


Day = Annotated[datetime.date, BeforeValidator(_day)]
ShardId = Annotated[str, StringConstraints(pattern=r"^s[0-9]{2,3}$")]


class Settings(BaseModel):
    """Base of all models: unknown keys are refused, nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, validate_by_name=True)


class DataSettings(Settings):
    """Base of stacks whose resources hold data."""

    environment: Environment
    synthetic_data: bool = Field(
        default=False, description="true: all data is made up, and redundancy may be missing. Left out: it is real."
    )

    @model_validator(mode="after")
    def _production_is_real(self) -> Self:
        if self.synthetic_data and self.environment is Environment.PRODUCTION:
            raise ValueError("syntheticData: production is real -> remove it, or set another environment")
        return self
