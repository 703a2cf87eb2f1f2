"""Transactions of the emulated DynamoDB: plain ones quickly, and all of them as moto has them."""

import os
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.dynamodb import models

from sandbox.aws.extensions import dynamodb
from sandbox.aws.extensions.dynamodb import updated

TABLE = "features"


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setitem(os.environ, name, "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setattr(models.dynamodb_backends, "backend", models.DynamoDBBackend)
    dynamodb.install()
    with mock_aws():
        made = boto3.client("dynamodb", region_name="eu-west-1")
        made.create_table(
            TableName=TABLE,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "n", "KeyType": "RANGE"}],
            AttributeDefinitions=[
                {"AttributeName": "id", "AttributeType": "S"},
                {"AttributeName": "n", "AttributeType": "N"},
            ],
            BillingMode="PAY_PER_REQUEST",
        )
        yield made


def update(id_: str, expression: str, names: dict[str, str], values: dict[str, Any]) -> dict[str, Any]:
    return {
        "Update": {
            "TableName": TABLE,
            "Key": {"id": {"S": id_}, "n": {"N": "1"}},
            "UpdateExpression": expression,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
        }
    }


def item(client: Any, id_: str) -> dict[str, Any] | None:
    found: dict[str, Any] | None = client.get_item(TableName=TABLE, Key={"id": {"S": id_}, "n": {"N": "1"}}).get("Item")
    return found


COUNT = ("SET #e = :e, #f = if_not_exists(#f, :f) ADD #c :c, #l :l", {"#e": "e", "#f": "f", "#c": "c", "#l": "l"})


def counted(number: str, link: str, first: str) -> dict[str, Any]:
    return {":e": {"N": number}, ":f": {"N": first}, ":c": {"N": number}, ":l": {"SS": [link]}}


def test_sums_add_up_sets_unite_and_what_was_first_stays(client: Any) -> None:
    client.transact_write_items(TransactItems=[update("a", *COUNT, counted("1.5", "x", "7"))])
    client.transact_write_items(TransactItems=[update("a", *COUNT, counted("2", "y", "9"))])
    found = item(client, "a")
    assert found is not None
    assert (found["c"], found["e"], found["f"]) == ({"N": "3.5"}, {"N": "2"}, {"N": "7"})
    assert sorted(found["l"]["SS"]) == ["x", "y"]


def test_a_transaction_that_fails_changes_nothing(client: Any) -> None:
    client.put_item(TableName=TABLE, Item={"id": {"S": "b"}, "n": {"N": "1"}, "c": {"S": "text"}})
    with pytest.raises(ClientError, match="incorrect data type"):
        client.transact_write_items(
            TransactItems=[update("a", *COUNT, counted("1", "x", "7")), update("b", *COUNT, counted("1", "x", "7"))]
        )
    assert item(client, "a") is None
    assert item(client, "b") == {"id": {"S": "b"}, "n": {"N": "1"}, "c": {"S": "text"}}


def test_a_condition_is_still_looked_at(client: Any) -> None:
    put = {"TableName": TABLE, "Item": {"id": {"S": "a"}, "n": {"N": "1"}}}
    write = {"Put": {**put, "ConditionExpression": "attribute_not_exists(id)"}}
    client.transact_write_items(TransactItems=[write])
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        client.transact_write_items(TransactItems=[write])


def test_the_same_item_twice_is_refused(client: Any) -> None:
    with pytest.raises(ClientError, match="multiple operations on one item"):
        client.transact_write_items(TransactItems=[update("a", *COUNT, counted("1", "x", "7"))] * 2)


@pytest.mark.parametrize("expression", ["REMOVE #c", "SET #c = #c + :c", "SET #c = :c REMOVE #e", "DELETE #l :l"])
def test_other_expressions_are_left_to_moto(expression: str) -> None:
    write = update("a", expression, COUNT[1], counted("1", "x", "7"))["Update"]
    assert updated(write, None) is None


def test_a_query_finds_the_items_of_its_key_in_order(client: Any) -> None:
    for id_ in ("a", "b"):
        for number in (3, 1, 2):
            client.put_item(TableName=TABLE, Item={"id": {"S": id_}, "n": {"N": str(number)}})
    asked = {
        "TableName": TABLE,
        "KeyConditionExpression": "id = :i AND n >= :n",
        "ExpressionAttributeValues": {":i": {"S": "a"}, ":n": {"N": "2"}},
    }
    found = client.query(**asked)["Items"]
    assert [(item["id"]["S"], item["n"]["N"]) for item in found] == [("a", "2"), ("a", "3")]
    asked["ExpressionAttributeValues"][":i"] = {"S": "nobody"}
    assert client.query(**asked)["Items"] == []
