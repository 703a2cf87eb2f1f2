"""Which stacks an operation touches, and in which order. Pure: the stack files and the backend's list decide."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from components.vocabulary import Environment
from operations.errors import CellError, ExitCode


class Kind(StrEnum):
    """A stack's kind; the word of its key in the stack file."""

    ACCOUNT = "account"
    CELL = "cell"
    WORKLOADS = "workloads"
    PAIR = "pair"


@dataclass(frozen=True, kw_only=True, slots=True)
class Declared:
    """A stack as its file declares it; ``needs`` is the stack that must be there first."""

    name: str
    kind: Kind
    environment: Environment
    region: str | None = None
    needs: str | None = None


def plan_up(target: str, declared: Mapping[str, Declared]) -> tuple[str, ...]:
    """What the target needs, the target, and what belongs to it: account, cell, workloads; a replica needs its primary,
    a pair both of its cells.

    Raises CellError (stack not found) for a stack without a file.
    """
    chain = [known_stack(target, declared)]
    while chain[0].needs is not None:
        chain.insert(0, known_stack(chain[0].needs, declared))
    order = [name for stack in chain for name in _whole(stack, declared)]
    return tuple(dict.fromkeys(order))


def _whole(stack: Declared, declared: Mapping[str, Declared]) -> list[str]:
    """A stack with what belongs to it: a cell with its workloads."""
    after = _of(stack.name, Kind.WORKLOADS, declared) if stack.kind is Kind.CELL else []
    return [stack.name, *(workloads.name for workloads in after)]


def cells_of(target: str, declared: Mapping[str, Declared]) -> tuple[str, ...]:
    """The cells that bringing up the target touches: none for an account."""
    return tuple(name for name in plan_up(target, declared) if declared[name].kind is Kind.CELL)


def plan_destroy(
    target: str, declared: Mapping[str, Declared], existing: Collection[str], *, with_account: bool = True
) -> tuple[str, ...]:
    """What stands on the target first, then the target; after its last cell, a development account too, unless
    `with_account` is false.

    Only stacks that have state are named. Raises CellError where an account still has cells, or a cell its replica.
    """
    subject = known_stack(target, declared)
    cells = [stack.name for stack in _of(target, Kind.CELL, declared) if stack.name in existing]
    if cells:
        raise CellError(f"{target} still holds {', '.join(cells)}: destroy these cells first", ExitCode.CONFIGURATION)
    belongs = [*_of(target, Kind.PAIR, declared), *_of(target, Kind.WORKLOADS, declared)]
    order = [*(stack.name for stack in belongs), target]
    if with_account and subject.needs is not None and known_stack(subject.needs, declared).kind is Kind.ACCOUNT:
        others = [stack.name for stack in _of(subject.needs, Kind.CELL, declared) if stack.name != target]
        throwaway = known_stack(subject.needs, declared).environment is Environment.DEVELOPMENT
        if throwaway and not set(others) & set(existing):
            order.append(subject.needs)
    return tuple(name for name in order if name in existing)


def known_stack(name: str, declared: Mapping[str, Declared]) -> Declared:
    """A stack by its name. Raises CellError (stack not found) for one without a file."""
    if name not in declared:
        raise CellError(
            f"{name}: no such stack; stacks/ declares {', '.join(sorted(declared))}", ExitCode.STACK_NOT_FOUND
        )
    return declared[name]


def _of(owner: str, kind: Kind, declared: Mapping[str, Declared]) -> list[Declared]:
    return [stack for stack in declared.values() if stack.kind is kind and stack.needs == owner]
