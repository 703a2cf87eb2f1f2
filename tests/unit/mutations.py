"""A healthy cell with one thing broken: which clause sees it. The mutations are in `broken_stores` and `broken_access`.

Each mutation changes one resource of a committed stack, or takes it away, and names the one clause that has to fail.
Where another fails by right, because the same property is asked from two sides, the mutation says so in `also`.
"""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from healthy import findings, healthy
from test_stacks import STACKS

from policies.control import Status
from policies.resources import Stack
from stacks.fleet import load_fleet

Props = dict[str, Any]
Seen = tuple[str, str]
"""Control and clause."""


@dataclass(frozen=True, kw_only=True)
class Mutation:
    """What is broken: in the first resource of `type` in `stack` whose name has `name` in it."""

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
    for number, one in enumerate(stack.resources):
        if one.type == mutation.type and mutation.name in one.name:
            others = stack.resources[:number], stack.resources[number + 1 :]
            if mutation.change is None:
                return Stack((*others[0], *others[1]))
            props: Props = copy.deepcopy(dict(one.props))
            mutation.change(props)
            gone = {name for name in one.references if name not in props or props[name] != one.props.get(name)}
            references = {name: urns for name, urns in one.references.items() if name not in gone}
            return Stack((*others[0], replace(one, props=props, references=references), *others[1]))
    raise LookupError(f"{mutation.what}: not declared")


def failing(mutation: Mutation) -> frozenset[str]:
    """Clauses that fail because of the mutation."""
    before = {(one.control, one.clause, one.urn) for one in _failed(judged(mutation.stack))}
    now = {(one.control, one.clause, one.urn) for one in _failed(broken(mutation))}
    return frozenset(f"{control} {clause}" for control, clause, _ in now - before)


@cache
def judged(stack: str) -> Stack:
    """A committed stack, made once."""
    return healthy(stack, load_fleet(STACKS))


def _failed(stack: Stack) -> Iterator[Any]:
    return (one for one in findings(stack) if one.verdict.status is Status.FAIL)


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
