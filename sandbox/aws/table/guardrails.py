"""What an account and region has once: Config, GuardDuty, Security Hub, Access Analyzer."""

from typing import Any

from sandbox.aws.provider.calls import or_none, tagging, without_none
from sandbox.aws.provider.model import Autoname, Context, Props, ResourceType
from sandbox.aws.provider.shapes import outputs, request, tag_map
from sandbox.aws.table.parts import only_item

RECORDER = "aws:cfg/recorder:Recorder"
CHANNEL = "aws:cfg/deliveryChannel:DeliveryChannel"

DEFAULT_NAME = "default"
"""Config's own name for the recorder and the channel of an account and region."""

CHANNEL_RENAMES = {"snapshotDeliveryProperties": "configSnapshotDeliveryProperties", "snsTopicArn": "snsTopicARN"}


def _without_empty(value: Any) -> Any:
    """Config answers every part of a group, empty where it is not used; the program has only what it uses."""
    if isinstance(value, dict):
        kept = {name: _without_empty(item) for name, item in value.items()}
        return {name: item for name, item in kept.items() if item not in (None, [], {}, "")}
    if isinstance(value, list):
        return [item for item in map(_without_empty, value) if item not in (None, [], {}, "")]
    return value


def _put_recorder(ctx: Context, name: str, _old: Props, new: Props) -> None:
    wanted = {"ConfigurationRecorder": {**new, "name": name}}
    ctx.client("config").put_configuration_recorder(**request("config", "PutConfigurationRecorder", wanted))


def _create_recorder(ctx: Context, props: Props) -> str:
    _put_recorder(ctx, props["name"], {}, props)
    return str(props["name"])


def _read_recorder(ctx: Context, name: str, _last: Props) -> Props | None:
    answer = or_none(ctx.client("config").describe_configuration_recorders, ConfigurationRecorderNames=[name])
    live = only_item(answer, "ConfigurationRecorders")
    return None if live is None else {"recordingMode": None} | outputs(RECORDER, _without_empty(live))


def _put_channel(ctx: Context, name: str, _old: Props, new: Props) -> None:
    renames = {f"DeliveryChannel.{prop}": member for prop, member in CHANNEL_RENAMES.items()}
    asked = request("config", "PutDeliveryChannel", {"DeliveryChannel": {**new, "name": name}}, renames=renames)
    ctx.client("config").put_delivery_channel(**asked)


def _create_channel(ctx: Context, props: Props) -> str:
    _put_channel(ctx, props["name"], {}, props)
    return str(props["name"])


def _read_channel(ctx: Context, name: str, _last: Props) -> Props | None:
    live = only_item(
        or_none(ctx.client("config").describe_delivery_channels, DeliveryChannelNames=[name]), "DeliveryChannels"
    )
    if live is None:
        return None
    absent = dict.fromkeys(("s3KeyPrefix", "s3KmsKeyArn", "snapshotDeliveryProperties", "snsTopicArn"))
    return absent | outputs(CHANNEL, live, renames=CHANNEL_RENAMES)


def _switch_recorder(ctx: Context, name: str, _old: Props, new: Props) -> None:
    client = ctx.client("config")
    switch = client.start_configuration_recorder if new.get("isEnabled") else client.stop_configuration_recorder
    switch(ConfigurationRecorderName=name)


def _create_status(ctx: Context, props: Props) -> str:
    _switch_recorder(ctx, props["name"], {}, props)
    return str(props["name"])


def _read_status(ctx: Context, name: str, _last: Props) -> Props | None:
    answer = or_none(ctx.client("config").describe_configuration_recorder_status, ConfigurationRecorderNames=[name])
    live = only_item(answer, "ConfigurationRecordersStatus")
    return None if live is None else {"name": name, "isEnabled": bool(live.get("recording"))}


# ---- GuardDuty


def _create_detector(ctx: Context, props: Props) -> str:
    asked = request("guardduty", "CreateDetector", props, renames={"datasources": "DataSources"})
    return str(ctx.client("guardduty").create_detector(**asked)["DetectorId"])


def _update_detector(ctx: Context, detector: str, _old: Props, new: Props) -> None:
    asked = request("guardduty", "UpdateDetector", new, renames={"datasources": "DataSources"})
    ctx.client("guardduty").update_detector(**asked, DetectorId=detector)


def _read_detector(ctx: Context, detector: str, _last: Props) -> Props | None:
    """A detector that is not there is a BadRequestException in GuardDuty."""
    live = or_none(ctx.client("guardduty").get_detector, "BadRequestException", DetectorId=detector)
    if live is None:
        return None
    return {
        "arn": ctx.arn("guardduty", f"detector/{detector}"),
        "accountId": ctx.account_id,
        "enable": live["Status"] == "ENABLED",
        "findingPublishingFrequency": live.get("FindingPublishingFrequency"),
        "tags": tag_map(live.get("Tags")),
    }


# ---- Security Hub


def _create_hub(ctx: Context, props: Props) -> str:
    asked = {
        "EnableDefaultStandards": props.get("enableDefaultStandards"),
        "ControlFindingGenerator": props.get("controlFindingGenerator"),
    }
    ctx.client("securityhub").enable_security_hub(**without_none(asked))
    return ctx.account_id


