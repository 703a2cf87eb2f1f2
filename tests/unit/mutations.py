"""A healthy cell with one thing broken: which clause sees it. The mutations are in the modules `broken_*`.

Each mutation changes one resource of a committed stack, or takes it away, and names the one clause that has to fail.
Where another fails by right, because the same property is asked from two sides, the mutation says so in `also`. What no
committed stack declares is added to it first, healthy; what only a running account says is added as AWS says it.
"""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any
from unittest.mock import patch

from changes import Change, Props
from healthy import findings, healthy, stack_of
from test_stacks import STACKS, made

import catalogue
from catalogue import Processing
from policies.control import Status
from policies.resources import ROOT, Resource, Stack
from stacks.fleet import load_fleet
from stacks.guardrail_models import BreakGlassSettings

Prepared = Callable[[Stack], Stack]
"""Makes a committed stack one that declares what the clause asks, healthy; its docstring says how, for the page."""

Answers = Mapping[tuple[str, str], Status]
"""(`CONTROL clause`, URN) -> answer"""

CELL, ACCOUNT, WORKLOADS = "eu-west-1", "account", "eu-west-1-workloads"
BREAK_GLASS = "account with a break-glass role"
"""The committed account with what its file may opt into."""

SEEN: Mapping[str, Props] = {
    "aws:cfg/recorderStatus:RecorderStatus": {"lastStatus": "SUCCESS"},
    "aws:cloudtrail/trail:Trail": {"isLogging": True, "latestDeliveryError": ""},
    "aws:ec2/flowLog:FlowLog": {"deliverLogsStatus": "SUCCESS"},
    "aws:eks/addon:Addon": {"status": "ACTIVE"},
    "aws:kms/key:Key": {"keyState": "Enabled", "keyManager": "CUSTOMER"},
    "aws:sns/topicSubscription:TopicSubscription": {"pendingConfirmation": False},
}
"""What the live readers find in a healthy account beside what is declared (`operations/audit/live`)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Mutation:
    """What is broken: in the first resource, by name, of `type` in `stack` whose name has `name` in it."""

    sees: str
    """`CONTROL clause`."""
    stack: str
    type: str
    name: str = ""
    change: Change | None = None
    """Changes a copy of the properties in place; None: the resource is taken away."""
    also: frozenset[str] = field(default=frozenset())
    """Other clauses that fail by right, as `CONTROL clause`."""
    prepared: Prepared | None = None
    """What is done to the committed stack first."""
    planted: Resource | None = None
    """What is wrong by being there; nothing else is broken then."""
    live: bool = False
    """Asked as an audit asks a running account."""
    register: Callable[[Processing], Processing] | None = None
    """Changes the register of processing activities; nothing else is broken then."""

    @property
    def what(self) -> str:
        """For people: `eu-west-1: aws:kms/key:Key payments: enableKeyRotation`."""
        place = f"{self.stack}{', live' if self.live else ''}"
        words = [place, f"{self.type} {self.name}".strip(), _what(self)]
        return ": ".join(words) + (f" ({self.prepared.__doc__})" if self.prepared else "")


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What a mutation does."""

    unhealthy: frozenset[str]
    """Clauses that failed before it."""
    failing: frozenset[str]
    """Clauses that fail because of it."""
    before: frozenset[Status | None]
    """What its clause said, before, of what now fails; None of what was not there."""


def seen(mutation: Mutation) -> Seen:
    """Judges the stack before and after. Raises LookupError where the resource to break is not there."""
    before = _answers_before(mutation.stack, mutation.prepared, mutation.live)
    register = (mutation.register or (lambda same: same))(catalogue.processing())
    with patch.object(catalogue, "processing", lambda: register):
        after = _answers(broken(mutation), mutation.live)
    failing = {key for key, status in after.items() if status is Status.FAIL}
    unhealthy = {key for key, status in before.items() if status is Status.FAIL}
    return Seen(
        unhealthy=frozenset(clause for clause, _ in unhealthy),
        failing=frozenset(clause for clause, _ in failing - unhealthy),
        before=frozenset(before.get(key) for key in failing if key[0] == mutation.sees),
    )


