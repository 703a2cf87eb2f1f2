"""Which IAM actions each resource type of the table needs, read from the table's own functions.

A function of an entry says which operations it calls by names that are in its code: methods of clients, and strings for
paginators and helpers. All of them, and those of the functions and constants it uses, that are operations of a service
it names are taken: rather one too many than one too few.
"""

import functools
import types
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import botocore.session
from botocore import xform_name

from sandbox.aws.iam.actions import ACTIONS, PREFIXES
from sandbox.aws.preconditions import PRECONDITIONS
from sandbox.aws.provider.model import ResourceType
from sandbox.aws.table import entries

COMPOSED: Mapping[str, tuple[str, ...]] = {
    f"aws:rds/{token}": (
        f"Create{group}Group", f"Delete{group}Group", f"Describe{group}Groups", f"Describe{group}s",
        f"Modify{group}Group", f"Reset{group}Group",
    )
    for token, group in {
        "clusterParameterGroup:ClusterParameterGroup": "DBClusterParameter",
        "parameterGroup:ParameterGroup": "DBParameter",
    }.items()
}  # fmt: skip
"""Token -> operations whose names its functions put together from parts."""

MIN_BEGIN = len("revoke_security_group_")
"""Characters of a string that ends with `_` and is taken as the begin of operations' names."""


def permissions() -> Mapping[str, list[str]]:
    """Token -> actions of all that the provider does with a resource of the type, sorted."""
    return {token: sorted(_of(entry)) for token, entry in sorted(entries().items())}


def action(service: str, operation: str) -> tuple[str, ...]:
    """IAM actions of one call: `("elbv2", "CreateListener")` -> `("elasticloadbalancing:CreateListener",)`."""
    prefix = PREFIXES.get(service) or _signing_name(service)
    name = f"{prefix}:{operation}"
    return ACTIONS.get(name, (name,))


def asked_by_preconditions() -> frozenset[str]:
    """Actions of the calls by which the sandbox itself finds out what AWS would refuse: on AWS nobody makes them."""
    return frozenset(name for row in PRECONDITIONS for name in _called(row.check, "sts"))


def _of(entry: ResourceType) -> set[str]:
    made = (entry.create, entry.settle, entry.read, entry.update, entry.delete, entry.tag)
    composed = COMPOSED.get(entry.token, ())
    return _called(made, entry.service) | {name for one in composed for name in action(entry.service, one)}


def _called(functions: Any, service: str) -> set[str]:
    """Actions of the operations whose names are in the functions, of `service` and the services that they name."""
    words = set(_words(functions, set()))
    begins = tuple(word for word in words if word.endswith("_") and len(word) >= MIN_BEGIN)
    return {
        name
        for one in {word for word in words if word in _services()} | {service}
        for method, operation in _operations(one).items()
        if method in words or (begins and method.startswith(begins))
        for name in action(one, operation)
    }


def _words(value: Any, seen: set[int]) -> Iterator[str]:
    """Names and strings in a function, in what it closes over, and in the functions and constants it uses."""
    if isinstance(value, str):
        yield value
    elif value is not None and id(value) not in seen:
        seen.add(id(value))
        if isinstance(value, types.FunctionType):
            if value.__module__.startswith("sandbox."):
                yield from _code(value.__code__, value.__globals__, seen)
                for cell in value.__closure__ or ():
                    yield from _words(cell.cell_contents, seen)
                for default in value.__defaults__ or ():
                    yield from _words(default, seen)
        elif isinstance(value, functools.partial):
            for part in (value.func, *value.args, *value.keywords.values()):
                yield from _words(part, seen)
        elif isinstance(value, Mapping):
            for part in (*value.keys(), *value.values()):
                yield from _words(part, seen)
        elif isinstance(value, list | tuple | set | frozenset):
            for part in value:
                yield from _words(part, seen)
        elif is_dataclass(value) and not isinstance(value, type | ResourceType):
            for field in fields(value):
                yield from _words(getattr(value, field.name), seen)


def _code(code: types.CodeType, scope: Mapping[str, Any], seen: set[int]) -> Iterator[str]:
    for name in code.co_names:
        yield name
        if name in scope:
            yield from _words(scope[name], seen)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _code(constant, scope, seen)
        else:
            yield from _words(constant, seen)


@functools.cache
def _services() -> frozenset[str]:
    """botocore services that the table makes something in; any other name that is also one is chance."""
    return frozenset({"s3control"} | {entry.service for entry in entries().values()})


@functools.cache
def _session() -> botocore.session.Session:
    return botocore.session.Session()


@functools.cache
def _operations(service: str) -> Mapping[str, str]:
    """Method of the client -> operation."""
    return {xform_name(name): name for name in _session().get_service_model(service).operation_names}


@functools.cache
def _signing_name(service: str) -> str:
    return str(_session().get_service_model(service).signing_name)
