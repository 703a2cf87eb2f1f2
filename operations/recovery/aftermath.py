"""The steps of a movement after the other cell writes: work in flight, queues, capacity, traffic, proof."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from contracts.api_keys import ApiKeyError, KeyKind, Secrets, make
from operations.errors import CellError, ExitCode
from operations.preflight_aws import error_code
from operations.probe.load import ACKNOWLEDGED
from operations.probe.plan import Call, plan_probe
from operations.recovery.archive import Archive, UnreadableError, payments
from operations.recovery.context import Context

REGENERATION_S: Final = 900.0
"""Longest wait for the relays to mark what is sent again: pods of a pilot light have to start first."""

TRAFFIC_S: Final = 300.0
"""Longest wait for the clients' name: three checks of ten seconds, a minute that resolvers remember, and room
(https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-failover.html)."""

PAYMENTS: Final = 8
"""Synthetic payments."""

PAYMENT_S: Final = 120.0
"""Longest wait for one of them."""

ARCHIVED_S: Final = 180.0
"""Longest wait for events that are sent again to reach the archive (`operations.probe.command.SETTLE_S`)."""


def regenerate(context: Context) -> Mapping[str, Any]:
    """Waits until the relays of all shards have marked what is sent again."""
    run, store = context.run, context.store
    events = {}
    for shard in context.pair.shards:
        look = _Regenerated(store, run.epoch + 2, shard)
        events[shard] = context.until(f"the relay to mark what {shard} sends again", look, REGENERATION_S)
    return {"events": events}


class _Regenerated:
    def __init__(self, store: Any, epoch: int, shard: str) -> None:
        self._store, self._epoch, self._shard = store, epoch, shard

    def __call__(self) -> int | None:
        found: int | None = self._store.regenerated(self._epoch, self._shard)
        return found


def redrive(context: Context) -> Mapping[str, Any]:
    """Dead letters of the target's queues go back into them. Handlers drop what they had. A queue that does not answer
    holds nothing up."""
    sqs, found = context.client("sqs"), {}
    for consumer in context.target.consumers:
        name = f"{context.target.cell}-{consumer.name}-dlq{'.fifo' if consumer.ordered else ''}"
        try:
            found[name] = _redriven(sqs, name)
        except ClientError as error:
            found[name] = f"not moved: {error_code(error)}"
        except BotoCoreError as error:
            found[name] = f"not moved: {error}"
    return {"dead_letters": found}


def _redriven(sqs: Any, name: str) -> int | str:
    """Messages that are on their way back."""
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    wanted = ["QueueArn", "ApproximateNumberOfMessages"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=wanted)["Attributes"]
    waiting = int(attributes["ApproximateNumberOfMessages"])
    if waiting:
        # Of two tasks for a queue the second is refused, so a repeated call does no harm
        # (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html).
        sqs.start_message_move_task(SourceArn=attributes["QueueArn"])
    return waiting


def scale(context: Context) -> Mapping[str, Any]:
    """Node groups get the primary's planned size at once, or their own maximum where it is less. Where that is refused
    the autoscaler follows the pods that wait, later."""
    eks, cell = context.client("eks"), context.target.cell
    wanted = {key: group.desired for key, group in context.pair.primary.node_groups.items()}
    if not wanted:
        return {"nodes": "Auto Mode starts them for the pods that wait"}
    try:
        names = eks.list_nodegroups(clusterName=cell)["nodegroups"]
        sizes = {name: _scaled(eks, cell, name, wanted[key]) for name in names if (key := _key(name, cell, wanted))}
    except (ClientError, BotoCoreError) as error:
        return {"nodes": f"not scaled: {error}; the autoscaler follows"}
    return {"nodes": sizes}


def _key(name: str, cell: str, wanted: Mapping[str, int]) -> str | None:
    """The planned group that a node group's name begins with; it ends by chance."""
    rest = name.removeprefix(f"{cell}-")
    return next((key for key in wanted if rest == key or rest.rpartition("-")[0] == key), None)


def _scaled(eks: Any, cell: str, name: str, wanted: int) -> int | str:
    of = {"clusterName": cell, "nodegroupName": name}
    scaling = eks.describe_nodegroup(**of)["nodegroup"]["scalingConfig"]
    now, most = int(scaling["desiredSize"]), int(scaling["maxSize"])
    size = max(now, min(wanted, most))
    if now < size:
        eks.update_nodegroup_config(**of, scalingConfig={"desiredSize": size})
    return size if size >= wanted else f"{size}, its maximum, of {wanted}"


def traffic(context: Context) -> Mapping[str, Any]:
    """Waits until the clients' name leads to the target: health checks move it."""
    domain, target = context.pair.domain, context.run.target

    def look() -> bool | None:
        said = context.web.writer(domain)
        return True if said is not None and said.cell == target and said.writes else None

    context.until(f"{domain} to lead to {target}", look, TRAFFIC_S)
    return {"name": domain, "leads_to": target}


