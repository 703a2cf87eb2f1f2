"""Market files: the five that are there are valid; what cannot work is refused with place, rule and fix."""

import datetime
from pathlib import Path

import pytest
from market_texts import market_file, market_text

import catalogue
from components.bank_egress import groups_of
from stacks.fleet import load_fleet
from stacks.market_files import Markets, Unregistered, load_markets
from stacks.problems import ConfigError, Problem

STACKS = Path(__file__).parents[2] / "stacks"


def fleets_markets() -> Markets:
    return load_markets(STACKS / "markets", load_fleet(STACKS).cells)


def problems_of(folder: Path, text: str) -> list[Problem]:
    with pytest.raises(ConfigError) as caught:
        market_file(folder, "one", text)
    return list(caught.value.problems)


def test_the_five_markets_are_served_by_cells_of_the_fleet() -> None:
    markets = fleets_markets()
    assert [market.name for market in markets.all] == ["eu-sepa", "uk", "us", "brazil", "australia"]
    assert {market.currency for market in markets.all} == {"EUR", "GBP", "USD", "BRL", "AUD"}
    served = {cell for market in markets.all for cell in market.cells}
    assert served == set(load_fleet(STACKS).cells)


def test_development_serves_every_market_so_that_a_demo_can_pay_in_each() -> None:
    assert len(fleets_markets().of("dev")) == 5


def test_a_bank_that_has_not_registered_a_cell_is_shown() -> None:
    markets = fleets_markets()
    assert Unregistered(market="uk", bank="fir") in markets.unregistered("eu-central-1")
    assert not [one for one in markets.unregistered("eu-west-1") if one.market == "uk"]


REGISTERED = "eu-west-1: {registeredAt: 2026-11-16}"
FINGERPRINT = "sha256:" + "0" * 64


def registered(folder: Path, line: str) -> list[Problem]:
    """What is wrong with a market whose one bank has this registration."""
    folder.mkdir()
    (folder / "one.yaml").write_text(market_text("one").replace(REGISTERED, line))
    try:
        load_markets(folder, ["eu-west-1", "dev"])
    except ConfigError as error:
        return list(error.problems)
    return []


def test_a_replica_is_registered_with_its_own_addresses_and_certificate(tmp_path: Path) -> None:
    line = f"eu-west-1-replica: {{registeredAt: 2026-11-16, addresses: [3.120.0.7], certificate: '{FINGERPRINT}'}}"
    folder = tmp_path / "markets"
    assert registered(folder, line) == []
    markets = load_markets(folder, ["eu-west-1", "dev"])
    (known,) = markets.registrations("eu-west-1-replica", of="eu-west-1").values()
    assert known is not None
    assert known.addresses == ("3.120.0.7",)
    assert markets.unregistered("eu-west-1") == (Unregistered(market="one", bank="one"),), "each cell has its own"


@pytest.mark.parametrize(
    ("line", "key", "rule"),
    [
        ("eu-west-1: {registeredAt: 2999-01-01}", "eu-west-1.registeredAt", "is not in the past"),
        (REGISTERED.replace("}", ", addresses: [10.0.0.1]}"), "eu-west-1.addresses.0", "is not a public address"),
        (REGISTERED.replace("}", ", addresses: ['2a05::1']}"), "eu-west-1.addresses.0", "is not an IPv4 address"),
        (REGISTERED.replace("}", ", addresses: [3.1.1.1, 3.1.1.1]}"), "eu-west-1.addresses.1", "is named twice"),
        (REGISTERED.replace("}", ", certificate: AB:CD}"), "eu-west-1.certificate", "is not a fingerprint"),
        ("eu-west-2: {registeredAt: 2026-11-16}", "eu-west-2", "is neither a cell's stack nor a replica's"),
    ],
)
def test_a_registration_that_cannot_be_is_refused(tmp_path: Path, line: str, key: str, rule: str) -> None:
    (problem,) = registered(tmp_path / "markets", line)
    assert problem.key == f"banks.one.registrations.{key}"
    assert rule in problem.rule
    assert problem.line
    assert problem.fix


def test_every_rail_of_a_market_is_known_with_a_source() -> None:
    for file in fleets_markets().files.values():
        for rail in file.settings.rails:
            assert catalogue.rails()[rail].speed.source.startswith("https://")


def test_a_rails_limit_has_the_day_from_which_it_holds() -> None:
    limit = catalogue.rails()["rtp"].limit
    assert limit is not None
    assert (limit.minor_units, limit.effective_from) == (1_000_000_000, datetime.date(2025, 2, 9))


def test_what_was_not_checked_against_its_source_says_so() -> None:
    fedwire, instant = catalogue.rails()["fedwire"], catalogue.rails()["sct-inst"]
    assert not fedwire.message.verified
    assert instant.limit is not None
    assert instant.limit.verified


