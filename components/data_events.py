"""The trail of a cell's data events: who read and wrote the objects and items that hold personal data (LOG-02).

It stands in the cell's region and delivers to the bucket that the account keeps there, locked and under the audit key:
a cell can neither read nor change what is recorded about it. Management events are the account's trail's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import cloudtrail

from components.base import type_token
from components.vocabulary import DataClass, tags

MAX_VALUES = 500
"""Values of all advanced event selectors of a trail together
(https://docs.aws.amazon.com/awscloudtrail/latest/userguide/WhatIsCloudTrail-Limits.html)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DataEventsArgs:
    """What is recorded, and where to."""

    region: str
    jurisdiction: str
    bucket: pulumi.Input[str]
    """The account's bucket for data events in this region, whose policy lets the trail in."""
    key_arn: pulumi.Input[str]
    """The account's audit key in this region."""
    buckets: Sequence[pulumi.Input[str]] = ()
    """ARNs of buckets whose objects are recorded."""
    tables: Sequence[pulumi.Input[str]] = ()
    """ARNs of DynamoDB tables whose items are."""
    protected: bool = True
    """Pulumi refuses to delete the trail."""

    def __post_init__(self) -> None:
        if not self.buckets and not self.tables:
            raise ValueError("data_events: neither buckets nor tables; name what holds personal data")
        # Two selectors, with a value each for category and type.
        values = len(self.buckets) + len(self.tables) + 4
        if values > MAX_VALUES:
            raise ValueError(
                f"data_events: {values} values in selectors; CloudTrail takes {MAX_VALUES} a trail, make a second one"
            )


class DataEvents(pulumi.ComponentResource):
    """A trail of one region, named after the cell. Creation: seconds. Cost: a dollar for a million recorded events
    (https://aws.amazon.com/cloudtrail/pricing/)."""

    arn: pulumi.Output[str]

    def __init__(self, name: str, args: DataEventsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(type_token(type(self)), name, {}, opts)
        trail = cloudtrail.Trail(
            name,
            region=args.region,
            name=name,
            s3_bucket_name=args.bucket,
            kms_key_id=args.key_arn,
            is_multi_region_trail=False,
            enable_log_file_validation=True,
            enable_logging=True,
            advanced_event_selectors=_selectors(args),
            tags=tags(DataClass.CONFIDENTIAL, jurisdiction=args.jurisdiction),
            opts=pulumi.ResourceOptions(parent=self, protect=args.protected),
        )
        self.arn = trail.arn
        self.register_outputs({"arn": self.arn})


def _selectors(args: DataEventsArgs) -> list[cloudtrail.TrailAdvancedEventSelectorArgs]:
    """An object's ARN begins with its bucket's and a slash, without which buckets of longer names would be recorded too
    (https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_AdvancedFieldSelector.html)."""
    objects = [pulumi.Output.concat(arn, "/") for arn in args.buckets]
    rows: Mapping[str, tuple[str, str, Sequence[pulumi.Input[str]]]] = {
        "objects": ("AWS::S3::Object", "starts_withs", objects),
        "items": ("AWS::DynamoDB::Table", "equals", args.tables),
    }
    return [
        cloudtrail.TrailAdvancedEventSelectorArgs(
            name=name,
            field_selectors=[
                {"field": "eventCategory", "equals": ["Data"]},
                {"field": "resources.type", "equals": [type_]},
                {"field": "resources.ARN", operator: list(arns)},
            ],
        )
        for name, (type_, operator, arns) in rows.items()
        if arns
    ]
