"""The data plane's network policies against a plain restatement of Kubernetes' rules, and their corners."""

from ipaddress import IPv4Network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.dataplane.policy import OutsideEnd, PodEnd, allowed, selects

SPACES = ("a", "b")
APPS = ("x", "y")
PORTS = (80, 443)

ends = st.builds(
    lambda space, app: PodEnd(namespace=space, labels={"app": app}, namespace_labels={"name": space}),
    st.sampled_from(SPACES),
    st.sampled_from(APPS),
)
selectors = st.sampled_from([{}, *({"matchLabels": {"app": app}} for app in APPS)])
space_selectors = st.sampled_from([None, {}, *({"matchLabels": {"name": space}} for space in SPACES)])
peers = st.builds(
    lambda pods, spaces: {"podSelector": pods, **({} if spaces is None else {"namespaceSelector": spaces})},
    selectors,
    space_selectors,
)


def rules(key: str) -> Any:
    ports = st.lists(st.sampled_from([{"port": port} for port in PORTS]), max_size=2)
    return st.lists(
        st.builds(
            lambda who, at: {**({key: who} if who else {}), **({"ports": at} if at else {})},
            st.lists(peers, max_size=2),
            ports,
        ),
        max_size=2,
    )


policies = st.lists(
    st.builds(
        lambda space, selector, types, incoming, outgoing: policy(
            space, {"podSelector": selector, "policyTypes": types, "ingress": incoming, "egress": outgoing}
        ),
        st.sampled_from(SPACES),
        selectors,
        st.sampled_from([["Ingress"], ["Egress"], ["Ingress", "Egress"]]),
        rules("from"),
        rules("to"),
    ),
    max_size=4,
)


def policy(space: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"namespace": space, "name": "x"}, "spec": spec}


@given(ends, ends, st.sampled_from(PORTS), policies)
def test_more_rules_never_close_what_was_open(client: PodEnd, server: PodEnd, port: int, declared: list[Any]) -> None:
    before = allowed(client, server, port, declared)
    wider = [
        policy(p["metadata"]["namespace"], {**p["spec"], "ingress": [*p["spec"]["ingress"], {}], "egress": [{}]})
        for p in declared
    ]
    assert allowed(client, server, port, wider)
    assert allowed(client, server, port, []) or not before


@given(ends, ends, st.sampled_from(PORTS), policies)
def test_both_ends_have_to_agree(client: PodEnd, server: PodEnd, port: int, declared: list[Any]) -> None:
    out = [policy(p["metadata"]["namespace"], {**p["spec"], "policyTypes": ["Egress"]}) for p in declared]
    into = [policy(p["metadata"]["namespace"], {**p["spec"], "policyTypes": ["Ingress"]}) for p in declared]
    out = [p for p, d in zip(out, declared, strict=True) if "Egress" in d["spec"]["policyTypes"]]
    into = [p for p, d in zip(into, declared, strict=True) if "Ingress" in d["spec"]["policyTypes"]]
    each = allowed(client, server, port, out) and allowed(client, server, port, into)
    assert allowed(client, server, port, declared) == each


@given(ends, ends, st.sampled_from(PORTS), policies)
def test_a_policy_without_rules_closes_its_direction(
    client: PodEnd, server: PodEnd, port: int, declared: list[Any]
) -> None:
    others = [p for p in declared if p["metadata"]["namespace"] != server.namespace]
    nothing = policy(server.namespace, {"podSelector": {}, "policyTypes": ["Ingress"]})
    assert not allowed(client, server, port, [*others, nothing])


X, Y = (PodEnd(namespace="a", labels={"app": app}, named_ports={"http": 80}) for app in APPS)


@pytest.mark.parametrize(
    ("rule", "port", "open_"),
    [
        ({"ports": [{"port": "http"}]}, 80, True),
        ({"ports": [{"port": "http"}]}, 443, False),
        ({"ports": [{"port": 80, "protocol": "UDP"}]}, 80, False),
        ({"ports": [{"port": 400, "endPort": 500}]}, 443, True),
        ({"ports": [{"port": 400, "endPort": 500}]}, 80, False),
        ({"from": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}, 80, False),
    ],
)
def test_ports_have_names_ranges_and_protocols_and_pods_are_no_blocks(
    rule: dict[str, Any], port: int, open_: bool
) -> None:
    declared = [policy("a", {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [rule]})]
    assert allowed(X, Y, port, declared) is open_


@pytest.mark.parametrize(
    ("networks", "open_"),
    [
        (["198.51.100.0/24"], True),
        (["10.0.1.0/24"], False),
        (["198.51.100.0/24", "10.0.1.0/24"], False),
        ([], False),
    ],
)
def test_every_address_that_a_server_may_have_has_to_be_allowed(networks: list[str], open_: bool) -> None:
    block = {"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}}
    declared = [policy("a", {"podSelector": {}, "egress": [{"to": [block], "ports": [{"port": 443}]}]})]
    server = OutsideEnd(networks=tuple(IPv4Network(network) for network in networks))
    assert allowed(X, server, 443, declared) is open_
    assert not allowed(X, server, 80, declared)


@pytest.mark.parametrize(
    ("operator", "values", "matches"),
    [("In", ["x"], True), ("NotIn", ["x"], False), ("Exists", [], True), ("DoesNotExist", [], False)],
)
def test_selectors_have_expressions(operator: str, values: list[str], matches: bool) -> None:
    selector = {"matchExpressions": [{"key": "app", "operator": operator, "values": values}]}
    assert selects(selector, {"app": "x"}) is matches
