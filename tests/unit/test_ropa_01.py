"""ROPA-01 and RET-02: what the register says of stores."""

from typing import Any

import pytest

import catalogue
from catalogue.load import CatalogueError, read
from catalogue.processing_model import Processing
from policies.control import Status
from policies.resources import Resource
from policies.testing import UNKNOWN, resource, verdicts

SHARD, VOLUME, QUEUE = "aws:rds/cluster:Cluster", "aws:efs/fileSystem:FileSystem", "aws:sqs/queue:Queue"
ACTIVITY, OWNER, FORGETS = "belongs_to_an_activity", "has_an_accountable_owner", "can_forget_a_person"


def store(type_: str, data_class: str | None = "payments", cell: str = "a") -> Resource:
    tags = {"payment-cell:cell": cell, **({"payment-cell:data-class": data_class} if data_class else {})}
    return resource(type_, "store", tags=tags)


def subject_keys(cell: str = "a") -> Resource:
    tags = {"payment-cell:cell": cell, "payment-cell:use": "subject-keys", "payment-cell:data-class": "internal"}
    return resource("aws:dynamodb/table:Table", "keys", tags=tags)


def asked(control: str, *resources: Resource) -> dict[str, Status]:
    return {clause: status for (name, clause), status in verdicts(control, *resources).items() if name == "store"}


def test_a_registered_store_has_activity_and_owner() -> None:
    assert asked("ROPA-01", store(SHARD)) == {ACTIVITY: Status.PASS, OWNER: Status.PASS}


@pytest.mark.parametrize("data_class", ["personal", None, "not a class"])
def test_a_store_that_the_register_does_not_know_fails_untagged_too(data_class: str | None) -> None:
    assert asked("ROPA-01", store(VOLUME, data_class)) == {ACTIVITY: Status.FAIL, OWNER: Status.FAIL}
    assert asked("RET-02", store(VOLUME, data_class)) == {FORGETS: Status.NOT_APPLICABLE}


def test_a_store_without_personal_data_needs_neither() -> None:
    assert set(asked("ROPA-01", store(VOLUME, "confidential")).values()) == {Status.NOT_APPLICABLE}
    assert asked("RET-02", store(VOLUME, "confidential")) == {FORGETS: Status.NOT_APPLICABLE}


def test_an_unknown_class_is_undetermined() -> None:
    unknown = resource(SHARD, "store", tags=UNKNOWN)
    assert set(asked("ROPA-01", unknown).values()) == {Status.UNDETERMINED}
    assert asked("RET-02", unknown) == {FORGETS: Status.UNDETERMINED}


def test_what_is_shredded_needs_the_keys_of_its_own_cell() -> None:
    assert asked("RET-02", store(SHARD), subject_keys()) == {FORGETS: Status.PASS}
    assert asked("RET-02", store(SHARD), subject_keys("other")) == {FORGETS: Status.FAIL}
    assert asked("RET-02", store(SHARD)) == {FORGETS: Status.FAIL}


def test_a_store_of_a_type_without_tags_is_content_with_the_stacks_keys() -> None:
    archive = resource("aws:cloudwatch/eventArchive:EventArchive", "store")
    assert asked("RET-02", archive, subject_keys()) == {FORGETS: Status.PASS}
    assert asked("RET-02", archive) == {FORGETS: Status.FAIL}


def test_what_expires_needs_no_keys() -> None:
    assert asked("RET-02", store(QUEUE)) == {FORGETS: Status.PASS}


def transfer(**changed: Any) -> dict[str, Any]:
    given = {
        "recipient": "support",
        "country": "JP",
        "mechanism": "adequacy",
        "assessed": "2026-01-01",
        "review_by": "2027-01-01",
    }
    return {**catalogue.processing().model_dump(mode="json"), "transfers": [given | changed]}


def test_the_register_takes_a_transfer_with_mechanism_and_dates() -> None:
    assert Processing.model_validate(transfer()).transfers[0].country == "JP"


@pytest.mark.parametrize("changed", [{"mechanism": "article-49"}, {"assessed": None}, {"country": "Japan"}])
def test_the_register_refuses_derogations_and_undated_transfers(changed: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"transfers\.0"):
        Processing.model_validate(transfer(**changed))


def test_an_activity_over_stores_without_an_owner_is_refused(tmp_path: Any) -> None:
    text = (catalogue.load.DIRECTORY / "processing.yaml").read_text(encoding="utf-8")
    path = tmp_path / "processing.yaml"
    path.write_text(text.replace("  aws:kinesis/stream:Stream: {owner: payments-platform, erasure: expiry}\n", ""))
    with pytest.raises(CatalogueError, match="aws:kinesis/stream:Stream"):
        read(path, Processing)