CHANGES = [
    ("requests: 20", "requests: 21", "limits.requests", "is more than connections and pending together (20)"),
    ("retries: 1", "retries: 0", "limits.retryBudgetPercent", "one of both has no effect"),
    ("ratePerSecond: 50", "ratePerSecond: 0", "limits.ratePerSecond", "is less than 1"),
    ("tryTimeoutMs: 900", "tryTimeoutMs: 1100", "limits.tryTimeoutMs", "is above timeoutMs 1000"),
    ("connectTimeoutMs: 300", "connectTimeoutMs: 900", "limits.connectTimeoutMs", "no time for an answer"),
    ("connectTimeoutMs: 300", "connectTimeoutMs: 600", "limits.retries", "the last would have no time"),
    ("deadlineMs: 6000", "deadlineMs: 1200", "limits.timeoutMs", "leaves nothing of deadlineMs 1200"),
    ("maximumMs: 2000", "maximumMs: 499", "ejection.maximumMs", "is less than 500"),
    ("baseMs: 500", "baseMs: 3000", "ejection.maximumMs", "is below baseMs 3000"),
    ("baseMs: 500", "baseMs: 500\n  failurePercent: 50", "ejection.failurePercent", "from 5 hosts on, one has 1"),
    ("minimumSuccessPercent: 80", "minimumSuccessPercent: 0", "ejection.minimumSuccessPercent", "is less than 1"),
    ("currency: EUR", "currency: USD", "rails.0", "sct-inst moves EUR, the market has USD"),
    ("rails: [sct-inst]", "rails: [sct-instant]", "rails.0", "is not a rail of catalogue/rails.yaml"),
    ("    rail: sct-inst", "    rail: rtp", "banks.one.rail", "is none of the market's rails"),
    ("host: one.example.com", "host: https://one.example.com", "banks.one.endpoints.0.host", "is not a host name"),
    ("    endpoints:", "    bufferMinutes: 5\n    endpoints:", "banks.one.bufferMinutes", "has no cut-off"),
    ("timeoutMs: 1000", "timeoutMs: 1000\n  maxConnection: 3", "limits.maxConnection", "is not a setting"),
]


@pytest.mark.parametrize(("old", "new", "key", "rule"), CHANGES, ids=[f"{c[2]}-{c[1][:18]}" for c in CHANGES])
def test_a_setting_that_cannot_work_is_refused(tmp_path: Path, old: str, new: str, key: str, rule: str) -> None:
    text = market_text("one").replace(old, new, 1)
    assert text != market_text("one")
    found = [problem for problem in problems_of(tmp_path, text) if problem.key == key]
    assert found, [str(problem) for problem in problems_of(tmp_path, text)]
    assert rule in found[0].rule
    assert found[0].fix
    assert found[0].file.endswith("one.yaml")
    assert found[0].line


def test_all_mistakes_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    text = market_text("one").replace("requests: 20", "requests: 99").replace("baseMs: 500", "baseMs: 9000")
    assert {problem.key for problem in problems_of(tmp_path, text)} == {"limits.requests", "ejection.maximumMs"}


def test_a_misspelt_rail_is_answered_with_the_nearest(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, market_text("one").replace("    rail: sct-inst", "    rail: sct-inzt"))
    assert problem.nearest == "sct-inst"


def test_a_cut_off_of_the_rail_wants_the_banks_buffer(tmp_path: Path) -> None:
    text = market_text("one").replace("EUR", "GBP").replace("sct-inst", "chaps")
    (problem,) = problems_of(tmp_path, text)
    assert (problem.key, "has a cut-off" in problem.rule) == ("banks.one.bufferMinutes", True)


def test_a_limit_above_the_schemes_is_refused(tmp_path: Path) -> None:
    text = market_text("one").replace("EUR", "GBP").replace("sct-inst", "faster-payments")
    text = text.replace("    endpoints:", "    limitMinorUnits: 100000001\n    endpoints:")
    (problem,) = problems_of(tmp_path, text)
    assert "above the limit of faster-payments" in problem.rule


def test_two_markets_with_one_index_are_refused_with_the_next_free_one(tmp_path: Path) -> None:
    market_file(tmp_path, "one", market_text("a", index=3))
    market_file(tmp_path, "two", market_text("b", index=3))
    with pytest.raises(ConfigError) as caught:
        load_markets(tmp_path, ["eu-west-1", "dev"])
    (problem,) = caught.value.problems
    assert (problem.key, problem.fix) == ("index", "use the next free number, 4")


def test_a_cell_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    market_file(tmp_path, "one", market_text("a"))
    with pytest.raises(ConfigError) as caught:
        load_markets(tmp_path, ["eu-west-1", "development"])
    assert [(problem.key, problem.value) for problem in caught.value.problems] == [("cells.1", "dev")]


def test_a_new_market_file_is_served_without_any_change_of_code(tmp_path: Path) -> None:
    market_file(tmp_path, "nordics", market_text("fjord", "tundra"))
    markets = load_markets(tmp_path, ["eu-west-1", "dev"])
    (served,) = groups_of("dev", markets.all).values()
    assert [(market.name, list(market.banks)) for market in served] == [("nordics", ["fjord", "tundra"])]
