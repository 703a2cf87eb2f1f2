"""Personal fields: unreadable without their subject's key, bound to their place; keys agreed on, kept for minutes."""

import base64
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Barrier, Lock
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from contracts.personal import CACHE_S, DataKey, FieldCipher, KeyGone, PersonalError, Purpose, pseudonym
from workloads.subject_keys import SubjectKeys


@dataclass
class Memory:
    """Keys in memory."""

    keys: dict[tuple[str, Purpose], DataKey] = field(default_factory=dict)

    def current(self, subject: str, purpose: Purpose) -> DataKey:
        number = len(self.keys)
        return self.keys.setdefault((subject, purpose), DataKey(id=f"key_{number}", key=bytes([number]) * 32))

    def find(self, subject: str, purpose: Purpose, key_id: str) -> DataKey:
        found = self.keys.get((subject, purpose))
        if found is None or found.id != key_id:
            raise KeyGone("gone")
        return found


def cipher() -> FieldCipher:
    return FieldCipher(Memory())


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda s: st.lists(s) | st.dictionaries(st.text(), s)
    )
)
def test_what_is_sealed_is_opened_the_same(value: Any) -> None:
    one = cipher()
    assert one.open("pay_1", "payer", one.seal("pay_1", "payer", "person_a", Purpose.PAYMENT, value)) == value


def test_ciphertext_shows_nothing_and_never_repeats() -> None:
    one = cipher()
    first, second = (one.seal("pay_1", "payer", "person_a", Purpose.PAYMENT, "Ada Lovelace") for _ in range(2))
    assert "Ada" not in str(first)
    assert first["$enc"]["ciphertext"] != second["$enc"]["ciphertext"]


@pytest.mark.parametrize(("record", "path"), [("pay_2", "payer"), ("pay_1", "payee")])
def test_a_field_that_was_moved_is_not_opened(record: str, path: str) -> None:
    one = cipher()
    found = one.seal("pay_1", "payer", "person_a", Purpose.PAYMENT, "Ada")
    with pytest.raises(PersonalError, match="not what was sealed"):
        one.open(record, path, found)


@pytest.mark.parametrize("name", ["nonce", "ciphertext"])
def test_a_field_that_was_changed_is_not_opened(name: str) -> None:
    one = cipher()
    found = one.seal("pay_1", "payer", "person_a", Purpose.PAYMENT, "Ada")
    raw = bytearray(base64.b64decode(found["$enc"][name]))
    raw[0] ^= 1
    found["$enc"][name] = base64.b64encode(raw).decode()
    with pytest.raises(PersonalError, match="not what was sealed"):
        one.open("pay_1", "payer", found)


@pytest.mark.parametrize("found", [{}, {"$enc": {}}, {"$enc": "x"}, {"$enc": {"purpose": "else"}}])
def test_what_is_no_sealed_field_is_refused(found: dict[str, Any]) -> None:
    with pytest.raises(PersonalError, match="no sealed field"):
        cipher().open("pay_1", "payer", found)


def test_erasing_one_purpose_leaves_the_other() -> None:
    keys = Memory()
    one = FieldCipher(keys)
    payment = one.seal("pay_1", "payer", "person_a", Purpose.PAYMENT, "Ada")
    tax = one.seal("pay_1", "tax", "person_a", Purpose.TAX, "DE")
    del keys.keys["person_a", Purpose.PAYMENT]
    with pytest.raises(KeyGone):
        one.open("pay_1", "payer", payment)
    assert one.open("pay_1", "tax", tax) == "DE"


def test_pseudonyms_depend_on_secret_kind_and_value_and_show_none() -> None:
    found = {pseudonym(s, k, v) for s in (b"s", b"t") for k in ("person", "merchant") for v in ("ada", "bob")}
    assert len(found) == 8
    assert pseudonym(b"s", "person", "ada") in found
    assert not any("ada" in one for one in found)