def _settle_hub(ctx: Context, _id: str, props: Props) -> None:
    client = ctx.client("securityhub")
    live = client.describe_hub()
    wanted = without_none(
        {
            "AutoEnableControls": props.get("autoEnableControls"),
            "ControlFindingGenerator": props.get("controlFindingGenerator"),
        }
    )
    if change := {name: value for name, value in wanted.items() if live.get(name) != value}:
        client.update_security_hub_configuration(**change)


def _update_hub(_ctx: Context, _id: str, _old: Props, _new: Props) -> None:
    """Both settings that can change are brought up to date by :func:`_settle_hub`, which follows."""


def _read_hub(ctx: Context, _id: str, _last: Props) -> Props | None:
    """InvalidAccessException: the account is not subscribed."""
    live = or_none(ctx.client("securityhub").describe_hub, "InvalidAccessException", "ResourceNotFoundException")
    if live is None:
        return None
    return {
        "arn": live["HubArn"],
        "autoEnableControls": live.get("AutoEnableControls"),
        "controlFindingGenerator": live.get("ControlFindingGenerator"),
    }


def _delete_hub(ctx: Context, _id: str, _last: Props) -> None:
    or_none(ctx.client("securityhub").disable_security_hub, "InvalidAccessException", "ResourceNotFoundException")


# ---- Access Analyzer


def _create_analyzer(ctx: Context, props: Props) -> str:
    ctx.client("accessanalyzer").create_analyzer(**request("accessanalyzer", "CreateAnalyzer", props))
    return str(props["analyzerName"])


def _settle_analyzer(ctx: Context, name: str, _props: Props) -> None:
    def active() -> bool:
        return bool(ctx.client("accessanalyzer").get_analyzer(analyzerName=name)["analyzer"]["status"] == "ACTIVE")

    ctx.wait(active, f"analyzer {name} to be ACTIVE")


def _update_analyzer(ctx: Context, name: str, _old: Props, new: Props) -> None:
    asked = request("accessanalyzer", "UpdateAnalyzer", new, only=["configuration"])
    ctx.client("accessanalyzer").update_analyzer(**asked, analyzerName=name)


def _read_analyzer(ctx: Context, name: str, _last: Props) -> Props | None:
    live = ctx.client("accessanalyzer").get_analyzer(analyzerName=name)["analyzer"]
    return outputs("aws:accessanalyzer/analyzer:Analyzer", live, renames={"analyzerName": "name"})


TYPES = [
    ResourceType(
        token=RECORDER,
        service="config",
        create=_create_recorder,
        read=_read_recorder,
        update=_put_recorder,
        delete=lambda ctx, name, _last: ctx.client("config").delete_configuration_recorder(
            ConfigurationRecorderName=name
        ),
        force_new=frozenset({"name"}),
        delete_before_replace=True,
        defaults={"name": DEFAULT_NAME},
    ),
    ResourceType(
        token=CHANNEL,
        service="config",
        create=_create_channel,
        read=_read_channel,
        update=_put_channel,
        delete=lambda ctx, name, _last: ctx.client("config").delete_delivery_channel(DeliveryChannelName=name),
        force_new=frozenset({"name"}),
        delete_before_replace=True,
        defaults={"name": DEFAULT_NAME},
    ),
    ResourceType(
        token="aws:cfg/recorderStatus:RecorderStatus",
        service="config",
        create=_create_status,
        read=_read_status,
        update=_switch_recorder,
        delete=lambda ctx, name, _last: ctx.client("config").stop_configuration_recorder(
            ConfigurationRecorderName=name
        ),
        force_new=frozenset({"name"}),
        delete_before_replace=True,
        defaults={"name": DEFAULT_NAME},
    ),
    ResourceType(
        token="aws:guardduty/detector:Detector",
        service="guardduty",
        create=_create_detector,
        read=_read_detector,
        update=_update_detector,
        delete=lambda ctx, detector, _last: ctx.client("guardduty").delete_detector(DetectorId=detector),
        tag=tagging("guardduty"),
        delete_before_replace=True,
        defaults={"enable": True},
    ),
    ResourceType(
        token="aws:securityhub/account:Account",
        service="securityhub",
        create=_create_hub,
        settle=_settle_hub,
        read=_read_hub,
        update=_update_hub,
        delete=_delete_hub,
        force_new=frozenset({"enableDefaultStandards"}),
        delete_before_replace=True,
        defaults={"autoEnableControls": True, "enableDefaultStandards": True},
    ),
    ResourceType(
        token="aws:accessanalyzer/analyzer:Analyzer",
        service="accessanalyzer",
        create=_create_analyzer,
        settle=_settle_analyzer,
        read=_read_analyzer,
        update=_update_analyzer,
        delete=lambda ctx, name, _last: ctx.client("accessanalyzer").delete_analyzer(analyzerName=name),
        tag=tagging("accessanalyzer", arn="resourceArn", tags="tags", keys="tagKeys"),
        force_new=frozenset({"analyzerName", "type"}),
        autoname=Autoname(prop="analyzerName", max_length=255),
        defaults={"type": "ACCOUNT"},
        unread=frozenset({"configuration"}),
    ),
]
