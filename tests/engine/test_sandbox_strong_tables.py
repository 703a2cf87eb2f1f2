"""A DynamoDB global table with multi-Region strong consistency, seen through boto3."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError
from test_sandbox_outages import client, told

from conftest import Sandbox
from sandbox.regions import RegionFault

pytestmark = pytest.mark.engine

HOME, AWAY, WITNESS = "eu-west-1", "eu-central-1", "eu-west-3"
TABLE = "epoch"
PLAIN: dict[str, Any] = {
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "BillingMode": "PAY_PER_REQUEST",
}
ADDED: dict[str, Any] = {
    "ReplicaUpdates": [{"Create": {"RegionName": AWAY}}],
    "GlobalTableWitnessUpdates": [{"Create": {"RegionName": WITNESS}}],
    "MultiRegionConsistency": "STRONG",
}


class Strong:
    """Two replicas and a witness."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self.clients = {region: client(sandbox, "dynamodb", region) for region in (HOME, AWAY, WITNESS)}
        self.clients[HOME].create_table(TableName=TABLE, **PLAIN)
        self.clients[HOME].update_table(TableName=TABLE, **ADDED)

    @contextmanager
    def suffer(self, fault: RegionFault, *regions: str) -> Iterator[None]:
        told(self._sandbox, [[fault, region] for region in regions])
        try:
            yield
        finally:
            told(self._sandbox, [])

    def put(self, region: str, key: str, value: int, **more: Any) -> None:
        self.clients[region].put_item(TableName=TABLE, Item={"id": {"S": key}, "value": {"N": str(value)}}, **more)

    def read(self, region: str, key: str, *, strongly: bool = True) -> int | None:
        got = self.clients[region].get_item(TableName=TABLE, Key={"id": {"S": key}}, ConsistentRead=strongly)
        return int(got["Item"]["value"]["N"]) if "Item" in got else None


@pytest.fixture(scope="module")
def strong(bare_sandbox: Sandbox) -> Strong:
    return Strong(bare_sandbox)


def refused(do: Callable[[], Any]) -> str:
    with pytest.raises(ClientError) as error:
        do()
    return str(error.value.response["Error"]["Code"])


def test_a_write_is_seen_everywhere_at_once(strong: Strong) -> None:
    for value in range(20):
        strong.put(HOME, "of-home", value)
        assert strong.read(AWAY, "of-home") == value
        strong.put(AWAY, "of-away", value)
        assert strong.read(HOME, "of-away") == value


def test_of_conditional_puts_in_two_regions_one_wins(strong: Strong) -> None:
    def put(region: str, number: int) -> bool:
        try:
            strong.put(region, f"first-{number}", 1, ConditionExpression="attribute_not_exists(id)")
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        asked = [(region, number) for number in range(40) for region in (HOME, AWAY)]
        won = list(pool.map(lambda one: put(*one), asked))
    for number in range(40):
        assert won[2 * number] + won[2 * number + 1] == 1


def test_each_replica_describes_the_others_and_the_witness(strong: Strong) -> None:
    for region, other in ((HOME, AWAY), (AWAY, HOME)):
        table = strong.clients[region].describe_table(TableName=TABLE)["Table"]
        assert table["MultiRegionConsistency"] == "STRONG"
        assert [one["RegionName"] for one in table["Replicas"]] == [other]
        assert table["GlobalTableWitnesses"] == [{"RegionName": WITNESS, "WitnessStatus": "ACTIVE"}]
    assert strong.clients[WITNESS].list_tables()["TableNames"] == []


@pytest.mark.parametrize("fault", [RegionFault.DEAD, RegionFault.CUT])
@pytest.mark.parametrize("lost", [HOME, WITNESS])
def test_without_one_of_three_places_the_others_read_and_write(strong: Strong, fault: RegionFault, lost: str) -> None:
    key = f"without-{lost}-{fault}"
    strong.put(HOME, key, 1)
    with strong.suffer(fault, lost):
        assert strong.read(AWAY, key) == 1
        strong.put(AWAY, key, 2)
        assert strong.read(AWAY, key) == 2
    assert strong.read(HOME, key) == 2


