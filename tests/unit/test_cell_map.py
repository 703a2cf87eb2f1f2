"""Which cell holds an account: overrides, entries, the default; a damaged document is refused."""

import json

import pytest

from contracts.cell_map import CellMap, CellMapError, parse

HOSTS = {"one": "one.pay.example.com", "two": "two.pay.example.com"}
MAP = CellMap(
    version=4,
    default="one",
    hosts=HOSTS,
    accounts={"acct_aaaa": "two", "acct_bbbb": "two", "acct_cccc": "one"},
    overrides={"acct_bbbb": "one", "acct_dddd": "two"},
)


@pytest.mark.parametrize(
    ("account", "cell"),
    [("acct_aaaa", "two"), ("acct_bbbb", "one"), ("acct_cccc", "one"), ("acct_dddd", "two"), ("acct_unknown", "one")],
)
def test_an_override_wins_over_an_entry_and_an_entry_over_the_default(account: str, cell: str) -> None:
    assert MAP.cell_of(account) == cell


def test_only_accounts_of_other_cells_are_elsewhere() -> None:
    assert MAP.elsewhere() == {"acct_aaaa": "two.pay.example.com", "acct_dddd": "two.pay.example.com"}


def test_a_map_survives_its_document() -> None:
    assert parse(MAP.to_json()) == MAP


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"version": 5}, "checksum"),
        ({"accounts": {"acct_aaaa": "three"}}, "not in hosts"),
        ({"schema": "payment-cell/shard-map/1"}, "schema"),
        ({"more": 1}, "unreadable"),
    ],
)
def test_a_changed_document_is_refused(change: dict[str, object], rule: str) -> None:
    with pytest.raises(CellMapError, match=rule):
        parse(json.dumps({**json.loads(MAP.to_json()), **change}))


def test_no_document_is_refused_as_unreadable() -> None:
    with pytest.raises(CellMapError, match="unreadable"):
        parse("[]")


def test_a_map_is_replaced_only_by_a_later_one() -> None:
    with pytest.raises(CellMapError, match="greater"):
        MAP.check_successor(CellMap(version=4, default="one", hosts=HOSTS))
    with pytest.raises(CellMapError, match="greater"):
        MAP.check_successor(CellMap(version=3, default="one", hosts=HOSTS))
    MAP.check_successor(CellMap(version=5, default="one", hosts=HOSTS))


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"version": 0, "default": "one", "hosts": HOSTS}, "below 1"),
        ({"version": 1, "default": "three", "hosts": HOSTS}, "add its host"),
        ({"version": 1, "default": "one", "hosts": {"one": "ONE"}}, "lower-case"),
        ({"version": 1, "default": "one", "hosts": HOSTS, "accounts": {"x": "one"}}, "no account"),
    ],
)
def test_a_map_that_cannot_be_used_is_refused(fields: dict[str, object], rule: str) -> None:
    with pytest.raises(CellMapError, match=rule):
        CellMap(**fields)  # type: ignore[arg-type]
