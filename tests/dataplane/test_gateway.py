"""The gateway's declared configuration in a real Envoy: callers, limits, shedding, cells, and the fraud decision."""

import json
import select
import signal
import socket
import ssl
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from gateway_stand import CELLS, ENVOY, PATIENCE_S, Stand, callers, key, prepared, put, running, until

from components.envoy.ejection import Ejection
from components.gateway_overload import HEAP
from components.gateway_settings import Caller, Endpoint, Limits, Priority, Rate, limits_for
from contracts.bounds import MAX_BODY_BYTES
from contracts.cell_map import CellMap
from contracts.deadlines import Deadlines

pytestmark = pytest.mark.dataplane

PAYMENTS = "/v1/payments"
REFUSED = "envoy_payment_cell_refused"
INJECTED = "envoy.resource_monitors.injected_resource"


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with running(tmp_path_factory.mktemp("gateway")) as made:
        yield made


@pytest.fixture(scope="module")
def client(stand: Stand) -> Iterator[httpx.Client]:
    with stand.client() as made:
        yield made


def refusal(answer: httpx.Response) -> tuple[int, str]:
    """Status and reason of a refusal, which header and body agree on."""
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["error"]["reason"] == answer.headers["x-refused"]
    return answer.status_code, answer.headers["x-refused"]


def static(home: Path) -> Path:
    """One file with listeners and clusters in it: `--mode validate` looks at nothing that is discovered."""
    folder = home / "envoy"
    bootstrap = json.loads((folder / "bootstrap.json").read_text())
    bootstrap["static_resources"] = {
        name: [
            {k: v for k, v in one.items() if k != "@type"}
            for one in json.loads((folder / file).read_text())["resources"]
        ]
        for name, file in (("listeners", "lds.json"), ("clusters", "cds.json"))
    }
    path = home / "static.json"
    path.write_text(json.dumps(bootstrap))
    return path


def validated(path: Path) -> subprocess.CompletedProcess[str]:
    command = [str(ENVOY), "--mode", "validate", "-c", str(path), "--log-level", "warning"]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("otlp", [None, "http://127.0.0.1:4318"])
def test_envoy_accepts_the_declared_configuration_and_warns_of_nothing(tmp_path: Path, otlp: str | None) -> None:
    prepared(tmp_path, "127.0.0.1", limits_for(100), otlp_endpoint=otlp)
    result = validated(static(tmp_path))
    assert result.returncode == 0, result.stderr
    assert "deprecated" not in result.stderr.lower()


@pytest.mark.parametrize("word", ["max_dynamic_descriptors", "stats_scope", "xds_matcher"])
def test_a_field_that_is_newer_than_the_stubs_is_one_that_envoy_knows(tmp_path: Path, word: str) -> None:
    prepared(tmp_path, "127.0.0.1", limits_for(100))
    path = static(tmp_path)
    path.write_text(path.read_text().replace(f'"{word}"', f'"{word}_misspelled"'))
    assert f"{word}_misspelled" in validated(path).stderr


BAD_KEYS = {
    "none": {},
    "of no kind": {"Authorization": f"Bearer xx_live_acct_abcd.{'a' * 32}"},
    "of a platform in test mode": key("acct_abcd", "pk_test"),
    "short": {"Authorization": "Bearer sk_live_acct_abcd.aaaa"},
    "without an account": {"Authorization": f"Bearer sk_live_abcd.{'a' * 32}"},
    "of an account with capitals": key("acct_ABCD"),
    "twice": None,
}


@pytest.mark.parametrize("what", BAD_KEYS)
def test_without_a_well_formed_key_the_answer_is_401(stand: Stand, client: httpx.Client, what: str) -> None:
    bad = BAD_KEYS[what]
    headers: Any = [*key("acct_abcd").items(), *key("acct_efgh").items()] if bad is None else bad
    seen = len(stand.payments.requests)
    answer = client.get(PAYMENTS, headers=headers)
    assert refusal(answer) == (401, "no-key")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert len(stand.payments.requests) == seen


