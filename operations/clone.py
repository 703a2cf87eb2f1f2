"""Copies of a cell for testing: its components in small, under names, addresses and keys of their own, made-up data
only, and a last day. Pure: what is written follows from the stack files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import date, timedelta
from ipaddress import IPv4Network
from typing import Any

import yaml

import catalogue
from components.addresses import REGION_LIMIT, Slot, vpc_block
from components.vocabulary import Environment
from operations.declared import known_region
from operations.errors import CellError, ExitCode
from stacks.fleet import MAX_NAME, WORKLOADS_SUFFIX, Fleet
from stacks.new_stack import SCHEMA_HEADER
from stacks.plan import CellPlan
from stacks.sizing import vpc_network

CLONE_PEAK = 20
"""payments/s of a clone: what `dev` has, and the smallest sizes carry. One of a smaller cell has that cell's peak."""

DEFAULT_DAYS = 14
"""Days that a clone stays where nobody says otherwise: a working week and the next."""

MAX_DAYS = 90
"""What stays for longer than a quarter is no copy for testing: `cell new` opens a cell that stays."""

_COPIED = ("jurisdiction", "endpoint", "cluster", "consumers", "versions", "training_image", "slo", "series_budget")
"""Settings that make the clone behave as its original. What is left out follows from environment and peak."""

_OF_THE_PLACE = ("administrators", "viewers", "quotas", "runner")
"""Settings that name roles, grants and images of one account in one region: copied within it only."""

_LEFT_OUT = frozenset({"derived", "caps", "shard_map", "shards", "network"})
"""Fields of a plan that are shown in short, or follow from others."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """What was asked for."""

    original: str
    name: str
    days: int = DEFAULT_DAYS
    account: str | None = None
    """Stack of the account; None: the original's, or the only one that is not production's."""
    region: str | None = None
    """None: the original's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """One thing that a test on the clone does not tell about the original."""

    name: str
    original: Any
    clone: Any


def clone_texts(fleet: Fleet, wish: Wish, today: date) -> dict[str, str]:
    """Text of each stack file of the clone, by stack. Raises CellError where there can be none."""
    _refuse_impossible(fleet, wish)
    original = fleet.cells[wish.original]
    account, region = account_for(fleet, wish), wish.region or original.region
    at_home = (account, region) == (original.account, original.region)
    settings: dict[str, Any] = {
        "region": region,
        "environment": Environment.DEVELOPMENT.value,
        "syntheticData": True,
        "cloneOf": wish.original,
        "expires": today + timedelta(days=wish.days),
        "account": account,
        "peakPaymentsPerSecond": min(original.peak_payments_per_second, CLONE_PEAK),
        "domain": f"{wish.name}.{original.domain.partition('.')[2]}",
    }
    if (block := free_block(fleet, region)) is not None:
        settings["cidr"] = str(block)
    settings |= original.model_dump(
        mode="json",
        by_alias=True,
        include={*_COPIED, *(_OF_THE_PLACE if at_home else ())},
        exclude={"versions": {"shards", "upgrading"}},
        exclude_defaults=True,
    )
    texts = {wish.name: _text("cell", settings, f"A copy of {wish.original} for testing, by `cell clone`.")}
    workloads = fleet.workloads.get(wish.original + WORKLOADS_SUFFIX)
    if workloads is not None:
        own = workloads.model_dump(mode="json", by_alias=True, exclude={"cell"}, exclude_defaults=True)
        note = f"The images of {wish.original}: copy each to this cell's registry, where it keeps its digest."
        texts[wish.name + WORKLOADS_SUFFIX] = _text("workloads", {"cell": wish.name, **own}, note)
    return texts


def account_for(fleet: Fleet, wish: Wish) -> str:
    """The account's stack: the one asked for, else the original's; that of production cells is never a default."""
    if wish.account is not None:
        if wish.account not in fleet.accounts:
            known = ", ".join(sorted(fleet.accounts))
            raise CellError(f"--account: {wish.account} is no account's stack; use {known}", ExitCode.CONFIGURATION)
        return wish.account
    own = fleet.cells[wish.original].account
    harmless = sorted(name for name, a in fleet.accounts.items() if a.environment is not Environment.PRODUCTION)
    if own in harmless:
        return own
    if len(harmless) == 1:
        return harmless[0]
    which = f"several others are there ({', '.join(harmless)})" if harmless else "there is no other"
    raise CellError(
        f"{wish.original} stands in {own}, an account of production, and {which}: give --account",
        ExitCode.CONFIGURATION,
    )


