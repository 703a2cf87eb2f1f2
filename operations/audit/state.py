"""A state as clauses read it: what `pulumi stack export` wrote, secrets as the text ``[secret]``."""

from collections.abc import Iterable, Mapping
from typing import Any

from operations.resources import ENGINE_TYPE_PREFIX
from policies.resources import Resource, Stack

SECRET = "[secret]"

_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270"
"""How the engine marks values that are no plain JSON (sdk/go/common/resource/sig in pulumi/pulumi)."""

Row = Mapping[str, Any]
"""A resource as the engine exports it."""


def resources(rows: Iterable[Row]) -> tuple[Row, ...]:
    """Rows of what a cloud or a cluster holds; what waits for its deletion is left out."""
    return tuple(
        row
        for row in rows
        if row.get("custom") and not row.get("delete") and not row["type"].startswith(ENGINE_TYPE_PREFIX)
    )


def stack_of(rows: Iterable[Row]) -> Stack:
    """The resources of a state with what the provider answered, as a policy pack sees them after an update."""
    rows = list(rows)
    providers = {f"{row['urn']}::{row.get('id')}": plain(row.get("inputs") or {}) for row in rows}
    return Stack(tuple(_resource(row, providers.get(row.get("provider", ""), {})) for row in resources(rows)))


def plain(value: Any) -> Any:
    """A value of a state without the engine's marks."""
    if isinstance(value, Mapping):
        if value.get(_SIGNATURE) == _SECRET_SIGNATURE:
            return SECRET
        return {name: plain(member) for name, member in value.items()}
    return [plain(member) for member in value] if isinstance(value, list) else value


def _resource(row: Row, provider: Mapping[str, Any]) -> Resource:
    # Outputs lack what only goes in, such as `finalSnapshotIdentifier` of some types.
    props = {**plain(row.get("inputs") or {}), **plain(row.get("outputs") or {})}
    props.pop("__defaults", None)
    sources = row.get("propertyDependencies") or {}
    return Resource(
        type=row["type"],
        name=row["urn"].rpartition("::")[2],
        urn=row["urn"],
        props={"id": row.get("id", ""), **props},
        provider_props=provider,
        references={name: tuple(urns) for name, urns in sources.items() if urns},
    )
