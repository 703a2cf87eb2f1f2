"""What exists: the stacks of the project, and what one of them holds, read from their state."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from components.vocabulary import Environment
from operations.engine import Engine
from operations.events import COMPONENT_TYPE_PREFIX, type_and_name
from operations.plan import Declared, Kind
from operations.upgrade.running import CLUSTER, running
from stacks.support import deadlines

NOT_EMULATED = "__notEmulated"
"""Output by which the sandbox's providers mark a resource whose inputs were checked and that no emulator holds."""

_BUCKET = "aws:s3/bucket:Bucket"
_KEY = "aws:kms/key:Key"
_OBJECT_LOCK = "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration"
_TOPIC, _SUBSCRIPTION = "aws:sns/topic:Topic", "aws:sns/topicSubscription:TopicSubscription"
HISTORY = 100
"""Operations of a stack among which its last refresh is looked for."""

_OWN_KINDS = ("pulumi:", COMPONENT_TYPE_PREFIX)


def inventory(declared: Mapping[str, Declared], engine: Engine) -> list[dict[str, Any]]:
    """A row a declared stack, deployed or not."""
    existing = engine.stacks()
    return [
        {
            "stack": name,
            "kind": stack.kind,
            "region": stack.region,
            "environment": stack.environment,
            "needs": stack.needs,
            "resources": existing.get(name, {}).get("resourceCount", 0),
            "updated": existing.get(name, {}).get("lastUpdate"),
        }
        for name, stack in declared.items()
    ]


def stack_status(engine: Engine, declared: Declared, today: date) -> dict[str, Any]:
    """What a stack holds. ``pending`` names operations that an interrupted update left open, ``versions`` has for each
    part of a cell what it runs and until when that is supported, ``driftSeen`` is what the last refresh found,
    ``unheard`` which alarms reach nobody."""
    stack = declared.name
    deployment = engine.state(stack)
    resources = deployment.get("resources") or []
    own = _cloud_resources(resources)
    return {
        "stack": stack,
        "resources": len(own),
        "components": by_component(resources),
        "protected": sum(bool(resource.get("protect")) for resource in own),
        "versions": _versions(stack, resources, today),
        "notEmulated": _not_emulated(own),
        "pending": [operation["resource"]["urn"] for operation in deployment.get("pending_operations") or []],
        "updated": engine.stacks().get(stack, {}).get("lastUpdate"),
        "driftSeen": drift_seen(engine.history(stack, HISTORY)),
        "unheard": unheard(resources, declared),
    }


def in_rows(found: Mapping[str, Any]) -> dict[str, Any]:
    """A stack's status at a glance: a row a part and a version, what drifted in words."""
    rows: dict[str, Any] = {}
    for key, value in found.items():
        if key == "versions":
            rows |= {f"version of {what}": text for what, text in value.items()}
        elif key == "health" and isinstance(value, Mapping):
            rows |= {f"health of {part}": state for part, state in value.items()}
        elif key == "drift":
            rows["drift"] = list(drift_lines(value)) or "none"
        else:
            rows[key] = value
    return rows


