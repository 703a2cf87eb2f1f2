"""The gateway in the cluster: workload, configuration, map of cells, certificate; and settings that cannot work."""

import json
from dataclasses import replace

import pytest
from mocks import Registered, run

from components.edge import DRAIN_S, HEALTH_PATH
from components.envoy.ejection import Ejection
from components.gateway import GatewayArgs, GatewayWorkload, workloads
from components.gateway_config import files
from components.gateway_settings import (
    ACCOUNT_RATES,
    FAIL_MODES,
    SHARES,
    Caller,
    FraudCall,
    Gateway,
    Priority,
    Rate,
    limits_for,
)
from components.matrix import Edge
from components.reachability import Blocks, Party, Pods, Port
from components.registry import image_of
from components.trace_agent import AGENT, ENDPOINT
from components.workload import declared_matrix
from contracts.cell_map import CellMap
from contracts.deadlines import DeadlineError, Deadlines

HOSTS = {"test": "test.pay.example.com", "other": "other.pay.example.com"}
LIMITS = limits_for(100)
SETTINGS = Gateway(cell="test", limits=LIMITS)


def _pods(name: str, namespace: str, port: int) -> Party:
    place = Pods(namespace=namespace, labels={"app.kubernetes.io/name": name})
    return Party(name=name, place=place, ports=(Port(number=port),))


EDGE = Party(name="edge", place=Blocks(cidrs=("10.0.32.0/21",)), ports=())
OTHERS = (_pods("scorer", "fraud", 9001), _pods("payments", "payments", 8080))
ARGS = GatewayArgs(
    settings=SETTINGS,
    cell_map=CellMap(version=3, default="test", hosts=HOSTS, accounts={"acct_moved": "other"}),
    image=image_of("123456789012", "eu-west-1", "test", "gateway", "sha256:" + "0" * 64),
    parties={party.name: party for party in (EDGE, *OTHERS)},
    replicas=2,
    maximum=8,
)
CONFIG_MAP, SECRET = "kubernetes:core/v1:ConfigMap", "kubernetes:core/v1:Secret"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"


def made() -> Registered:
    return run(lambda: GatewayWorkload("test", ARGS, "gateway"))


@pytest.fixture(scope="module")
def gateway() -> Registered:
    return made()


def test_the_gateway_serves_the_edge_and_calls_scorer_and_payments_only() -> None:
    matrix = declared_matrix([*workloads(ARGS).values()], [EDGE, *OTHERS])
    assert {(edge.client, edge.server) for edge in matrix.allowed if edge.client == "gateway"} >= {
        ("gateway", "scorer"),
        ("gateway", "payments"),
    }
    assert workloads(ARGS)["gateway"].serves == ("edge",)


def test_configuration_is_in_config_maps_and_there_before_the_pods(gateway: Registered) -> None:
    config = gateway.one(CONFIG_MAP, "test-gateway").inputs["data"]
    assert set(config) == {"bootstrap.json", "lds.json", "cds.json", "serving.json"}
    assert all(json.loads(text) for text in config.values())
    deployment = gateway.one(DEPLOYMENT)
    assert {f"{CONFIG_MAP} test-gateway", f"{CONFIG_MAP} test-cell-map", f"{SECRET} test-gateway-serving"} <= (
        gateway.waits_for(deployment)
    )


def test_accounts_of_other_cells_are_published_beside_the_routes_made_from_them(gateway: Registered) -> None:
    data = gateway.one(CONFIG_MAP, "test-cell-map").inputs["data"]
    host = json.loads(data["rds.json"])["resources"][0]["virtual_hosts"][0]
    assert host["metadata"]["filter_metadata"] == {"envoy.filters.http.lua": {"acct_moved": "other.pay.example.com"}}
    assert json.loads(data["cell-map.json"])["version"] == 3


def test_the_serving_certificate_of_the_gateway_is_secret_and_made_once(gateway: Registered) -> None:
    secret = gateway.one(SECRET)
    assert secret.inputs["type"] == "kubernetes.io/tls"
    assert secret.ignore_changes == ("data",)


def test_pods_answer_the_edges_health_check_and_drain_as_long_as_the_edge_sends() -> None:
    workload = workloads(ARGS)["gateway"]
    assert (workload.probe.path, workload.probe.port, workload.probe.tls) == (HEALTH_PATH, 8443, True)
    assert workload.drain_s >= DRAIN_S
    assert workload.grace_s > SETTINGS.deadlines.gateway_s
    assert workload.priority == "payment-critical"