def free_block(fleet: Fleet, region: str) -> IPv4Network | None:
    """A block that no cell has; None where the address plan's own for a development cell is free.

    Others are of the plan's end, whose regions are numbered last. Raises CellError where all are taken.
    """
    taken = [vpc_network(cell) for cell in fleet.cells.values()]
    if not any(vpc_block(catalogue.region(region).index, Slot.DEVELOPMENT).overlaps(other) for other in taken):
        return None
    numbered = max(entry.index for entry in catalogue.regions().values())
    for index in range(REGION_LIMIT - 1, numbered, -1):
        for slot in Slot:
            block = vpc_block(index, slot)
            if not any(block.overlaps(other) for other in taken):
                return block
    raise CellError("every block of the address plan is taken: run cell reap", ExitCode.CONFIGURATION)


def differences(fleet: Fleet, original: str, clone: str) -> list[Difference]:
    """What the clone's plan has otherwise than its original's, and what data and payments it may see."""
    one, other = _facts(fleet, original), _facts(fleet, clone)
    names = list(dict.fromkeys([*one, *other]))
    return [
        Difference(name=name, original=one.get(name), clone=other.get(name))
        for name in names
        if one.get(name) != other.get(name)
    ]


def _facts(fleet: Fleet, cell: str) -> dict[str, Any]:
    settings, plan = fleet.cells[cell], fleet.plan(cell)
    return {
        **dict(_flat("", {f.name: getattr(plan, f.name) for f in fields(CellPlan) if f.name not in _LEFT_OUT})),
        "vpc_cidr": plan.vpc_cidr,
        "shards": [f"{s.id}: {s.instance_class}, {s.readers} readers, {s.state}" for s in plan.shards],
        "synthetic_data": settings.synthetic_data,
        "expires": settings.expires.isoformat() if settings.expires else None,
        "markets": [market.name for market in fleet.markets_of(cell)],
    }


def _flat(prefix: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Dotted name and plain value of everything in nested mappings and dataclasses."""
    if hasattr(value, "__dataclass_fields__"):
        value = asdict(value)
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(f"{prefix}.{key}" if prefix else str(key), inner)
    elif isinstance(value, tuple):
        yield prefix, [asdict(part) if hasattr(part, "__dataclass_fields__") else part for part in value]
    else:
        yield prefix, value


def _refuse_impossible(fleet: Fleet, wish: Wish) -> None:
    if wish.original in fleet.replicas:
        primary = fleet.replicas[wish.original].of
        raise CellError(f"{wish.original} is a replica: clone {primary}, its primary", ExitCode.CONFIGURATION)
    if wish.original not in fleet.cells:
        code = ExitCode.CONFIGURATION if wish.original in fleet.stacks else ExitCode.STACK_NOT_FOUND
        raise CellError(f"{wish.original}: no such cell; there are {', '.join(sorted(fleet.cells))}", code)
    if not re.fullmatch(rf"[a-z][a-z0-9-]{{0,{MAX_NAME - 1}}}", wish.name):
        rule = f"is not a cell's name: use a-z, 0-9 and -, a letter first, at most {MAX_NAME} characters"
        raise CellError(f"--as: {wish.name} {rule}", ExitCode.CONFIGURATION)
    if not 1 <= wish.days <= MAX_DAYS:
        raise CellError(f"--days: {wish.days} is outside 1..{MAX_DAYS} days", ExitCode.CONFIGURATION)
    if wish.region is not None:
        known_region(wish.region)


def _text(kind: str, settings: Mapping[str, Any], comment: str) -> str:
    body = yaml.safe_dump({"config": {f"payment-cell:{kind}": dict(settings)}}, sort_keys=False, width=1000)
    return f"{SCHEMA_HEADER}# {comment}\n{body}"