def test_a_platform_names_the_account_it_acts_for(client: httpx.Client) -> None:
    platform = key("acct_plat", "pk_live")
    assert refusal(client.get(PAYMENTS, headers=platform)) == (400, "no-account")
    seen = client.get(PAYMENTS, headers={**platform, "Payment-Account": "acct_merchant"}).json()
    assert (seen["x-account-id"], seen["x-caller-class"]) == ("acct_merchant", "platform")


@pytest.mark.parametrize(
    ("headers", "method", "expected"),
    [
        (key("acct_abcd"), "POST", ("live", "create", "critical")),
        (key("acct_abcd"), "GET", ("live", "read", "standard")),
        (key("acct_abcd", "sk_test"), "POST", ("test", "create", "test")),
        ({**key("acct_abcd"), "Payment-Batch": "true"}, "GET", ("batch", "read", "batch")),
    ],
)
def test_class_endpoint_and_priority_follow_from_key_and_call(
    client: httpx.Client, headers: dict[str, str], method: str, expected: tuple[str, ...]
) -> None:
    seen = client.request(method, PAYMENTS, headers=headers).json()
    assert tuple(seen[name] for name in ("x-caller-class", "x-endpoint-class", "x-priority")) == expected


def test_what_a_caller_writes_into_our_headers_is_dropped(client: httpx.Client) -> None:
    forged = ("x-account-id", "x-caller-class", "x-priority", "x-fraud-decision", "x-envoy-auth-failure-mode-allowed")
    retries = {"x-envoy-max-retries": "50", "x-envoy-upstream-rq-timeout-ms": "1", "x-anything": "1"}
    sent = {**dict.fromkeys(forged, "forged"), **retries, **key("acct_abcd", "sk_test")}
    seen = client.get(PAYMENTS, headers=sent).json()
    assert (seen["x-account-id"], seen["x-caller-class"]) == ("acct_abcd", "test")
    assert "forged" not in seen.values()
    assert not set(retries) & set(seen)


def test_nothing_tells_what_stands_behind_the_gateway(client: httpx.Client) -> None:
    headers = client.get(PAYMENTS, headers=key("acct_abcd")).headers
    assert headers["server"] == "payments"
    assert not [name for name in headers if name.startswith("x-envoy")]
    assert headers["x-request-id"]


def test_a_trace_goes_on_and_a_malformed_one_begins_anew(client: httpx.Client) -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    assert client.get(PAYMENTS, headers={**key("acct_abcd"), "traceparent": trace}).json()["traceparent"] == trace
    for bad in ("", "00-zz-1-01", trace.upper(), "00-" + "0" * 32 + "-00f067aa0ba902b7-01", trace[:-2] + "01-x"):
        seen = client.get(PAYMENTS, headers={**key("acct_abcd"), "traceparent": bad, "tracestate": "a=b"}).json()
        assert seen["traceparent"].split("-")[1] == seen["x-request-id"].replace("-", "")
        assert "tracestate" not in seen


def test_an_account_of_another_cell_is_told_its_host(client: httpx.Client) -> None:
    answer = client.get(PAYMENTS, headers=key("acct_gone"))
    assert refusal(answer) == (421, "wrong-cell")
    assert answer.headers["x-cell-host"] == answer.json()["error"]["host"] == "there.pay.example.com"
    assert "retry-after" in answer.headers


def test_another_map_is_followed_without_a_restart(stand: Stand, client: httpx.Client) -> None:
    assert client.get(PAYMENTS, headers=key("acct_moves")).status_code == 201
    stand.publish(replace(CELLS, version=2, overrides={"acct_moves": "there", "acct_gone": "here"}))
    until(lambda: client.get(PAYMENTS, headers=key("acct_moves")).status_code == 421, "the map is followed")
    assert client.get(PAYMENTS, headers=key("acct_gone")).status_code == 201
    stand.publish(CELLS)
    until(lambda: client.get(PAYMENTS, headers=key("acct_gone")).status_code == 421, "the first map is back")
    assert stand.envoy is not None
    assert stand.envoy.poll() is None


