"""The policies that a program declares, as the matrix gets them."""

from collections.abc import Sequence
from typing import Any

import pulumi
import pytest
from mocks import run
from pulumi_kubernetes import networking

from components.declared_policies import DeclaredPolicies
from components.reachability import Policy, baseline
from components.workloads import NamespaceArgs, Workloads, WorkloadsArgs


def seen(*, preview: bool = False, **by_hand: Any) -> list[Policy]:
    """What is seen of a namespace's policies and, beside any component, of one with these arguments."""
    found: list[Policy] = []

    def keep(policies: Sequence[Policy]) -> None:
        found.extend(policies)

    def program() -> None:
        declared = DeclaredPolicies()
        spaces = {"payments": NamespaceArgs(cpu="1", memory="1Gi", pods=1)}
        Workloads("test", WorkloadsArgs(cell="test", kubernetes_version="1.36", namespaces=spaces, shard_map="{}"))
        if by_hand:
            networking.v1.NetworkPolicy("by-hand", **by_hand)
        declared.all().apply(keep)

    run(program, preview=preview)
    return found


@pytest.mark.parametrize("preview", [True, False])
def test_policies_of_components_and_by_hand_are_seen_with_their_namespace(*, preview: bool) -> None:
    metadata = {"name": "open", "namespace": pulumi.Output.from_input("payments")}
    found = seen(preview=preview, metadata=metadata, spec={"podSelector": {}})
    assert {(p["metadata"]["namespace"], p["metadata"]["name"]) for p in found} == {
        ("payments", name) for name in ("default-deny", "allow-dns", "allow-pod-identity", "open")
    }
    assert [p["spec"] for p in found[:3]] == [policy["spec"] for policy in baseline("payments")]


def test_a_policy_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(ValueError, match=r"policies\.by-hand: is written with argument classes"):
        seen(metadata={"name": "a", "namespace": "b"}, spec=networking.v1.NetworkPolicySpecArgs(pod_selector={}))
    with pytest.raises(ValueError, match=r"policies\.by-hand\.metadata: lacks namespace"):
        seen(metadata={"name": "a"}, spec={"podSelector": {}})
