"""AWS Config: recorders, whether they record, and where they deliver to."""

from collections.abc import Iterator, Mapping
from typing import Any

from operations.audit.live.question import Question
from operations.audit.live.reader import Live, Reader
from operations.audit.live.region import Region
from operations.audit.live.words import picked

RECORDERS = Question(
    service="config",
    operation="describe_configuration_recorders",
    keep=("ConfigurationRecorders",),
    items="ConfigurationRecorders",
)
STATUSES = Question(
    service="config",
    operation="describe_configuration_recorder_status",
    keep=("ConfigurationRecordersStatus",),
    items="ConfigurationRecordersStatus",
)
CHANNELS = Question(
    service="config",
    operation="describe_delivery_channels",
    keep=("DeliveryChannels",),
    items="DeliveryChannels",
)


def _owner(raw: Mapping[str, Any]) -> str:
    return "recorder linked to a service" if raw.get("servicePrincipal") else ""


def recorders(region: Region) -> Iterator[Live]:
    """Recorders."""
    for raw in region.pages(RECORDERS):
        group = dict(raw.get("recordingGroup") or {})
        # The provider has a list where AWS has one strategy.
        strategy = group.pop("recordingStrategy", None)
        group |= {"recordingStrategies": [strategy]} if strategy else {}
        yield Live(
            id=raw["name"],
            made_by_aws=_owner(raw),
            props={**picked(raw, name="name", roleArn="roleARN"), "recordingGroup": group},
        )


def statuses(region: Region) -> Iterator[Live]:
    """Whether recorders record; ``lastStatus`` is of their last delivery."""
    for raw in region.pages(STATUSES):
        yield Live(
            id=raw["name"],
            made_by_aws=_owner(raw),
            props={
                "name": raw["name"],
                "isEnabled": bool(raw.get("recording")),
                **picked(raw, lastStatus="lastStatus", lastErrorCode="lastErrorCode"),
            },
        )


def channels(region: Region) -> Iterator[Live]:
    """Delivery channels."""
    for raw in region.pages(CHANNELS):
        yield Live(
            id=raw["name"],
            props=picked(
                raw,
                name="name",
                s3BucketName="s3BucketName",
                s3KeyPrefix="s3KeyPrefix",
                s3KmsKeyArn="s3KmsKeyArn",
                snsTopicArn="snsTopicARN",
                snapshotDeliveryProperties="configSnapshotDeliveryProperties",
            ),
        )


Reader(type="aws:cfg/deliveryChannel:DeliveryChannel", read=channels, source=CHANNELS)
Reader(type="aws:cfg/recorder:Recorder", read=recorders, source=RECORDERS)
Reader(type="aws:cfg/recorderStatus:RecorderStatus", read=statuses, source=STATUSES)
