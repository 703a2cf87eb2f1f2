"""Who writes in a pair: the record and its conditional puts."""

import boto3
import pytest
from moto import mock_aws

from contracts.epoch import KEY, EpochError, Writer, WriterState, put, writer_of

PRIMARY, REPLICA = "eu-west-1", "eu-west-1-replica"
BORN = Writer(epoch=0, cell=PRIMARY)
FENCED = Writer(epoch=1, cell=PRIMARY, state=WriterState.FENCED, run="run-1", changed_at="2026-11-29T10:00:00Z")
MOVED = Writer(epoch=2, cell=REPLICA, regenerate_since="2026-11-29T09:00:00Z", changed_at="2026-11-29T10:01:00Z")


def test_without_a_record_the_primary_writes_and_nobody_else() -> None:
    assert writer_of(None, PRIMARY).lets(PRIMARY)
    assert not writer_of(None, PRIMARY).lets(REPLICA)


@pytest.mark.parametrize("writer", [FENCED, MOVED])
def test_a_record_is_read_as_it_was_written(writer: Writer) -> None:
    assert writer_of(writer.to_item(), PRIMARY) == writer


def test_nobody_writes_while_the_writer_is_fenced() -> None:
    assert not FENCED.lets(PRIMARY)
    assert not FENCED.lets(REPLICA)


def test_a_record_that_cannot_be_read_is_named() -> None:
    with pytest.raises(EpochError, match="no record of a writer"):
        writer_of({KEY: {"S": "writer"}, "epoch": {"N": "1"}}, PRIMARY)


@pytest.mark.parametrize(
    "after",
    [
        Writer(epoch=0, cell=PRIMARY),
        Writer(epoch=1, cell=REPLICA, state=WriterState.FENCED),
        Writer(epoch=1, cell=PRIMARY, state=WriterState.SERVING),
    ],
)
def test_an_epoch_never_goes_back_and_never_has_a_second_writer(after: Writer) -> None:
    with pytest.raises(EpochError):
        put(FENCED, after)


def test_of_two_puts_over_the_same_record_one_is_refused() -> None:
    with mock_aws():
        dynamodb = boto3.client("dynamodb", region_name="eu-west-1")
        dynamodb.create_table(
            TableName="t",
            KeySchema=[{"AttributeName": KEY, "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": KEY, "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        for before, after in ((BORN, FENCED), (FENCED, MOVED)):
            dynamodb.put_item(TableName="t", **put(before, after))
            with pytest.raises(dynamodb.exceptions.ConditionalCheckFailedException):
                dynamodb.put_item(TableName="t", **put(before, after))
