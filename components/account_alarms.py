"""Alarms on what an account's trail records: the metric filters of the CIS AWS Foundations Benchmark.

A deployment changes security groups, routes and keys, and so sounds some of them: that page is the record that somebody
knew of the change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import pulumi
from pulumi_aws import cloudwatch

from components.alarm_topic import AlarmTopic, AlarmTopicArgs
from components.base import type_token
from components.vocabulary import DataClass, tags

PERIOD_S = 300
"""Seconds over which events are counted; one is enough."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrailAlarm:
    """One row of `TRAIL_ALARMS`."""

    key: str
    """Last part of the filter's name, and of its metric's in another spelling."""
    benchmark: str
    """Number in version 1.4.0 of the benchmark, and in Security Hub."""
    what: str
    pattern: str

    @property
    def metric(self) -> str:
        """`root-user` -> `RootUser`."""
        return "".join(word.capitalize() for word in self.key.split("-"))


def _names(*events: str) -> str:
    return " || ".join(f"($.eventName={event})" for event in events)


def _of(service: str, *events: str) -> str:
    return f"{{($.eventSource={service}.amazonaws.com) && ({_names(*events)})}}"


TRAIL_ALARMS: Final[Sequence[TrailAlarm]] = (
    TrailAlarm(
        key="root-user",
        benchmark="CIS 4.3, CloudWatch.1",
        what="The root user did something",
        pattern=(
            '{$.userIdentity.type="Root" && $.userIdentity.invokedBy NOT EXISTS && $.eventType !="AwsServiceEvent"}'
        ),
    ),
    TrailAlarm(
        key="unauthorized-calls",
        benchmark="CIS 4.1, CloudWatch.2",
        what="AWS refused a call for want of rights",
        pattern='{($.errorCode="*UnauthorizedOperation") || ($.errorCode="AccessDenied*")}',
    ),
    TrailAlarm(
        key="sign-in-without-mfa",
        benchmark="CIS 4.2, CloudWatch.3",
        what="A user signed in to the console without MFA",
        pattern=(
            '{ ($.eventName = "ConsoleLogin") && ($.additionalEventData.MFAUsed != "Yes") && '
            '($.userIdentity.type = "IAMUser") && ($.responseElements.ConsoleLogin = "Success") }'
        ),
    ),
    TrailAlarm(
        key="iam-policies",
        benchmark="CIS 4.4, CloudWatch.4",
        what="An IAM policy was changed",
        pattern=_of(
            "iam",
            *("DeleteGroupPolicy", "DeleteRolePolicy", "DeleteUserPolicy", "PutGroupPolicy", "PutRolePolicy"),
            *("PutUserPolicy", "CreatePolicy", "DeletePolicy", "CreatePolicyVersion", "DeletePolicyVersion"),
            *("AttachRolePolicy", "DetachRolePolicy", "AttachUserPolicy", "DetachUserPolicy"),
            *("AttachGroupPolicy", "DetachGroupPolicy"),
        ),
    ),
    TrailAlarm(
        key="trail",
        benchmark="CIS 4.5, CloudWatch.5",
        what="A trail was changed or stopped",
        pattern=f"{{{_names('CreateTrail', 'UpdateTrail', 'DeleteTrail', 'StartLogging', 'StopLogging')}}}",
    ),
    TrailAlarm(
        key="failed-sign-ins",
        benchmark="CIS 4.6, CloudWatch.6",
        what="A sign-in to the console failed",
        pattern='{($.eventName=ConsoleLogin) && ($.errorMessage="Failed authentication")}',
    ),
    TrailAlarm(
        key="keys",
        benchmark="CIS 4.7, CloudWatch.7",
        what="A KMS key was disabled or is to be deleted",
        pattern=_of("kms", "DisableKey", "ScheduleKeyDeletion"),
    ),
    TrailAlarm(
        key="bucket-policies",
        benchmark="CIS 4.8, CloudWatch.8",
        what="The policy, ACL, CORS, lifecycle or replication of a bucket was changed",
        pattern=_of(
            "s3",
            *("PutBucketAcl", "PutBucketPolicy", "PutBucketCors", "PutBucketLifecycle", "PutBucketReplication"),
            *("DeleteBucketPolicy", "DeleteBucketCors", "DeleteBucketLifecycle", "DeleteBucketReplication"),
        ),
    ),
    TrailAlarm(
        key="config",
        benchmark="CIS 4.9, CloudWatch.9",
        what="AWS Config was changed or stopped",
        pattern=_of(
            "config",
            *("StopConfigurationRecorder", "DeleteDeliveryChannel", "PutDeliveryChannel", "PutConfigurationRecorder"),
        ),
    ),
    TrailAlarm(
        key="security-groups",
        benchmark="CIS 4.10, CloudWatch.10",
        what="A security group was changed",
        pattern="{{{}}}".format(
            _names(
                *("AuthorizeSecurityGroupIngress", "AuthorizeSecurityGroupEgress", "RevokeSecurityGroupIngress"),
                *("RevokeSecurityGroupEgress", "CreateSecurityGroup", "DeleteSecurityGroup"),
            )
        ),
    ),
    TrailAlarm(
        key="network-acls",
        benchmark="CIS 4.11, CloudWatch.11",
        what="A network ACL was changed",
        pattern="{{{}}}".format(
            _names(
                *("CreateNetworkAcl", "CreateNetworkAclEntry", "DeleteNetworkAcl", "DeleteNetworkAclEntry"),
                *("ReplaceNetworkAclEntry", "ReplaceNetworkAclAssociation"),
            )
        ),
    ),
    TrailAlarm(
        key="gateways",
        benchmark="CIS 4.12, CloudWatch.12",
        what="An internet or customer gateway was changed",
        pattern="{{{}}}".format(
            _names(
                *("CreateCustomerGateway", "DeleteCustomerGateway", "AttachInternetGateway"),
                *("CreateInternetGateway", "DeleteInternetGateway", "DetachInternetGateway"),
            )
        ),
    ),
    TrailAlarm(
        key="route-tables",
        benchmark="CIS 4.13, CloudWatch.13",
        what="A route table was changed",
        pattern=_of(
            "ec2",
            *("CreateRoute", "CreateRouteTable", "ReplaceRoute", "ReplaceRouteTableAssociation", "DeleteRouteTable"),
            *("DeleteRoute", "DisassociateRouteTable"),
        ),
    ),
    TrailAlarm(
        key="vpcs",
        benchmark="CIS 4.14, CloudWatch.14",
        what="A VPC or a peering was changed",
        pattern="{{{}}}".format(
            _names(
                *("CreateVpc", "DeleteVpc", "ModifyVpcAttribute", "AcceptVpcPeeringConnection"),
                *("CreateVpcPeeringConnection", "DeleteVpcPeeringConnection", "RejectVpcPeeringConnection"),
                *("AttachClassicLinkVpc", "DetachClassicLinkVpc", "DisableVpcClassicLink", "EnableVpcClassicLink"),
            )
        ),
    ),
    TrailAlarm(
        key="organization",
        benchmark="CIS 4.15",
        what="The organisation or one of its policies was changed",
        pattern=_of(
            "organizations",
            *("AcceptHandshake", "AttachPolicy", "CreateAccount", "CreateOrganizationalUnit", "CreatePolicy"),
            *("DeclineHandshake", "DeleteOrganization", "DeleteOrganizationalUnit", "DeletePolicy", "DetachPolicy"),
            *("DisablePolicyType", "EnablePolicyType", "InviteAccountToOrganization", "LeaveOrganization"),
            *("MoveAccount", "RemoveAccountFromOrganization", "UpdatePolicy", "UpdateOrganizationalUnit"),
        ),
    ),
)
"""Security Hub compares the patterns letter by letter, so they are spelled as on its page
(https://docs.aws.amazon.com/securityhub/latest/userguide/cloudwatch-controls.html, 2026-11-23); the organisation's is
of the benchmark alone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountAlarmsArgs:
    """What the alarms of one account need to know."""

    region: str
    """The trail's home region: its log group holds the events of all."""
    jurisdiction: str
    account_id: str
    key_arn: pulumi.Input[str]
    log_group: pulumi.Input[str]
    """Name of the log group that the trail delivers to."""
    also: Sequence[TrailAlarm] = ()
    """Besides the benchmark's."""
    subscribers: Mapping[str, str] = field(default_factory=dict)
    """Endpoint -> protocol."""


