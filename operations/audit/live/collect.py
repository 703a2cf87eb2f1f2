"""Reads all resources of an account: every reader in every region, beside each other."""

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from typing import Any

import operations.audit.live as package
from operations.audit.live.reader import READERS, Live, LiveProps, Reader
from operations.audit.live.region import OTHER_SHAPE, Region, Unread
from operations.audit.result import Population
from policies.resources import NotObservedError, Resource

THREADS = 16
"""Readers at a time. AWS throttles by account, region and API; botocore's adaptive mode slows down before that."""

MAX_PER_TYPE = 50_000
"""Resources of one type in one region: an answer without end is not believed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """One live resource and how it was read."""

    key: str
    """``type|account|region|id``"""
    resource: Resource
    identity: tuple[Any, ...]
    """By what a state knows the same resource."""
    made_by_aws: str
    evidence: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Account:
    """What was found, and what could not be listed."""

    found: list[Found] = field(default_factory=list)
    populations: list[Population] = field(default_factory=list)
    unobserved: dict[str, str] = field(default_factory=dict)
    """Type -> why, for types that one region at least did not list."""


def readers() -> Mapping[str, Reader]:
    """All readers, by type: every module of this package declares its own."""
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    return READERS


def collect(
    regions: Sequence[Region],
    types: Iterable[str],
    tell: Callable[[int, int], None] = lambda _done, _all: None,
) -> Account:
    """Reads these types (those that have a reader) in these regions of one account; the first region is asked for
    what AWS keeps once. ``tell``: called with how many of how many lists are read."""
    known = readers()
    tasks = [
        (known[type_], region)
        for type_ in sorted(set(types) & known.keys())
        for region in (regions if known[type_].everywhere else regions[:1])
    ]
    account = Account()
    with ThreadPoolExecutor(THREADS, thread_name_prefix="audit") as pool:
        running = [pool.submit(_read, reader, region) for reader, region in tasks]
        for done, future in enumerate(as_completed(running), 1):
            found, population = future.result()
            account.found.extend(found)
            account.populations.append(population)
            if population.listed is None:
                account.unobserved[population.type] = f"{population.region}: {population.reason}"
            tell(done, len(tasks))
    account.found.sort(key=lambda one: one.key)
    account.populations.sort(key=lambda one: (one.type, one.region))
    return account


def _read(reader: Reader, region: Region) -> tuple[list[Found], Population]:
    about: dict[str, Any] = {
        "type": reader.type,
        "account": region.account,
        "region": region.name,
        "source": reader.source.name,
    }
    found: list[Found] = []
    region.trace()
    listing: tuple[int, ...] = ()
    try:
        for live in reader.read(region):
            # What was asked before the first resource is the list, on which all of them rest.
            asked = tuple(region.trace())
            listing = listing or asked[:1]
            found.append(_found(reader, region, live, (*listing, *asked)))
            if len(found) > MAX_PER_TYPE:
                raise NotObservedError(f"more than {MAX_PER_TYPE:,} of them")
    except NotObservedError as error:
        reason = str(error)
    except OTHER_SHAPE as error:
        # One answer that is not as AWS's are must not end the audit of everything else.
        reason = f"an answer of another shape than AWS's: {type(error).__name__} {error}"
    else:
        evidence = tuple(sorted({*listing, *region.trace()}))
        owned = sum(bool(one.made_by_aws) for one in found)
        return found, Population(**about, listed=len(found), owned_by_aws=owned, evidence=evidence)
    return [], Population(**about, listed=None, reason=reason, evidence=tuple(sorted({*listing, *region.trace()})))


def _found(reader: Reader, region: Region, live: Live, evidence: tuple[int, ...]) -> Found:
    where = live.region or region.name
    placed = not reader.placeless and (reader.everywhere or live.region)
    key = "|".join((reader.type, region.account, where if placed else "", live.id))
    values = {"id": live.id, "region": where, **live.props}
    identity = tuple(_plain(values.get(name)) for name in reader.identity) if reader.identity else (live.id,)
    return Found(
        key=key,
        resource=Resource(type=reader.type, name=live.name or live.id, urn=key, props=LiveProps(values)),
        identity=identity,
        made_by_aws=live.made_by_aws,
        evidence=tuple(sorted(set(evidence))),
    )


def linked(found: Iterable[Found]) -> tuple[Resource, ...]:
    """The resources with their references: a property that holds another one's id or ARN comes from it, as a preview
    says of an output that is handed on."""
    listed = [one.resource for one in found]
    by_word: dict[str, list[Resource]] = {}
    for resource in listed:
        for name in ("id", "arn"):
            word = resource.props._values.get(name) if isinstance(resource.props, LiveProps) else None
            if isinstance(word, str) and word:
                by_word.setdefault(word, []).append(resource)
    return tuple(
        Resource(
            type=resource.type,
            name=resource.name,
            urn=resource.urn,
            props=resource.props,
            references=dict(_references(resource, by_word)),
        )
        for resource in listed
    )


def _references(resource: Resource, by_word: Mapping[str, Sequence[Resource]]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for name in resource.props:
        if name in ("id", "arn", "region", "tags"):
            continue
        try:
            value = resource.props[name]
        except NotObservedError:
            continue
        urns = {
            other.urn
            for word in _words(value)
            for other in _meant(resource, by_word.get(word, ()))
            if other.urn != resource.urn
        }
        if urns:
            yield name, tuple(sorted(urns))


def _meant(resource: Resource, named: Sequence[Resource]) -> Sequence[Resource]:
    """Of several things of one name the one in the resource's own region; a single one wherever it is."""
    here = [other for other in named if _region(other) in (_region(resource), "")]
    return here if len(named) > 1 and here else named


def _region(resource: Resource) -> str:
    return str(resource.props._values.get("region") or "") if isinstance(resource.props, LiveProps) else ""


def _words(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, LiveProps):
        yield from _words(list(value._values.values()))
    elif isinstance(value, dict):
        yield from _words(list(value.values()))
    elif isinstance(value, (list, tuple)):
        for member in value:
            yield from _words(member)


def _plain(value: Any) -> Any:
    if isinstance(value, Unread):
        return value.reason
    return tuple(map(_plain, value)) if isinstance(value, (list, tuple)) else value