def broken(mutation: Mutation) -> Stack:
    """The stack with its one thing broken."""
    stack = _before(mutation.stack, mutation.prepared, mutation.live)
    if mutation.planted is not None:
        return plus(stack, mutation.planted)
    if mutation.register is not None:
        return stack
    one = _subject(mutation)
    if mutation.change is None:
        return less(stack, one)
    return plus(stack, changed(one, mutation.change))


def _subject(mutation: Mutation) -> Resource:
    stack = _before(mutation.stack, mutation.prepared, mutation.live)
    try:
        return first(stack, mutation.type, mutation.name)
    except ValueError:
        raise LookupError(f"{mutation.stack}: {mutation.type} {mutation.name}: not declared") from None


def _what(mutation: Mutation) -> str:
    """What is done: the properties that change, or that it is taken away or there."""
    if mutation.planted is not None:
        return "is there"
    if mutation.register is not None:
        return "taken out of the register"
    if mutation.change is None:
        return "taken away"
    one = _subject(mutation)
    props = changed(one, mutation.change).props
    return ", ".join(sorted(name for name in {*one.props, *props} if one.props.get(name) != props.get(name)))


def changed(one: Resource, change: Change) -> Resource:
    """A resource with other properties; those come from no other resource any more."""
    props: Props = copy.deepcopy(dict(one.props))
    change(props)
    gone = {name for name in one.references if props.get(name, ...) != one.props.get(name, ...)}
    references = {name: urns for name, urns in one.references.items() if name not in gone}
    return replace(one, props=props, references=references)


def new(type_: str, name: str, references: Mapping[str, Resource] | None = None, /, **props: Any) -> Resource:
    """A resource that no committed stack has."""
    return Resource(
        type=type_,
        name=name,
        urn=f"urn:pulumi:test::payment-cell::{type_}::{name}",
        props=props,
        references={key: (source.urn,) for key, source in (references or {}).items()},
    )


def first(stack: Stack, type_: str, name: str = "") -> Resource:
    """The first resource of a type whose name has `name` in it. Raises ValueError where there is none."""
    # By name: the order in which a program registers varies from run to run.
    return min((one for one in stack.of(type_) if name in one.name), key=lambda one: one.name)


def plus(stack: Stack, *more: Resource) -> Stack:
    """With more resources, in place of those of the same URN."""
    return Stack((*less(stack, *more).resources, *more))


def less(stack: Stack, *gone: Resource) -> Stack:
    """Without some resources."""
    urns = {one.urn for one in gone}
    return Stack(tuple(one for one in stack.resources if one.urn not in urns))


@cache
def _before(stack: str, prepared: Prepared | None, live: bool) -> Stack:
    whole = _judged(stack)
    if live:
        said = (replace(one, props={**one.props, **SEEN.get(one.type, {})}) for one in whole.resources)
        root = new(ROOT, "root", accessKeysPresent=False, mfaEnabled=True, passwordPresent=True)
        whole = Stack((*said, root))
    return prepared(whole) if prepared else whole


@cache
def _answers_before(stack: str, prepared: Prepared | None, live: bool) -> Answers:
    return _answers(_before(stack, prepared, live), live)


@cache
def _judged(stack: str) -> Stack:
    """A committed stack, made once."""
    if stack == BREAK_GLASS:
        people = BreakGlassSettings(principal_arns=("arn:aws:iam::210987654321:user/emergency-1",))
        return stack_of(made(ACCOUNT, load_fleet(STACKS), {}, break_glass=people))
    return healthy(stack, load_fleet(STACKS))


def _answers(stack: Stack, live: bool) -> Answers:
    return {(f"{one.control} {one.clause}", one.urn): one.verdict.status for one in findings(stack, live=live)}
