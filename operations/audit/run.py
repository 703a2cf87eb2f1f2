"""One audit from start to end: states, preview and live accounts are seen, asked, reconciled."""

import inspect
import os
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from operations.audit.access import Access, reachable_regions
from operations.audit.live.collect import Account, collect, readers
from operations.audit.live.kubernetes import GET, KINDS, collect_cluster
from operations.audit.live.region import DENIED, Call, Recorder, Region
from operations.audit.live.second import RESOURCES, TYPES, second_counts
from operations.audit.reconcile import CHANGE, Sight, changes, reconcile
from operations.audit.request import Request, Tell
from operations.audit.result import (
    Answer,
    Calls,
    ClauseEntry,
    ControlEntry,
    Mapped,
    Place,
    Population,
    Scope,
)
from operations.audit.sights import StateOf, keys_of, live_sight, preview_sight, state_sight
from operations.audit.state import Row
from operations.connect import Cluster
from operations.deploy import Session
from operations.errors import CellError, ExitCode
from operations.plan import Kind, known_stack
from operations.policy import of_stack
from operations.preflight_aws import asks_aws
from operations.preflight_checks import ALWAYS_ON
from operations.upgrade.live import Unreachable, enter
from operations.upgrade.running import CLUSTER
from policies.control import Clause, Control, Environment, StackClause
from policies.resources import NotObservedError, Resource
from policies.stores import DATA_CLASSES
from stacks.fleet import Fleet, load_fleet
from stacks.providers import TUNNEL_VARIABLE

BESIDE_EACH_OTHER = 4
"""Clusters and states that are read at a time: each is a process of its own, that of its login or of the engine."""


@dataclass(kw_only=True)
class Seen:
    """What was seen, before it is judged as one."""

    recorder: Recorder
    answers: list[Answer] = field(default_factory=list)
    populations: list[Population] = field(default_factory=list)
    unaccounted: list[str] = field(default_factory=list)
    accounts: list[str] = field(default_factory=list)
    regions: set[str] = field(default_factory=set)
    states: dict[str, Sequence[Row]] = field(default_factory=dict)
    caller: str = ""
    endpoint: str = ""
    emulated: bool = False


def see(session: Session, request: Request, tell: Tell) -> Seen:
    """Looks at everything that is to be audited, an account after the other. Raises CellError."""
    seen = Seen(recorder=Recorder(), emulated=not asks_aws())
    blind = blind_spots(request.controls)
    fleet = load_fleet(session.project.stacks_folder)
    if not request.stacks:
        home = next((account.home_region for account in fleet.accounts.values()), ALWAYS_ON)
        access = _enter(Access(home, seen.recorder, role=request.role), seen)
        seen.answers.extend(reconcile([_live(access, None, request, seen, tell)], blind))
        return seen
    for name, stacks in by_account(session, fleet, request.stacks).items():
        account = fleet.accounts[name]
        states = _states(session, fleet, name, stacks, seen)
        keys = keys_of(states)
        sights = [state_sight(states, keys, request.controls, asked=Place.STATE in request.places)]
        if Place.PREVIEW in request.places:
            found = {}
            for position, stack in enumerate(stacks):
                tell("preview", position, len(stacks))
                found[stack] = of_stack(session.project, stack)
            sights.append(preview_sight(found, keys, account.account_id))
        if Place.LIVE in request.places:
            access = Access(account.home_region, seen.recorder, role=request.role, account=account.account_id)
            clusters = {state.cluster for state in states if state.judged and state.cluster}
            sights.append(_live(_enter(access, seen), clusters, request, seen, tell, account.deploy_role_arn, states))
        else:
            seen.accounts.append(account.account_id)
        answers = [answer for answer in reconcile(sights, blind) if _in_scope(answer, stacks)]
        if any(control.id == CHANGE for control in request.controls):
            answers += [answer for answer in changes(sights, answers) if _in_scope(answer, stacks)]
        seen.answers.extend(answers)
    return seen


def blind_spots(controls: Iterable[Control]) -> Mapping[tuple[str, str], frozenset[Place]]:
    """(control, clause) -> places where it cannot be asked by its nature."""
    found: dict[tuple[str, str], frozenset[Place]] = {}
    for control in controls:
        for clause in control.clauses:
            places = {Place.LIVE} if clause.not_live else set()
            places |= {Place.STATE, Place.PREVIEW} if clause.not_declared else set()
            found[control.id, clause.check.__name__] = frozenset(places)
    return found


def entries(controls: Iterable[Control]) -> tuple[ControlEntry, ...]:
    """The catalogue as a result lists it."""
    return tuple(
        ControlEntry(
            id=control.id,
            title=control.title,
            severity=control.severity,
            maps_to=tuple(
                Mapped(framework=one.framework, criterion=one.criterion, strength=one.strength)
                for one in control.maps_to
            ),
            risk=control.risk,
            remediation=control.remediation,
            clauses=(
                *(_clause(clause) for clause in control.clauses),
                *(ClauseEntry(name=one.name, question=one.statement, not_declared=one.source) for one in control.asked),
            ),
        )
        for control in controls
    )


def calls_of(calls: Iterable[Call]) -> Calls:
    """How AWS was asked, in numbers."""
    calls = tuple(calls)
    return Calls(
        by_operation=dict(sorted(Counter(call.operation for call in calls).items())),
        throttled=sum(call.retries for call in calls),
        denied=dict(sorted(Counter(call.operation for call in calls if call.error in DENIED).items())),
        clock_skew_s=max((call.skew_s for call in calls), key=abs, default=0.0),
    )


