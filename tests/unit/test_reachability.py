"""Who reaches whom under NetworkPolicies, and how that is compared with what workloads need."""

import copy
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import IPv4Network
from typing import Any

import pytest

from components.matrix import Edge
from components.reachability import (
    BANKS,
    DNS,
    IDENTITY,
    NOT_INTERNET,
    Blocks,
    Party,
    Pods,
    Policy,
    Port,
    baseline,
    reachability,
)
from components.workload import NAME_LABEL, Probe, WorkloadArgs, declared_matrix

DIGEST = "sha256:" + "0" * 64
GATEWAY = WorkloadArgs(
    cell="eu-west-1",
    name="gateway",
    namespace="gateway",
    image=f"123456789012.dkr.ecr.eu-west-1.amazonaws.com/eu-west-1/gateway@{DIGEST}",
    replicas=3,
    cpu="500m",
    memory="512Mi",
    priority="payment-critical",
    probe=Probe(path="/ready", port=8443, tls=True),
    ports={"https": 8443},
    needs=("payments",),
    serves=("load-balancer",),
)
PAYMENTS = replace(
    GATEWAY,
    name="payments",
    namespace="payments",
    ports={"http": 8080},
    probe=Probe(path="/ready", port=8080),
    needs=("database", "aws"),
    serves=("gateway",),
)
LOAD_BALANCER = Party(name="load-balancer", place=Blocks(cidrs=("10.0.48.0/22", "10.0.112.0/22")))
DATABASE = Party(name="database", place=Blocks(cidrs=("10.0.40.0/21", "10.0.104.0/21")), ports=(Port(number=5432),))
AWS = Party(name="aws", place=Blocks(cidrs=("10.0.0.0/19", "10.0.64.0/19")), ports=(Port(number=443),))
OUTSIDE = (LOAD_BALANCER, DATABASE, AWS)
ALL = (GATEWAY.party, PAYMENTS.party, DNS, IDENTITY, *OUTSIDE)


def edge(client: str, server: str) -> Edge:
    return Edge(client=client, server=server)


def policies() -> list[Policy]:
    by_name = {party.name: party for party in ALL}
    own = [policy for args in (GATEWAY, PAYMENTS) for policy in args.network_policies(by_name)]
    return [*own, *baseline("gateway"), *baseline("payments")]


def wanted() -> frozenset[Edge]:
    return declared_matrix([GATEWAY, PAYMENTS], OUTSIDE).wanted


def changed(workload: str, direction: str, rules: Sequence[Any]) -> list[Policy]:
    """All policies, of which the workload's own has these rules instead."""
    found: list[Any] = copy.deepcopy(policies())
    for policy in found:
        if policy["metadata"]["name"] == workload:
            policy["spec"][direction] = rules
    return found


def test_each_workload_reaches_what_it_needs_and_nothing_else() -> None:
    matrix = declared_matrix([GATEWAY, PAYMENTS], OUTSIDE)
    matrix.check()
    guarded = {"gateway", "payments"}
    assert {e for e in matrix.allowed if guarded & {e.client, e.server}} == {
        edge("load-balancer", "gateway"),
        edge("gateway", "payments"),
        edge("payments", "database"),
        edge("payments", "aws"),
        *(edge(client, server) for client in ("gateway", "payments") for server in ("dns", "pod-identity")),
    }


def test_an_edge_needs_both_ends() -> None:
    matrix = declared_matrix([GATEWAY, replace(PAYMENTS, serves=())], OUTSIDE)
    assert matrix.missing == (edge("gateway", "payments"),)
    with pytest.raises(ValueError, match=r"gateway -> payments: needed, but no policy allows"):
        matrix.check()


def test_a_caller_that_is_let_in_but_does_not_call_is_superfluous() -> None:
    matrix = declared_matrix([replace(GATEWAY, needs=()), PAYMENTS], OUTSIDE)
    assert matrix.superfluous == (edge("gateway", "payments"),)
    assert edge("gateway", "payments") not in matrix.allowed
    with pytest.raises(ValueError, match=r"gateway does not need it"):
        matrix.check()


def test_without_policies_everything_is_open_and_nothing_is_granted() -> None:
    matrix = reachability(ALL, [], [])
    assert edge("gateway", "database") in matrix.allowed
    assert matrix.opened == frozenset()


def test_a_need_that_is_met_in_one_zone_only_is_missing() -> None:
    one_zone = [{"to": [{"ipBlock": {"cidr": "10.0.40.0/21"}}], "ports": [{"port": 5432}]}]
    matrix = reachability(ALL, changed("payments", "egress", one_zone), wanted())
    assert edge("payments", "database") in matrix.missing


