"""The shape of rails.yaml: ways on which money goes between banks."""

from __future__ import annotations

import datetime
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, StringConstraints

from catalogue.model import Dated, Entry, Url


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError("is not a time zone of the IANA database") from None
    return name


Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Clock = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Zone = Annotated[str, AfterValidator(_zone)]


class RailFact(Entry):
    """One thing that is known of a rail, and from where."""

    source: Url
    """Page of the scheme, or of whoever runs it."""
    effective_from: datetime.date | None = None
    """None: true at the file's date; since when was not looked up."""
    verified: bool = True
    """False: known, and not yet checked against its source; nothing may rest on it alone."""


class TextFact(RailFact):
    """A fact in words."""

    value: str


class CutoffFact(RailFact):
    """Until when the scheme takes payments of a day."""

    times: tuple[Clock, ...] = Field(min_length=1)
    """Local, in order; several where a day has several windows."""
    zone: Zone


class LimitFact(RailFact):
    """The scheme's limit for one payment."""

    minor_units: int | None = Field(ge=1)
    """Cents, pence; None: the scheme sets none. Banks may set less."""


class Rail(Entry):
    """One rail. What is left out was not found."""

    name: str
    currency: Currency
    message: TextFact
    speed: TextFact
    hours: TextFact
    cutoff: CutoffFact | None = None
    """None: payments are taken at any time."""
    limit: LimitFact | None = None


class Rails(Dated):
    """rails.yaml"""

    rails: dict[str, Rail]
