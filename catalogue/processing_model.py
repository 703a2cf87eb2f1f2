"""The shape of processing.yaml, the register of processing activities."""

from __future__ import annotations

import datetime
from enum import StrEnum
from itertools import product
from typing import Annotated, Literal, Self, get_args

from pydantic import AfterValidator, Field, model_validator

from catalogue.model import Country, Dated, Entry, Url


class Erasure(StrEnum):
    """How a person's data leaves a store."""

    CRYPTO_SHREDDING = "crypto-shredding"
    """Its fields are under a data key of the subject; erasure destroys the key."""
    EXPIRY = "expiry"
    """Gone after the store's own retention."""
    HANDLER = "handler"
    """A program deletes the subject's rows or items."""


class StoreType(Entry):
    """A type of store that may hold personal data."""

    owner: str = Field(min_length=1)
    """Who answers for it; exactly one."""
    erasure: Erasure


DataClass = Literal["public", "internal", "confidential", "personal", "payments"]
"""Values of the ``payment-cell:data-class`` tag, in rising order of harm."""

MAX_DAYS = 36_500
"""The longest that AWS Backup keeps; a century is no time that somebody meant."""


def _days(value: int) -> int:
    if not 1 <= value <= MAX_DAYS:
        raise ValueError(f"{value} is outside 1..{MAX_DAYS} days; write the days that the reason gives")
    return value


Days = Annotated[int, AfterValidator(_days)]


class Kept(Entry):
    """How long stores may keep what is put there."""

    stores: tuple[str, ...] = Field(min_length=1)
    """Pulumi types."""
    data_classes: tuple[DataClass, ...] = Field(default=get_args(DataClass), min_length=1)
    longest_days: Days
    """Until no version of it is left."""
    reason: str = Field(min_length=1)
    source: Url


class AuditArchive(Entry):
    """How long what trails write has to be locked."""

    shortest_days: Days
    reason: str = Field(min_length=1)
    source: Url


class Activity(Entry):
    """A processing activity (GDPR Article 30(1) as controller, 30(2) as processor)."""

    article: Literal["30(1)", "30(2)"]
    purpose: str
    basis: str
    subjects: tuple[str, ...]
    recipients: tuple[str, ...]
    stores: tuple[str, ...] = Field(min_length=1)
    """Pulumi types."""


class Transfer(Entry):
    """A recipient in another country, or an operator who looks in from there (GDPR Articles 44 to 47)."""

    recipient: str
    country: Country
    mechanism: Literal["adequacy", "standard-contractual-clauses", "binding-corporate-rules"]
    """A derogation of Article 49 is none: it is for occasional transfers."""
    assessed: datetime.date
    """Of the transfer impact assessment."""
    review_by: datetime.date


class Processing(Dated):
    """processing.yaml"""

    source: Url
    stores: dict[str, StoreType]
    retention: dict[str, Kept]
    audit_archive: AuditArchive
    activities: dict[str, Activity]
    transfers: tuple[Transfer, ...]

    @model_validator(mode="after")
    def _stores_are_owned(self) -> Self:
        for name, activity in self.activities.items():
            if unknown := sorted(set(activity.stores) - self.stores.keys()):
                raise ValueError(f"{name}: stores has {', '.join(unknown)}, which stores does not name an owner of")
        return self

    @model_validator(mode="after")
    def _times_are_unambiguous(self) -> Self:
        seen: dict[tuple[str, str], str] = {}
        for name, kept in self.retention.items():
            for store, data_class in product(kept.stores, kept.data_classes):
                if (other := seen.setdefault((store, data_class), name)) != name:
                    raise ValueError(
                        f"retention.{name}: {store} of class {data_class} has a time in {other} already; "
                        "give each type and class one"
                    )
        return self

    def longest_days(self, type_: str, data_class: str) -> int | None:
        """The longest that stores of a Pulumi type may keep data of a class; None where the register has no time."""
        times = (
            kept.longest_days
            for kept in self.retention.values()
            if type_ in kept.stores and data_class in kept.data_classes
        )
        return next(times, None)

    def activities_of(self, type_: str) -> tuple[str, ...]:
        """Names of the activities that use stores of a Pulumi type."""
        return tuple(name for name, activity in self.activities.items() if type_ in activity.stores)
