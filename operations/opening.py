"""What opening a region comes to: addresses, jurisdiction, recovery region, markets, and what only a person can do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import yaml

import catalogue
from components.vocabulary import Environment
from operations.errors import CellError, ExitCode
from operations.images import placeholders
from operations.preflight_quotas import HEADROOM, Request
from stacks.fleet import Fleet, only_the_account_knows
from stacks.models import CellSettings
from stacks.plan import Cap
from stacks.problems import nearest
from stacks.settings import NAMESPACE, parse_settings
from stacks.sizing import derive


@dataclass(frozen=True, kw_only=True, slots=True)
class Opening:
    """A cell that is to be."""

    region: str
    name: str
    environment: Environment
    account: str
    domain: str | None
    peak: int
    copy_vault: str | None
    markets: tuple[str, ...] = ()
    quotas: Sequence[str] = ()
    """`NAME=VALUE` each: what AWS granted."""

    def granted(self) -> dict[str, int]:
        """Quota -> value. Raises CellError where one is not a quota with a number."""
        found = {}
        for text in self.quotas:
            name, _, value = text.partition("=")
            if name not in catalogue.quotas() or not value.isdecimal():
                near = nearest(name, catalogue.quotas())
                hint = f"; did you mean {near}=?" if near and near != name else ""
                raise CellError(
                    f"--quota: {text} is not NAME=VALUE of catalogue/quotas.yaml{hint}", ExitCode.CONFIGURATION
                )
            found[name] = int(value)
        return found


def refuse_small_quotas(cell: str, text: str) -> None:
    """`text`: the cell's stack file. Raises CellError with every request to file where the quotas that it knows of are
    too small: such a file would keep every other stack from being worked with."""
    settings = parse_settings("cell", yaml.safe_load(text)["config"][f"{NAMESPACE}:cell"])
    assert isinstance(settings, CellSettings)
    plan = derive(cell, settings)
    short = [cap for cap in plan.caps if cap.dimension in catalogue.quotas() and cap.used > 1]
    short = [cap for cap in short if not only_the_account_knows(cap)]
    if not short:
        return
    lines = [
        f"{task.what}: {task.why}\n  {task.how}" for cap in short if (task := _raise(cap, plan.region)) is not None
    ]
    options = " ".join(f"--quota {cap.dimension}={_wanted(cap)}" for cap in short)
    again = f"once they are granted, say so: {options}; or open it with a smaller --peak"
    raise CellError("\n".join(["AWS's defaults do not carry this cell:", *lines, again]), ExitCode.CONFIGURATION)


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """One thing that no command of this project can do."""

    what: str
    why: str
    how: str


def opened(fleet: Fleet, cell: str) -> dict[str, Any]:
    """What follows from a new cell's files, and the checklist, as plain data."""
    plan, could = fleet.plan(cell), markets_in_reach(fleet, cell)
    served = [market.name for market in fleet.markets_of(cell)]
    return {
        "stack": cell,
        "region": plan.region,
        "jurisdiction": plan.jurisdiction,
        "addresses": plan.vpc_cidr,
        "recoveryRegion": plan.recovery_region,
        "markets": served,
        "otherMarkets": [name for name in could if name not in served],
        "checklist": [{"what": t.what, "why": t.why, "how": t.how} for t in checklist(fleet, cell)],
    }


def markets_in_reach(fleet: Fleet, cell: str) -> list[str]:
    """Markets that a cell of the same jurisdiction serves, this one included: their data may be here."""
    own = fleet.cells[cell].effective_jurisdiction
    near = [name for name, other in fleet.cells.items() if other.effective_jurisdiction == own]
    return sorted({market.name for name in near for market in fleet.markets_of(name)})


def checklist(fleet: Fleet, cell: str) -> list[Task]:
    """What a person must still do, in the order in which it is needed."""
    return [
        *_opt_in(fleet, cell),
        *_quotas(fleet, cell),
        *_domain(fleet, cell),
        *_images(fleet, cell),
        *_banks(fleet, cell),
        *_recovery(fleet, cell),
    ]


