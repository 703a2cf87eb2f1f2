"""Events: sealed into a chain that shows every change, under schemas whose versions both sides can read."""

import copy
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import events
from contracts.events import GENESIS, Envelope, EventError, Head, Registry, Schema
from contracts.identifiers import is_id, new_id

ACCOUNT = "acct_test1"
DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
SEALED = {"$enc": {"subject": "person_a", "purpose": "payment", "key": "key_a", "nonce": "AA==", "ciphertext": "AA=="}}
PAYMENT: dict[str, Any] = {
    "payment": "pay_1",
    "status": "succeeded",
    "reason": None,
    "amount": 1250,
    "currency": "EUR",
    "market": "eu-sepa",
    "bank": "bank-a",
    "livemode": True,
    "instrument": "instrument_a",
    "payer": {"subject": "person_a", "fields": SEALED},
    "payee": None,
    "merchant": {"subject": "merchant_a", "fields": SEALED},
    "device": None,
    "fraud": {"mode": "decided", "decision": "allow", "class": "live", "score": 7, "reasons": ["x"], "id": None},
}


def sealed(sequence: int = 1, previous: str = GENESIS, account: str = ACCOUNT, **changes: Any) -> Envelope:
    values: dict[str, Any] = {
        "type": "payment.succeeded",
        "schema": "payment/1",
        "region": "eu-west-1",
        "cell": "eu-west-1",
        "shard": "s00",
        "data": PAYMENT,
    }
    return events.seal(account=account, sequence=sequence, previous=previous, **{**values, **changes})


def chain(length: int, account: str = ACCOUNT) -> list[Envelope]:
    found = list[Envelope]()
    for sequence in range(1, length + 1):
        found.append(sealed(sequence, found[-1].hash if found else GENESIS, account))
    return found


@given(st.dictionaries(st.text(max_size=8), DATA, max_size=4))
def test_an_event_is_read_as_it_was_written(data: dict[str, Any]) -> None:
    event = sealed(data=data)
    assert events.parse(event.to_json()) == event
    assert events.parse(event.to_json()).to_json() == event.to_json()


@pytest.mark.parametrize("name", [name for name in events.FIELDS if name not in ("hash", "sequence", "previous")])
def test_a_changed_field_is_noticed(name: str) -> None:
    content = json.loads(sealed().to_json())
    changed = {
        "id": new_id("evt"),
        "account": "acct_other",
        "type": "payment.declined",
        "schema": "payment/2",
        "time": "2026-01-01T00:00:00.000Z",
        "data": {**PAYMENT, "amount": 1},
    }
    content[name] = changed.get(name, "other")
    with pytest.raises(EventError, match="hash does not fit"):
        events.parse(json.dumps(content))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": "evt_1"}, "id is not evt_"),
        ({"account": "ada@example.org"}, "account is not"),
        ({"sequence": 0}, "sequence is not a whole number"),
        ({"sequence": True}, "sequence is not a whole number"),
        ({"sequence": 2}, "only 1 begins"),
        ({"previous": "sha256:0"}, "previous is neither"),
        ({"previous": "sha256:" + "0" * 64}, "only 1 begins"),
        ({"time": "2026-01-01"}, "time is not"),
        ({"cell": ""}, "cell is not a text"),
        ({"data": []}, "data is not an object"),
        ({"surprise": 1}, "1 unknown fields"),
    ],
)
def test_a_broken_envelope_says_what_is_broken(change: dict[str, Any], message: str) -> None:
    with pytest.raises(EventError, match=message):
        events.parse(json.dumps({**json.loads(sealed().to_json()), **change}))


@pytest.mark.parametrize(("text", "message"), [("", "not JSON"), ("[]", "not a JSON object"), ("{}", "id is missing")])
def test_what_is_no_event_is_refused(text: str, message: str) -> None:
    with pytest.raises(EventError, match=message):
        events.parse(text)


def test_numbers_that_json_does_not_know_are_neither_sealed_nor_read() -> None:
    with pytest.raises(EventError, match="data is no JSON"):
        sealed(data={"amount": float("nan")})
    with pytest.raises(EventError, match="not JSON"):
        events.parse(sealed().to_json().replace("1250", "NaN"))


def test_chains_of_several_accounts_are_followed_at_once() -> None:
    first, second = chain(3), chain(2, "acct_other")
    heads = events.verify_chain([first[0], second[0], first[1], second[1], first[2]])
    assert heads[ACCOUNT] == Head(sequence=3, hash=first[2].hash)
    assert heads["acct_other"].sequence == 2
    rest = sealed(4, first[2].hash)
    assert events.verify_chain([rest], heads)[ACCOUNT].sequence == 4


@pytest.mark.parametrize(
    ("order", "message"),
    [
        ((0, 2), "sequence 3 follows 1"),
        ((0, 0), "sequence 1 follows 1"),
        ((1,), "2 follows 0"),
        ((1, 0), "2 follows 0"),
    ],
)
def test_a_gap_a_repetition_and_a_wrong_order_are_noticed(order: tuple[int, ...], message: str) -> None:
    found = chain(3)
    with pytest.raises(EventError, match=message):
        events.verify_chain([found[number] for number in order])


