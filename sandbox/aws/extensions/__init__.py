"""What a payment cell needs of AWS and moto lacks, as changes to moto's own models and responses.

`install` runs once, in the emulator's process, before the first request. docs/emulator.md lists what each one adds.
"""

from sandbox.aws.extensions import (
    access_analyzer,
    acm,
    backup,
    budgets,
    cloudwatch,
    codebuild,
    dynamodb,
    ebs,
    ec2,
    eks,
    elbv2,
    events,
    guardduty,
    kinesis,
    kms,
    landing_zone,
    logs,
    oam,
    pipes,
    rds,
    route53,
    s3,
    secretsmanager,
    securityhub,
    sqs,
    ssm,
    sts,
    tagging,
    wafv2,
)
from sandbox.aws.kubernetes import Kubernetes

EXTENSIONS = (
    access_analyzer,
    acm,
    backup,
    budgets,
    cloudwatch,
    codebuild,
    dynamodb,
    ebs,
    ec2,
    elbv2,
    events,
    guardduty,
    kinesis,
    kms,
    landing_zone,
    logs,
    oam,
    pipes,
    rds,
    route53,
    s3,
    secretsmanager,
    securityhub,
    sqs,
    ssm,
    sts,
    tagging,
    wafv2,
)


def install(kubernetes: Kubernetes) -> None:
    """Put all extensions in place."""
    eks.install(kubernetes)
    for extension in EXTENSIONS:
        extension.install()
