"""The committed stacks as policies see them: what the packs have to find healthy.

python tests/unit/healthy.py            # what each control says of them, failures one by one
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from mocks import Registered
from pulumi.runtime import rpc
from test_stacks import ACCOUNT_OUTPUTS, CELL_OUTPUTS, PROVIDER, STACKS, made

from policies.catalogue import controls
from policies.control import Finding, Status, answers
from policies.resources import Resource, Stack
from stacks.fleet import Fleet, load_fleet

JUDGED = ("account", "account-dev", "eu-west-1", "us-east-1", "dev", "eu-west-1-workloads", "dev-workloads")
"""Of each kind, in production and development, in two jurisdictions."""


def stack_of(registered: Registered) -> Stack:
    """Custom resources with inputs and what AWS adds; default tags of the provider are in `tagsAll`, as AWS answers."""
    default = _default_tags(registered)
    return Stack(
        tuple(
            Resource(
                type=one.type,
                name=one.name,
                urn=one.urn,
                props=_props(one.state, default if one.type.startswith("aws:") else {}),
                references=one.references,
            )
            for one in registered
            if not one.type.startswith(("payment-cell:", "pulumi:"))
        )
    )


def healthy(stack: str, fleet: Fleet) -> Stack:
    """A committed stack."""
    outputs: dict[str, Any] = CELL_OUTPUTS if stack.endswith("-workloads") else ACCOUNT_OUTPUTS
    return stack_of(made(stack, fleet, outputs))


def findings(stack: Stack, *, live: bool = False) -> Iterator[Finding]:
    """What every control says."""
    for control in controls():
        yield from answers(control, stack, live=live)


def _props(state: Mapping[str, Any], default: Mapping[str, str]) -> dict[str, Any]:
    props = {name: rpc.unwrap_rpc_secret(value) for name, value in state.items()}
    if "tags" in props:
        props["tagsAll"] = {**default, **props["tags"]}
    return props


def _default_tags(registered: Registered) -> dict[str, str]:
    for one in registered:
        if one.type == PROVIDER:
            return dict(json.loads(one.inputs.get("defaultTags", "{}")).get("tags", {}))
    return {}


def main() -> None:
    fleet = load_fleet(STACKS)
    for name in JUDGED:
        found = list(findings(healthy(name, fleet)))
        for control in controls():
            counts = Counter(one.verdict.status for one in found if one.control == control.id)
            print(f"{name:20} {control.id}  {', '.join(f'{status} {n}' for status, n in counts.items())}")
        for one in found:
            if one.verdict.status is Status.FAIL:
                print(f"  FAIL {one.control} {one.clause} {one.urn.rpartition('::')[2]}: {one.verdict.reason}")


if __name__ == "__main__":
    main()