def test_an_exception_inside_a_block_counts() -> None:
    blocks = [{"ipBlock": {"cidr": cidr}} for cidr in ("10.0.40.0/21", "10.0.104.0/21")]
    blocks[0]["ipBlock"]["except"] = ["10.0.41.0/24"]  # type: ignore[assignment]
    rules = [{"to": blocks, "ports": [{"port": 5432}]}]
    matrix = reachability(ALL, changed("payments", "egress", rules), wanted())
    assert edge("payments", "database") in matrix.missing
    assert edge("payments", "database") in matrix.opened


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}], "ports": [{"port": 443}]}, "0.0.0.0/0 is wider than any"),
        ({"ports": [{"port": 443}]}, "names nobody"),
        ({"to": [{"ipBlock": {"cidr": "10.0.0.0/19"}}]}, "every port"),
        ({"to": [{"ipBlock": {"cidr": "10.0.0.0/19"}}], "ports": [{"port": 22}]}, "TCP 22 is no port"),
        ({"to": [{"ipBlock": {"cidr": "10.0.0.0/19"}}], "ports": [{"port": 443, "endPort": 500}]}, "443 to 500"),
        ({"to": [{"podSelector": {"matchLabels": {"a": "b"}}}], "ports": [{"port": 443}]}, "the selector"),
    ],
)
def test_a_rule_wider_than_what_is_declared_is_found(rule: dict[str, Any], message: str) -> None:
    matrix = reachability(ALL, changed("gateway", "egress", [rule]), wanted())
    assert any(message in stray for stray in matrix.strays)
    with pytest.raises(ValueError, match=r"workload\.needs"):
        matrix.check()


def test_a_selector_without_namespace_means_the_policys_own() -> None:
    payments = {"podSelector": {"matchLabels": {NAME_LABEL: "payments"}}}
    rules = [{"to": [payments], "ports": [{"port": 8080}]}]
    elsewhere = reachability(ALL, changed("gateway", "egress", rules), wanted())
    assert edge("gateway", "payments") in elsewhere.missing
    same = replace(GATEWAY, namespace="payments").party
    parties = [same if party.name == "gateway" else party for party in ALL]
    moved: list[Any] = changed("gateway", "egress", rules)
    for policy in moved:
        if policy["metadata"]["name"] == "gateway":
            policy["metadata"]["namespace"] = "payments"
        if policy["metadata"]["name"] == "payments":
            policy["spec"]["ingress"] = [{"from": [{"podSelector": {}}], "ports": [{"port": 8080}]}]
    assert edge("gateway", "payments") in reachability(parties, moved, wanted()).allowed


@pytest.mark.parametrize(
    ("expression", "matches"),
    [
        ({"operator": "In", "values": ["payments"]}, True),
        ({"operator": "NotIn", "values": ["payments"]}, False),
        ({"operator": "Exists"}, True),
        ({"operator": "DoesNotExist"}, False),
    ],
)
def test_selectors_with_expressions_are_understood(expression: dict[str, Any], matches: bool) -> None:
    peer = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "payments"}},
        "podSelector": {"matchExpressions": [{"key": NAME_LABEL, **expression}]},
    }
    rules = [{"to": [peer], "ports": [{"port": 8080}]}]
    matrix = reachability(ALL, changed("gateway", "egress", rules), wanted())
    assert (edge("gateway", "payments") in matrix.allowed) is matches


def test_other_namespaces_and_protocols_are_other_things() -> None:
    assert isinstance(DATABASE.place, Blocks)
    blocks = [{"ipBlock": {"cidr": cidr}} for cidr in DATABASE.place.cidrs]
    udp = [{"to": blocks, "ports": [{"port": 5432, "protocol": "UDP"}]}]
    assert edge("payments", "database") in reachability(ALL, changed("payments", "egress", udp), wanted()).missing
    namesake = Party(name="other", place=Pods(namespace="other", labels=PAYMENTS.labels), ports=(Port(number=8080),))
    matrix = reachability([*ALL, namesake], policies(), wanted())
    assert edge("gateway", "other") not in matrix.opened


