"""What a pipe makes of a Kinesis record: the event, and what of it its target gets.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-kinesis.html has the event,
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-input-transformation.html the templates: `$.data` is
the decoded JSON there, and dynamic paths of target parameters (eb-pipes-event-target.html) see it the same way.
"""

import base64
import json
import re
from collections.abc import Mapping
from typing import Any

_PLACE = re.compile(r"<(\$[\w.\-]*)>")
_QUOTE = re.compile(r'(?<!\\)"')


def event(record: Any, shard_id: str, stream_arn: str, role_arn: str) -> dict[str, Any]:
    """The event of one record."""
    return {
        "kinesisSchemaVersion": "1.0",
        "partitionKey": record.partition_key,
        "sequenceNumber": str(record.sequence_number),
        "data": record.data,
        "approximateArrivalTimestamp": round(record.created_at, 3),
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{shard_id}:{record.sequence_number}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": role_arn,
        "awsRegion": stream_arn.split(":")[3],
        "eventSourceARN": stream_arn,
    }


def parsed(given: Mapping[str, Any]) -> dict[str, Any]:
    """The event with its data as JSON; what is no JSON stays as it is."""
    try:
        return {**given, "data": json.loads(base64.b64decode(given["data"]))}
    except ValueError:
        return dict(given)


def resolved(parameter: str | None, body: Mapping[str, Any]) -> str | None:
    """A target parameter: a path into the event where it begins with `$.`, else itself."""
    if parameter is None or not parameter.startswith("$."):
        return parameter
    found = at(parameter, body)
    return found if isinstance(found, str) else json.dumps(found)


def message(template: str | None, given: Mapping[str, Any], body: Mapping[str, Any]) -> str:
    """What a target gets: the filled template, else the event with its data in base64."""
    return filled(template, body) if template else json.dumps(given)


def filled(template: str, body: Mapping[str, Any]) -> str:
    """A template with its `<$.path>` places filled: JSON outside of quotes, text within them."""

    def value(found: re.Match[str]) -> str:
        one = at(found[1], body)
        if len(_QUOTE.findall(template[: found.start()])) % 2:
            return json.dumps(one if isinstance(one, str) else json.dumps(one))[1:-1]
        return json.dumps(one)

    return _PLACE.sub(value, template)


def at(path: str, body: Mapping[str, Any]) -> Any:
    """What is at a path such as `$.data.type`; nothing is the empty string, as in a template of AWS."""
    found: Any = body
    for name in path.removeprefix("$").strip(".").split(".") if path != "$" else ():
        found = found.get(name, "") if isinstance(found, Mapping) else ""
    return found
