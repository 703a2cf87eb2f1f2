"""The NetworkPolicies that a program declares, whoever declares them: what the reachability matrix is computed from.

policies = DeclaredPolicies()           before the first of them
Workloads(...), Workload(...), ...
policies.all().apply(lambda found: declared_matrix(workloads, outside, dns, found).check())
"""

import json
from collections.abc import Sequence
from typing import Any

import pulumi

from components.reachability import Policy

_TYPE = ":NetworkPolicy"
"""End of the type tokens: any version of the API."""


class DeclaredPolicies:
    """Sees every NetworkPolicy of the stack from now on, those beside this project's components as well."""

    def __init__(self) -> None:
        self._seen: list[tuple[str, dict[str, Any]]] = []
        pulumi.runtime.register_stack_transformation(self._note)

    def _note(self, args: pulumi.ResourceTransformationArgs) -> None:
        if args.type_.startswith("kubernetes:") and args.type_.endswith(_TYPE):
            self._seen.append((args.name, {key: args.props.get(key) for key in ("metadata", "spec")}))

    def all(self) -> pulumi.Output[Sequence[Policy]]:
        """Every policy declared so far. Known in a preview as far as namespaces and rules are."""
        names = [name for name, _ in self._seen]
        manifests = pulumi.Output.all(*(manifest for _, manifest in self._seen))
        return manifests.apply(lambda found: [_plain(*pair) for pair in zip(names, found, strict=True)])


def _plain(name: str, manifest: Policy) -> Policy:
    try:
        json.dumps(manifest)
    except TypeError:
        raise ValueError(
            f"policies.{name}: is written with argument classes, which the matrix does not read; write dictionaries"
        ) from None
    if not (manifest["metadata"] or {}).get("namespace") or not (manifest["metadata"] or {}).get("name"):
        raise ValueError(
            f"policies.{name}.metadata: lacks namespace or name, so nobody knows whom it is for; write both"
        )
    return manifest