def test_what_was_written_without_a_place_outlives_its_writer(strong: Strong) -> None:
    with strong.suffer(RegionFault.DEAD, HOME):
        strong.put(AWAY, "kept", 1)
    with strong.suffer(RegionFault.DEAD, AWAY):
        assert strong.read(HOME, "kept") == 1


def test_a_region_that_is_cut_off_reads_its_own_and_promises_nothing(strong: Strong) -> None:
    strong.put(HOME, "cut", 1)
    with strong.suffer(RegionFault.CUT, HOME):
        strong.put(AWAY, "cut", 2)
        assert refused(lambda: strong.put(HOME, "cut", 3)) == "InternalServerError"
        assert refused(lambda: strong.read(HOME, "cut")) == "InternalServerError"
        assert strong.read(HOME, "cut", strongly=False) == 1
    assert strong.read(HOME, "cut") == 2


def test_two_places_lost_leave_none_that_works(strong: Strong) -> None:
    with strong.suffer(RegionFault.DEAD, HOME, WITNESS):
        assert refused(lambda: strong.put(AWAY, "alone", 1)) == "InternalServerError"


def test_transactions_and_ttl_are_refused(strong: Strong) -> None:
    home = strong.clients[HOME]
    put = {"Put": {"TableName": TABLE, "Item": {"id": {"S": "one"}}}}
    assert refused(lambda: home.transact_write_items(TransactItems=[put])) == "ValidationException"
    get = {"Get": {"TableName": TABLE, "Key": {"id": {"S": "one"}}}}
    assert refused(lambda: home.transact_get_items(TransactItems=[get])) == "ValidationException"
    ttl = {"Enabled": True, "AttributeName": "until"}
    assert refused(lambda: home.update_time_to_live(TableName=TABLE, TimeToLiveSpecification=ttl)) == (
        "ValidationException"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"ReplicaUpdates": [{"Create": {"RegionName": AWAY}}, {"Create": {"RegionName": WITNESS}}]},
        {"GlobalTableWitnessUpdates": [{"Create": {"RegionName": "us-east-1"}}]},
        {"ReplicaUpdates": [{"Create": {"RegionName": AWAY}}, {"Create": {"RegionName": "eu-west-2"}}]},
    ],
)
def test_other_than_three_regions_of_one_set_are_refused(strong: Strong, change: dict[str, Any]) -> None:
    home = strong.clients[HOME]
    if "other" not in home.list_tables()["TableNames"]:
        home.create_table(TableName="other", **PLAIN)
    assert refused(lambda: home.update_table(TableName="other", **{**ADDED, **change})) == "ValidationException"
    assert "Replicas" not in home.describe_table(TableName="other")["Table"]


def test_a_table_with_items_is_refused(strong: Strong) -> None:
    home = strong.clients[HOME]
    home.create_table(TableName="full", **PLAIN)
    home.put_item(TableName="full", Item={"id": {"S": "one"}})
    assert refused(lambda: home.update_table(TableName="full", **ADDED)) == "ValidationException"


def test_the_places_leave_together(strong: Strong) -> None:
    home = strong.clients[HOME]
    home.create_table(TableName="short", **PLAIN)
    home.update_table(TableName="short", **ADDED)
    leaves: dict[str, Any] = {"ReplicaUpdates": [{"Delete": {"RegionName": AWAY}}]}
    assert refused(lambda: home.update_table(TableName="short", **leaves)) == "ValidationException"
    leaves["GlobalTableWitnessUpdates"] = [{"Delete": {"RegionName": WITNESS}}]
    home.update_table(TableName="short", **leaves)
    table = home.describe_table(TableName="short")["Table"]
    assert not {"Replicas", "MultiRegionConsistency", "GlobalTableWitnesses"} & set(table)