@dataclass
class Stores:
    """Table and KMS of an emulated account, and a clock."""

    dynamodb: Any
    kms: Any
    key_arn: str
    now: float = 0.0

    def keys(self) -> SubjectKeys:
        return SubjectKeys(self.dynamodb, self.kms, table="keys", key_arn=self.key_arn, clock=lambda: self.now)

    def erase(self, subject: str) -> None:
        self.dynamodb.delete_item(TableName="keys", Key={"subject": {"S": subject}, "purpose": {"S": "payment"}})


@pytest.fixture
def stores() -> Iterator[Stores]:
    with mock_aws():
        dynamodb, kms = (boto3.client(name, region_name="eu-west-1") for name in ("dynamodb", "kms"))
        names = ("subject", "HASH"), ("purpose", "RANGE")
        dynamodb.create_table(
            TableName="keys",
            KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in names],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name, _ in names],
            BillingMode="PAY_PER_REQUEST",
        )
        yield Stores(dynamodb, kms, kms.create_key()["KeyMetadata"]["Arn"])


def test_two_programs_share_a_subjects_key(stores: Stores) -> None:
    made = stores.keys().current("person_a", Purpose.PAYMENT)
    assert stores.keys().current("person_a", Purpose.PAYMENT) == made
    assert stores.keys().find("person_a", Purpose.PAYMENT, made.id) == made
    assert stores.keys().current("person_a", Purpose.FRAUD).key != made.key


def test_of_several_writers_one_wins_and_the_others_take_its_key(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    barrier, one_at_a_time, put = Barrier(4), Lock(), stores.dynamodb.put_item

    def put_together(**request: Any) -> Any:
        barrier.wait(10)
        with one_at_a_time:  # A conditional put is atomic; the emulator in this process looks first and writes then.
            return put(**request)

    monkeypatch.setattr(stores.dynamodb, "put_item", put_together)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: stores.keys().current("person_a", Purpose.PAYMENT), range(4)))
    assert len({(one.id, one.key) for one in found}) == 1
    assert stores.dynamodb.scan(TableName="keys")["Count"] == 1


def test_an_erased_key_is_gone_from_a_process_after_five_minutes(stores: Stores) -> None:
    keys = stores.keys()
    made = keys.current("person_a", Purpose.PAYMENT)
    stores.erase("person_a")
    stores.now = CACHE_S - 1
    assert keys.find("person_a", Purpose.PAYMENT, made.id) == made
    stores.now = CACHE_S
    with pytest.raises(KeyGone):
        keys.find("person_a", Purpose.PAYMENT, made.id)


def test_a_new_key_of_an_erased_subject_opens_nothing_old(stores: Stores) -> None:
    one = FieldCipher(stores.keys())
    old = one.seal("pay_1", "payer", "person_a", Purpose.PAYMENT, "Ada")
    stores.erase("person_a")
    fresh = FieldCipher(stores.keys())
    fresh.seal("pay_2", "payer", "person_a", Purpose.PAYMENT, "Ada")
    with pytest.raises(KeyGone):
        fresh.open("pay_1", "payer", old)


def test_a_wrapped_key_is_bound_to_its_subject(stores: Stores) -> None:
    stores.keys().current("person_a", Purpose.PAYMENT)
    item = stores.dynamodb.scan(TableName="keys")["Items"][0]
    stores.dynamodb.put_item(TableName="keys", Item={**item, "subject": {"S": "person_b"}})
    with pytest.raises(ClientError, match="InvalidCiphertext"):
        stores.keys().find("person_b", Purpose.PAYMENT, item["key_id"]["S"])


def test_no_plain_key_is_in_the_table_or_in_a_printed_key(stores: Stores) -> None:
    made = stores.keys().current("person_a", Purpose.PAYMENT)
    item = stores.dynamodb.scan(TableName="keys")["Items"][0]
    assert made.key not in item["wrapped"]["B"]
    assert repr(made) == f"DataKey(id={made.id!r})"
