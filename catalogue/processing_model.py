"""The shape of processing.yaml, the register of processing activities."""

from __future__ import annotations

import datetime
from enum import StrEnum
from typing import Literal, Self

from pydantic import Field, model_validator

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
    activities: dict[str, Activity]
    transfers: tuple[Transfer, ...]

    @model_validator(mode="after")
    def _stores_are_owned(self) -> Self:
        for name, activity in self.activities.items():
            if unknown := sorted(set(activity.stores) - self.stores.keys()):
                raise ValueError(f"{name}: stores has {', '.join(unknown)}, which stores does not name an owner of")
        return self

    def activities_of(self, type_: str) -> tuple[str, ...]:
        """Names of the activities that use stores of a Pulumi type."""
        return tuple(name for name, activity in self.activities.items() if type_ in activity.stores)