def verify(context: Context) -> Mapping[str, Any]:
    """Synthetic payments in test mode, through the clients' name: acknowledged, and found again."""
    try:
        secret = _api_keys(context)
    except (ClientError, BotoCoreError, ApiKeyError, LookupError) as reason:
        return {"payments": f"none: no API key ({reason})"}
    if not context.markets:
        return {"payments": f"none: {context.run.target} serves no market"}
    calls = plan_probe(
        context.run.target,
        payments=PAYMENTS,
        rate=1.0,
        markets=context.markets,
        only=(),
        faults=(),
        shard_map=context.target.shard_map,
        # The same payments when the step is taken again: their keys keep them from being made twice.
        seed=int.from_bytes(context.run.id.encode()),
    ).calls
    statuses = [_paid(context, call, make(secret, KeyKind.TEST, call.account)) for call in calls]
    return {"payments": len(statuses), "statuses": sorted(set(statuses))}


def _api_keys(context: Context) -> str:
    """The secret of the pair's API keys in the region of the target, by the beginning of its name. The primary's is
    replicated there."""
    client = context.client("secretsmanager")
    for cell in (context.pair.primary.cell, context.target.cell):
        prefix = f"{cell}-api-keys"
        found = client.list_secrets(Filters=[{"Key": "name", "Values": [prefix]}])["SecretList"]
        names = [one["Name"] for one in found if one["Name"].startswith(prefix)]
        if names:
            return Secrets.from_json(client.get_secret_value(SecretId=names[0])["SecretString"]).current
    raise LookupError(f"no secret {context.pair.primary.cell}-api-keys in {context.target.region}")


def _paid(context: Context, call: Call, key: str) -> str:
    """A payment's status once it is acknowledged and found. Raises CellError (timeout) for one that is not, with what
    was answered last."""
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": call.idempotency_key}
    last = [""]

    def ask(method: str, path: str, body: Mapping[str, Any] | None = None) -> Mapping[str, Any] | None:
        answer = context.web.ask(method, context.pair.domain, path, headers, body)
        if answer is None or answer[0] not in ACKNOWLEDGED:
            said = f"{answer[0]} {json.dumps(answer[1].get('error'))}" if answer is not None else "nothing"
            last[:] = [f"{method} {path} was answered {said}"]
            return None
        return answer[1]

    def look() -> str | None:
        made = ask("POST", "/v1/payments", dict(call.body))
        found = ask("GET", f"/v1/payments/{made['id']}") if made is not None else None
        return str(found.get("status")) if found is not None else None

    what = f"a synthetic payment to be taken by {context.pair.domain}"
    return context.until(what, look, PAYMENT_S, seen=lambda: last[0])


def missing(context: Context) -> Mapping[str, Any]:
    """Payments that the old cell archived and that no event of the new writer tells of: promoted shards lack them."""
    run = context.run
    since = str(run.facts("grant")["regenerate_since"])
    told = {"since": since, "not_read": _not_read(context), "bound_s": run.facts("lag").get("lag_s")}
    events = run.facts("regenerate").get("events", {})
    expected = sum(int(count) for count in events.values())
    of = Archive(s3=context.client("s3"), cell=run.target, region=context.target.region)
    try:
        found = _settled(context, of, datetime.fromisoformat(since), expected)
    except UnreadableError as reason:
        return {**told, "payments": [], "unreadable": str(reason)}
    old, new, ids = found
    lost = sorted(set(old) - new)
    complete = len(ids) >= expected
    return {
        **told,
        "compared": len(old),
        "sent_again": {"expected": expected, "archived": len(ids), "complete": complete},
        "payments": [{"id": payment, "last_event": old[payment]} for payment in lost],
    }


def _settled(
    context: Context, of: Archive, since: datetime, expected: int
) -> tuple[Mapping[str, str], set[str], set[str]]:
    """As soon as all that is sent again has been archived, or nothing is missing; as it is after a while."""
    bucket = of.bucket()
    last: list[tuple[Mapping[str, str], set[str], set[str]]] = []

    def look() -> bool | None:
        last[:] = [payments(of, bucket, since)]
        old, new, ids = last[0]
        return True if len(ids) >= expected or not set(old) - new else None

    try:
        context.until("events that are sent again to be archived", look, ARCHIVED_S)
    except CellError as error:
        if error.code is not ExitCode.TIMEOUT:
            raise
    return last[0]


def _not_read(context: Context) -> list[str]:
    """Sources that would tell of more, and are in the region that is given up."""
    region = context.origin.region
    return [
        f"{region}: outboxes and payments of the old shards",
        f"{region}: the stream, and archived objects that had not been replicated",
        "what was acknowledged after the last archived event: at most the lag of the database",
    ]
