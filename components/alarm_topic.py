"""The topics through which alarms call people, one that pages and where asked one that opens tickets: encrypted, TLS
only, and open to CloudWatch, where asked also to EventBridge, of this account alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
from pulumi_aws import sns

from components.base import type_token
from components.iam import Statement, allow, deny_insecure_transport, from_source, policy, service
from components.vocabulary import DataClass, tags

PROTOCOLS = frozenset({"email", "https", "sms", "sqs"})
"""How a page may leave; what leaves the jurisdiction is judged by the policies (RES-08)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AlarmTopicArgs:
    """What the topic of one cell needs to know."""

    region: str
    account_id: str
    key_arn: pulumi.Input[str]
    """Its policy has to let cloudwatch.amazonaws.com use it, else alarms are lost without a trace."""
    jurisdiction: str
    """Where it may lie: an account can have cells of several."""
    subscribers: Mapping[str, str] = field(default_factory=dict)
    """Endpoint -> protocol: `{"oncall@example.com": "email"}`. A person has to confirm."""
    tickets: bool = False
    """A second topic, for what is read in working hours."""
    from_rules: bool = False
    """EventBridge rules of the account may publish too; the key's policy has to let events.amazonaws.com use it."""

    def __post_init__(self) -> None:
        for endpoint, protocol in self.subscribers.items():
            if protocol not in PROTOCOLS:
                raise ValueError(
                    f"alarm_topic.subscribers[{endpoint}]: {protocol!r} is not one of {', '.join(sorted(PROTOCOLS))}"
                )


class AlarmTopic(pulumi.ComponentResource):
    """One or two SNS topics with policies and subscriptions. Creation: seconds."""

    arn: pulumi.Output[str]
    """Pages: somebody is woken."""
    ticket_arn: pulumi.Output[str]
    """Tickets: read in working hours. Without a topic of their own they page."""
    unconfirmed: pulumi.Output[list[str]]
    """Subscribers that SNS sends nothing to, because nobody there has confirmed yet; filled by `cell refresh`."""

    def __init__(self, name: str, args: AlarmTopicArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(type_token(type(self)), name, {}, opts)
        self._prefix, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        self._subscriptions: list[sns.TopicSubscription] = []
        self.arn = self._topic("alarms")
        self.ticket_arn = self._topic("tickets") if args.tickets else self.arn
        self.unconfirmed = pulumi.Output.all(
            *(pulumi.Output.all(made.endpoint, made.pending_confirmation) for made in self._subscriptions)
        ).apply(lambda found: sorted({endpoint for endpoint, pending in found if pending}))
        self.register_outputs({"arn": self.arn, "ticketArn": self.ticket_arn, "unconfirmed": self.unconfirmed})

    def _topic(self, key: str) -> pulumi.Output[str]:
        args = self._args
        topic = sns.Topic(
            f"{self._prefix}-{key}",
            region=args.region,
            kms_master_key_id=args.key_arn,
            # Version 2 signs with SHA-256; the default is SHA-1.
            signature_version=2,
            tags=tags(DataClass.INTERNAL, jurisdiction=args.jurisdiction),
            opts=self._child,
        )
        sns.TopicPolicy(
            f"{self._prefix}-{key}",
            region=args.region,
            arn=topic.arn,
            policy=policy(
                deny_insecure_transport("sns:Publish", [topic.arn]),
                allow(
                    "AlarmsOfThisAccount",
                    ["sns:Publish"],
                    [topic.arn],
                    principal=service("cloudwatch"),
                    when=from_source(args.account_id, f"arn:aws:cloudwatch:{args.region}:{args.account_id}:alarm:*"),
                ),
                *self._rules(topic),
            ),
            opts=self._child,
        )
        for endpoint, protocol in args.subscribers.items():
            self._subscriptions.append(self._subscription(key, topic, endpoint, protocol))
        arn: pulumi.Output[str] = topic.arn
        return arn

    def _subscription(self, key: str, topic: sns.Topic, endpoint: str, protocol: str) -> sns.TopicSubscription:
        # The page topic's keeps the name that it had when it was the only one.
        middle = "" if key == "alarms" else f"{key}-"
        return sns.TopicSubscription(
            f"{self._prefix}-{middle}{endpoint}",
            region=self._args.region,
            topic=topic.arn,
            protocol=protocol,
            endpoint=endpoint,
            opts=self._child,
        )

    def _rules(self, topic: sns.Topic) -> Sequence[Statement]:
        args = self._args
        if not args.from_rules:
            return []
        return [
            allow(
                "RulesOfThisAccount",
                ["sns:Publish"],
                [topic.arn],
                principal=service("events"),
                when={"ArnLike": {"aws:SourceArn": f"arn:aws:events:{args.region}:{args.account_id}:rule/*"}},
            )
        ]
