"""Egress gateways: what is declared of each group, and what changes when a market is added."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from market_texts import market_file, market_text
from mocks import Registered, assert_children_of_components, run

from components import bank_egress
from components.bank_egress import BankEgress, BankEgressArgs, groups_of, markets_json
from components.banks import Market
from components.envoy.bank_clusters import CLIENT_FOLDER, CONFIG_FOLDER, egress_files
from components.reachability import BANKS, Party, Pods
from components.registry import image_of
from components.self_signed import client_certificate
from components.workload import declared_matrix
from stacks.market_files import load_markets

STACKS = Path(__file__).parents[2] / "stacks"
CELLS = ["eu-west-1", "eu-central-1", "us-east-1", "us-west-2", "sa-east-1", "ap-southeast-2", "dev"]
MARKETS = load_markets(STACKS / "markets", CELLS).all
CALLERS = [
    Party(name=name, place=Pods(namespace="payments", labels={"app.kubernetes.io/name": name}))
    for name in ("payments", "settler")
]
ARGS = BankEgressArgs(
    cell="dev",
    image=image_of("123456789012", "eu-west-1", "dev", "gateway", "sha256:" + "0" * 64),
    markets=MARKETS,
    parties={party.name: party for party in (BANKS, *CALLERS)},
)
DEPLOYMENT, CONFIG_MAP = "kubernetes:apps/v1:Deployment", "kubernetes:core/v1:ConfigMap"
SIGNATURE = "4dabf18193072939515e22adb298388d"
"""Under which the engine's wire marks a value as special."""
SECRET, POLICY = "kubernetes:core/v1:Secret", "kubernetes:networking.k8s.io/v1:NetworkPolicy"


def made(markets: Sequence[Market] = MARKETS) -> Registered:
    return run(lambda: BankEgress("test", replace(ARGS, markets=markets), bank_egress.NAMESPACE))


@pytest.fixture(scope="module")
def egress() -> Registered:
    return made()


def another(folder: Path, banks: int, index: int = 5) -> Market:
    text = market_text(*(f"bank-{number}" for number in range(banks)), index=index)
    return market_file(folder, "nordics", text).settings.as_market("nordics")


def test_a_gateway_runs_envoy_on_the_files_of_its_config_map(egress: Registered) -> None:
    (container,) = egress.one(DEPLOYMENT).inputs["spec"]["template"]["spec"]["containers"]
    assert container["image"] == ARGS.image
    assert container["args"][:2] == ["-c", f"{CONFIG_FOLDER}/bootstrap.json"]
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert mounts["egress-0"] == CONFIG_FOLDER
    assert mounts["egress-0-client"] == CLIENT_FOLDER
    data = egress.one(CONFIG_MAP).inputs["data"]
    assert data == egress_files(MARKETS, "dev/egress-0")
    assert_children_of_components(egress)


def test_pods_wait_for_configuration_and_certificate(egress: Registered) -> None:
    before = egress.waits_for(egress.one(DEPLOYMENT))
    assert {f"{CONFIG_MAP} test-egress-0", f"{SECRET} test-egress-0-client"} <= set(before)


def test_the_client_certificate_is_made_once_and_left_to_rotations(egress: Registered) -> None:
    secret = egress.one(SECRET)
    assert secret.ignore_changes == ("data",)
    assert set(secret.inputs["data"]) == {SIGNATURE, "value"}, "a secret in the state"
    certificate = x509.load_pem_x509_certificate(client_certificate("egress-0.dev")["tls.crt"])
    assert certificate.subject.rfc4514_string() == "CN=egress-0.dev"


def test_only_payments_and_settler_reach_it_and_it_reaches_banks_only() -> None:
    egress = bank_egress.workloads(ARGS)["egress-0"]
    callers = [
        replace(egress, name=party.name, namespace="payments", ports={}, needs=("egress-0",), serves=())
        for party in CALLERS
    ]
    stranger = replace(callers[0], name="ledger", needs=())
    matrix = declared_matrix([egress, *callers, stranger], [BANKS])
    matrix.check()
    edges = {edge for edge in matrix.allowed if {"egress-0"} & {edge.client, edge.server}}
    known = {("payments", "egress-0"), ("settler", "egress-0"), ("egress-0", "banks")}
    assert {(edge.client, edge.server) for edge in edges} - known == {("egress-0", "dns"), ("egress-0", "pod-identity")}


def test_a_new_market_in_a_group_with_room_changes_files_and_no_pod(tmp_path: Path, egress: Registered) -> None:
    after = made([*MARKETS, another(tmp_path, 3)])
    spec = "spec"
    assert after.one(DEPLOYMENT).inputs[spec] == egress.one(DEPLOYMENT).inputs[spec]
    assert after.one(POLICY).inputs[spec] == egress.one(POLICY).inputs[spec]
    clusters = json.loads(after.one(CONFIG_MAP).inputs["data"]["cds.json"])["resources"]
    assert [one["name"] for one in clusters][-3:] == ["nordics/bank-0", "nordics/bank-1", "nordics/bank-2"]
    for name in ("bootstrap.json", "lds.json", "sds.json"):
        assert after.one(CONFIG_MAP).inputs["data"][name] == egress.one(CONFIG_MAP).inputs["data"][name]


def test_a_market_without_room_gets_a_gateway_of_its_own(tmp_path: Path, egress: Registered) -> None:
    after = made([*MARKETS, another(tmp_path, 100)])
    assert set(after.of(DEPLOYMENT)) == {"test-egress-0", "test-egress-1"}
    old = egress.one(CONFIG_MAP, "test-egress-0").inputs["data"]
    assert after.one(CONFIG_MAP, "test-egress-0").inputs["data"] == old


def test_a_cell_has_the_gateways_of_its_markets_only(tmp_path: Path) -> None:
    markets = [*MARKETS, another(tmp_path, 100)]
    assert list(groups_of("us-east-1", markets)) == ["egress-0"]
    assert [market.name for market in groups_of("us-east-1", markets)["egress-0"]] == ["us"]
    assert list(groups_of("eu-west-1", markets)) == ["egress-0", "egress-1"]


def test_payments_learns_where_each_bank_is_reached() -> None:
    found = json.loads(markets_json("dev", MARKETS))["markets"]
    assert list(found) == ["eu-sepa", "uk", "us", "brazil", "australia"]
    assert found["brazil"]["egress"] == {"host": "egress-0.egress.svc.cluster.local", "port": 8080}
    assert found["brazil"]["currency"] == "BRL"
    assert list(found["brazil"]["banks"]) == ["kapok", "laurel"], "the first is taken where a payment names none"
    assert found["brazil"]["banks"]["kapok"] == {"rail": "pix", "timeout_s": 4.0}


def test_a_gateway_whose_files_do_not_fit_is_refused(tmp_path: Path) -> None:
    one = another(tmp_path, 128, index=0)
    hosts = tuple(
        replace(one.banks["bank-0"].endpoints[0], host=f"h{n}.example.com", server_name=f"h{n}.example.com")
        for n in range(12)
    )
    wide = replace(one, banks={name: replace(bank, endpoints=hosts) for name, bank in one.banks.items()})
    with pytest.raises(ValueError, match=r"bank_egress.egress-0: .* a ConfigMap holds 1,048,576"):
        made([wide])
