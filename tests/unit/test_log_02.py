"""LOG-02: data events of buckets and tables with personal data."""

from dataclasses import replace

import pytest
from pulumi_policy.proxy import unknown_checking_proxy

from policies.control import Status
from policies.resources import Resource
from policies.testing import UNKNOWN, resource, verdicts

EVENTS, REGION = "data_events_are_recorded", "data_events_stay_in_their_region"
OBJECTS, ITEMS = "AWS::S3::Object", "AWS::DynamoDB::Table"
HERE, THERE = "eu-west-1", "eu-central-1"
ITEM_ARN = f"arn:aws:dynamodb:{HERE}:123456789012:table/"

BUCKET = resource("aws:s3/bucket:Bucket", "store", region=HERE, bucket="payments", arn=UNKNOWN)
NAMED = unknown_checking_proxy({"region": HERE, "name": "subjects", "arn": UNKNOWN})
TABLE = replace(resource("aws:dynamodb/table:Table", "store"), props=NAMED)
UNNAMED = resource("aws:s3/bucket:Bucket", "store", region=HERE, bucket=UNKNOWN, arn=UNKNOWN)


def tagged(type_: str, **tags: str) -> Resource:
    found = {f"payment-cell:{name.replace('_', '-')}": value for name, value in tags.items()}
    return resource(type_, "store", region=HERE, tags=found)


def basic(type_: str, *values: str, **more: object) -> dict[str, object]:
    return {"dataResources": [{"type": type_, "values": list(values)}], **more}


def advanced(type_: str, **fields: dict[str, list[str]]) -> dict[str, object]:
    """`arn={"startsWiths": [...]}` is of `resources.ARN`, any other field of its name."""
    all_ = {"eventCategory": {"equals": ["Data"]}, "resources.type": {"equals": [type_]}}
    all_ |= {"resources.ARN" if name == "arn" else name: value for name, value in fields.items()}
    return {"fieldSelectors": [{"field": name, **value} for name, value in all_.items()]}


def trail(*selectors: dict[str, object], of: tuple[Resource, ...] = (), **more: object) -> Resource:
    name = "eventSelectors" if any("dataResources" in one for one in selectors) else "advancedEventSelectors"
    props = {"region": HERE, name: list(selectors)} if selectors else {"region": HERE}
    return resource("aws:cloudtrail/trail:Trail", "trail", {name: of}, **{**props, **more})


def judged(store: Resource, *trails: Resource) -> Status:
    return verdicts("LOG-02", store, *trails)["store", EVENTS]


def test_a_store_that_no_trail_records_fails() -> None:
    for store in (BUCKET, TABLE):
        assert judged(store) is Status.FAIL
        assert judged(store, trail()) is Status.FAIL


@pytest.mark.parametrize(
    ("store", "selector", "expected"),
    [
        (BUCKET, basic(OBJECTS, "arn:aws:s3:::payments/"), Status.PASS),
        (BUCKET, basic(OBJECTS, "arn:aws:s3"), Status.PASS),
        (BUCKET, basic(OBJECTS, "arn:aws:s3:::payments/2026/"), Status.FAIL),
        (BUCKET, basic(OBJECTS, "arn:aws:s3:::payments-old/"), Status.FAIL),
        (BUCKET, basic(ITEMS, "arn:aws:dynamodb"), Status.FAIL),
        (BUCKET, basic(OBJECTS, "arn:aws:s3", readWriteType="WriteOnly"), Status.FAIL),
        (TABLE, basic(ITEMS, f"{ITEM_ARN}subjects"), Status.PASS),
        (TABLE, basic(ITEMS, f"{ITEM_ARN}other"), Status.FAIL),
        (UNNAMED, basic(OBJECTS, "arn:aws:s3"), Status.PASS),
        (UNNAMED, basic(OBJECTS, "arn:aws:s3:::payments/"), Status.UNDETERMINED),
    ],
)
def test_basic_selectors_name_a_store_by_the_begin_of_its_arn(
    store: Resource, selector: dict[str, object], expected: Status
) -> None:
    assert judged(store, trail(selector)) is expected


