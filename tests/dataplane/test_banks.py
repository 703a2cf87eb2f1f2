"""Real Envoy towards simulated banks: a failing bank harms nobody else, and files change while it runs."""

import asyncio
import functools
import itertools
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from market_texts import market_file, market_text

from bench.egress import Egress
from components.bank_egress import groups_of
from components.banks import Market
from components.self_signed import client_certificate
from sandbox.dataplane.banks import Banks
from stacks.fleet import load_fleet
from stacks.market_files import load_markets

pytestmark = pytest.mark.dataplane

STACKS = Path(__file__).parents[2] / "stacks"
FAILING, OTHERS, SLOW_TAKER = "alpha", ("beta", "gamma"), "epsilon"
RATE = 10
"""Requests a second that the last of them takes; the others' limit is not reached here."""
RECOVERY_S = 20.0
"""Longest ejection of the test's market (2 s) and the window of admission control (10 s), with room."""

references = itertools.count()


def market(folder: Path, name: str, *banks: str, index: int = 0) -> Market:
    text = market_text(*banks, index=index).replace("timeoutMs: 1000", "timeoutMs: 1500")
    text = text.replace("tryTimeoutMs: 900", "tryTimeoutMs: 1400").replace("ratePerSecond: 50", "ratePerSecond: 1000")
    return market_file(folder, name, text).settings.as_market(name)


def host(bank: str) -> str:
    return f"{bank}.example.com"


@pytest.fixture
def banks(tmp_path: Path) -> Iterator[Banks]:
    found = Banks(tmp_path / "banks", print)
    found.reconcile([host(bank) for bank in (FAILING, *OTHERS, SLOW_TAKER, "alpha-2", "delta")])
    yield found
    found.stop()


@pytest.fixture
def egress(tmp_path: Path, banks: Banks) -> Iterator[Egress]:
    """An egress gateway for market `one`, running."""
    found = Egress(tmp_path / "egress", banks.endpoints(), banks.ca_file)
    one = market(tmp_path, "one", FAILING, *OTHERS, SLOW_TAKER)
    slow_taker = replace(one.banks[SLOW_TAKER], limits=replace(one.banks[SLOW_TAKER].limits, rate_per_second=RATE))
    found.write([replace(one, banks={**one.banks, SLOW_TAKER: slow_taker})])
    found.start()
    yield found
    found.stop()


async def pay(client: httpx.AsyncClient, bank: str, *, reference: str = "", amount: int = 1250) -> httpx.Response:
    reference = reference or f"ref-{next(references)}"
    return await client.post(
        "/payments", headers={"x-bank": bank}, json={"reference": reference, "amount": amount, "currency": "EUR"}
    )


