"""Ways to break one thing: what a mutation does to a copy of a resource's properties."""

import json
from collections.abc import Callable
from typing import Any

Props = dict[str, Any]
Change = Callable[[Props], object]

ABROAD = "us-east-1"
"""A region outside the jurisdiction of the European cell and of the account's trail."""


def abroad(service: str, what: str) -> str:
    """An ARN outside the jurisdiction."""
    return f"arn:aws:{service}:{ABROAD}:123456789012:{what}"


def setting(path: str, value: object) -> Change:
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


def without(*names: str) -> Change:
    """Takes properties away."""
    return lambda props: [props.pop(name) for name in names]


def in_document(name: str, change: Change) -> Change:
    """Changes a policy document, which a property holds as JSON."""

    def changed(props: Props) -> None:
        document: Props = json.loads(props[name])
        change(document)
        props[name] = json.dumps(document)

    return changed


def allows(principal: dict[str, str], *actions: str) -> Change:
    """Adds a statement without conditions to a resource's policy."""
    more = {"Sid": "Broken", "Effect": "Allow", "Principal": principal, "Action": list(actions), "Resource": "*"}
    return in_document("policy", lambda document: document["Statement"].append(more))


def allowing(action: str) -> Change:
    """A policy of a role that allows one thing more."""
    more = {"Sid": "More", "Effect": "Allow", "Action": action, "Resource": "*"}
    return in_document("policy", lambda document: document["Statement"].append(more))


def unbounded(*actions: str) -> Change:
    """A role without its boundary, and with a policy of its own."""
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}

    def change(props: Props) -> None:
        props.pop("permissionsBoundary", None)
        props["inlinePolicies"] = [{"name": "more", "policy": json.dumps(document)}]

    return change


def parameter(name: str, value: str) -> Change:
    """Sets a parameter of a database's parameter group."""

    def change(props: Props) -> None:
        others = [one for one in props["parameters"] if one["name"] != name]
        props["parameters"] = [*others, {"name": name, "value": value}]

    return change


def each_rule(name: str, value: object) -> Change:
    """Sets a property of every rule of a lifecycle or of a backup plan."""
    return lambda props: [rule.update({name: value}) for rule in props["rules"]]


def copies_to(vault: str) -> Change:
    """All copies of a backup plan go to one vault."""
    return each_rule("copyActions", [{"destinationVaultArn": vault, "lifecycle": {"deleteAfter": 35}}])


def rules_without(statement: str) -> Change:
    """A web ACL without its rules of one kind."""

    def change(props: Props) -> None:
        props["rules"] = [rule for rule in props["rules"] if not rule["statement"].get(statement)]

    return change
