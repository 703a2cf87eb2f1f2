"""The times of the register of retention: what they are, and what a wrong entry is told."""

from typing import Any

import pytest
import yaml

import catalogue
from catalogue.load import DIRECTORY, CatalogueError, read
from catalogue.processing_model import Processing
from policies.retention import within_register
from policies.stores import DATA_CLASSES, STORES

REGISTER = "processing.yaml"
BUCKET, FILES = "aws:s3/bucket:Bucket", "aws:efs/fileSystem:FileSystem"


def register(tmp_path: Any, **changed: Any) -> Processing:
    """The project's own register with other entries of retention, or without one (None)."""
    document = yaml.safe_load((DIRECTORY / REGISTER).read_text(encoding="utf-8"))
    for name, entry in changed.items():
        document["retention"][name.replace("_", "-")] = entry
    path = tmp_path / REGISTER
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return read(path, Processing)


def entry(**changed: Any) -> dict[str, Any]:
    return {
        "stores": [FILES],
        "longest_days": 30,
        "reason": "r",
        "source": "https://a",
    } | changed


def test_each_time_is_for_types_of_stores_that_policies_know_and_speaks_of_known_classes() -> None:
    kept = catalogue.processing().retention.values()
    assert {type_ for one in kept for type_ in one.stores} <= STORES.keys()
    assert {word for one in kept for word in one.data_classes} == set(DATA_CLASSES)


def test_a_type_without_classes_has_one_time_for_all_of_them() -> None:
    times = catalogue.processing().longest_days
    assert {times("aws:cloudwatch/logGroup:LogGroup", word) for word in DATA_CLASSES} == {365}
    assert times(BUCKET, "payments") == 2587
    assert times(BUCKET, "confidential") == 3680
    assert times(BUCKET, "public") is None


def test_what_the_register_has_no_time_for_fails_with_what_to_enter() -> None:
    verdict = within_register(1, "days", FILES, "personal")
    assert verdict.reason == f"the register has no longest time for personal data in stores of type {FILES}"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (entry(longest_days=0), "retention.new.longest_days: Value error, 0 is outside 1..36500 days; write the days"),
        (entry(longest_days="seven years"), "retention.new.longest_days: Input should be a valid integer"),
        (entry(reason=""), "retention.new.reason: String should have at least 1 character"),
        (entry(source="a law"), "retention.new.source: String should match pattern"),
        (entry(data_classes=["secret"]), "retention.new.data_classes.0: Input should be 'public', 'internal'"),
        (entry(stores=[]), "retention.new.stores: Tuple should have at least 1 item"),
        (entry(years=7), "retention.new.years: Extra inputs are not permitted"),
        ({"stores": [BUCKET]}, "retention.new.longest_days: Field required"),
        (
            entry(stores=[BUCKET], data_classes=["payments"]),
            f"retention.new: {BUCKET} of class payments has a time in payment-records already; give each type",
        ),
    ],
)
def test_a_wrong_entry_is_told_with_file_key_rule_and_fix(tmp_path: Any, wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(CatalogueError) as refused:
        register(tmp_path, new=wrong)
    assert str(tmp_path / REGISTER) in str(refused.value)
    assert told in str(refused.value)


def test_a_right_entry_is_taken(tmp_path: Any) -> None:
    assert register(tmp_path, new=entry()).longest_days(FILES, "personal") == 30
