"""The shapes of accounts.yaml and processors.yaml: whom a cell may let in, and who may receive what it sends."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from catalogue.model import Country, Dated, Entry, Url

AccountId = Annotated[str, StringConstraints(pattern=r"^\d{12}$")]
OrganizationId = Annotated[str, StringConstraints(pattern=r"^o-[a-z0-9]{10,32}$")]
Host = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)+$")]
"""In lower case, whole: no host below it is meant."""


class AwsAccounts(Entry):
    """Accounts from which a service of AWS acts."""

    source: Url
    accounts: frozenset[AccountId]


class Accounts(Dated):
    """accounts.yaml"""

    source: Url
    own: dict[AccountId, str]
    organizations: frozenset[OrganizationId]
    aws: dict[str, AwsAccounts]

    @property
    def accounts(self) -> frozenset[str]:
        """Accounts that are no strangers: ours, and those of AWS."""
        return frozenset(self.own).union(*(one.accounts for one in self.aws.values()))


class Processor(Entry):
    """Somebody who receives data at hosts or mailboxes."""

    purpose: str
    contract: str
    """Reference of the contract of Article 28(3)."""
    countries: tuple[Country, ...] = Field(min_length=1)
    hosts: frozenset[Host] = frozenset()
    mail_domains: frozenset[Host] = frozenset()
    leaves: dict[str, str] = Field(default_factory=dict)
    """Jurisdiction whose data may go there though none of its countries is one of these -> why."""

    @model_validator(mode="after")
    def _can_be_found(self) -> Self:
        if not self.hosts and not self.mail_domains:
            raise ValueError("give hosts or mail_domains: without one nothing leads here")
        return self


class Processors(Dated):
    """processors.yaml"""

    source: Url
    processors: dict[str, Processor]

    @model_validator(mode="after")
    def _found_once(self) -> Self:
        for field in ("hosts", "mail_domains"):
            names = [name for one in self.processors.values() for name in getattr(one, field)]
            if twice := sorted({name for name in names if names.count(name) > 1}):
                raise ValueError(f"{field}: {', '.join(twice)} belongs to two processors")
        return self

    def at_host(self, host: str) -> tuple[str, Processor] | None:
        """Name and entry of who receives at a host."""
        return next(((name, one) for name, one in self.processors.items() if host.lower() in one.hosts), None)

    def at_mail_domain(self, domain: str) -> tuple[str, Processor] | None:
        """Name and entry of who keeps the mailboxes of a domain."""
        return next(((name, one) for name, one in self.processors.items() if domain.lower() in one.mail_domains), None)
