"""All stack files together: what one file cannot know.

fleet = load_fleet(Path("stacks"))         ConfigError with every problem of every file
fleet.account_of("eu-west-1")              AccountSettings
fleet.order("eu-west-1")                   ("account", "eu-west-1", "eu-west-1-workloads")
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from pathlib import Path

import catalogue
from components.banks import Market
from components.vocabulary import Compute, Controller, Environment
from contracts.shard_map import ShardMapError, parse
from contracts.shard_plan import check_successor
from stacks.capacity import COUNTED, GRANTED
from stacks.market_files import MARKETS, Markets, Unregistered, load_markets
from stacks.models import AccountSettings, CellSettings, WorkloadsSettings
from stacks.pair_models import PairSettings, ReplicaSettings
from stacks.pairs import PairPlan, pair_plan, pair_problems
from stacks.plan import Cap, CellPlan
from stacks.problems import ConfigError, Problem, listed, nearest
from stacks.replicas import standby
from stacks.settings import StackFile, load_stack_file
from stacks.sizing import derive, vpc_network
from stacks.telemetry import series_by_metric

WORKLOADS_SUFFIX = "-workloads"
"""A workloads stack is named after its cell."""

MAX_NAME = 24
"""Characters of an account's or cell's name: physical names begin with it. A load balancer's, of 32, leaves the fewest
(components/edge.py)."""


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """Stack files that are each valid; ``problems`` tells whether they fit together."""

    stacks: Mapping[str, StackFile]
    broken: frozenset[str] = frozenset()
    """Stacks whose files are not valid by themselves; those of them in ``stacks`` lack the settings that are wrong."""

    @cached_property
    def accounts(self) -> Mapping[str, AccountSettings]:
        """Account stacks by name."""
        return {n: s.settings for n, s in self.stacks.items() if isinstance(s.settings, AccountSettings)}

    @cached_property
    def cells(self) -> Mapping[str, CellSettings]:
        """Cell stacks by name, replicas with what follows from their primaries; not those whose primary is missing."""
        own = {n: s.settings for n, s in self.stacks.items() if isinstance(s.settings, CellSettings)}
        return own | {n: standby(own[r.of], r) for n, r in self.replicas.items() if r.of in own}

    @cached_property
    def replicas(self) -> Mapping[str, ReplicaSettings]:
        """Replicas' stacks by name."""
        return {n: s.settings for n, s in self.stacks.items() if isinstance(s.settings, ReplicaSettings)}

    @property
    def primaries(self) -> Mapping[str, str]:
        """Replica -> its primary."""
        return {name: replica.of for name, replica in self.replicas.items()}

    @cached_property
    def pairs(self) -> Mapping[str, PairSettings]:
        """Pair stacks by name."""
        return {n: s.settings for n, s in self.stacks.items() if isinstance(s.settings, PairSettings)}

    @cached_property
    def workloads(self) -> Mapping[str, WorkloadsSettings]:
        """Workloads stacks by name."""
        return {n: s.settings for n, s in self.stacks.items() if isinstance(s.settings, WorkloadsSettings)}

    def account_of(self, cell: str) -> AccountSettings:
        """The account of a cell. Raises KeyError where one of them does not exist."""
        return self.accounts[self.cells[cell].account]

    def regions_of(self, account: str) -> tuple[str, ...]:
        """Regions in which an account has cells or keeps its own things, each once."""
        own = [self.accounts[account].home_region]
        return tuple(dict.fromkeys(own + [c.region for c in self.cells.values() if c.account == account]))

    def order(self, stack: str) -> tuple[str, ...]:
        """Stacks to bring up for a stack, in order. Raises KeyError where there is none of this name."""
        kind = self.stacks[stack].kind
        if kind == "account":
            return (stack,)
        if kind == "pair":
            pair = self.pairs[stack]
            both = (*self.order(pair.primary), *self.order(pair.replica))
            return (*dict.fromkeys(both), stack)
        cell = self.workloads[stack].cell if kind == "workloads" else stack
        if cell in self.replicas:
            before = self.order(self.replicas[cell].of)
            return (*before, *(name for name in (cell, cell + WORKLOADS_SUFFIX) if name in self.stacks))
        return tuple(name for name in (self.cells[cell].account, cell, cell + WORKLOADS_SUFFIX) if name in self.stacks)

    def hosts(self, cell: str) -> Mapping[str, str]:
        """Cell -> DNS name, of those to which a cell's gateway may send a client: a clone is nobody's but its own, and
        a replica is reached by its pair's name."""
        own = {cell: self.cells[cell].domain}
        if self.cells[cell].clone_of is not None:
            return own
        others = {n: c.domain for n, c in self.cells.items() if c.clone_of is None and n not in self.replicas}
        return others | own

    def markets_of(self, cell: str) -> tuple[Market, ...]:
        """Those that a cell serves; none where the markets' files are wrong."""
        return self._markets.of(cell)

    def unregistered(self, cell: str) -> tuple[Unregistered, ...]:
        """Banks of its markets that would not let it in."""
        return self._markets.unregistered(cell)

    def plan(self, cell: str) -> CellPlan:
        """The plan of a cell. Raises KeyError where there is none of this name."""
        return derive(cell, self.cells[cell])

    def pair_of(self, stack: str) -> str | None:
        """Stack of the pair that a stack is, or that its cell is in; None: it has none."""
        if stack in self.pairs:
            return stack
        cell = self.workloads[stack].cell if stack in self.workloads else stack
        return next((name for name, pair in self.pairs.items() if cell in (pair.primary, pair.replica)), None)

    def pair(self, name: str) -> PairPlan:
        """The plan of a pair. Raises KeyError where there is none of this name."""
        settings = self.pairs[name]
        return pair_plan(
            name,
            settings,
            self.account_of(settings.primary).account_id,
            self.plan(settings.primary),
            self.plan(settings.replica),
        )

    def together(self, cell: str) -> tuple[str, ...]:
        """The cells of a cell's account in its region, itself among them: they share that account's quotas there."""
        place = (self.cells[cell].account, self.cells[cell].region)
        return tuple(
            name for name in self._whole_cells() if (self.cells[name].account, self.cells[name].region) == place
        )

    def quotas(self, cell: str) -> tuple[Cap, ...]:
        """The quotas of a cell; of those that its account has once in its region, what all its cells there need."""
        own = {cap.dimension: cap for cap in self.plan(cell).caps if cap.dimension in catalogue.quotas()}
        others = [{cap.dimension: cap for cap in self.plan(name).caps} for name in self.together(cell) if name != cell]
        return tuple(
            _added_up(cap, [other[name] for other in others if name in other]) if name in COUNTED else cap
            for name, cap in own.items()
        )

    def problems(self, *, check_quotas: bool = True) -> list[Problem]:
        """What does not fit together, and cells that cannot take their declared peak.

        ``check_quotas``: also those that AWS's defaults and what the files say was granted would not carry.
        """
        return [
            *self._references(),
            *pair_problems(self.stacks, self.broken),
            *self._controllers(),
            *self._repeats(),
            *self._overlaps(),
            *self._backups(),
            *self._origins(),
            *(problem for name in self._whole_cells() for problem in self._over_capacity(name, check_quotas)),
            *(problem for name in self._whole_cells() for problem in self._strange_shards(name)),
            *(problem for name in self._whole_cells() for problem in self._telemetry(name)),
            *(self._over_shared_quotas() if check_quotas else ()),
        ]

    def _whole_cells(self) -> list[str]:
        return [name for name in self.cells if name not in self.broken]

    def _controllers(self) -> Iterator[Problem]:
        """Auto Mode brings the controllers itself, and a second one would fight it. Without Auto Mode nobody else
        registers pods with the edge and starts nodes: production has both."""
        for name, workloads in self.workloads.items():
            cell = self.cells.get(workloads.cell)
            if cell is None or name in self.broken:
                continue
            compute, missing = cell.cluster.compute, sorted(set(Controller) - workloads.images.keys())
            if compute is Compute.AUTO and (named := sorted(set(Controller) & workloads.images.keys())):
                rule = f"{listed(named)} are part of Auto Mode, which {workloads.cell} has (cluster.compute: auto)"
                yield self.stacks[name].problem("images", rule, "leave them out")
            elif compute is Compute.MANAGED and cell.environment is Environment.PRODUCTION and missing:
                rule = (
                    f"lacks {listed(missing)}: production cell {workloads.cell} would register no pod or start no node"
                )
                fix = "add each as <controller>: sha256:<64 hex digits>, or set cluster.compute: auto"
                yield self.stacks[name].problem("images", rule, fix)

    def _references(self) -> Iterator[Problem]:
        for name, cell in self.cells.items():
            if name in self.replicas:
                continue  # its primary's
            if cell.account not in self.accounts and cell.account not in self.broken:
                yield self._unknown(name, "account", cell.account, self.accounts, "an account")
        for name, workloads in self.workloads.items():
            if workloads.cell not in self.cells and workloads.cell not in self.broken:
                yield self._unknown(name, "cell", workloads.cell, self.cells, "a cell")
            elif name != workloads.cell + WORKLOADS_SUFFIX:
                fix = f"rename the file to Pulumi.{workloads.cell}{WORKLOADS_SUFFIX}.yaml"
                yield self.stacks[name].problem("cell", f"has another stack name than this one, {name}", fix)

    def _unknown(self, stack: str, key: str, value: str, known: Mapping[str, object], what: str) -> Problem:
        fix = f"use {listed(list(known))}, or add stacks/Pulumi.{value}.yaml" if known else f"add {what}'s stack file"
        return self.stacks[stack].problem(key, f"is not {what}'s stack", fix, nearest=nearest(value, known))

    def _repeats(self) -> Iterator[Problem]:
        for name, stack in self.stacks.items():
            if stack.kind != "workloads" and len(name) > MAX_NAME:
                rule = f"the stack's name has {len(name)} characters, more than {MAX_NAME}"
                yield stack.problem("", rule, "rename the file")
        ids = {name: account.account_id for name, account in self.accounts.items()}
        domains = {name: cell.domain for name, cell in self.cells.items()}
        for key, values, what in (("accountId", ids, "account"), ("domain", domains, "name")):
            for first, second in combinations(values, 2):
                if values[first] == values[second]:
                    rule = f"is the {what} of stack {first} already"
                    yield self.stacks[second].problem(key, rule, "give each stack its own")

    def _overlaps(self) -> Iterator[Problem]:
        networks = {name: vpc_network(cell) for name, cell in self.cells.items()}
        for first, second in combinations(networks, 2):
            if not networks[first].overlaps(networks[second]):
                continue
            one, other = self.cells[first], self.cells[second]
            blamed, free = (first, second) if one.cidr and not other.cidr else (second, first)
            key = "cidr" if self.cells[blamed].cidr else "region"
            rule = f"gives the cell {networks[blamed]}, which overlaps {networks[free]} of stack {free}"
            same = (
                (one.region, one.environment) == (other.region, other.environment) and not one.cidr and not other.cidr
            )
            fix = (
                f"the plan has one {one.environment} cell in {one.region}: give this one a cidr of its own"
                if same
                else "choose another cidr, or leave it out and take the plan's"
            )
            yield self.stacks[blamed].problem(key, rule, fix)

    def _backups(self) -> Iterator[Problem]:
        """Production without copies, copies in the account that they are to survive, and backups that are kept shorter
        than more frequent ones."""
        for name, cell in self.cells.items():
            arn, account = cell.backups.copy_vault_arn, self.accounts.get(cell.account)
            production, waived = cell.environment is Environment.PRODUCTION, cell.backups.no_copy_reason is not None
            if production and arn is None and not waived:
                rule = "production has no copy of its backups in another account (control BCK-03)"
                fix = "name a vault there, or give backups.noCopyReason"
                yield self.stacks[name].problem("backups.copyVaultArn", rule, fix)
            if arn is not None and account is not None and arn.split(":")[4] == account.account_id:
                rule = f"is a vault of {cell.account}, the cell's own account"
                yield self.stacks[name].problem("backups.copyVaultArn", rule, "name a vault of another account")
        for name in self._whole_cells():
            kept = self.plan(name).backups
            for key, days, before in (
                ("weeklyDays", kept.weekly_days, kept.daily_days),
                ("monthlyDays", kept.monthly_days, kept.weekly_days),
            ):
                if days < before:
                    rule = f"gives {days} days, fewer than the {before} of more frequent backups"
                    yield self.stacks[name].problem(f"backups.{key}", rule, f"use {before} or more")

    def _origins(self) -> Iterator[Problem]:
        """An account keeps what is recorded about its cells: it is no more made up than they are."""
        for name, account in self.accounts.items():
            real = [one for one, cell in self.cells.items() if cell.account == name and not cell.synthetic_data]
            if real and account.synthetic_data:
                rule = f"is not declared by {listed(real)}, whose logs the account keeps"
                yield self.stacks[name].problem("syntheticData", rule, "remove it, or set it there too")

    def _over_capacity(self, name: str, check_quotas: bool) -> Iterator[Problem]:
        for cap in self.plan(name).caps:
            if cap.used <= 1 or only_the_account_knows(cap):
                continue
            if not check_quotas and cap.dimension in catalogue.quotas():
                continue
            rule = f"needs {cap.demand:,.0f} of {cap.dimension}, which has {cap.limit:,.0f} {cap.unit} ({cap.formula})"
            yield self.stacks[name].problem("peakPaymentsPerSecond", rule, cap.remedy)

    def _strange_shards(self, name: str) -> Iterator[Problem]:
        """Versions of shards that the cell does not have."""
        versions, ids = self.cells[name].versions, [shard.id for shard in self.plan(name).shards]
        named = {f"shards.{shard}": shard for shard in versions.shards}
        if versions.upgrading is not None:
            named["upgrading"] = versions.upgrading
        for key, shard in named.items():
            if shard not in ids:
                yield self.stacks[name].problem(f"versions.{key}", f"{shard} is not a shard here", f"use {listed(ids)}")

    def _telemetry(self, name: str) -> Iterator[Problem]:
        """Alarms that reach nobody, and more time series than the cell may have."""
        cell, stack = self.cells[name], self.stacks[name]
        account = self.accounts.get(cell.account)
        if account and cell.environment is Environment.PRODUCTION and account.contact_email is None:
            rule = f"has no contactEmail, so the alarms of production cell {name} would reach nobody"
            yield stack.problem("account", rule, f"add contactEmail to stacks/Pulumi.{cell.account}.yaml")
        by_metric = series_by_metric(self.plan(name), self.markets_of(name))
        if (total := sum(by_metric.values())) > cell.series_budget:
            largest = sorted(by_metric.items(), key=lambda item: -item[1])[:3]
            rule = f"is below the {total:,} time series of the cell: " + ", ".join(f"{n:,} of {m}" for m, n in largest)
            yield stack.problem("seriesBudget", rule, f"raise it to {total} or more, or declare less of these")

    @cached_property
    def _markets(self) -> Markets:
        """None where their files are wrong: whoever reads them for their own sake says so."""
        folders = {stack.source.path.parent / MARKETS for stack in self.stacks.values()}
        try:
            return load_markets(folders.pop(), self.cells, self.primaries) if folders else Markets(files={})
        except ConfigError:
            return Markets(files={})

    def _over_shared_quotas(self) -> Iterator[Problem]:
        """Quotas that each of several cells of an account in a region keeps, and all of them together do not."""
        seen: set[str] = set()
        for name in self._whole_cells():
            names = self.together(name)
            if name in seen or len(names) == 1:
                continue
            seen.update(names)
            last, place = names[-1], f"{self.cells[name].account}, {self.cells[name].region}"
            alone = {cap.dimension for each in names for cap in self.plan(each).caps if cap.used > 1}
            for cap in sorted(self.quotas(last), key=lambda cap: cap.dimension):
                if (
                    cap.dimension not in COUNTED
                    or cap.used <= 1
                    or cap.dimension in alone
                    or only_the_account_knows(cap)
                ):
                    continue
                rule = f"needs, with {listed(names[:-1])}, {cap.demand:,.0f} of {cap.dimension} in {place}: "
                fix = f"{cap.remedy}, or use another account"
                yield self.stacks[last].problem("account", f"{rule}the quota is {cap.limit:,.0f}", fix)


