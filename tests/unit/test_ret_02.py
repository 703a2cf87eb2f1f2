"""RET-02: what is kept of a person can be erased."""

import pytest
from judged import status, unasked

from policies.control import Status
from policies.resources import Resource
from policies.testing import UNKNOWN, resource

TABLE = "aws:dynamodb/table:Table"
PERSONAL = {"payment-cell:data-class": "personal", "payment-cell:cell": "a"}


def database(**tags: str) -> Resource:
    return resource("aws:rds/cluster:Cluster", "c", tags={**PERSONAL, **tags})


def keys(cell: str = "a", use: str = "subject-keys") -> Resource:
    return resource(TABLE, "keys", tags={**PERSONAL, "payment-cell:cell": cell, "payment-cell:use": use})


def test_what_is_shredded_needs_the_table_of_its_cells_subject_keys() -> None:
    assert status("RET-02", database(), keys()) is Status.PASS
    assert status("RET-02", database()) is Status.FAIL
    assert status("RET-02", database(), keys("b")) is Status.FAIL
    assert status("RET-02", database(), keys(use="features")) is Status.FAIL


def test_a_replicas_subject_keys_are_in_its_primarys_table() -> None:
    def wraps(cell: str, use: str) -> Resource:
        tags = {**PERSONAL, "payment-cell:cell": cell, "payment-cell:use": use}
        return resource("aws:kms/replicaKey:ReplicaKey", "subjects", tags=tags)

    assert status("RET-02", database(), wraps("a", "subject-keys")) is Status.PASS
    assert status("RET-02", database(), wraps("b", "subject-keys")) is Status.FAIL
    assert status("RET-02", database(), wraps("a", "envelope")) is Status.FAIL


@pytest.mark.parametrize("type_", [TABLE, "aws:kinesis/stream:Stream"])
def test_what_a_program_deletes_or_what_expires_needs_none(type_: str) -> None:
    assert status("RET-02", resource(type_, "s", tags=PERSONAL)) is Status.PASS


def test_an_archive_without_tags_may_use_any_table_of_subject_keys() -> None:
    archive = resource("aws:cloudwatch/eventArchive:EventArchive", "archive")
    assert status("RET-02", archive) is Status.FAIL
    assert status("RET-02", archive, keys()) is Status.PASS


def test_tags_that_are_not_known_yet_are_undetermined() -> None:
    hidden = resource("aws:rds/cluster:Cluster", "c", tags=UNKNOWN)
    assert status("RET-02", hidden, keys()) is Status.UNDETERMINED


def test_other_data_and_other_types_are_not_its_business() -> None:
    assert status("RET-02", database(**{"payment-cell:data-class": "internal"})) is Status.NOT_APPLICABLE
    assert status("RET-02", resource("aws:sns/topic:Topic", "t", tags=PERSONAL)) is Status.NOT_APPLICABLE
    assert unasked("RET-02", resource("aws:kms/key:Key", "k"))
