"""RES-07: where logs go."""

import pytest

from policies.control import Status
from policies.controls.res_07 import SINKS
from policies.testing import UNKNOWN, resource, verdicts

EU = {"payment-cell:jurisdiction": "eu"}
FIREHOSE, FILTER = "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream", "aws:cloudwatch/logSubscriptionFilter"


@pytest.mark.parametrize("type_", sorted(SINKS))
@pytest.mark.parametrize(
    ("region", "expected"),
    [
        ("us-east-1", Status.FAIL),
        ("eu-central-1", Status.PASS),
        ("eu-west-1", Status.PASS),
        (None, Status.UNDETERMINED),
    ],
)
def test_a_sink_of_the_stack_is_in_the_jurisdiction(type_: str, region: str | None, expected: Status) -> None:
    name = SINKS[type_][0]
    sink = resource("aws:s3/bucket:Bucket", "sink", region=region)
    sender = resource(type_, "s", {name: [sink]}, region="eu-west-1", tags=EU, **{name: UNKNOWN})
    assert verdicts("RES-07", sender, sink)["s", "sink_stays_inside"] is expected


def test_a_sink_may_be_named_by_its_arn() -> None:
    def status(destination: object) -> Status:
        sender = resource(f"{FILTER}:LogSubscriptionFilter", "s", region="eu-west-1", destinationArn=destination)
        return verdicts("RES-07", sender)["s", "sink_stays_inside"]

    assert status("arn:aws:logs:us-east-1:1:destination:d") is Status.FAIL
    assert status("arn:aws:logs:eu-central-1:1:destination:d") is Status.PASS
    assert status("arn:aws:s3:::logs") is Status.NOT_OBSERVED
    assert status(None) is Status.NOT_APPLICABLE


def test_access_logs_name_their_bucket_inside() -> None:
    def status(**logs: object) -> Status:
        balancer = resource("aws:lb/loadBalancer:LoadBalancer", "b", **logs)
        return verdicts("RES-07", balancer)["b", "sink_stays_inside"]

    assert status(accessLogs={"bucket": "logs"}) is Status.NOT_OBSERVED
    assert status() is Status.NOT_APPLICABLE


def test_a_delivery_stream_is_judged_by_its_bucket_and_an_endpoint_is_not_known() -> None:
    def status(region: str, **props: object) -> Status:
        bucket = resource("aws:s3/bucket:Bucket", "b", region=region)
        stream = resource(FIREHOSE, "s", {"extendedS3Configuration": [bucket]}, region="eu-west-1", tags=EU, **props)
        return verdicts("RES-07", stream, bucket)["s", "firehose_stays_inside"]

    to_bucket = {"bucketArn": UNKNOWN}
    assert status("us-east-1", extendedS3Configuration=to_bucket) is Status.FAIL
    assert status("eu-central-1", extendedS3Configuration=to_bucket) is Status.PASS
    assert status("eu-central-1", httpEndpointConfiguration={"url": "https://logs.example"}) is Status.NOT_OBSERVED
    assert status("eu-central-1") is Status.NOT_APPLICABLE
