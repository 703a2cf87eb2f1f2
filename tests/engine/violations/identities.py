import json
from collections.abc import Mapping
from typing import Any

from marks import CONTROL_PLANE, ENTRIES_ONLY, QUIET, forcing_tls
from pulumi_aws import cloudwatch, eks, iam, rds

POD = {
    "aws:RequestTag/kubernetes-namespace": "shop",
    "aws:RequestTag/kubernetes-service-account": "till",
    "aws:SourceAccount": "123456789012",
}


def declare() -> None:
    iam.User("iam-02-bad", tags=QUIET)
    backup = {"Action": "sts:AssumeRole", "Principal": {"Service": "backup.amazonaws.com"}}
    for name, passes, names, retention in (
        ("good", "arn:aws:iam::123456789012:role/job", POD, "logs:PutLogEvents"),
        ("bad", "*", {"aws:SourceAccount": "123456789012"}, "logs:PutRetentionPolicy"),
    ):
        _role(f"iam-01-{name}", backup, {"Action": "iam:PassRole", "Resource": passes})
        _role(f"iam-03-{name}", _pods(names), {"Action": "ec2:DescribeVpcs", "Resource": "*"})
        _role(f"iam-05-{name}", _pods(POD), {"Action": retention, "Resource": "*"})
        _break_glass(name)
        eks.Cluster(
            f"iam-04-{name}",
            role_arn="arn:aws:iam::123456789012:role/cluster",
            vpc_config={"subnet_ids": ["subnet-1"], "endpoint_public_access": False, "endpoint_private_access": True},
            access_config={**ENTRIES_ONLY, "bootstrap_cluster_creator_admin_permissions": name == "bad"},
            enabled_cluster_log_types=CONTROL_PLANE,
            tags=QUIET,
        )
        rds.Cluster(
            f"iam-06-{name}",
            engine="aurora-postgresql",
            backup_retention_period=7,
            db_cluster_parameter_group_name=forcing_tls(f"iam-06-{name}").name,
            iam_database_authentication_enabled=name == "good",
            tags=QUIET,
        )


def _break_glass(name: str) -> None:
    """Two roles for emergencies; one is entered without MFA."""
    arn = f"arn:aws:iam::123456789012:role/iam-07-{name}"
    entered = {"Action": "sts:AssumeRole", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}}
    mfa = {"Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}}
    iam.Role(
        f"iam-07-{name}",
        name=f"iam-07-{name}",
        assume_role_policy=_document({**entered, **(mfa if name == "good" else {})}),
        tags={**QUIET, "payment-cell:use": "break-glass"},
    )
    detail = {"eventName": ["AssumeRole"], "requestParameters": {"roleArn": [arn]}}
    pattern = json.dumps({"source": ["aws.sts"], "detail": detail})
    rule = cloudwatch.EventRule(f"iam-07-{name}", event_pattern=pattern, tags=QUIET)
    cloudwatch.EventTarget(f"iam-07-{name}", rule=rule.name, arn="arn:aws:sns:eu-west-1:123456789012:page")


def _pods(names: Mapping[str, str]) -> Mapping[str, Any]:
    return {
        "Action": ["sts:AssumeRole", "sts:TagSession"],
        "Principal": {"Service": "pods.eks.amazonaws.com"},
        "Condition": {"StringEquals": names},
    }


def _role(name: str, trust: Mapping[str, Any], row: Mapping[str, Any]) -> None:
    role = iam.Role(name, assume_role_policy=_document(trust), tags=QUIET)
    iam.RolePolicy(name, role=role.name, policy=_document(row))


def _document(row: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **row}]})
