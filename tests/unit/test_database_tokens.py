"""Tokens of rds-db:connect: what botocore makes is accepted, and nothing else is."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from sandbox.aws.extensions import db_tokens
from sandbox.aws.extensions.db_tokens import Refused, Token, check_request, parse, sign

HOST, REGION = "cell-s00.proxy-abc.eu-west-1.rds.amazonaws.com", "eu-west-1"
SECRET = "wJalr/XUtnFEMI+K7MDENG"
WANTED: dict[str, Any] = {"host": f"{HOST}:5432", "user": "payments", "region": REGION}


@pytest.fixture
def token() -> str:
    session: Any = boto3.Session(
        aws_access_key_id="ASIAEXAMPLE", aws_secret_access_key=SECRET, aws_session_token="session/with+signs="
    )
    rds = session.client("rds", region_name=REGION)
    return str(rds.generate_db_auth_token(DBHostname=HOST, Port=5432, DBUsername="payments"))


def refusal(token: Token, **changed: Any) -> str:
    with pytest.raises(Refused) as caught:
        check_request(token, **{**WANTED, "now": datetime.now(UTC), **changed})
    return str(caught.value)


def test_what_botocore_signs_has_the_signature_that_is_expected(token: str) -> None:
    parsed = parse(token)
    assert sign(parsed, SECRET) == parsed.signature
    check_request(parsed, **WANTED, now=datetime.now(UTC))


def test_another_key_or_another_value_gives_another_signature(token: str) -> None:
    parsed = parse(token)
    assert sign(parsed, SECRET + "x") != parsed.signature
    assert sign(replace(parsed, values={**parsed.values, "DBUser": "cell_master"}), SECRET) != parsed.signature
    assert sign(replace(parsed, host="other:5432"), SECRET) != parsed.signature


@pytest.mark.parametrize("text", ["", "hunter2", "host:5432/?Action=connect", "host/?X-Amz-Signature=00"])
def test_a_password_is_no_token(text: str) -> None:
    with pytest.raises(Refused, match="not a presigned token"):
        parse(text)


def test_host_user_and_region_have_to_be_the_proxys(token: str) -> None:
    parsed = parse(token)
    assert "not for other:5432" in refusal(parsed, host="other:5432")
    assert "for the user payments, not for relay" in refusal(parsed, user="relay")
    assert "eu-west-1/rds-db/aws4_request" in refusal(parsed, region="eu-west-2")


def test_a_token_is_good_for_fifteen_minutes_whatever_it_says(token: str) -> None:
    parsed = parse(token)
    now = datetime.now(UTC)
    check_request(parsed, **WANTED, now=now + timedelta(minutes=14, seconds=50))
    assert "expired" in refusal(parsed, now=now + timedelta(minutes=15, seconds=2))
    longer = replace(parsed, values={**parsed.values, "X-Amz-Expires": "86400"})
    assert "expired" in refusal(longer, now=now + timedelta(minutes=15, seconds=2))
    shorter = replace(parsed, values={**parsed.values, "X-Amz-Expires": "60"})
    assert "expired" in refusal(shorter, now=now + timedelta(minutes=2))
    assert "of the future" in refusal(parsed, now=now - timedelta(minutes=6))


def test_a_token_without_a_date_is_refused(token: str) -> None:
    parsed = parse(token)
    values = {name: value for name, value in parsed.values.items() if name != "X-Amz-Date"}
    assert "no date" in refusal(replace(parsed, values=values))


def test_the_answer_to_a_wrong_token_holds_its_reason() -> None:
    asked = b'{"token": "hunter2", "host": "h:5432", "user": "u", "account": "1", "region": "r", "resource": "prx-1"}'
    assert db_tokens.answer(db_tokens.CHECK, asked) == {
        "allowed": False,
        "reason": "the password is not a presigned token",
    }