def test_an_event_that_was_exchanged_and_sealed_again_breaks_the_chain_behind_it() -> None:
    first, _, last = chain(3)
    forged = sealed(2, first.hash, data={**PAYMENT, "amount": 1})
    with pytest.raises(EventError, match="previous is not the hash of sequence 2"):
        events.verify_chain([first, forged, last])


def test_the_published_schemas_are_consistent_and_take_what_is_written() -> None:
    registry = Registry.load()
    assert {"payment/1", "refund/1"} <= set(registry.schemas)
    events.validate(sealed(), registry)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": {**PAYMENT, "amount": "1250"}}, r"data\.amount: not of type integer"),
        ({"data": {**PAYMENT, "livemode": 1}}, r"data\.livemode: not of type boolean"),
        ({"data": {**PAYMENT, "status": "lost"}}, r"data\.status: not one of"),
        ({"data": {k: v for k, v in PAYMENT.items() if k != "payer"}}, r"data\.payer: missing"),
        ({"data": {**PAYMENT, "surprise": 1}}, "has properties that"),
        ({"data": {**PAYMENT, "currency": "EURO"}}, "longer than 3"),
        ({"type": "payment.lost"}, "type payment.lost is not one of"),
        ({"schema": "payment/999"}, "schema payment/999 is unknown"),
    ],
)
def test_data_that_its_schema_does_not_describe_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(EventError, match=message):
        events.validate(sealed(**change), Registry.load())


@pytest.mark.parametrize("clear", [{"name": "Ada"}, "Ada", {"$enc": {"subject": "a"}}, {**SEALED, "name": "Ada"}])
def test_a_personal_field_in_clear_is_refused_and_not_quoted(clear: object) -> None:
    event = sealed(data={**PAYMENT, "payer": {"subject": "person_a", "fields": clear}})
    with pytest.raises(EventError, match=r"payer\.fields: personal, and not encrypted") as refused:
        events.validate(event, Registry.load())
    assert "Ada" not in str(refused.value)


def schema(version: int = 1, types: tuple[str, ...] = ("a.b",), **data: Any) -> Schema:
    content: Mapping[str, Any] = {
        "type": "object",
        "required": ["kept"],
        "properties": {
            "kept": {"type": "string", "enum": ["x", "y"]},
            "person": {"personal": True},
            "list": {"type": "array", "items": {"type": "integer"}},
        },
        **data,
    }
    return Schema(name="a", version=version, types=types, data=copy.deepcopy(dict(content)))


def changed(**properties: Any) -> dict[str, Any]:
    kept = {**schema().data["properties"], **properties}
    return {"properties": {name: value for name, value in kept.items() if value is not None}}


def test_a_successor_may_add_optional_properties_and_types() -> None:
    new = schema(2, ("a.b", "a.c"), **changed(more={"type": "integer"}))
    assert set(Registry([schema(), new]).schemas) == {"a/1", "a/2"}


@pytest.mark.parametrize(
    ("new", "message"),
    [
        (schema(2, **changed(list=None)), r"data\.list: removed"),
        (schema(2, **changed(kept={"type": "integer"})), r"data\.kept: enum differs"),
        (schema(2, **changed(kept={"type": "string", "enum": ["x", "y", "z"]})), r"data\.kept: enum differs"),
        (schema(2, **changed(kept={"type": "string", "enum": ["x"]})), r"data\.kept: enum differs"),
        (schema(2, **changed(person={"type": "string"})), r"data\.person: personal differs"),
        (schema(2, **changed(list={"type": "array", "items": {"type": "string"}})), r"data\.list\[\]: type differs"),
        (schema(2, required=[]), "data: required differs"),
        (schema(2, required=["kept", "list"]), "data: required differs"),
        (schema(2, ("a.c",)), r"type a\.b of a/1 is missing"),
        (schema(3), "the version before it is missing"),
    ],
)
def test_a_successor_that_a_reader_of_either_version_could_not_read_is_refused(new: Schema, message: str) -> None:
    with pytest.raises(EventError, match=message):
        Registry([schema(), new])


def test_a_type_belongs_to_one_schema() -> None:
    with pytest.raises(EventError, match=r"type a\.b belongs to a"):
        Registry([schema(), Schema(name="b", version=1, types=("a.b",), data=schema().data)])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"type": "object", "pattern": "x"}, "pattern is unknown"),
        ({"type": "text"}, "type 'text' is unknown"),
        ({"type": "object", "required": ["x"]}, "x is required and not described"),
    ],
)
def test_a_schema_that_would_check_nothing_is_refused(data: dict[str, Any], message: str) -> None:
    with pytest.raises(EventError, match=message):
        Registry([Schema(name="a", version=1, types=("a.b",), data=data)])


def test_ids_are_told_apart_and_grow_with_time(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for milliseconds in (1, 2, 3_000_000_000_000):
        monkeypatch.setattr("time.time_ns", lambda now=milliseconds: now * 1_000_000)
        found.append(new_id("pay"))
    assert found == sorted(found)
    assert all(is_id(one, "pay") and not is_id(one, "evt") and len(one) == 30 for one in found)
    assert not is_id(found[0].upper(), "pay")
