"""The topic that alarms page people through: encrypted, TLS only, and open to CloudWatch, where asked also to
EventBridge, of this account alone."""

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
    subscribers: Mapping[str, str] = field(default_factory=dict)
    """Endpoint -> protocol: `{"oncall@example.com": "email"}`. A person has to confirm."""
    from_rules: bool = False
    """EventBridge rules of the account may publish too; the key's policy has to let events.amazonaws.com use it."""

    def __post_init__(self) -> None:
        for endpoint, protocol in self.subscribers.items():
            if protocol not in PROTOCOLS:
                raise ValueError(
                    f"alarm_topic.subscribers[{endpoint}]: {protocol!r} is not one of {', '.join(sorted(PROTOCOLS))}"
                )


class AlarmTopic(pulumi.ComponentResource):
    """SNS topic with its policy and subscriptions. Creation: seconds."""

    arn: pulumi.Output[str]

    def __init__(self, name: str, args: AlarmTopicArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(type_token(type(self)), name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        topic = sns.Topic(
            f"{name}-alarms",
            region=args.region,
            kms_master_key_id=args.key_arn,
            # Version 2 signs with SHA-256; the default is SHA-1.
            signature_version=2,
            tags=tags(DataClass.INTERNAL),
            opts=child,
        )
        self.arn = topic.arn
        sns.TopicPolicy(
            f"{name}-alarms",
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
                *self._rules(args),
            ),
            opts=child,
        )
        for endpoint, protocol in args.subscribers.items():
            sns.TopicSubscription(
                f"{name}-{endpoint}",
                region=args.region,
                topic=topic.arn,
                protocol=protocol,
                endpoint=endpoint,
                opts=child,
            )
        self.register_outputs({"arn": self.arn})

    def _rules(self, args: AlarmTopicArgs) -> Sequence[Statement]:
        if not args.from_rules:
            return []
        return [
            allow(
                "RulesOfThisAccount",
                ["sns:Publish"],
                [self.arn],
                principal=service("events"),
                when={"ArnLike": {"aws:SourceArn": f"arn:aws:events:{args.region}:{args.account_id}:rule/*"}},
            )
        ]