class AccountAlarms(pulumi.ComponentResource):
    """Topic, and a metric filter with its alarm for each row of `TRAIL_ALARMS`. Creation: seconds."""

    topic: AlarmTopic
    topic_arn: pulumi.Output[str]

    def __init__(self, name: str, args: AccountAlarmsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(type_token(type(self)), name, {}, opts)
        self._prefix, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        self.topic = AlarmTopic(
            name,
            AlarmTopicArgs(
                region=args.region,
                jurisdiction=args.jurisdiction,
                account_id=args.account_id,
                key_arn=args.key_arn,
                subscribers=args.subscribers,
                from_rules=True,
            ),
            self._child,
        )
        self.topic_arn = self.topic.arn
        for row in (*TRAIL_ALARMS, *args.also):
            self._alarm(row)
        self.register_outputs({"topicArn": self.topic_arn})

    def _alarm(self, row: TrailAlarm) -> None:
        args, namespace = self._args, f"payment-cell/{self._prefix}"
        counted = cloudwatch.LogMetricFilter(
            f"{self._prefix}-{row.key}",
            region=args.region,
            log_group_name=args.log_group,
            pattern=row.pattern,
            metric_transformation={"name": row.metric, "namespace": namespace, "value": "1", "default_value": "0"},
            opts=self._child,
        )
        cloudwatch.MetricAlarm(
            f"{self._prefix}-{row.key}",
            region=args.region,
            alarm_description=f"{row.what} ({row.benchmark})",
            namespace=namespace,
            metric_name=counted.metric_transformation.name,
            statistic="Sum",
            period=PERIOD_S,
            evaluation_periods=1,
            threshold=1,
            comparison_operator="GreaterThanOrEqualToThreshold",
            treat_missing_data="notBreaching",
            alarm_actions=[self.topic_arn],
            tags=tags(DataClass.INTERNAL),
            opts=self._child,
        )