def test_a_body_is_scored_whole_or_refused(stand: Stand, client: httpx.Client) -> None:
    longest = b"a" * MAX_BODY_BYTES
    taken = client.post(PAYMENTS, headers=key("acct_abcd"), content=longest)
    assert (taken.status_code, taken.json()["x-fraud-bytes"]) == (201, str(MAX_BODY_BYTES))
    seen = len(stand.payments.requests)
    answer = client.post(PAYMENTS, headers=key("acct_abcd"), content=longest + b"a")
    assert refusal(answer) == (413, "body-too-large")
    assert len(stand.payments.requests) == seen


def test_whether_the_cell_writes_is_asked_without_a_key_and_without_a_decision(client: httpx.Client) -> None:
    answer = client.get("/writer")
    assert answer.status_code == 201  # of the stub
    assert not {name for name in answer.json() if name.startswith(("x-fraud", "x-account", "x-endpoint"))}
    assert client.post("/writer").status_code in {401, 404}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("DELETE", PAYMENTS),
        ("POST", f"{PAYMENTS}/"),
        ("GET", f"{PAYMENTS}/pay_1/secrets"),
        ("GET", "/v1/../admin"),
    ],
)
def test_there_is_no_other_way_to_the_api(client: httpx.Client, method: str, path: str) -> None:
    assert refusal(client.request(method, path, headers=key("acct_abcd"))) == (404, "no-such-path")


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        (PAYMENTS, {"under_score": "1"}, 400),
        (PAYMENTS, {f"n{n}": "1" for n in range(80)}, 431),
        (PAYMENTS, {"large": "a" * 20_000}, 431),
        (f"{PAYMENTS}%2fpay_1", {}, 400),
    ],
)
def test_a_request_that_servers_may_read_differently_is_refused(
    stand: Stand, client: httpx.Client, path: str, headers: dict[str, str], status: int
) -> None:
    seen = len(stand.payments.requests)
    answer = client.get(path, headers={**key("acct_abcd"), **headers})
    assert answer.status_code == status
    assert answer.json()["error"]["reason"]
    assert len(stand.payments.requests) == seen


def test_a_caller_that_drips_its_headers_is_cut_off(stand: Stand) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    begin = time.monotonic()
    with socket.create_connection((stand.address, 8443)) as plain, context.wrap_socket(plain) as dripping:
        dripping.settimeout(PATIENCE_S)
        dripping.sendall(b"GET /v1/payments HTTP/1.1\r\nHost: x\r\n")
        answer = b""
        while part := dripping.recv(4096):
            answer += part
    assert b"408" in answer.splitlines()[0]
    assert b'"slow-request"' in answer
    assert time.monotonic() - begin < PATIENCE_S


def _tight(**changes: Any) -> Limits:
    return replace(limits_for(1000), **changes)


def _only(caller: Caller, rate: Rate, rates: Any) -> Any:
    return {**rates, caller: dict.fromkeys(Endpoint, rate)}


def test_an_account_at_its_limit_leaves_others_alone(tmp_path: Path) -> None:
    rate = Rate(per_s=1, burst=5)
    limits = _tight(account_rates=_only(Caller.LIVE, rate, limits_for(1000).account_rates))
    with running(tmp_path, limits) as stand, stand.client() as client:
        noisy = [client.get(PAYMENTS, headers=key("acct_noisy")) for _ in range(40)]
        limited = [answer for answer in noisy if answer.status_code == 429]
        assert len(limited) >= 25
        assert {refusal(answer) for answer in limited} == {(429, "account-rate")}
        assert {answer.headers["retry-after"] for answer in limited} == {"1"}
        quiet = [client.get(PAYMENTS, headers=key(f"acct_quiet{n}")).status_code for n in range(40)]
        assert set(quiet) == {201}
        # Endpoint classes have buckets of their own.
        assert client.post(PAYMENTS, headers=key("acct_noisy")).status_code == 201
        counted = until(lambda: stand.counters(REFUSED), "refusals are counted")
        assert counted[("account-rate", "live")] == len(limited)


