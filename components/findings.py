"""What the detectors of a region find reaches people: rules of its default bus to a topic of the same region.

Another region is reached only through its bus (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-region.html).
Findings name addresses and people, and stay where they are: each region has a topic of its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import pulumi
from pulumi_aws import cloudwatch

from components.alarm_topic import AlarmTopic, AlarmTopicArgs
from components.base import type_token
from components.vocabulary import DataClass, tags

HIGH_SEVERITY = 7
"""GuardDuty: 7.0 to 8.9 is high, 9.0 to 10.0 critical
(https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_findings-severity.html, read 2026-11-28)."""

FINDINGS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "guardduty": {
            "source": ["aws.guardduty"],
            "detail-type": ["GuardDuty Finding"],
            "detail": {"severity": [{"numeric": [">=", HIGH_SEVERITY]}]},
        },
        "security-hub": {
            "source": ["aws.securityhub"],
            "detail-type": ["Security Hub Findings - Imported"],
            "detail": {
                "findings": {
                    "Severity": {"Label": ["HIGH", "CRITICAL"]},
                    "Workflow": {"Status": ["NEW"]},
                    "RecordState": ["ACTIVE"],
                    # Security Hub imports GuardDuty's too: those have paged by the other rule.
                    "ProductName": [{"anything-but": "GuardDuty"}],
                }
            },
        },
    }
)
"""Detector -> pattern of what pages. Security Hub sends a finding again with each update, until somebody sets its
workflow status to NOTIFIED, SUPPRESSED or RESOLVED
(https://docs.aws.amazon.com/securityhub/latest/userguide/securityhub-cwe-all-findings.html, read 2026-11-28)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FindingsArgs:
    """What the findings of one region need to know."""

    region: str
    account_id: str
    jurisdiction: str
    key_arn: pulumi.Input[str]
    """Encrypts the topic; its policy has to let events.amazonaws.com use it."""
    subscribers: Mapping[str, str] = field(default_factory=dict)
    """Endpoint -> protocol, of a topic that is made here."""
    topic: AlarmTopic | None = None
    """Topic of this region that rules may publish to. None: one is made."""


class Findings(pulumi.ComponentResource):
    """A rule with its target for each row of `FINDINGS`, and a topic where the region has none. Creation: seconds."""

    topic: AlarmTopic

    def __init__(self, name: str, args: FindingsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(type_token(type(self)), name, {}, opts)
        self._prefix, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        self.topic = args.topic or self._topic()
        for key, pattern in FINDINGS.items():
            self._rule(key, pattern)
        self.register_outputs({"topicArn": self.topic.arn})

    def _topic(self) -> AlarmTopic:
        args = self._args
        return AlarmTopic(
            self._prefix,
            AlarmTopicArgs(
                region=args.region,
                account_id=args.account_id,
                key_arn=args.key_arn,
                jurisdiction=args.jurisdiction,
                subscribers=args.subscribers,
                from_rules=True,
            ),
            self._child,
        )

    def _rule(self, key: str, pattern: Mapping[str, Any]) -> None:
        region, name = self._args.region, f"{self._prefix}-{key}"
        rule = cloudwatch.EventRule(
            name,
            region=region,
            description=f"{self._prefix}: findings of {key} that somebody has to see now",
            event_pattern=json.dumps(pattern, sort_keys=True),
            tags=tags(DataClass.INTERNAL),
            opts=self._child,
        )
        cloudwatch.EventTarget(
            name,
            region=region,
            rule=rule.name,
            arn=self.topic.arn,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self.topic]),
        )
