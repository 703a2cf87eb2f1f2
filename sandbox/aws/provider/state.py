"""What goes into Pulumi's state: outputs with official names, and inputs that show drift."""

from collections.abc import Mapping
from typing import Any

from sandbox.aws.provider.check import DEFAULTS, secret_inputs, write_only
from sandbox.aws.provider.codec import UNKNOWN, keep_secret, unsecret
from sandbox.aws.provider.compare import covers, is_empty, project, same
from sandbox.aws.provider.config import ProviderConfig
from sandbox.aws.provider.model import Props, ResourceType
from sandbox.aws.provider.schema import Kind, Property, ResourceSchema
from sandbox.aws.provider.shapes import tag_map

NOT_EMULATED = "__notEmulated"
"""Output that marks a resource which only exists in state: the sandbox's table has no entry for its type."""

ZERO: Mapping[Kind, Any] = {Kind.STRING: "", Kind.INTEGER: 0, Kind.NUMBER: 0, Kind.BOOLEAN: False, Kind.LIST: []}
"""What reads as nothing where the SDK's type promises a value, as the official plugin writes it."""


def finished(
    *, types: ResourceSchema, entry: ResourceType, live: Props, last: Props, region: str, config: ProviderConfig
) -> dict[str, Any]:
    """Outputs from what AWS says (``live``) and what was known before (``last``: outputs or inputs)."""
    found: dict[str, Any] = {}
    hidden = write_only(types)
    for name in types.outputs:
        if name in hidden or name in ("tags", "tagsAll"):
            continue
        value = _spelled(entry, name, last.get(name), live[name]) if name in live else last.get(name)
        if value is None and types.outputs[name].required:
            value = ZERO.get(types.outputs[name].type.kind)
        if value is not None:
            found[name] = value
    if "region" in types.outputs:
        found["region"] = live.get("region") or last.get("region") or region
    return found | _tags(types, live, last, config)


def _spelled(entry: ResourceType, name: str, before: Any, now: Any) -> Any:
    """The last known spelling when it means the same, so that state does not change without a reason."""
    if before is None or is_empty(before) or now is None:
        return now
    own = entry.equal.get(name)
    if own and own(before, now):
        return before
    return before if same(before, now, ordered=entry.ordered, path=name) else now


def _tags(types: ResourceSchema, live: Props, last: Props, config: ProviderConfig) -> dict[str, Any]:
    if "tags" not in types.outputs:
        return {}
    tags = config.visible(tag_map(live["tags"])) if "tags" in live else dict(last.get("tags") or {})
    if "tagsAll" not in types.outputs:
        return {"tags": tags} if tags else {}
    return {"tags": tags, "tagsAll": tags} if tags else {"tagsAll": {}}


def drifted(*, types: ResourceSchema, entry: ResourceType, inputs: Props, outputs: Props) -> dict[str, Any]:
    """The inputs a program would need to get what AWS now has: the last ``inputs`` where they still hold, else the
    live values.
    """
    found = dict(inputs)
    for name, prop in types.inputs.items():
        if name == "region" or name in write_only(types) or (name not in outputs and name not in inputs):
            continue
        if name in inputs:
            value = _repeated(entry, prop, inputs[name], outputs.get(name))
            if value is None:
                del found[name]
            else:
                found[name] = value
        elif _shows_drift(name, prop, types, entry) and not is_empty(outputs[name]):
            found[name] = outputs[name]
    return found


def _repeated(entry: ResourceType, prop: Property, wanted: Any, actual: Any) -> Any:
    own = entry.equal.get(prop.name)
    if own and wanted is not None and actual is not None and own(wanted, actual):
        return wanted
    if covers(wanted, actual, ordered=entry.ordered, path=prop.name, kind=prop.type):
        return wanted
    return project(wanted, actual, prop.type)


def _shows_drift(name: str, prop: Property, types: ResourceSchema, entry: ResourceType) -> bool:
    """An optional argument that the program left out and that AWS does not fill in by itself."""
    known = types.outputs.get(name)
    return known is not None and not known.required and not prop.required and name not in entry.unread


def imported(*, types: ResourceSchema, entry: ResourceType, outputs: Props) -> dict[str, Any]:
    """Inputs of a resource that was never in state: what a program would have to say to get it."""
    hidden = write_only(types) | {"region", "namePrefix"}
    found = {
        name: outputs[name]
        for name in types.inputs
        if name not in hidden and name in outputs and not (is_empty(outputs[name]) and outputs[name] is not False)
    }
    for name, default in entry.defaults.items():
        if name not in outputs and not callable(default):
            found[name] = default
    return found


def planned(*, types: ResourceSchema, entry: ResourceType | None, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Outputs of a preview's create: the inputs, and unknown for what AWS will decide."""
    hidden = write_only(types) | {DEFAULTS}
    found = {name: value for name, value in inputs.items() if name not in hidden}
    if entry is None:
        return found | {NOT_EMULATED: True}
    for name in types.computed():
        found.setdefault(name, UNKNOWN)
    for path in entry.computed_within:
        block, _, name = path.partition(".")
        if isinstance(found.get(block), Mapping):
            found[block] = {name: UNKNOWN, **found[block]}
    if "tagsAll" in types.outputs:
        found["tagsAll"] = inputs.get("tags") or {}
    return found


def replanned(
    *, types: ResourceSchema, entry: ResourceType | None, outputs: Props, olds: Props, news: Props
) -> dict[str, Any]:
    """Outputs of a preview's update: the last ones with the new inputs over them."""
    hidden = write_only(types) | {DEFAULTS}
    kept = {name: value for name, value in outputs.items() if name not in olds or name in news}
    found = kept | {name: value for name, value in news.items() if name not in hidden}
    for name in entry.computed_on_update if entry else ():
        found[name] = UNKNOWN
    for path in entry.computed_within if entry else ():
        block, _, name = path.partition(".")
        if isinstance(found.get(block), Mapping) and isinstance(outputs.get(block), Mapping):
            found[block] = {name: outputs[block].get(name), **found[block]}
    if "tagsAll" in types.outputs:
        found["tagsAll"] = news.get("tags") or {}
    return found


def secretly(types: ResourceSchema, values: Mapping[str, Any], *names: frozenset[str]) -> dict[str, Any]:
    """The values with known secrets, and what was secret before (``names``), marked."""
    return keep_secret(values, secret_inputs(types).union(*names))


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values for a table entry: no secrets around them, no bookkeeping, no nulls."""
    return {name: unsecret(value) for name, value in values.items() if not name.startswith("__") and value is not None}
