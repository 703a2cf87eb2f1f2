"""EventBridge pipes."""

from typing import Any

from sandbox.aws.provider.calls import or_none, tagging
from sandbox.aws.provider.model import Autoname, Context, Props, ResourceType
from sandbox.aws.provider.shapes import outputs, request

TOKEN = "aws:pipes/pipe:Pipe"

DESCRIPTION = "Managed by Pulumi"

CHANGED_WHOLE = {"description": "", "enrichment": "", "kmsKeyIdentifier": ""}
"""UpdatePipe keeps what it is not told; an empty string takes it away (EventBridge Pipes API reference)."""

FAILED = ("CREATE_FAILED", "UPDATE_FAILED", "START_FAILED", "STOP_FAILED", "CREATE_ROLLBACK_FAILED", "DELETE_FAILED")


def _create(ctx: Context, props: Props) -> str:
    ctx.client("pipes").create_pipe(**request("pipes", "CreatePipe", props))
    return str(props["name"])


def _settle(ctx: Context, name: str, props: Props) -> None:
    wanted = props.get("desiredState") or "RUNNING"

    def probe() -> bool:
        live = ctx.client("pipes").describe_pipe(Name=name)
        if live["CurrentState"] in FAILED:
            raise ValueError(f"pipe {name} is {live['CurrentState']}: {live.get('StateReason', 'no reason given')}")
        return bool(live["CurrentState"] == wanted)

    ctx.wait(probe, f"pipe {name} to be {wanted}")


def _update(ctx: Context, name: str, old: Props, new: Props) -> None:
    cleared = {prop: empty for prop, empty in CHANGED_WHOLE.items() if old.get(prop) and not new.get(prop)}
    asked = request("pipes", "UpdatePipe", {**cleared, **new})
    for member in ("SourceParameters", "TargetParameters"):
        asked.setdefault(member, {})
    _drop_fixed(asked["SourceParameters"])
    ctx.client("pipes").update_pipe(**{**asked, "Name": name})


def _drop_fixed(source: dict[str, Any]) -> None:
    """UpdatePipe's shape has no member for what is fixed at creation; what is left of a block stays."""
    for block in source.values():
        if isinstance(block, dict):
            for fixed in ("StartingPosition", "StartingPositionTimestamp", "QueueName", "TopicName", "VirtualHost"):
                block.pop(fixed, None)


def _read(ctx: Context, name: str, _last: Props) -> Props | None:
    live = or_none(ctx.client("pipes").describe_pipe, Name=name)
    if live is None or live.get("CurrentState") == "DELETING":
        return None
    absent: dict[str, Any] = dict.fromkeys(("description", "enrichment", "kmsKeyIdentifier", "logConfiguration"))
    found = absent | outputs(TOKEN, live)
    for block in ("enrichmentParameters", "sourceParameters", "targetParameters"):
        if not found.get(block):
            found[block] = None
    return found


TYPES = [
    ResourceType(
        token=TOKEN,
        service="pipes",
        create=_create,
        settle=_settle,
        read=_read,
        update=_update,
        delete=lambda ctx, name, _last: ctx.client("pipes").delete_pipe(Name=name),
        tag=tagging("pipes", arn="resourceArn", tags="tags", keys="tagKeys"),
        force_new=frozenset(
            {
                "name",
                "namePrefix",
                "source",
                "sourceParameters.activemqBrokerParameters.queueName",
                "sourceParameters.dynamodbStreamParameters.startingPosition",
                "sourceParameters.kinesisStreamParameters.startingPosition",
                "sourceParameters.kinesisStreamParameters.startingPositionTimestamp",
                "sourceParameters.managedStreamingKafkaParameters.startingPosition",
                "sourceParameters.managedStreamingKafkaParameters.topicName",
                "sourceParameters.rabbitmqBrokerParameters.queueName",
                "sourceParameters.selfManagedKafkaParameters.startingPosition",
                "sourceParameters.selfManagedKafkaParameters.topicName",
            }
        ),
        autoname=Autoname(max_length=64),
        defaults={"desiredState": "RUNNING", "description": DESCRIPTION},
        settles_gone=True,
    )
]