def test_a_class_at_its_limit_leaves_other_classes_alone(tmp_path: Path) -> None:
    rates = limits_for(1000).class_rates
    with (
        running(tmp_path, _tight(class_rates=_only(Caller.TEST, Rate(per_s=1, burst=5), rates))) as stand,
        stand.client() as client,
    ):
        answers = [client.get(PAYMENTS, headers=key(f"acct_test{n}", "sk_test")) for n in range(20)]
        assert {refusal(one) for one in answers if one.status_code != 201} == {(429, "class-rate")}
        assert client.get(PAYMENTS, headers=key("acct_live")).status_code == 201


def test_batch_is_shed_first_then_test_then_reads_and_payments_have_the_rest(tmp_path: Path) -> None:
    shares = {Priority.STANDARD: 80, Priority.TEST: 50, Priority.BATCH: 20}
    limits = _tight(concurrency=10, shares=shares, adaptive_floor=10)
    batch = {**key("acct_batch"), "Payment-Batch": "true"}
    steps = [
        ("GET", batch, 2),
        ("GET", key("acct_test", "sk_test"), 5),
        ("GET", key("acct_read"), 8),
        ("POST", key("acct_paying"), 10),
    ]
    with running(tmp_path, limits) as stand, callers(stand, 12) as send, stand.client() as client:
        stand.payments.holding = True
        held = []
        for method, headers, filled in steps:
            held += [send(method, PAYMENTS, headers=headers) for _ in range(filled - len(held))]
            until(lambda wanted=filled: stand.payments.open == wanted, f"{filled} requests are open")
            answer = client.request(method, PAYMENTS, headers=headers)
            assert refusal(answer) == (503, "shed")
            assert answer.headers["retry-after"] == "1"
        stand.payments.release()
        assert {one.result(PATIENCE_S).status_code for one in held} == {201}
        counted = stand.counters(REFUSED)
        assert {classes: counted[("shed", classes)] for classes in ("batch", "test", "live")} == {
            "batch": 1,
            "test": 1,
            "live": 2,
        }


def test_what_can_wait_is_put_off_by_latency_and_a_payment_is_not(tmp_path: Path) -> None:
    limits = _tight(concurrency=100, adaptive_floor=2)
    with running(tmp_path, limits) as stand, callers(stand, 12) as send, stand.client() as client:
        stand.payments.holding = True
        reads = [send("GET", PAYMENTS, headers=key("acct_read")) for _ in range(2)]
        until(lambda: stand.payments.open == 2, "two reads are open")
        assert refusal(client.get(PAYMENTS, headers=key("acct_read"))) == (503, "adaptive")
        payments = [send("POST", PAYMENTS, headers=key("acct_paying")) for _ in range(5)]
        until(lambda: stand.payments.open == 7, "five payments are open too")
        stand.payments.release()
        assert {one.result(PATIENCE_S).status_code for one in (*reads, *payments)} == {201}


def test_when_payments_fails_reads_are_refused_and_payments_are_tried(tmp_path: Path) -> None:
    with running(tmp_path) as stand, stand.client() as client:
        stand.payments.status = 500

        def refused() -> bool:
            return client.get(PAYMENTS, headers=key("acct_read")).headers.get("x-refused") == "admission"

        until(refused, "admission control refuses a read")
        assert {client.post(PAYMENTS, headers=key("acct_paying")).status_code for _ in range(30)} == {500}


def test_more_connections_than_it_holds_are_closed(tmp_path: Path) -> None:
    with running(tmp_path, _tight(connections=3)) as stand:
        until(lambda: _closed(stand, 5) == 2, "two of five connections are closed")
        until(lambda: _closed(stand, 3) == 0, "three connections are taken")


