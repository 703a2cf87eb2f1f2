"""A healthy cell with one thing broken: which clause sees it. The mutations are in `broken_stores` and `broken_access`.

Each mutation changes one resource of a committed stack, or takes it away, and names the one clause that has to fail.
Where another fails by right, because the same property is asked from two sides, the mutation says so in `also`.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from healthy import findings, healthy
from test_stacks import STACKS

from policies.control import Status
from policies.resources import Stack
from stacks.fleet import load_fleet

Props = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Mutation:
    """What is broken: in the first resource, by name, of `type` in `stack` whose name has `name` in it."""

    sees: str
    """`CONTROL clause`."""
    stack: str
    type: str
    name: str = ""
    change: Callable[[Props], object] | None = None
    """Changes a copy of the properties in place; None: the resource is taken away."""
    also: frozenset[str] = field(default=frozenset())
    """Other clauses that fail by right, as `CONTROL clause`."""

    @property
    def what(self) -> str:
        """For people: `aws:kms/key:Key payments`."""
        return f"{self.stack}: {self.type} {self.name}".strip()


def broken(mutation: Mutation) -> Stack:
    """The stack with its one thing broken. Raises LookupError where there is no such resource."""
    stack = judged(mutation.stack)
    found = [one for one in stack.resources if one.type == mutation.type and mutation.name in one.name]
    # By name: the order in which a program registers varies from run to run.
    one = min(found, key=lambda one: one.name, default=None)
    if one is None:
        raise LookupError(f"{mutation.what}: not declared")
    rest = tuple(other for other in stack.resources if other is not one)
    if mutation.change is None:
        return Stack(rest)
    props: Props = copy.deepcopy(dict(one.props))
    mutation.change(props)
    gone = {name for name in one.references if name not in props or props[name] != one.props.get(name)}
    references = {name: urns for name, urns in one.references.items() if name not in gone}
    return Stack((*rest, replace(one, props=props, references=references)))


def failing(mutation: Mutation) -> frozenset[str]:
    """Clauses that fail because of the mutation."""
    new = _failed(broken(mutation)) - _failed_before(mutation.stack)
    return frozenset(f"{control} {clause}" for control, clause, _ in new)


@cache
def judged(stack: str) -> Stack:
    """A committed stack, made once."""
    return healthy(stack, load_fleet(STACKS))


@cache
def _failed_before(stack: str) -> frozenset[tuple[str, str, str]]:
    return _failed(judged(stack))


def _failed(stack: Stack) -> frozenset[tuple[str, str, str]]:
    """Control, clause and URN of each failure."""
    failures = (one for one in findings(stack) if one.verdict.status is Status.FAIL)
    return frozenset((one.control, one.clause, one.urn) for one in failures)


def setting(path: str, value: object) -> Callable[[Props], object]:
    """Sets a nested property: `setting("vpcConfig.endpointPublicAccess", True)`; numbers are places of a list."""
    *way, last = path.split(".")

    def change(props: Props) -> None:
        at: Any = props
        for part in way:
            at = at[int(part)] if isinstance(at, list) else at[part]
        if isinstance(at, list):
            at[int(last)] = value
        else:
            at[last] = value

    return change


def without(*names: str) -> Callable[[Props], object]:
    """Takes properties away."""
    return lambda props: [props.pop(name) for name in names]


CELL, ACCOUNT, WORKLOADS = "eu-west-1", "account", "eu-west-1-workloads"