def test_a_change_of_the_process_starts_other_pods_and_one_of_the_limits_does_not() -> None:
    before = workloads(ARGS)["gateway"].environment
    other_heap = replace(ARGS, settings=replace(SETTINGS, heap_bytes=512 * 1024**2))
    other_limit = replace(ARGS, settings=replace(SETTINGS, limits=replace(LIMITS, adaptive_floor=30)))
    assert workloads(other_heap)["gateway"].environment != before
    assert workloads(other_limit)["gateway"].environment == before
    assert files(other_limit.settings)["lds.json"] != files(SETTINGS)["lds.json"]


def test_the_same_settings_give_the_same_files() -> None:
    assert files(SETTINGS) == files(Gateway(cell="test", limits=limits_for(100)))


def test_traces_are_sent_where_a_collector_is_named_and_the_policy_lets_them() -> None:
    traced = replace(ARGS, settings=replace(SETTINGS, otlp_endpoint=ENDPOINT))
    matrix = declared_matrix([*workloads(traced).values()], [EDGE, *OTHERS, AGENT])
    assert Edge(client="gateway", server="telemetry") in matrix.allowed
    assert "envoy.tracers.opentelemetry" in files(traced.settings)["lds.json"]
    assert "envoy.tracers.opentelemetry" not in files(SETTINGS)["lds.json"]


def test_a_client_that_gives_up_first_is_refused_in_a_preview_with_the_sum() -> None:
    with pytest.raises(DeadlineError) as error:
        run(
            lambda: GatewayWorkload(
                "test",
                replace(ARGS, settings=replace(SETTINGS, deadlines=Deadlines(client_timeout_s=5))),
                "gateway",
            ),
            preview=True,
        )
    assert "5 s is less than hops 4 x 0.1 s + fraud 0.05 s + bank 2 x 4 s + retries 1 x 0.25 s = 8.7 s" in str(
        error.value
    )


REFUSED = {
    "a limiter enforced at 0 %": (lambda: replace(LIMITS, enforced_percent=0), "enforced at 0 %"),
    "shares that reserve nothing": (
        lambda: replace(LIMITS, shares={**SHARES, Priority.STANDARD: 100}),
        "reserved for critical",
    ),
    "a lower priority with a larger share": (
        lambda: replace(LIMITS, shares={**SHARES, Priority.BATCH: 60}),
        "none above the one before it",
    ),
    "a share of less than one request": (lambda: replace(LIMITS, concurrency=4, adaptive_floor=1), "raise it to 5"),
    "a floor above the concurrency": (lambda: replace(LIMITS, adaptive_floor=10_000), "outside 1..200"),
    "a class without a rate": (
        lambda: replace(LIMITS, account_rates={Caller.LIVE: ACCOUNT_RATES[Caller.LIVE]}),
        "no rate for",
    ),
    "a rate of nothing": (lambda: Rate(per_s=0, burst=1), "lets nothing"),
    "comparison with one host": (lambda: Ejection(hosts=1, compared=True), "compares 5 or more"),
    "ejection of less than one host": (lambda: Ejection(hosts=2, maximum_percent=10), "give 50 or more"),
    "a class without a fail mode": (
        lambda: FraudCall(modes={Caller.LIVE: FAIL_MODES[Caller.LIVE]}),
        "give allow, review or block",
    ),
    "a connect timeout above the decision's deadline": (
        lambda: replace(SETTINGS, fraud=FraudCall(connect_timeout_s=0.1)),
        "not below the decision's deadline",
    ),
    "a decision that takes longer than a second": (
        lambda: replace(SETTINGS, deadlines=Deadlines(fraud_s=1.2)),
        "above 1 s",
    ),
    "more heap than memory": (lambda: replace(ARGS, memory="512Mi"), "before it refuses"),
    "a map of another cell": (
        lambda: replace(ARGS, cell_map=CellMap(version=1, default="other", hosts=HOSTS)),
        "use 'test'",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_work_is_refused_with_its_rule(what: str) -> None:
    make, rule = REFUSED[what]
    with pytest.raises(ValueError) as error:
        make()
    assert rule in str(error.value)
    assert str(error.value).split(":")[0].partition(".")[0] in {"gateway", "ejection"}


@pytest.mark.parametrize(("accounts", "fits"), [(9_000, True), (20_000, False)])
def test_a_map_that_no_config_map_holds_is_refused(accounts: int, fits: bool) -> None:
    named = {f"acct_{n:016d}": "other" for n in range(accounts)}
    large = replace(ARGS, cell_map=CellMap(version=1, default="test", hosts=HOSTS, accounts=named))
    if fits:
        run(lambda: GatewayWorkload("test", large, "gateway"))
        return
    with pytest.raises(ValueError, match="the ConfigMap cell-map has"):
        run(lambda: GatewayWorkload("test", large, "gateway"))