def drift_lines(diffs: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """A line a resource: ``aws:sqs/queue:Queue dev-tax: visibilityTimeoutSeconds 30 -> 3600``."""
    for diff in diffs:
        changes = ", ".join(f"{key} {old!r} -> {new!r}" for key, (old, new) in (diff.get("values") or {}).items())
        yield f"{type_and_name(diff['urn'])}: {changes or ('is gone' if diff['op'] == 'delete' else 'outputs only')}"


def drift_seen(history: Iterable[Mapping[str, Any]]) -> str:
    """When the account was last compared with the state and how much differed; ``never`` in this history, newest
    first. Refreshes that were only shown leave no trace in it."""
    for entry in history:
        if entry["kind"] == "refresh" and entry["result"] == "succeeded":
            counts = (entry.get("resourceChanges") or {}).items()
            changes = ", ".join(f"{count} to {op}" for op, count in sorted(counts) if op != "same")
            return f"{entry['endTime']}: {changes or 'none'}"
    return f"never in the last {HISTORY} operations"


def _versions(stack: str, resources: Sequence[Mapping[str, Any]], today: date) -> dict[str, str]:
    if not any(resource["type"] == CLUSTER for resource in resources):
        return {}
    found = deadlines(running(stack, resources).in_use(), today)
    return {deadline.what: str(deadline) for deadline in found}


def by_component(resources: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Resources of the cloud by the innermost component that holds them."""
    found = {resource["urn"]: resource for resource in resources}

    def owner(resource: Mapping[str, Any]) -> str:
        while resource.get("parent") in found:
            resource = found[resource["parent"]]
            if resource["type"].startswith(COMPONENT_TYPE_PREFIX):
                return str(resource["type"].removeprefix(COMPONENT_TYPE_PREFIX))
        return "Stack"

    return dict(sorted(Counter(map(owner, _cloud_resources(resources))).items()))


def kept(resources: Sequence[Mapping[str, Any]], today: date) -> list[str]:
    """What a destroy leaves in the account (``retainOnDelete``): buckets and keys, with the day that releases them."""
    retained = [resource for resource in resources if resource.get("retainOnDelete") and resource.get("id")]
    locked_days = {
        resource["outputs"]["bucket"]: _lock_days(resource["outputs"])
        for resource in retained
        if resource["type"] == _OBJECT_LOCK
    }
    lines = []
    for resource in retained:
        if resource["type"] == _BUCKET and resource["id"] in locked_days:
            release = today + timedelta(days=locked_days[resource["id"]])
            lines.append(f"bucket {resource['id']}: Object Lock releases its newest objects on {release} at the latest")
        elif resource["type"] == _BUCKET:
            lines.append(f"bucket {resource['id']}: not locked; delete it when its retention has passed")
        elif resource["type"] == _KEY:
            lines.append(f"key {resource['outputs']['arn']}: schedule its deletion after what it encrypts is gone")
    return lines


def _lock_days(outputs: Mapping[str, Any]) -> int:
    default = outputs["rule"]["defaultRetention"]
    return int(default.get("days") or default["years"] * 366)


def overview(engine: Engine, stacks: Iterable[str], declared: Mapping[str, Declared]) -> list[str]:
    """The closing lines of `up`: what exists and where to look next."""
    lines: list[str] = []
    for stack in stacks:
        resources = engine.resources(stack)
        own = _cloud_resources(resources)
        parts = ", ".join(f"{name} {count}" for name, count in by_component(resources).items())
        lines.append(f"{stack}: {len(own)} resources ({parts})")
        if missing := _not_emulated(own):
            lines.append(f"  not emulated here, inputs checked only: {len(missing)} ({', '.join(missing)})")
        lines += [f"  warning: {text}" for text in unheard(resources, declared[stack])]
        if declared[stack].kind is Kind.CELL:
            lines.append(f"  next: cell status {stack} · cell outputs {stack} · cell preview {stack}")
    return lines


def unheard(resources: Sequence[Mapping[str, Any]], stack: Declared) -> list[str]:
    """Alarms of a stack that nobody hears: production without a subscriber, and subscribers who have not confirmed.

    A refresh renews what the resources say, the stack's outputs wait for the next update.
    """
    name, found = stack.name, []
    subscribed = [resource["outputs"] for resource in resources if resource["type"] == _SUBSCRIPTION]
    topics = any(resource["type"] == _TOPIC for resource in resources)
    if stack.environment == Environment.PRODUCTION and topics and not subscribed:
        found.append(
            f"alarms of {name} have no subscriber: add contactEmail to its account's stack file, run `cell up`"
        )
    if waiting := sorted({f"{o['endpoint']} ({o['region']})" for o in subscribed if o.get("pendingConfirmation")}):
        found.append(
            f"alarms of {name} do not reach {', '.join(waiting)}: confirm what SNS has sent there, "
            f"then run `cell refresh {name}`"
        )
    return found


def _cloud_resources(resources: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [resource for resource in resources if not resource["type"].startswith(_OWN_KINDS)]


def _not_emulated(resources: Sequence[Mapping[str, Any]]) -> list[str]:
    return sorted(
        resource["urn"].rpartition("::")[2] for resource in resources if NOT_EMULATED in resource.get("outputs", {})
    )
