"""What an auditor's role may do: the calls that readers declare, and explicit denies on everything that tells data."""

from typing import Any

from operations.audit.live.collect import readers
from operations.audit.live.question import QUESTIONS

NEVER = (
    "dynamodb:BatchGetItem",
    "dynamodb:GetItem",
    "dynamodb:GetRecords",
    "dynamodb:PartiQLSelect",
    "dynamodb:Query",
    "dynamodb:Scan",
    "ebs:GetSnapshotBlock",
    "ec2:GetConsoleOutput",
    "ec2:GetConsoleScreenshot",
    "ec2:GetPasswordData",
    "ecr:BatchGetImage",
    "ecr:GetDownloadUrlForLayer",
    "kinesis:GetRecords",
    "kms:Decrypt",
    "kms:DeriveSharedSecret",
    "kms:GenerateDataKey*",
    "kms:ReEncrypt*",
    "lambda:GetFunction",
    "logs:FilterLogEvents",
    "logs:GetLogEvents",
    "logs:GetQueryResults",
    "logs:StartLiveTail",
    "logs:StartQuery",
    "logs:Unmask",
    "rds-data:*",
    "rds-db:connect",
    "rds:DownloadDBLogFilePortion",
    "s3:GetObject*",
    "secretsmanager:BatchGetSecretValue",
    "secretsmanager:GetSecretValue",
    "sns:Subscribe",
    "sqs:ReceiveMessage",
    "ssm:GetParameter",
    "ssm:GetParameterHistory",
    "ssm:GetParameters",
    "ssm:GetParametersByPath",
)
"""Reads of secrets, of keys' use and of data: denied even where another policy of the role allows them
(https://docs.aws.amazon.com/service-authorization/latest/reference/)."""


def anchor_statements(bucket: str, prefix: str) -> list[dict[str, Any]]:
    """What whoever anchors heads in a bucket needs beside: the only rights of an audit that write.

    A put with a retention date needs both rights of the object
    (https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock-managing.html).
    """
    arn = f"arn:aws:s3:::{bucket}"
    return [
        {
            "Sid": "AnchorHeads",
            "Effect": "Allow",
            "Action": ["s3:PutObject", "s3:PutObjectRetention"],
            "Resource": f"{arn}/{prefix}*",
        },
        {
            "Sid": "AnchorIsLocked",
            "Effect": "Allow",
            "Action": "s3:GetBucketObjectLockConfiguration",
            "Resource": arn,
        },
    ]


def audit_policy() -> dict[str, Any]:
    """The identity policy of an auditor, one statement a service; it writes nothing. List and describe calls of a whole
    account have no resource to name: what they tell is bounded by the fields that an audit keeps, and by the denies."""
    readers()
    by_service: dict[str, set[str]] = {}
    for question in QUESTIONS.values():
        by_service.setdefault(question.permission.partition(":")[0], set()).add(question.permission)
    return {
        "Version": "2012-10-17",
        "Statement": [
            *(
                {
                    "Sid": f"Read{''.join(word.capitalize() for word in service.split('-'))}",
                    "Effect": "Allow",
                    "Action": sorted(actions),
                    "Resource": "*",
                }
                for service, actions in sorted(by_service.items())
            ),
            {"Sid": "NeverData", "Effect": "Deny", "Action": list(NEVER), "Resource": "*"},
        ],
    }