def _closed(stand: Stand, number: int) -> int:
    """How many of `number` connections at a time are closed at once. One that is taken waits for its client to speak,
    until the gateway's time for handshakes is over (5 s): each question has connections of its own."""
    with ExitStack() as stack:
        opened = [stack.enter_context(socket.create_connection((stand.address, 8443))) for _ in range(number)]
        end = time.monotonic() + 2
        closed: set[socket.socket] = set()
        while (left := end - time.monotonic()) > 0 and len(closed) < number:
            ready, _, _ = select.select([one for one in opened if one not in closed], [], [], left)
            closed |= set(ready)
        return len(closed)


def test_a_payment_that_was_sent_is_not_sent_again_and_a_read_is(stand: Stand, client: httpx.Client) -> None:
    stand.payments.breaks = True
    try:
        stand.payments.requests.clear()
        answer = client.post(PAYMENTS, headers=key("acct_paying"))
        assert (answer.status_code, answer.json()["error"]["reason"]) == (502, "unknown-outcome")
        assert "x-refused" not in answer.headers
        assert len(stand.payments.requests) == 1
        client.get(PAYMENTS, headers=key("acct_paying"))
        assert len(stand.payments.requests) == 3
    finally:
        stand.payments.breaks = False


def test_a_payment_that_takes_too_long_has_an_unknown_outcome(tmp_path: Path) -> None:
    deadlines = Deadlines(client_timeout_s=0.7, bank_timeout_s=0.1, bank_tries=1, hop_s=0.1, hops=2)
    with running(tmp_path, deadlines=deadlines) as stand, stand.client() as client:
        stand.payments.holding = True
        answer = client.post(PAYMENTS, headers=key("acct_paying"))
        assert (answer.status_code, answer.json()["error"]["reason"]) == (504, "unknown-outcome")
        assert "x-refused" not in answer.headers


def test_what_the_payments_api_refuses_is_counted_by_its_reason(tmp_path: Path) -> None:
    with running(tmp_path) as stand, stand.client() as client:
        stand.payments.status, stand.payments.refuses = 429, "account_concurrency"
        answer = client.post(PAYMENTS, headers=key("acct_paying"))
        assert (answer.status_code, answer.headers["x-refused"]) == (429, "account_concurrency")
        assert stand.counters(REFUSED)[("account_concurrency", "live")] == 1


def test_requests_that_the_payments_api_has_no_place_for_are_refused_and_counted(tmp_path: Path) -> None:
    with running(tmp_path) as stand, callers(stand, 100) as send:
        # The limits of requests at a time come before the breaker and are the same number: only a smaller breaker shows
        # what it says.
        narrow = json.loads((tmp_path / "envoy" / "cds.json").read_text())
        limits = narrow["resources"][0]["circuit_breakers"]["thresholds"][0]
        limits.update(dict.fromkeys(("max_connections", "max_pending_requests", "max_requests"), 2))
        kept = {path.name: path.read_text() for path in (tmp_path / "envoy").glob("*.json")}
        put(tmp_path / "envoy", {**kept, "cds.json": json.dumps(narrow)})
        stand.payments.holding = True

        def refused() -> list[httpx.Response]:
            """Of further requests, one at a time: two have a connection and two wait for one."""
            sent.append(send("POST", PAYMENTS, headers=key("acct_paying")))
            return [one.result() for one in sent if one.done()]

        sent: list[Any] = []
        answer, *_ = until(refused, "the narrow breaker is full")
        assert refusal(answer) == (503, "payments-full")
        assert answer.headers["retry-after"] == "1"
        stand.payments.release()
        statuses = [one.result(PATIENCE_S).status_code for one in sent]
        assert stand.counters(REFUSED)[("payments-full", "live")] == statuses.count(503) > 0


