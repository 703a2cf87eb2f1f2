"""A stack's resources as controls see them: type, properties, references, region and tags."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pulumi_policy.proxy import UnknownValueError

LIVE_ONLY = "live:"
"""Begins types of what no program declares and no provider has a type for."""

ROOT = f"{LIVE_ONLY}iam/root"
"""The root user of an account."""


OWNERS = frozenset(
    {
        *("aws:backup/vault:Vault", "aws:cloudwatch/eventBus:EventBus", "aws:dynamodb/table:Table"),
        *("aws:ecr/repository:Repository", "aws:iam/role:Role", "aws:kinesis/stream:Stream", "aws:kms/key:Key"),
        *("aws:secretsmanager/secret:Secret", "aws:sns/topic:Topic", "aws:sqs/queue:Queue"),
    }
)
"""Types whose ARN names the account that the stack is in: nobody shares them into another one's list, no program gives
their ARN, and it has an account, as those of buckets have not."""


class NotObservedError(Exception):
    """What a clause asks could not be read; the text says why. No value that is unknown yet: nobody was told."""


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One resource. ``props`` raises ``UnknownValueError`` on what a preview cannot know.

    ``references`` names, per top-level property, the URNs that its value comes from: an unknown ARN still has a source.
    """

    type: str
    name: str
    urn: str
    props: Mapping[str, Any]
    provider_props: Mapping[str, Any] = field(default_factory=dict)
    references: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def tag(self, key: str) -> str | None:
        """Value of a tag, default tags of the provider included; None where there is none."""
        for name in ("tags", "tagsAll"):
            tags = self.props.get(name)
            if tags and key in tags:
                return str(tags[key])
        return None

    def maybe(self, name: str) -> Any:
        """A property's value, or None where it is absent or unknown."""
        try:
            return self.props.get(name)
        except UnknownValueError:
            return None

    def given(self, name: str) -> Any:
        """A property that the program gave; None where it left it to AWS.

        A preview shows what AWS will decide as unknown too, but such a value comes from no other resource. Raises
        ``UnknownValueError`` where the program gave a value that is not known yet.
        """
        if self.references.get(name):
            return self.props.get(name)
        return self.maybe(name)

    @property
    def region(self) -> str | None:
        """Effective region: the resource's ``region``, else its provider's, else the one in its ARN."""
        for place in (self.maybe("region"), self.provider_props.get("region"), region_of_arn(self.maybe("arn"))):
            if place:
                return str(place)
        return None


@dataclass(frozen=True)
class Stack:
    """All resources of one stack, or of one account.

    ``unobserved`` says of each type that could not be listed why: whoever looks for one of these must not take "none
    found" for "there is none". ``whole``: nothing of the account is elsewhere, as other stacks may have things of it.
    """

    resources: tuple[Resource, ...]
    unobserved: Mapping[str, str] = field(default_factory=dict)
    whole: bool = False

    @cached_property
    def _by_urn(self) -> Mapping[str, Resource]:
        return {resource.urn: resource for resource in self.resources}

    @cached_property
    def _by_type(self) -> Mapping[str, tuple[Resource, ...]]:
        types: dict[str, list[Resource]] = {}
        for resource in self.resources:
            types.setdefault(resource.type, []).append(resource)
        return {type_: tuple(found) for type_, found in types.items()}

    @cached_property
    def accounts(self) -> frozenset[str]:
        """Accounts that the stack is in, as far as ARNs of its things and its providers' ``allowedAccountIds`` say."""
        found = {account_of(one.maybe("arn")) for one in self.resources if one.type in OWNERS}
        for allowed in {str(one.provider_props.get("allowedAccountIds") or "") for one in self.resources}:
            # A list, or the JSON of one: the SDK writes the arguments of a provider so.
            found.update(re.findall(r"\b\d{12}\b", allowed))
        return frozenset(one for one in found if one)

    def of(self, *types: str) -> Iterator[Resource]:
        """Resources of the given types. Raises ``NotObservedError`` where one of them could not be listed."""
        for type_ in types:
            if type_ in self.unobserved:
                raise NotObservedError(f"{type_}: {self.unobserved[type_]}")
            yield from self._by_type.get(type_, ())

    def sources(self, resource: Resource, *names: str) -> tuple[Resource, ...]:
        """Resources that the values of these top-level properties come from."""
        urns: Iterable[str] = (urn for name in names for urn in resource.references.get(name, ()))
        return tuple(self._by_urn[urn] for urn in urns if urn in self._by_urn)

    def pointing_at(self, target: Resource, type_: str, name: str) -> Iterator[Resource]:
        """Resources of a type whose property ``name`` is, or holds, the target: by reference or by literal id."""
        for resource in self.of(type_):
            if target.urn in resource.references.get(name, ()) or (
                (known := target.maybe("id")) and known in _values(resource.maybe(name))
            ):
                yield resource


def account_of(word: Any) -> str | None:
    """The account that an ARN names, or that stands alone; None where there is none."""
    parts = str(word or "").split(":")
    account = parts[4] if len(parts) >= 6 and parts[0] == "arn" else parts[0]
    return account if re.fullmatch(r"\d{12}", account) else None


def region_of_arn(arn: Any) -> str | None:
    """``arn:partition:service:region:account:resource`` -> region; None where the ARN has none or is none."""
    parts = str(arn or "").split(":")
    return parts[3] or None if len(parts) >= 6 and parts[0] == "arn" else None


def _values(value: Any) -> tuple[Any, ...]:
    if isinstance(value, str) or value is None:
        return (value,)
    try:
        return tuple(value)
    except (TypeError, UnknownValueError):
        return ()
