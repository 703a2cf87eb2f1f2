"""RES-07: where logs go."""

import pytest
from listed_processors import listed

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


def answered(region: str, **props: object) -> dict[str, Status]:
    """What is said of a delivery stream whose buckets are in a region."""
    bucket = resource("aws:s3/bucket:Bucket", "b", region=region)
    stream = resource(FIREHOSE, "s", {name: [bucket] for name in props}, region="eu-west-1", tags=EU, **props)
    return {clause: status for (_, clause), status in verdicts("RES-07", stream, bucket).items()}


def test_a_delivery_stream_is_judged_by_its_buckets() -> None:
    for to in ({"extendedS3Configuration": {"bucketArn": UNKNOWN}}, {"httpEndpointConfiguration": {"url": UNKNOWN}}):
        assert answered("us-east-1", **to)["firehose_stays_inside"] is Status.FAIL
        assert answered("eu-central-1", **to)["firehose_stays_inside"] is Status.PASS
        assert answered(UNKNOWN, **to)["firehose_stays_inside"] is Status.UNDETERMINED
    assert answered("eu-central-1")["firehose_stays_inside"] is Status.NOT_APPLICABLE


def test_an_http_endpoint_is_a_listed_processor_or_aws_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    listed(monkeypatch, hosts=["logs.example"])

    def status(url: object) -> Status:
        return answered("eu-central-1", httpEndpointConfiguration={"url": url})["http_endpoint_stays_inside"]

    assert status("https://logs.example/in") is Status.PASS
    assert status("https://LOGS.example./in") is Status.PASS
    assert status("https://other.logs.example/in") is Status.FAIL
    assert status("https://logs.example.evil.example/in") is Status.FAIL
    assert status("https://a.execute-api.eu-central-1.amazonaws.com/in") is Status.PASS
    assert status("https://a.execute-api.us-east-1.amazonaws.com/in") is Status.FAIL
    assert status("https://eu-west-1.s3.us-east-1.amazonaws.com/in") is Status.FAIL, "a bucket's name comes first"
    assert status("https://eu-central-1.amazonaws.com.evil.example/in") is Status.FAIL
    assert status(UNKNOWN) is Status.UNDETERMINED
    for text in ("[secret]", "https://[secret"):
        assert status(text) is Status.NOT_OBSERVED
    assert answered("eu-central-1")["http_endpoint_stays_inside"] is Status.NOT_APPLICABLE