@pytest.mark.parametrize(
    ("store", "selector", "expected"),
    [
        (BUCKET, advanced(OBJECTS), Status.PASS),
        (BUCKET, advanced(ITEMS), Status.FAIL),
        (
            BUCKET,
            advanced(OBJECTS, arn={"startsWiths": ["arn:aws:s3:::other/", "arn:aws:s3:::payments/"]}),
            Status.PASS,
        ),
        (BUCKET, advanced(OBJECTS, arn={"startsWiths": ["arn:aws:s3:::payments/2026"]}), Status.FAIL),
        (BUCKET, advanced(OBJECTS, arn={"equals": ["arn:aws:s3:::payments/"]}), Status.FAIL),
        (BUCKET, advanced(OBJECTS, arn={"notStartsWiths": ["arn:aws:s3:::logs/"]}), Status.PASS),
        (BUCKET, advanced(OBJECTS, arn={"notStartsWiths": ["arn:aws:s3:::payments/tmp/"]}), Status.FAIL),
        (BUCKET, advanced(OBJECTS, arn={"endsWiths": [".pdf"]}), Status.FAIL),
        (BUCKET, advanced(OBJECTS, eventName={"equals": ["GetObject"]}), Status.FAIL),
        (BUCKET, advanced(OBJECTS, readOnly={"equals": ["true"]}), Status.FAIL),
        (BUCKET, advanced(OBJECTS, readOnly={"equals": ["true", "false"]}), Status.PASS),
        (TABLE, advanced(ITEMS, arn={"equals": [f"{ITEM_ARN}subjects"]}), Status.PASS),
        (TABLE, advanced(ITEMS, arn={"equals": [f"{ITEM_ARN}subjects-old"]}), Status.FAIL),
        (TABLE, advanced(ITEMS, arn={"startsWiths": [f"{ITEM_ARN}sub"]}), Status.PASS),
        (TABLE, advanced(ITEMS, arn={"equals": [UNKNOWN]}), Status.UNDETERMINED),
    ],
)
def test_advanced_selectors_leave_nothing_of_a_store_out(
    store: Resource, selector: dict[str, object], expected: Status
) -> None:
    assert judged(store, trail(selector)) is expected


def test_reads_and_writes_may_stand_in_two_selectors_or_trails() -> None:
    reads, writes = (advanced(OBJECTS, readOnly={"equals": [word]}) for word in ("true", "false"))
    assert judged(BUCKET, trail(reads, writes)) is Status.PASS
    assert judged(BUCKET, trail(reads), trail(writes)) is Status.PASS


def test_an_unknown_value_is_followed_to_the_store_that_it_comes_from() -> None:
    other = resource("aws:s3/bucket:Bucket", "other", region=HERE, bucket=UNKNOWN)
    named = advanced(OBJECTS, arn={"startsWiths": [UNKNOWN]})
    assert judged(UNNAMED, trail(named, of=(UNNAMED,))) is Status.PASS
    assert judged(UNNAMED, trail(named, of=(other,)), other) is Status.FAIL
    assert judged(UNNAMED, trail(named)) is Status.UNDETERMINED
    but = advanced(OBJECTS, arn={"notStartsWiths": [UNKNOWN]})
    assert judged(UNNAMED, trail(but, of=(UNNAMED,))) is Status.FAIL
    assert judged(UNNAMED, trail(but, of=(other,)), other) is Status.PASS


def test_an_unknown_selector_hides_no_trail_that_records() -> None:
    unclear, clear = advanced(OBJECTS, arn={"startsWiths": [UNKNOWN]}), advanced(OBJECTS)
    assert judged(UNNAMED, trail(unclear), trail(clear)) is Status.PASS


def test_only_a_trail_of_the_region_that_is_logging_counts() -> None:
    assert judged(BUCKET, trail(advanced(OBJECTS), region=THERE)) is Status.FAIL
    assert judged(BUCKET, trail(advanced(OBJECTS), enableLogging=False)) is Status.FAIL
    assert judged(BUCKET, trail(advanced(OBJECTS), enableLogging=UNKNOWN)) is Status.UNDETERMINED


def test_stores_without_personal_data_and_buckets_of_trails_need_none() -> None:
    assert judged(tagged("aws:s3/bucket:Bucket", data_class="confidential")) is Status.NOT_APPLICABLE
    assert judged(tagged("aws:dynamodb/table:Table", data_class="payments")) is Status.FAIL
    assert judged(BUCKET, trail(s3BucketName="payments")) is Status.NOT_APPLICABLE
    assert judged(tagged("aws:s3/bucket:Bucket", use="audit-trail")) is Status.NOT_APPLICABLE


def test_a_trail_of_data_events_is_of_one_region() -> None:
    def region(of: Resource) -> Status:
        return verdicts("LOG-02", of)["trail", REGION]

    for selector in (advanced(OBJECTS), basic(OBJECTS, "arn:aws:s3")):
        assert region(trail(selector)) is Status.PASS
        assert region(trail(selector, isMultiRegionTrail=True)) is Status.FAIL
        assert region(trail(selector, isMultiRegionTrail=UNKNOWN)) is Status.UNDETERMINED
    assert region(trail(isMultiRegionTrail=True)) is Status.NOT_APPLICABLE
