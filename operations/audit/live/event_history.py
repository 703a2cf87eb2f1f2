"""CloudTrail's event history: the mutating management calls of a period, for the population of changes."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from operations.audit.live.question import Question
from operations.audit.live.region import Region
from policies.resources import NotObservedError

HISTORY = timedelta(days=90)
"""What the event history keeps (CloudTrail API reference, LookupEvents)."""

EVENTS = Question(
    service="cloudtrail",
    operation="lookup_events",
    keep=tuple(
        f"Events.{name}"
        for name in ("EventId", "EventName", "EventTime", "EventSource", "Username", "Resources", "CloudTrailEvent")
    ),
    items="Events",
    recorded="the emulator keeps no event history",
)


def changes(region: Region, start: datetime, end: datetime) -> Iterator[dict[str, Any]]:
    """Calls that were not read-only, of a period whose end is not in it. Raises NotObservedError."""
    wanted = [{"AttributeKey": "ReadOnly", "AttributeValue": "false"}]
    for event in region.pages(EVENTS, LookupAttributes=wanted, StartTime=start, EndTime=end):
        try:
            if start <= event["EventTime"] < end:
                yield _change(region, event)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            problem = f"an answer of another shape than AWS's: {type(error).__name__}"
            raise NotObservedError(f"{EVENTS.name}: {problem}") from None


def _change(region: Region, event: Mapping[str, Any]) -> dict[str, Any]:
    """Who did what to what; the parameters of the call, which may tell data, stay in the trail."""
    whole = json.loads(event.get("CloudTrailEvent") or "{}")
    identity = whole.get("userIdentity") or {}
    return {
        "id": event["EventId"],
        "at": event["EventTime"],
        "account": region.account,
        "region": region.name,
        "call": f"{event['EventSource']}:{event['EventName']}",
        "user": event.get("Username", ""),
        "arn": identity.get("arn", ""),
        "invoked_by": identity.get("invokedBy", ""),
        "error": whole.get("errorCode", ""),
        "resources": sorted(str(one.get("ResourceName", "")) for one in event.get("Resources") or ()),
    }