def _opt_in(fleet: Fleet, cell: str) -> Iterator[Task]:
    plan = fleet.plan(cell)
    for region in [plan.region, *([plan.recovery_region] if plan.recovery_region else [])]:
        if catalogue.region(region).opt_in:
            yield Task(
                what=f"switch on {region} in {plan.account}",
                why="an account cannot use it before (catalogue/regions.yaml, opt_in)",
                how=f"aws account enable-region --region-name {region}",
            )


def _quotas(fleet: Fleet, cell: str) -> Iterator[Task]:
    """Those that the cell, with others of its account there, comes within a fifth of."""
    for cap in fleet.quotas(cell):
        if _wanted(cap) > cap.limit and (task := _raise(cap, fleet.plan(cell).region)) is not None:
            yield task


def _raise(cap: Cap, region: str) -> Task | None:
    """None: AWS raises it for nobody."""
    quota, wanted = catalogue.quotas()[cap.dimension], _wanted(cap)
    if not quota.adjustable:
        return None
    how = f"ask AWS support for {wanted:,} {quota.unit}"
    if quota.request is not None:
        service, code = quota.request.service, quota.request.code
        how = Request(service_code=service, quota_code=code, desired_value=wanted, region=region).command
    why = f"{cap.demand:,.0f} of {cap.limit:,.0f} {quota.unit} at the peak ({cap.formula})"
    return Task(what=f"raise quota {cap.dimension}, note it as quotas.{cap.dimension}", why=why, how=how)


def _wanted(cap: Cap) -> int:
    return ceil(cap.demand * HEADROOM)


def _domain(fleet: Fleet, cell: str) -> Iterator[Task]:
    plan = fleet.plan(cell)
    if plan.hosted_zone_id is None:
        yield Task(
            what=f"delegate {plan.domain}",
            why="the cell's certificate is proved in the zone that its stack makes: validation waits 75 minutes for it",
            how=f"while `cell up {cell}` waits: NS records with the zone's four name servers into the parent zone "
            "(docs/components/edge.md)",
        )


def _images(fleet: Fleet, cell: str) -> Iterator[Task]:
    if missing := placeholders(fleet, cell):
        yield Task(
            what=f"push images: {', '.join(missing)}",
            why="the stack files name placeholders, and a cluster pulls from its cell's registry only",
            how="make images; copy each archive to the registry and its digest into the stack file",
        )


def _banks(fleet: Fleet, cell: str) -> Iterator[Task]:
    plan = fleet.plan(cell)
    served = fleet.markets_of(cell)
    if not served and plan.environment is Environment.PRODUCTION:
        yield Task(
            what="choose markets",
            why="no market names the cell: it takes no payment",
            how="add it to `cells` of a stacks/markets/*.yaml (docs/banks.md)",
        )
    for one in fleet.unregistered(cell):
        yield Task(
            what=f"contract with {one.bank} ({one.market})",
            why="it lets in only the egress addresses and client certificates that it knows",
            how=f"send both, then note banks.{one.bank}.registrations.{cell} in stacks/markets/{one.market}.yaml",
        )


def _recovery(fleet: Fleet, cell: str) -> Iterator[Task]:
    plan = fleet.plan(cell)
    if plan.environment is not Environment.PRODUCTION:
        return
    if plan.recovery_region is None:
        reason = catalogue.region(plan.region).no_recovery or "recoveryRegion: none in the stack file"
        yield Task(
            what="accept that there is no replica", why=reason, how="an exception that risk signs (docs/exceptions.md)"
        )
        return
    yield Task(
        what=f"replicate it to {plan.recovery_region}",
        why="until then the loss of the region is a restore from copies",
        how=f"cell replicate {cell}",
    )