def test_a_gateway_whose_memory_is_full_refuses_and_counts_until_it_is_not(tmp_path: Path) -> None:
    with running(tmp_path, start=with_pressure_from(tmp_path / "pressure")) as stand, stand.client() as client:
        assert client.get(PAYMENTS, headers=key("acct_abcd")).status_code == 201
        press(tmp_path / "pressure", 0.96)

        def full() -> httpx.Response | None:
            answer = client.get(PAYMENTS, headers=key("acct_abcd"))
            return answer if answer.status_code != 201 else None

        answer = until(full, "requests are refused")
        assert refusal(answer) == (503, "overload")
        assert answer.headers["retry-after"] == "2"
        assert sum(count for (reason, _), count in stand.counters(REFUSED).items() if reason == "overload") == 1
        press(tmp_path / "pressure", 0.5)
        until(lambda: not full(), "requests are served again")


def with_pressure_from(file: Path) -> Callable[[dict[str, Any]], None]:
    """The declared actions, on a heap that is as full as a file says: Envoy's own means for tests."""
    press(file, 0.1)

    def change(bootstrap: dict[str, Any]) -> None:
        manager = bootstrap["overload_manager"]
        heap = next(one for one in manager["resource_monitors"] if one["name"] == HEAP)
        kind = "envoy.extensions.resource_monitors.injected_resource.v3.InjectedResourceConfig"
        heap["typed_config"] = {"@type": f"type.googleapis.com/{kind}", "filename": str(file)}
        heap["name"] = INJECTED
        for trigger in (one for action in manager["actions"] for one in action["triggers"]):
            trigger["name"] = INJECTED

    return change


def press(file: Path, share: float) -> None:
    """Envoy follows files that are moved into place."""
    file.with_suffix(".new").write_text(str(share))
    file.with_suffix(".new").replace(file)


def test_without_a_payments_api_nothing_was_sent(tmp_path: Path) -> None:
    with running(tmp_path) as stand, stand.client() as client:
        stand.payments.stop()
        answer = client.post(PAYMENTS, headers=key("acct_paying"))
        assert refusal(answer) == (503, "payments-gone")
        assert answer.headers["retry-after"] == "2"


def test_a_decision_reaches_payments_and_the_scorer_sees_no_key(client: httpx.Client) -> None:
    headers = {**key("acct_abcd"), "cookie": "a=b", "Idempotency-Key": "k"}
    seen = client.post(PAYMENTS, headers=headers).json()
    assert seen["x-fraud-decision"] == "allow"
    assert {"x-account-id", "x-caller-class", "idempotency-key"} <= set(seen["x-fraud-seen"].split(","))
    assert not {"authorization", "cookie"} & set(seen["x-fraud-seen"].split(","))
    assert seen["x-account-id"] == "acct_abcd", "the scorer may set x-fraud-* only"
    assert "x-envoy-auth-failure-mode-allowed" not in seen


def test_only_the_creation_of_a_payment_is_scored(client: httpx.Client) -> None:
    assert "x-fraud-decision" not in client.get(PAYMENTS, headers=key("acct_abcd")).json()
    assert "x-fraud-decision" not in client.post(f"{PAYMENTS}/pay_1/refunds", headers=key("acct_abcd")).json()


def test_a_blocked_payment_reaches_the_caller_and_not_payments(stand: Stand, client: httpx.Client) -> None:
    seen = len(stand.payments.requests)
    answer = client.post(PAYMENTS, headers={**key("acct_abcd"), "User-Agent": "deny"})
    assert (answer.status_code, answer.json()) == (403, {"error": {"reason": "blocked"}})
    assert len(stand.payments.requests) == seen


BATCH = {**key("acct_abcd"), "Payment-Batch": "true"}
PLATFORM = {**key("acct_plat", "pk_live"), "Payment-Account": "acct_abcd"}


