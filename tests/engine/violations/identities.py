import json
from collections.abc import Mapping
from typing import Any

from marks import QUIET
from pulumi_aws import iam


def declare() -> None:
    _role("iam-01-bad", {"Action": "iam:PassRole", "Resource": "*"})
    _role("iam-01-good", {"Action": "iam:PassRole", "Resource": "arn:aws:iam::123456789012:role/job"})


def _role(name: str, row: Mapping[str, Any]) -> None:
    trust = {"Action": "sts:AssumeRole", "Principal": {"Service": "backup.amazonaws.com"}}
    role = iam.Role(name, assume_role_policy=_document(trust), tags=QUIET)
    iam.RolePolicy(name, role=role.name, policy=_document(row))


def _document(row: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **row}]})
