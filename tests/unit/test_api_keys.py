"""API keys prove themselves, idempotency keys stand for one request."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import api_keys, idempotency
from contracts.api_keys import ApiKeyError, KeyKind, Secrets
from contracts.idempotency import IdempotencyError, Record, State, Verdict

SECRET, OTHER = "s" * 43, "t" * 43
ACCOUNTS = st.from_regex(r"acct_[a-z0-9]{4,40}", fullmatch=True)


@given(st.sampled_from(KeyKind), ACCOUNTS)
def test_a_key_says_whose_it_is_and_proves_it(kind: KeyKind, account: str) -> None:
    key = api_keys.check(api_keys.make(SECRET, kind, account), Secrets(current=SECRET))
    assert (key.kind, key.account) == (kind, account)


def test_a_keys_form_stays_as_it_was_handed_out() -> None:
    """openssl dgst -sha256 -hmac <secret> -binary | head -c 20 | base32"""
    key = "sk_live_acct_1234.lpovgdvhr3dtyn6cppki2ry4s4cj7d2a"
    assert api_keys.make(SECRET, KeyKind.LIVE, "acct_1234") == key


def test_keys_under_the_previous_secret_are_valid_until_it_is_taken_away() -> None:
    key = api_keys.make(OTHER, KeyKind.LIVE, "acct_1234")
    assert api_keys.check(key, Secrets(current=SECRET, previous=OTHER)).account == "acct_1234"
    with pytest.raises(ApiKeyError, match="not made under a secret of this cell"):
        api_keys.check(key, Secrets(current=SECRET))


def test_a_key_cannot_be_turned_into_another_accounts_or_kinds() -> None:
    key = api_keys.make(SECRET, KeyKind.TEST, "acct_1234")
    for forged in (key.replace("1234", "1235"), key.replace("sk_test", "sk_live"), key.replace("sk_test", "pk_live")):
        with pytest.raises(ApiKeyError):
            api_keys.check(forged, Secrets(current=SECRET))


@given(st.text(max_size=80))
def test_what_is_no_key_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ApiKeyError) as refused:
        api_keys.read(text)
    assert str(refused.value) == "api key: not sk_live_, sk_test_ or pk_live_ with an account, a dot and 32 characters"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"current": "short"}', '{"current": 1}', '{"current": null}'])
def test_a_secret_that_would_make_weak_keys_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(ApiKeyError) as refused:
        Secrets.from_json(text)
    assert "short" not in str(refused.value)


def test_the_secret_is_read_as_the_cell_wrote_it() -> None:
    assert Secrets.from_json(f'{{"current": "{SECRET}", "previous": null}}') == Secrets(current=SECRET)


@pytest.mark.parametrize("key", ["k", "k" * 255, "8f14e45f-ceea-467f-a0e6-000000000000"])
def test_keys_of_1_to_255_characters_are_taken(key: str) -> None:
    assert idempotency.check_key(key) == key


@pytest.mark.parametrize("key", [None, "", "k" * 256, "Zoë", "a\nb"])
def test_other_keys_are_refused_and_not_repeated(key: str | None) -> None:
    with pytest.raises(IdempotencyError) as refused:
        idempotency.check_key(key)
    assert not key or key not in str(refused.value)


def test_a_fingerprint_is_of_the_parameters_and_not_of_their_order() -> None:
    def of(body: dict[str, object], path: str = "/v1/payments") -> str:
        return idempotency.fingerprint(b"s", "POST", path, body)

    assert of({"a": 1, "b": [1, 2]}) == of({"b": [1, 2], "a": 1})
    assert len({of({"a": 1}), of({"a": 2}), of({"a": "1"}), of({}), of({"a": 1}, "/other")}) == 5


def test_what_is_stored_of_a_key_is_keyed_and_the_accounts_own() -> None:
    found = {idempotency.digest(s, a, "ada@example.org") for s in (b"s", b"t") for a in ("acct_1111", "acct_2222")}
    assert len(found) == 4
    assert not any("ada" in one for one in found)


@pytest.mark.parametrize(
    ("state", "wanted", "verdict"),
    [
        (State.IN_FLIGHT, "f", Verdict.WAIT),
        (State.DONE, "f", Verdict.REPLAY),
        (State.IN_FLIGHT, "g", Verdict.MISMATCH),
        (State.DONE, "g", Verdict.MISMATCH),
    ],
)
def test_a_second_request_waits_is_answered_or_refused(state: State, wanted: str, verdict: Verdict) -> None:
    assert idempotency.decide(Record(fingerprint="f", state=state), wanted) is verdict
