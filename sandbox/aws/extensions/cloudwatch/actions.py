"""What CloudWatch does when an alarm changes its state: it tells the alarm's topics. Other actions are not carried out.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html
"""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from moto.core.utils import utcnow
from moto.sns.models import sns_backends


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """An alarm that went from one state to another."""

    account: str
    region: str
    name: str
    arn: str
    description: str
    old: str
    new: str
    reason: str
    actions: Sequence[str]
    """Of the new state; empty where the alarm's actions are disabled."""


def carry_out(change: Change) -> None:
    """Publishes to each topic of the change. A topic that is gone is noted: the real service tells nobody either."""
    for action in change.actions:
        service, region = action.split(":")[2:4]
        if service != "sns":
            logging.info("alarm %s: action %s is not carried out here", change.name, action)
            continue
        topics = sns_backends[change.account][region].topics
        if action not in topics:
            logging.warning("alarm %s: topic %s does not exist", change.name, action)
            continue
        topics[action].publish(message(change, utcnow()), subject=f'{change.new}: "{change.name}" in {change.region}')


def message(change: Change, now: datetime) -> str:
    """The notification, with those of its fields that do not depend on the kind of alarm."""
    return json.dumps(
        {
            "AlarmName": change.name,
            "AlarmDescription": change.description,
            "AWSAccountId": change.account,
            "NewStateValue": change.new,
            "NewStateReason": change.reason,
            "StateChangeTime": now.strftime("%Y-%m-%dT%H:%M:%S.000+0000"),
            "Region": change.region,
            "AlarmArn": change.arn,
            "OldStateValue": change.old,
        }
    )
