"""RES-07: logs stay in the jurisdiction, or go to a listed processor. Live: where exporters inside a workload send."""

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from policies.control import (
    GDPR,
    Control,
    Severity,
    StackClause,
    Status,
    Strength,
    Verdict,
    not_applicable,
    not_observed,
)
from policies.destinations import all_inside, destinations
from policies.endpoints import url_stays_inside
from policies.resources import Resource, Stack, region_of_arn

SINKS: Mapping[str, tuple[str, ...]] = {
    "aws:cfg/deliveryChannel:DeliveryChannel": ("s3BucketName",),
    "aws:cloudtrail/trail:Trail": ("s3BucketName",),
    "aws:cloudwatch/logDestination:LogDestination": ("targetArn",),
    "aws:cloudwatch/logSubscriptionFilter:LogSubscriptionFilter": ("destinationArn",),
    "aws:ec2/flowLog:FlowLog": ("logDestination",),
    "aws:lb/loadBalancer:LoadBalancer": ("accessLogs", "bucket"),
    "aws:oam/link:Link": ("sinkIdentifier",),
    "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration": ("logDestinationConfigs",),
}
"""What sends logs -> the property, or the property and a name in it, that says where to."""

_FIREHOSE = "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream"
_RECEIVERS = (
    *("aws:s3/bucket:Bucket", "aws:cloudwatch/logGroup:LogGroup", "aws:kinesis/stream:Stream", _FIREHOSE),
    *("aws:cloudwatch/logDestination:LogDestination", "aws:oam/sink:Sink"),
)


def sink_stays_inside(sender: Resource, stack: Stack) -> Verdict:
    name, *inner = SINKS[sender.type]
    sources = [source for source in stack.sources(sender, name) if source.type in _RECEIVERS]
    places = [] if sources else list(_places(sender.given(name), inner))
    if not sources and not places:
        return not_applicable(f"{name} is not set")
    regions = destinations(sender, stack, name, _RECEIVERS, [region_of_arn(place) for place in places])
    verdict = all_inside(regions, sender, stack, "the sink")
    if places and verdict.status is Status.UNDETERMINED:
        return not_observed(f"{name} names a bucket, and a bucket's name tells no region")
    return verdict


def _places(value: Any, inner: list[str]) -> Iterator[str]:
    for part in inner:
        value = (value or {}).get(part)
    if isinstance(value, str):
        yield value
    elif value:
        yield from value


def firehose_stays_inside(stream: Resource, stack: Stack) -> Verdict:
    """An HTTP endpoint has a bucket beside it, for records that it refuses."""
    names = [name for name in ("extendedS3Configuration", "httpEndpointConfiguration") if stream.props.get(name)]
    if not names:
        return not_applicable("delivers to no bucket")
    regions = (destinations(stream, stack, name, ("aws:s3/bucket:Bucket",), [None]) for name in names)
    return all_inside(chain.from_iterable(regions), stream, stack, "the bucket")


def http_endpoint_stays_inside(stream: Resource, stack: Stack) -> Verdict:
    endpoint = stream.props.get("httpEndpointConfiguration")
    if not endpoint:
        return not_applicable("delivers to no HTTP endpoint")
    return url_stays_inside(endpoint["url"], stream, stack)


RES_07 = Control(
    id="RES-07",
    title="Logs stay in the jurisdiction",
    severity=Severity.HIGH,
    clauses=(
        StackClause(resource_types=frozenset(SINKS), check=sink_stays_inside),
        StackClause(resource_types=frozenset({_FIREHOSE}), check=firehose_stays_inside),
        StackClause(resource_types=frozenset({_FIREHOSE}), check=http_endpoint_stays_inside),
    ),
    maps_to=(GDPR("44", Strength.DIRECT),),
    risk="Logs hold names, addresses and what people did; sent abroad they are a transfer.",
    remediation="Send logs to buckets, log groups and sinks in regions of the jurisdiction, or to processors that "
    "catalogue/processors.yaml lists.",
)