def scope_of(request: Request, seen: Seen) -> Scope:
    """What was looked at."""
    return Scope(
        stacks=request.stacks,
        accounts=tuple(dict.fromkeys(seen.accounts)),
        regions=tuple(sorted(seen.regions)),
        places=tuple(place for place in Place if place in request.places),
        controls=tuple(control.id for control in request.controls),
        partial=request.partial,
        caller=seen.caller,
        endpoint=seen.endpoint,
        emulated=seen.emulated,
    )


def now() -> str:
    """UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _clause(clause: Clause | StackClause) -> ClauseEntry:
    words = (inspect.getdoc(clause.check) or clause.check.__name__.replace("_", " ")).split("\n\n")[0]
    return ClauseEntry(
        name=clause.check.__name__,
        question=" ".join(words.split()),
        not_live=clause.not_live,
        not_declared=clause.not_declared,
        environments=tuple(word for word in Environment if word in clause.environments),
        data_classes=tuple(word for word in DATA_CLASSES if word in clause.data_classes),
    )


def _live(
    access: Access,
    clusters: Collection[str] | None,
    request: Request,
    seen: Seen,
    tell: Tell,
    cluster_role: str | None = None,
    states: Sequence[StateOf] = (),
) -> Sight:
    """``clusters``: names of those whose objects are asked for; None: all that the account has."""
    regions, unaccounted = reachable_regions(access)
    seen.unaccounted.extend(unaccounted)
    seen.regions.update(regions)
    account = collect([access.region(name) for name in regions], readers(), lambda done, all_: tell("live", done, all_))
    role = request.role if request.role.startswith("arn:") else cluster_role
    found = [
        one.resource
        for one in account.found
        if one.resource.type == CLUSTER and (clusters is None or one.resource.props["name"] in clusters)
    ]
    with ThreadPoolExecutor(BESIDE_EACH_OTHER) as pool:
        objects = list(pool.map(lambda cluster: _objects(access, cluster, role, seen.recorder), found))
    counts = {name: _second(access.region(name), seen) for name in regions}
    seen.populations.extend(_with_second(one, counts[one.region]) for one in account.populations)
    for read in objects:
        seen.populations.extend(read.populations)
    return live_sight(account, objects, request.controls, deploy_role=cluster_role or "", states=states)


def _second(region: Region, seen: Seen) -> Mapping[str, int] | None:
    try:
        return second_counts(region)
    except NotObservedError as error:
        seen.unaccounted.append(f"{region.account} {region.name}: no second source of populations ({error})")
        return None


def _with_second(population: Population, counts: Mapping[str, int] | None) -> Population:
    if counts is None or population.type not in TYPES.values():
        return population
    given = {"second_source": RESOURCES.name, "second": counts.get(population.type, 0)}
    return population.model_copy(update=given)


def _objects(access: Access, cluster: Resource, role: str | None, recorder: Recorder) -> Account:
    """What a cluster holds; nothing but the reason where it cannot be entered."""
    name, region = str(cluster.props["name"]), str(cluster.props["region"])
    try:
        found = Cluster(
            name=name,
            region=region,
            endpoint=str(cluster.props["endpoint"]),
            certificate_authority=str(cluster.props["certificateAuthority"]["data"]),
            role_arn=role,
        )
        api = enter(found, os.environ.get(TUNNEL_VARIABLE))
    except (Unreachable, NotObservedError, KeyError) as error:
        reason = f"{name}: {error}"
        about: dict[str, Any] = {"account": access.account, "region": region, "source": GET, "listed": None}
        return Account(
            populations=[Population(type=type_, reason=reason, **about) for type_ in KINDS],
            unobserved=dict.fromkeys(KINDS, reason),
        )
    return collect_cluster(api, access.account, region, name, KINDS, recorder)


def _states(session: Session, fleet: Fleet, account: str, stacks: Sequence[str], seen: Seen) -> list[StateOf]:
    """States of the audited stacks, and of all others of the account that are up: what they have is managed."""
    there = session.engine.stacks()
    for stack in stacks:
        if stack not in there:
            raise CellError(f"{stack} is not up: `cell up {stack}`, or audit without it", ExitCode.STACK_NOT_FOUND)
    own = by_account(session, fleet, [stack for stack in there if stack in session.declared])[account]
    with ThreadPoolExecutor(BESIDE_EACH_OTHER) as pool:
        rows = dict(zip(own, pool.map(session.engine.resources, own), strict=True))
    seen.states.update({stack: rows[stack] for stack in stacks})
    return [
        StateOf(
            stack=stack,
            account=fleet.accounts[account].account_id,
            cluster=_cluster(rows.get(_cell_of(session, stack), ())),
            rows=rows[stack],
            judged=stack in stacks,
        )
        for stack in rows
    ]


def _cluster(rows: Iterable[Row]) -> str:
    """Name of a cell's cluster; "" without one."""
    return next((str(row["outputs"]["name"]) for row in rows if row["type"] == CLUSTER and not row.get("delete")), "")


def by_account(session: Session, fleet: Fleet, stacks: Iterable[str]) -> Mapping[str, list[str]]:
    """Stacks by the account's stack, the first that each needs. Raises CellError for one that is not declared."""
    found: dict[str, list[str]] = {}
    for stack in stacks:
        known_stack(stack, session.declared)
        found.setdefault(fleet.order(stack)[0], []).append(stack)
    return found


def _cell_of(session: Session, stack: str) -> str:
    declared = session.declared[stack]
    return str(declared.needs) if declared.kind is Kind.WORKLOADS else stack


def _in_scope(answer: Answer, stacks: Sequence[str]) -> bool:
    """Of an audited stack, or of none: what no state has belongs to whoever looks at its account."""
    return not answer.stack or answer.stack in stacks


def _enter(access: Access, seen: Seen) -> Access:
    seen.accounts.append(access.account)
    seen.caller, seen.endpoint, seen.emulated = access.caller, access.endpoint, access.emulated
    return access