def only_the_account_knows(cap: Cap) -> bool:
    """The bound is a new account's default, which AWS raises with use: files cannot tell what it is by now."""
    quota = catalogue.quotas().get(cap.dimension)
    return quota is not None and quota.raised_by_use and cap.source != GRANTED


def _added_up(own: Cap, others: Sequence[Cap]) -> Cap:
    """One account's quota for several cells: what they need is added up, a grant to one of them is all of theirs."""
    limit = max([own, *others], key=lambda cap: cap.limit)
    return replace(
        own,
        demand=own.demand + sum(cap.demand for cap in others),
        limit=limit.limit,
        source=limit.source,
        formula=" + ".join(cap.formula for cap in (own, *others)),
    )


def load_fleet(directory: Path, *, check_quotas: bool = True) -> Fleet:
    """All stack files of a directory, checked one by one and together. Raises ConfigError with every problem."""
    fleet, problems = read_fleet(directory)
    problems += fleet.problems(check_quotas=check_quotas)
    if problems:
        raise ConfigError(problems)
    return fleet


def read_fleet(directory: Path) -> tuple[Fleet, list[Problem]]:
    """All stack files, as far as they can be read, and the problems of those that are not valid by themselves."""
    stacks: dict[str, StackFile] = {}
    problems: list[Problem] = []
    broken: set[str] = set()
    for path in sorted(directory.glob("Pulumi.*.yaml")):
        try:
            stack = load_stack_file(path)
        except ConfigError as error:
            problems += error.problems
            broken.add(path.name.removeprefix("Pulumi.").removesuffix(".yaml"))
            if not isinstance(error.partial, StackFile):
                continue
            stack = error.partial
        stacks[stack.name] = stack
    if not stacks and not problems:
        rule = "has no stack file Pulumi.<stack>.yaml"
        problems.append(Problem(file=str(directory), line=None, key="", value="", rule=rule, fix="run cell new REGION"))
    return Fleet(stacks=stacks, broken=frozenset(broken)), problems


def published_problems(fleet: Fleet, cell: str, published: str, *, slots_may_move: bool = False) -> list[Problem]:
    """What would lose accounts if the cell's shard map followed the published one.

    ``published``: the text of the parameter or stack output; ``slots_may_move``: rows were copied or do not exist.
    """
    try:
        check_successor(parse(published), fleet.plan(cell).shard_map, slots_may_move=slots_may_move)
    except ShardMapError as error:
        rule, _, fix = str(error).removeprefix("shards: ").partition("; ")
        return [fleet.stacks[cell].problem("shards.count", rule, fix or "restore the published map")]
    return []
