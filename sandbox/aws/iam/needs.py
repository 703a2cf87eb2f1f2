"""Which actions on which resources a request needs, by AWS's Service Authorization Reference
(https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html).

A service that is not here acts on `*`: only a statement with that resource allows its calls.
"""

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from moto.secretsmanager.models import secretsmanager_backends

from sandbox.aws.iam import keys
from sandbox.aws.iam.actions import ACTIONS
from sandbox.aws.iam.objects import objects
from sandbox.aws.iam.requests import Asked
from sandbox.aws.iam.verdict import Need, Values

PREFIXES: Mapping[str, str] = {"email": "ses", "monitoring": "cloudwatch"}
"""Signing name -> prefix of the actions, where it is another."""

FREE = frozenset({"sts:GetCallerIdentity"})
"""https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html"""


def needs(asked: Asked) -> list[Need]:
    """What the caller itself has to be allowed; `encryption.implied` has what services do with keys for it."""
    resolve = RESOLVERS.get(asked.service, _anything)
    return [need for need in resolve(asked) if need.action not in FREE]


def _anything(asked: Asked) -> Iterator[Need]:
    action = _action(asked)
    yield from (Need(action=needed) for needed in ACTIONS.get(action, (action,)))


def _action(asked: Asked, operation: str | None = None) -> str:
    return f"{PREFIXES.get(asked.service, asked.service)}:{operation or asked.operation}"


def _arn(asked: Asked, rest: str, service: str | None = None) -> str:
    """The ARN of a resource of the caller's account and region; an ARN stays as it is."""
    return (
        rest if rest.startswith("arn:") else f"arn:aws:{service or asked.service}:{asked.region}:{asked.account}:{rest}"
    )


def _kinesis(asked: Asked) -> Iterator[Need]:
    params = asked.params
    name = params.get("StreamARN") or params.get("ResourceARN") or params.get("ConsumerARN")
    if name is None and "StreamName" in params:
        name = f"stream/{params['StreamName']}"
    if name is None and "ShardIterator" in params:
        # Iterators of the emulator name their stream; those of AWS do so in a way of their own.
        name = "stream/" + base64.b64decode(params["ShardIterator"]).decode().partition(":")[0]
    yield Need(action=_action(asked), resource=_arn(asked, name) if name else "*")