def test_without_a_scorer_each_class_has_its_fail_mode_and_is_counted(tmp_path: Path) -> None:
    with running(tmp_path, scorer=False) as stand, stand.client() as client:
        for headers in (key("acct_abcd"), key("acct_abcd", "sk_test"), PLATFORM):
            seen = client.post(PAYMENTS, headers=headers).json()
            assert seen["x-envoy-auth-failure-mode-allowed"] == "true"
            assert "x-fraud-decision" not in seen
        answer = client.post(PAYMENTS, headers=BATCH)
        assert refusal(answer) == (503, "no-decision")
        assert answer.headers["retry-after"] == "5"
        assert stand.counters("envoy_payment_cell_failed_open") == {("live",): 1, ("platform",): 1, ("test",): 1}
        assert stand.counters(REFUSED)[("no-decision", "batch")] == 1


def _durations_ms(stand: Stand, client: httpx.Client, method: str, number: int, agent: str = "fine") -> list[float]:
    """What the gateway itself measured of so many requests, four at a time."""
    before = len(stand.lines())

    def ask(n: int) -> int:
        headers = {**key(f"acct_load{n % 10}"), "User-Agent": agent}
        return client.request(method, PAYMENTS, headers=headers).status_code

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(ask, range(number))) == {201}
    until(lambda: len(stand.lines()) >= before + number, "all requests are in the log")
    return [line["duration_ms"] for line in stand.lines()[before:]]


def p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[98]


@pytest.mark.parametrize("fault", ["stopped", "slow", "killed"])
def test_a_scorer_that_does_not_answer_costs_its_deadline_and_no_more(tmp_path: Path, fault: str) -> None:
    never = Ejection(hosts=1, consecutive=1_000_000)
    with running(tmp_path, fraud={"ejection": never}) as stand, stand.client() as client:
        api = p99(_durations_ms(stand, client, "GET", 200))
        assert stand.scorer is not None
        if fault == "stopped":
            stand.scorer.send_signal(signal.SIGSTOP)
        elif fault == "killed":
            stand.scorer.kill()
        agent, deadline_ms = "slow" if fault == "slow" else "fine", 1000 * stand.settings.deadlines.fraud_s
        # What else runs on the machine only adds: half of the best of three rounds did not wait twice. The p99 against
        # the deadline and a tenth is a figure of bench/gateway.py.
        rounds = [_durations_ms(stand, client, "POST", 200, agent=agent) for _ in range(3)]
        assert min(map(statistics.median, rounds)) < 2 * deadline_ms + api
        if fault != "killed":
            assert statistics.median(rounds[0]) >= 0.9 * deadline_ms, "the fault was there"
        assert stand.counters("envoy_payment_cell_failed_open") == {("live",): 600}


def test_a_stopped_scorer_is_left_alone_and_asked_again_when_it_is_back(tmp_path: Path) -> None:
    with running(tmp_path) as stand, stand.client() as client:
        assert stand.scorer is not None
        stand.scorer.send_signal(signal.SIGSTOP)
        durations = _durations_ms(stand, client, "POST", 60)
        assert statistics.median(durations[30:]) < 0.5 * 1000 * stand.settings.deadlines.fraud_s
        stand.scorer.send_signal(signal.SIGCONT)
        until(
            lambda: "x-fraud-decision" in client.post(PAYMENTS, headers=key("acct_abcd")).json(),
            "payments are scored again",
        )


def test_a_map_with_many_accounts_is_answered_from_memory(stand: Stand, client: httpx.Client) -> None:
    many = {f"acct_many{n}": "there" for n in range(10_000)}
    stand.publish(CellMap(version=9, default="here", hosts=CELLS.hosts, accounts=many))
    until(lambda: client.get(PAYMENTS, headers=key("acct_many9999")).status_code == 421, "the large map is followed")
    assert client.get(PAYMENTS, headers=key("acct_abcd")).status_code == 201
    stand.publish(CELLS)
    until(lambda: client.get(PAYMENTS, headers=key("acct_gone")).status_code == 421, "the first map is back")