def test_the_table_shows_what_differs() -> None:
    gap = declared_matrix([GATEWAY, replace(PAYMENTS, serves=("load-balancer",))], OUTSIDE)
    rows = {line.split()[0]: line.split()[1:] for line in gap.table().splitlines()[1:]}
    columns = gap.table().splitlines()[0].split()
    assert dict(zip(columns, rows["gateway"], strict=True))["payments"] == "MISSING"
    assert dict(zip(columns, rows["payments"], strict=True))["database"] == "yes"
    assert dict(zip(columns, rows["gateway"], strict=True))["database"] == "."
    open_ = declared_matrix([replace(GATEWAY, needs=()), PAYMENTS], OUTSIDE)
    assert "EXTRA" in open_.table()


@pytest.mark.parametrize(
    ("workloads", "message"),
    [
        ([replace(GATEWAY, needs=("datbase",))], r"workload\.gateway\.needs: 'datbase' is unknown"),
        ([replace(GATEWAY, needs=("load-balancer",))], r"'load-balancer' listens nowhere"),
        ([GATEWAY, PAYMENTS, replace(PAYMENTS, namespace="other")], r"a name repeats"),
    ],
)
def test_a_need_that_cannot_be_met_is_refused(workloads: list[WorkloadArgs], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        declared_matrix(workloads, OUTSIDE)


def test_ports_by_name_are_refused_because_only_a_cluster_knows_them() -> None:
    rules = [{"to": [{"ipBlock": {"cidr": "10.0.0.0/19"}}], "ports": [{"port": "https"}]}]
    with pytest.raises(ValueError, match=r"'https' is a name"):
        reachability(ALL, changed("gateway", "egress", rules), wanted())


def relay(*needs: str) -> WorkloadArgs:
    return replace(PAYMENTS, name="relay", ports={}, needs=needs, serves=())


def test_banks_are_reached_over_the_internet_and_never_at_a_private_address() -> None:
    workload = relay("banks")
    declared_matrix([workload], [*OUTSIDE, BANKS]).check()
    (policy,) = workload.network_policies({"banks": BANKS})
    (block,) = policy["spec"]["egress"][0]["to"]
    assert block["ipBlock"]["cidr"] == "0.0.0.0/0"
    assert policy["spec"]["egress"][0]["ports"] == [{"port": 443, "protocol": "TCP"}]
    assert isinstance(BANKS.place, Blocks)
    for address, inside in (
        ("203.0.113.9/32", True), ("11.0.0.0/32", True), ("10.0.40.7/32", False), ("100.64.0.1/32", False),
        ("169.254.169.254/32", False), ("172.20.0.1/32", False), ("192.168.1.1/32", False),
    ):  # fmt: skip
        assert any(IPv4Network(address).subnet_of(network) for network in BANKS.place.networks) is inside, address


def test_a_rule_to_the_internet_that_forgets_a_private_block_is_wider_than_the_banks() -> None:
    but = [cidr for cidr in NOT_INTERNET if cidr != "169.254.0.0/16"]
    parties = [relay("banks").party, DNS, IDENTITY, *OUTSIDE, BANKS]
    spec = {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
        "egress": [{"to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": but}}], "ports": [{"port": 443}]}],
    }
    policy = {"metadata": {"name": "wide", "namespace": "payments"}, "spec": spec}
    (stray,) = reachability(parties, [policy], [edge("relay", "banks")]).strays
    assert "0.0.0.0/0 is wider than any" in stray


def test_a_workload_that_no_policy_guards_is_found() -> None:
    unguarded = [policy for policy in policies() if policy["metadata"]["namespace"] != "payments"]
    matrix = declared_matrix([GATEWAY, PAYMENTS], OUTSIDE, policies=unguarded)
    with pytest.raises(ValueError, match=r"payments: no policy selects it for Egress, so everything is open"):
        matrix.check()


def test_policies_as_declared_are_what_counts() -> None:
    declared_matrix([GATEWAY, PAYMENTS], OUTSIDE, policies=policies()).check()
    without_dns = [policy for policy in policies() if policy["metadata"]["name"] != "allow-dns"]
    matrix = declared_matrix([GATEWAY, PAYMENTS], OUTSIDE, policies=without_dns)
    assert matrix.missing == (edge("gateway", "dns"), edge("payments", "dns"))


def test_a_misspelt_word_is_refused_and_not_read_as_absent() -> None:
    policy = {"metadata": {"name": "typo", "namespace": "payments"}, "spec": {"pod_selector": {"matchLabels": {}}}}
    with pytest.raises(ValueError, match=r"typo: 'pod_selector' is none of egress, ingress, podSelector"):
        reachability(ALL, [policy], [])


def test_blocks_without_an_address_left_are_refused() -> None:
    with pytest.raises(ValueError, match=r"leaves nothing"):
        Blocks(cidrs=("10.0.0.0/16",), but=("10.0.0.0/8",))