def run(egress: Egress, work: Callable[[httpx.AsyncClient], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with httpx.AsyncClient(base_url=egress.url, timeout=10) as client:
            await work(client)

    asyncio.run(whole())


async def until(client: httpx.AsyncClient, bank: str, status: int) -> float:
    """Asks until the answer has this status; seconds that it took. Fails after RECOVERY_S."""
    began = time.monotonic()
    while (answer := await pay(client, bank)).status_code != status:
        assert time.monotonic() - began < RECOVERY_S, f"{bank} still answers {answer.status_code}: {answer.text}"
        await asyncio.sleep(0.05)
    return time.monotonic() - began


@pytest.mark.parametrize("cell", sorted(load_fleet(STACKS).cells))
def test_envoy_takes_the_configuration_of_every_market(tmp_path: Path, cell: str) -> None:
    markets = load_markets(STACKS / "markets", load_fleet(STACKS).cells)
    for name, members in groups_of(cell, markets.all).items():
        egress = Egress(tmp_path / name, {}, Path("/etc/ssl/certs/ca-certificates.crt"))
        egress.write(members)
        assert egress.validate() == ""


def test_envoy_refuses_what_the_builder_would_never_write(tmp_path: Path, banks: Banks) -> None:
    egress = Egress(tmp_path / "egress", banks.endpoints(), banks.ca_file)
    broken = {"bootstrap.json": json.dumps({"node": {"id": "x", "cluster": "x"}, "admin": {"adress": {}}})}
    egress.write([], broken)
    assert "adress" in egress.validate()


@pytest.mark.parametrize(
    ("fault", "status", "reason"),
    [("hang", 504, "timeout"), ("500", 500, None), ("reset", 502, "reset"), ("drip", 504, "timeout")],
)
def test_a_failing_bank_fails_fast_alone_and_is_let_back_in(
    egress: Egress, banks: Banks, fault: str, status: int, reason: str | None
) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        banks.fault(host(FAILING), fault)
        own = [pay(client, f"one/{FAILING}") for _ in range(5)]
        others = [pay(client, f"one/{bank}") for bank in OTHERS for _ in range(8)]
        answers = await asyncio.gather(*own, *others)
        assert {answer.status_code for answer in answers[5:]} == {201}
        assert {(answer.status_code, answer.headers.get("x-bank-unknown")) for answer in answers[:5]} == {
            (status, reason)
        }
        assert not [answer for answer in answers[:5] if "x-refused" in answer.headers], "they may have been booked"

        await until(client, f"one/{FAILING}", 503)
        began = time.monotonic()
        refused = await pay(client, f"one/{FAILING}")
        assert time.monotonic() - began < 0.5
        assert refused.headers["x-refused"] in ("breaker", "overload")
        assert refused.headers["retry-after"] == "1"
        assert refused.json()["error"]["message"] == "nothing was sent to the bank"
        assert {(await pay(client, f"one/{bank}")).status_code for bank in OTHERS} == {201}

        banks.fault(host(FAILING), None)
        await until(client, f"one/{FAILING}", 201)

    run(egress, work)
    for bank in (FAILING, *OTHERS):
        assert set(banks.effects(host(bank)).values()) <= {1}, "no payment was booked twice"


def test_nothing_reaches_an_ejected_bank(egress: Egress, banks: Banks) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        banks.fault(host(FAILING), "reset")
        await until(client, f"one/{FAILING}", 503)
        before = banks.requests(host(FAILING))
        answers = await asyncio.gather(*(pay(client, f"one/{FAILING}") for _ in range(20)))
        assert Counter(answer.headers.get("x-refused") for answer in answers)["breaker"] == 20
        assert banks.requests(host(FAILING)) == before

    run(egress, work)


def test_a_bank_that_fails_again_at_once_is_ejected_at_once(egress: Egress, banks: Banks) -> None:
    """With Envoy's default of merging changes of a second, requests went on to a bank that fails after its return."""

    async def work(client: httpx.AsyncClient) -> None:
        for _ in range(2):
            banks.fault(host(FAILING), "reset")
            answers = [await pay(client, f"one/{FAILING}") for _ in range(40)]
            found = Counter(answer.headers.get("x-refused") for answer in answers)
            assert found["breaker"] > 25, found
            banks.fault(host(FAILING), None)
            await until(client, f"one/{FAILING}", 201)

    run(egress, work)


def test_a_bank_that_answers_half_of_its_requests_gets_fewer(egress: Egress, banks: Banks) -> None:
    """Successes in between keep it from being ejected: that is what admission control is for."""

    async def work(client: httpx.AsyncClient) -> None:
        words: Counter[str | None] = Counter()
        for _ in range(160):
            # Every second one that reaches it: those that admission control refuses are drawn by chance, and a
            # series of failures would eject it.
            banks.fault(host(FAILING), "500" if banks.requests(host(FAILING)) % 2 else None)
            words[(await pay(client, f"one/{FAILING}")).headers.get("x-refused")] += 1
        assert words["overload"] > 5, words
        assert words["breaker"] == 0

    run(egress, work)


def test_a_burst_beyond_a_banks_limits_is_refused_and_others_are_served(egress: Egress, banks: Banks) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        banks.fault(host(FAILING), "slow")
        own = [pay(client, f"one/{FAILING}") for _ in range(40)]
        answers = await asyncio.gather(*own, *(pay(client, f"one/{bank}") for bank in OTHERS))
        found = Counter(answer.headers.get("x-refused") for answer in answers[:40])
        assert found["overload"] >= 20, "connections 10 and pending 10, and 40 at a time"
        assert found[None] >= 10
        assert {answer.status_code for answer in answers[40:]} == {201}

    run(egress, work)


def test_more_than_a_banks_rate_is_refused(egress: Egress) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        answers = []
        for _ in range(20):  # ten at a time: below the other limits
            answers += await asyncio.gather(*(pay(client, f"one/{SLOW_TAKER}") for _ in range(10)))
        found = Counter((answer.status_code, answer.headers.get("x-refused")) for answer in answers)
        assert found[(503, "rate-limit")] > 20, found
        assert found[(201, None)] >= RATE, found
        assert set(found) == {(201, None), (503, "rate-limit")}

    run(egress, work)


def test_a_bank_without_a_route_is_refused_and_not_mistaken_for_an_unknown_reference(egress: Egress) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        sent = await pay(client, "one/omega")
        asked = await client.get("/payments/reference", headers={"x-bank": "one/omega"})
        for answer in (sent, asked):
            assert (answer.status_code, answer.headers["x-refused"]) == (503, "no-route")
        known = await client.get("/payments/reference", headers={"x-bank": "one/beta"})
        assert (known.status_code, known.headers.get("x-refused")) == (404, None)

    run(egress, work)


def test_a_bank_cannot_say_that_nothing_was_sent_to_it(egress: Egress, banks: Banks) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        banks.fault(host(FAILING), "pretend")
        answer = await pay(client, f"one/{FAILING}")
        assert (answer.status_code, answer.headers.get("x-refused")) == (503, None)

    run(egress, work)


def test_a_bank_declines_and_stays_in(egress: Egress) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        answers = [await pay(client, f"one/{FAILING}", amount=1213) for _ in range(10)]
        assert {answer.json()["status"] for answer in answers} == {"declined"}
        assert (await pay(client, f"one/{FAILING}")).json()["status"] == "accepted"

    run(egress, work)


def test_a_reference_is_booked_once_however_often_it_is_sent(egress: Egress, banks: Banks) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        banks.fault(host(FAILING), "drip")
        lost = await pay(client, f"one/{FAILING}", reference="same")
        assert lost.headers["x-bank-unknown"] == "timeout", "booked, and its answer never arrived"
        assert "x-refused" not in lost.headers
        banks.fault(host(FAILING), None)
        again = await pay(client, f"one/{FAILING}", reference="same")
        found = await client.get("/payments/same", headers={"x-bank": f"one/{FAILING}"})
        assert (again.status_code, found.json()["status"]) == (200, "accepted")

    run(egress, work)
    assert banks.effects(host(FAILING)) == {"same": 1}


def test_the_second_route_is_taken_while_the_first_is_ejected(tmp_path: Path, banks: Banks) -> None:
    one = market(tmp_path, "one", FAILING, "alpha-2")
    alpha = replace(one.banks[FAILING], second_route=one.banks["alpha-2"].endpoints)
    egress = Egress(tmp_path / "egress", banks.endpoints(), banks.ca_file)
    egress.write([replace(one, banks={FAILING: alpha})])
    egress.start()

    async def work(client: httpx.AsyncClient) -> None:
        banks.fault(host(FAILING), "500")
        await until(client, f"one/{FAILING}", 201)
        assert banks.effects(host("alpha-2"))
        banks.fault(host(FAILING), None)
        began = time.monotonic()
        while not banks.effects(host(FAILING)):
            assert time.monotonic() - began < RECOVERY_S
            await pay(client, f"one/{FAILING}")

    try:
        run(egress, work)
    finally:
        egress.stop()


def test_a_new_market_is_routed_without_restart_and_no_connection_is_dropped(
    tmp_path: Path, egress: Egress, banks: Banks
) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        pid, epoch = egress.pid, json.loads(egress.admin("/server_info"))["uptime_current_epoch"]
        # GET: where Envoy answers a request before its body has come, HTTP/1.1 has it close the connection.
        ask = functools.partial(client.get, "/payments/nothing", headers={"x-bank": "two/delta"})
        assert (await ask()).headers["x-refused"] == "no-route"
        before = egress.stats("http.egress.downstream_cx_total")
        banks.fault(host(FAILING), "slow")
        on_the_way = asyncio.create_task(pay(client, f"one/{FAILING}"))
        while banks.requests(host(FAILING)) == 0:
            await asyncio.sleep(0.01)
        second = market(tmp_path, "two", "delta", index=1)
        egress.write([market(tmp_path, "one", FAILING, *OTHERS), second])
        began = time.monotonic()
        while "unknown reference" not in (await ask()).text:
            assert time.monotonic() - began < RECOVERY_S
        assert (await pay(client, "two/delta")).status_code == 201
        assert (await on_the_way).status_code == 201
        made = egress.stats("http.egress.downstream_cx_total")
        # The client opened one more while its first was busy; the listener closed none of them.
        assert made["http.egress.downstream_cx_total"] - before["http.egress.downstream_cx_total"] == 1
        assert egress.stats("http.egress.downstream_cx_(active|drain_close)") == {
            "http.egress.downstream_cx_active": 2,
            "http.egress.downstream_cx_drain_close": 0,
        }
        assert egress.stats("listener_manager.listener_modified") == {"listener_manager.listener_modified": 0}
        now = json.loads(egress.admin("/server_info"))["uptime_current_epoch"]
        assert (egress.pid, int(now[:-1]) >= int(epoch[:-1])) == (pid, True)

    run(egress, work)


def test_changed_limits_of_a_bank_drop_no_request_that_is_on_the_way(
    tmp_path: Path, egress: Egress, banks: Banks
) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        await pay(client, f"one/{FAILING}")
        banks.fault(host(FAILING), "slow")
        on_the_way = asyncio.create_task(pay(client, f"one/{FAILING}"))
        while banks.requests(host(FAILING)) < 2:
            await asyncio.sleep(0.01)
        one = market(tmp_path, "one", FAILING, *OTHERS)
        alpha = replace(one.banks[FAILING], limits=replace(one.banks[FAILING].limits, connections=3))
        egress.write([replace(one, banks={**one.banks, FAILING: alpha})])
        began = time.monotonic()
        while egress.stats("cluster_manager.cluster_(modified|updated)$")["cluster_manager.cluster_modified"] == 0:
            assert time.monotonic() - began < RECOVERY_S
        assert not on_the_way.done(), "changed while the bank had the request"
        assert (await on_the_way).status_code == 201

    run(egress, work)


def serial(content: dict[str, bytes]) -> str:
    """As Python's `ssl` shows it."""
    return f"{x509.load_pem_x509_certificate(content['tls.crt']).serial_number:X}"


def test_a_rotated_client_certificate_is_shown_on_new_connections_and_drops_none(tmp_path: Path) -> None:
    old, new = client_certificate("old"), client_certificate("new")
    clients = tmp_path / "clients.pem"
    clients.write_bytes(old["tls.crt"] + new["tls.crt"])  # the overlap: the bank knows both
    banks = Banks(tmp_path / "banks", print, clients_file=clients)
    banks.reconcile([host(FAILING)])
    egress = Egress(tmp_path / "egress", banks.endpoints(), banks.ca_file)
    egress.certify(old)
    egress.write([market(tmp_path, "one", FAILING)])
    egress.start()

    def shown() -> list[str]:
        return [number.lstrip("0") for number in banks.clients(host(FAILING))]

    async def work(client: httpx.AsyncClient) -> None:
        assert (await pay(client, f"one/{FAILING}")).status_code == 201
        assert shown() == [serial(old)]
        egress.certify(new)
        began = time.monotonic()
        while serial(new) not in shown():
            assert time.monotonic() - began < RECOVERY_S
            # Two at a time: the second needs a connection beside the first.
            answers = await asyncio.gather(*(pay(client, f"one/{FAILING}") for _ in range(5)))
            assert {answer.status_code for answer in answers} <= {201}
            banks.fault(host(FAILING), "slow")
            answers = await asyncio.gather(*(pay(client, f"one/{FAILING}") for _ in range(len(shown()) + 1)))
            assert {answer.status_code for answer in answers} == {201}
            banks.fault(host(FAILING), None)
        assert egress.stats("one.alpha.upstream_cx_destroy_local_with_active_rq") == {
            "cluster.bank.one.alpha.upstream_cx_destroy_local_with_active_rq": 0
        }

    try:
        run(egress, work)
    finally:
        egress.stop()
        banks.stop()


def test_a_bank_that_does_not_know_our_certificate_is_not_reached(tmp_path: Path) -> None:
    clients = tmp_path / "clients.pem"
    clients.write_bytes(client_certificate("somebody else")["tls.crt"])
    banks = Banks(tmp_path / "banks", print, clients_file=clients)
    banks.reconcile([host(FAILING)])
    egress = Egress(tmp_path / "egress", banks.endpoints(), banks.ca_file)
    egress.write([market(tmp_path, "one", FAILING)])
    egress.start()

    async def work(client: httpx.AsyncClient) -> None:
        assert (await pay(client, f"one/{FAILING}")).status_code >= 500

    try:
        run(egress, work)
        assert banks.requests(host(FAILING)) == 0
    finally:
        egress.stop()
        banks.stop()


def test_a_bank_with_the_certificate_of_another_name_is_not_reached(tmp_path: Path, banks: Banks) -> None:
    endpoints = {**banks.endpoints(), host(FAILING): banks.endpoints()[host("delta")]}
    egress = Egress(tmp_path / "egress", endpoints, banks.ca_file)
    egress.write([market(tmp_path, "one", FAILING)])
    egress.start()

    async def work(client: httpx.AsyncClient) -> None:
        answer = await pay(client, f"one/{FAILING}")
        assert (answer.status_code, answer.headers["x-refused"]) == (503, "breaker")

    try:
        run(egress, work)
        assert banks.requests(host("delta")) == 0
    finally:
        egress.stop()


def test_the_access_log_names_bank_and_refusal_and_no_reference(egress: Egress, banks: Banks) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        banks.fault(host(FAILING), "reset")
        await until(client, f"one/{FAILING}", 503)
        await client.get("/payments/secret-reference", headers={"x-bank": "one/beta"})

    run(egress, work)
    egress.stop()  # writes what it has not yet
    lines = [json.loads(line) for line in egress.log.read_text().splitlines() if line.startswith("{")]
    own = [line for line in lines if line["bank"] == f"one/{FAILING}"]
    assert {(line.get("unknown"), line.get("refused")) for line in own} == {("reset", None), (None, "breaker")}
    assert "secret-reference" not in egress.log.read_text()


def test_banks_remember_what_they_booked_when_their_process_is_killed(banks: Banks, egress: Egress) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        await pay(client, "one/beta", reference="kept")

    run(egress, work)
    (_, pid, _, _) = banks.processes()[0]
    banks._process.kill()  # type: ignore[union-attr]
    banks._process.wait()  # type: ignore[union-attr]
    hosts = list(banks.endpoints())
    banks.reconcile(hosts)
    assert banks.processes()[0][1] != pid
    assert banks.effects(host("beta")) == {"kept": 1}