_BATCHED: Mapping[str, str] = {
    "SendMessageBatch": "SendMessage",
    "DeleteMessageBatch": "DeleteMessage",
    "ChangeMessageVisibilityBatch": "ChangeMessageVisibility",
}
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html"""


def _sqs(asked: Asked) -> Iterator[Need]:
    params = asked.params
    action = _action(asked, _BATCHED.get(asked.operation))
    if url := params.get("QueueUrl"):
        account, name = url.rstrip("/").split("/")[-2:]
        yield Need(action=action, resource=f"arn:aws:sqs:{asked.region}:{account}:{name}")
    elif name := params.get("QueueName"):
        owner = params.get("QueueOwnerAWSAccountId", asked.account)
        yield Need(action=action, resource=f"arn:aws:sqs:{asked.region}:{owner}:{name}")
    else:
        yield Need(action=action, resource=params.get("SourceArn") or "*")


_TRANSACTED: Mapping[str, str] = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "Get": "GetItem",
    "ConditionCheck": "ConditionCheckItem",
}
"""https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html"""


def _dynamodb(asked: Asked) -> Iterator[Need]:
    def table(name: str) -> str:
        return _arn(asked, f"table/{name}" if not name.startswith("arn:") else name)

    if asked.operation.startswith("Transact"):
        for item in asked.params["TransactItems"]:
            for kind, inner in item.items():
                yield Need(action=_action(asked, _TRANSACTED[kind]), resource=table(inner["TableName"]))
    elif "RequestItems" in asked.params:
        for name in asked.params["RequestItems"]:
            yield Need(action=_action(asked), resource=table(name))
    elif name := asked.params.get("TableName") or asked.params.get("ResourceArn"):
        index = asked.params.get("IndexName")
        yield Need(action=_action(asked), resource=table(name) + (f"/index/{index}" if index else ""))
    else:
        yield Need(action=_action(asked))


def _kms(asked: Asked) -> Iterator[Need]:
    params, account = asked.params, {"kms:CallerAccount": asked.account}

    def need(operation: str, key: str | None, encrypted: Mapping[str, str]) -> Need:
        context: Values = {**account, **keys.context(encrypted)}
        return Need(action=f"kms:{operation}", resource=key or "*", context=context)

    if asked.operation == "ReEncrypt":
        source = params.get("SourceKeyId") or keys.of_ciphertext(params["CiphertextBlob"])
        yield need("ReEncryptFrom", keys.arn(asked, source), params.get("SourceEncryptionContext") or {})
        target = keys.arn(asked, params["DestinationKeyId"])
        yield need("ReEncryptTo", target, params.get("DestinationEncryptionContext") or {})
        return
    name = params.get("KeyId") or params.get("TargetKeyId")
    if name is None and asked.operation == "Decrypt":
        name = keys.of_ciphertext(params["CiphertextBlob"])
    yield need(asked.operation, keys.arn(asked, name) if name else None, params.get("EncryptionContext") or {})


def _secrets(asked: Asked) -> Iterator[Need]:
    name = asked.params.get("SecretId")
    if name is None:
        created = asked.params.get("Name") if asked.operation == "CreateSecret" else None
        yield Need(action=_action(asked), resource=_arn(asked, f"secret:{created}-??????") if created else "*")
        return
    secret = secretsmanager_backends[asked.account][asked.region].secrets.get(name)
    resource = secret.arn if secret else _arn(asked, name if name.startswith("arn:") else f"secret:{name}")
    stage = asked.params.get("VersionStage")
    context = {"secretsmanager:SecretId": resource, **({"secretsmanager:VersionStage": stage} if stage else {})}
    yield Need(action=_action(asked), resource=resource, context=context)


def _parameters(asked: Asked) -> Iterator[Need]:
    params = asked.params
    names = params.get("Names") or [name for name in (params.get("Name"), params.get("Path")) if name]
    for name in names:
        yield Need(action=_action(asked), resource=_arn(asked, f"parameter/{name.partition(':')[0].lstrip('/')}"))
    if not names:
        yield Need(action=_action(asked))


def _cloudwatch(asked: Asked) -> Iterator[Need]:
    params = asked.params
    if "Namespace" in params:
        yield Need(action=_action(asked), context={"cloudwatch:namespace": params["Namespace"]})
    elif name := params.get("AlarmName"):
        yield Need(action=_action(asked), resource=_arn(asked, f"alarm:{name}", "cloudwatch"))
    else:
        yield Need(action=_action(asked))


def _logs(asked: Asked) -> Iterator[Need]:
    group, stream = asked.params.get("logGroupName"), asked.params.get("logStreamName")
    if group is None:
        yield Need(action=_action(asked), resource=asked.params.get("resourceArn") or "*")
        return
    streams = asked.operation in ("PutLogEvents", "GetLogEvents", "DeleteLogStream")
    yield Need(
        action=_action(asked), resource=_arn(asked, f"log-group:{group}:{f'log-stream:{stream}' if streams else '*'}")
    )


def _events(asked: Asked) -> Iterator[Need]:
    if asked.operation != "PutEvents":
        name, bus = asked.params.get("Rule") or asked.params.get("Name"), asked.params.get("EventBusName")
        path = f"{bus}/{name}" if bus and bus != "default" else name
        yield Need(action=_action(asked), resource=_arn(asked, f"rule/{path}") if name else "*")
        return
    for entry in asked.params["Entries"]:
        yield put_event(asked.account, asked.region, entry)


def put_event(account: str, region: str, entry: Mapping[str, Any]) -> Need:
    """What putting one event needs."""
    bus = entry.get("EventBusName") or "default"
    arn = bus if bus.startswith("arn:") else f"arn:aws:events:{region}:{account}:event-bus/{bus}"
    kinds = {"Source": "events:source", "DetailType": "events:detail-type"}
    context = {key: entry[name] for name, key in kinds.items() if name in entry}
    return Need(action="events:PutEvents", resource=arn, context=context)


def _sns(asked: Asked) -> Iterator[Need]:
    action = _action(asked, "Publish" if asked.operation == "PublishBatch" else None)
    yield Need(action=action, resource=asked.params.get("TopicArn") or asked.params.get("TargetArn") or "*")


def _sts(asked: Asked) -> Iterator[Need]:
    role, tags = asked.params.get("RoleArn") or "*", session_tags(asked.params)
    context = assumption(tags, asked.params.get("RoleSessionName", ""), asked.params.get("ExternalId"))
    yield Need(action=_action(asked), resource=role, context=context)
    if tags:
        yield Need(action="sts:TagSession", resource=role, context=context)


def session_tags(params: Mapping[str, Any]) -> dict[str, str]:
    """`Tags.member.1.Key` and so on of a form."""
    found = (name.removesuffix("Key") for name in params if name.startswith("Tags.member.") and name.endswith(".Key"))
    return {params[f"{name}Key"]: params.get(f"{name}Value", "") for name in found}


def assumption(tags: Mapping[str, str], session_name: str, external_id: str | None = None) -> dict[str, Any]:
    """Condition keys of assuming a role
    (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html)."""
    found: dict[str, Any] = {f"aws:RequestTag/{key}": value for key, value in tags.items()}
    if tags:
        found["aws:TagKeys"] = sorted(tags)
    if external_id is not None:
        found["sts:ExternalId"] = external_id
    return {**found, "sts:RoleSessionName": session_name}


RESOLVERS: Mapping[str, Callable[[Asked], Iterable[Need]]] = {
    "dynamodb": _dynamodb,
    "events": _events,
    "kinesis": _kinesis,
    "kms": _kms,
    "logs": _logs,
    "monitoring": _cloudwatch,
    "s3": objects,
    "secretsmanager": _secrets,
    "sns": _sns,
    "sqs": _sqs,
    "ssm": _parameters,
    "sts": _sts,
}
"""Signing name -> what finds its resources."""
