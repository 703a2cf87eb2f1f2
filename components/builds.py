"""What every CodeBuild build of ours may do: write its log, pull its image."""

import pulumi

from components.iam import Statement, allow
from components.registry import PULL


def log_access(group_arn: pulumi.Output[str]) -> Statement:
    """Streams and lines of the build's log group."""
    return allow(
        "Logs",
        ["logs:CreateLogStream", "logs:PutLogEvents"],
        [group_arn.apply(lambda arn: f"{arn.removesuffix(':*')}:*")],
    )


def image_access(repository_arn: str) -> list[Statement]:
    """The image that it runs in, from a repository of ECR."""
    return [
        allow("ImageLogin", ["ecr:GetAuthorizationToken"], ["*"]),
        allow("Image", PULL, [repository_arn]),
    ]
