"""Signals: what they are of a request and of what is remembered, and that no personal value stays in clear."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.fraud import HOUR_S, PROFILE_TTL_S, SIGNAL_NAMES, SIGNALS, WINDOW_TTL_S, FraudError
from contracts.fraud_addresses import AddressTable, Network, bundled
from contracts.fraud_features import PROFILE, Counters, Memory, Request, changes, compute, pseudonym, read_request

KEY, NOW = b"k" * 32, 1_800_000_000.0
DEVICE = {"fingerprint": "fp-1", "ip": "2001:db8:0:0::7", "user_agent": "x"}
BODY = {
    "amount": 1250,
    "currency": "EUR",
    "market": "eu-sepa",
    "payment_method": "tok_1",
    "payer": {"name": "Ann Other", "email": "ann@example.org", "country": "DE"},
    "device": DEVICE,
}


def request(**changes: object) -> Request:
    return read_request("acct_shop1", {**BODY, **changes}, KEY, bundled())


def remember(memory: Memory, one: Request, now_s: float) -> None:
    for change in changes(one, now_s):
        memory.apply(change)


def signals(memory: Memory, one: Request, now_s: float = NOW) -> dict[str, float]:
    return compute(one, now_s, memory.read(one))


def test_every_signal_says_where_it_comes_from_how_long_it_lives_and_what_it_is_when_missing() -> None:
    for signal in SIGNALS:
        assert signal.definition
        assert signal.source
        assert signal.ttl_s in {0, WINDOW_TTL_S, PROFILE_TTL_S}
        assert math.isfinite(signal.missing)
    assert len(set(SIGNAL_NAMES)) == len(SIGNAL_NAMES)


def test_what_cannot_be_read_has_its_value_when_missing() -> None:
    bare = request(device=None, payer=None)
    found = compute(bare, NOW, {})
    assert found == {s.name: s.missing for s in SIGNALS} | {"amount_log": math.log10(1250)}


def test_the_address_gives_country_and_network() -> None:
    abroad = request(device={**DEVICE, "ip": "2001:db8:9:2000::1"})
    assert abroad.facts["address_country"] == "NG"
    found = signals(Memory(), abroad)
    assert (found["address_country_differs"], found["address_network"]) == (1.0, 2.0)
    assert signals(Memory(), request())["address_country_differs"] == 0.0


def test_velocity_counts_the_card_by_hour_and_day_without_this_payment() -> None:
    memory, one = Memory(), request()
    for hours in (0, 1, 5, 23, 24):
        remember(memory, one, NOW - hours * HOUR_S)
    found = signals(memory, one)
    assert (found["card_payments_1h"], found["card_payments_24h"]) == (2.0, 4.0)


def test_a_device_with_many_cards_and_a_card_on_many_devices_are_counted() -> None:
    memory = Memory()
    for number in range(3):
        remember(memory, request(payment_method=f"tok_{number}"), NOW)
        remember(memory, request(device={**DEVICE, "fingerprint": f"other-{number}"}), NOW)
    found = signals(memory, request(payment_method="tok_new"))
    assert found["device_cards_24h"] == 4.0
    assert signals(memory, request())["card_devices_24h"] == 4.0


def test_what_is_usual_for_an_account_is_known_after_its_first_payments() -> None:
    memory, large = Memory(), request(amount=90_000_000, payer={"country": "BR"})
    for number in range(25):
        found = signals(memory, large, NOW)
        assert (found["amount_deviation"] != 0.0) is (number >= 20)
        assert (found["payer_country_new"] == 1.0) is (number >= 20)
        remember(memory, request(amount=1000 + number), NOW - 3 * HOUR_S)


def test_ages_count_from_the_first_payment() -> None:
    memory = Memory()
    remember(memory, request(), NOW - 48 * HOUR_S)
    remember(memory, request(), NOW)
    assert signals(memory, request())["device_age_days"] == pytest.approx(2.0)
    assert signals(memory, request())["card_age_days"] == pytest.approx(2.0)


def test_no_personal_value_is_kept_in_clear() -> None:
    one = request()
    memory = Memory()
    remember(memory, one, NOW)
    kept = json.dumps([one.facts, list(one.entities), repr(memory)])
    for clear in ("tok_1", "fp-1", "2001:db8", "Ann", "ann@example.org"):
        assert clear not in kept
    assert pseudonym(KEY, "card", "x") != pseudonym(b"z" * 32, "card", "x") != pseudonym(KEY, "device", "x")


def test_windows_that_no_signal_reads_are_forgotten() -> None:
    memory, one = Memory(), request()
    for hour in range(100):
        remember(memory, one, NOW + hour * HOUR_S)
    assert len([b for b in memory.entities[f"card:{one.card}"] if b != PROFILE]) == 25


@given(st.lists(st.tuples(st.floats(0, 9), st.sampled_from("abc")), max_size=8), st.integers(0, 8))
def test_two_scorers_that_add_to_one_table_lose_nothing(parts: list[tuple[float, str]], cut: int) -> None:
    def total(items: list[tuple[float, str]]) -> Counters:
        found = Counters()
        for size, link in items:
            found.add(Counters(count=1, sum_log=size, first_s=size, links={link}))
        return found

    apart = total(parts[:cut])
    apart.add(total(parts[cut:]))
    whole = total(parts)
    assert (apart.count, apart.links, apart.first_s) == (whole.count, whole.links, whole.first_s)
    assert apart.sum_log == pytest.approx(whole.sum_log)


@given(
    st.integers(1, 10**12),
    st.sampled_from([None, "2001:db8::1", "203.0.113.9", "nonsense", "10.0.0.1"]),
    st.sampled_from([None, "de", "US"]),
)
def test_signals_are_finite_numbers_for_any_request(amount: int, ip: str | None, country: str | None) -> None:
    one = request(amount=amount, device={"ip": ip}, payer={"country": country})
    found = signals(Memory(), one)
    assert list(found) == list(SIGNAL_NAMES)
    assert all(math.isfinite(value) for value in found.values())


@pytest.mark.parametrize("body", [None, [], {}, {"amount": True, "payment_method": "t"}, {"amount": 5}, {"amount": 0}])
def test_a_body_without_amount_or_token_is_refused(body: object) -> None:
    with pytest.raises(FraudError, match=r"payment"):
        read_request("acct_shop1", body, KEY, bundled())


def test_the_longest_prefix_of_the_address_table_holds() -> None:
    rows = [
        {"network": "192.0.2.0/24", "country": "DE", "kind": "access"},
        {"network": "192.0.2.128/25", "country": "FR", "kind": "hosting"},
    ]
    table = AddressTable.parse(json.dumps({"source": "s", "date": "2026-11-28", "networks": rows}))
    found = [table.place(address) for address in ("192.0.2.1", "192.0.2.200", "198.51.100.1", "x")]
    assert [place and (place.country, place.network) for place in found] == [
        ("DE", Network.ACCESS),
        ("FR", Network.HOSTING),
        None,
        None,
    ]


def test_the_bundled_table_has_documentation_ranges_only() -> None:
    from ipaddress import ip_network

    documentation = [ip_network(n) for n in ("2001:db8::/32", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")]
    for version, length, places in bundled().by_length:
        for bits in places:
            address = bits << ((128 if version == 6 else 32) - length)
            network = ip_network((address, length))
            assert any(network.version == d.version and network.subnet_of(d) for d in documentation)  # type: ignore[arg-type]
