"""The role of whoever moves the writer of a pair: `cell failover`, `switchover`, `failback` and `recovery` act as it.

It allows the calls of `operations/recovery/calls.py`, each on the pair's own resources, and nothing else: it creates
nothing, deploys nothing, and reads of data what a report of missing payments needs. It is there before the day on which
it is needed: no step of a movement makes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_aws import iam

from components.base import type_token
from components.iam import Condition, Statement, allow, policy, trust
from components.vocabulary import DataClass, tags


def recovery_role(pair: str) -> str:
    """Its name, known beforehand: on the day itself nobody asks the state of a stack for it."""
    return f"{pair}-recovery"


@dataclass(frozen=True, kw_only=True, slots=True)
class RecoveryRoleArgs:
    """What is moved, and by whom."""

    account_id: str
    cells: Mapping[str, str]
    """Cell -> its region, the primary first: names of shards, secrets and the epoch store begin with the primary's."""
    epoch_table: str
    operators: Sequence[str] = ()
    """ARNs of IAM users and roles that may become it. Empty: whoever the account's own policies let."""
    drills: str | None = None
    """ARN (`*` matches within) of the role of the scheduled drill, which becomes it too."""

    def __post_init__(self) -> None:
        if len(self.cells) != 2:
            raise ValueError(f"recovery_role.cells: {len(self.cells)}; a pair has two")


class RecoveryRole(pulumi.ComponentResource):
    """The role `<pair>-recovery`. Creation: seconds. Cost: none."""

    arn: pulumi.Output[str]

    def __init__(self, name: str, args: RecoveryRoleArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(type_token(type(self)), name, {}, opts)
        child, key = pulumi.ResourceOptions(parent=self), recovery_role(name)
        role = iam.Role(
            key,
            name=key,
            description=f"{name}: moves the writer, and nothing else",
            assume_role_policy=trust({"AWS": _accounts(args)}, when=_named(args)),
            tags=tags(DataClass.INTERNAL),
            opts=child,
        )
        iam.RolePolicy(key, role=role.name, policy=policy(*recovery_statements(args)), opts=child)
        self.arn = role.arn
        self.register_outputs({"arn": self.arn})


def _accounts(args: RecoveryRoleArgs) -> Any:
    """IAM refuses to name a principal that does not exist; the condition does."""
    accounts = sorted({args.account_id, *(arn.split(":")[4] for arn in args.operators)})
    roots = [f"arn:aws:iam::{account}:root" for account in accounts]
    return roots[0] if len(roots) == 1 else roots


def _named(args: RecoveryRoleArgs) -> Condition | None:
    if not args.operators:
        return None
    return {"ArnLike": {"aws:PrincipalArn": [*sorted(args.operators), *([args.drills] if args.drills else [])]}}


def recovery_statements(args: RecoveryRoleArgs) -> list[Statement]:
    """What the role may do. `sts:GetCallerIdentity` needs no permission, and becoming the role is its trust's matter.

    Objects, secrets and queues are encrypted under keys whose policies let whoever S3, Secrets Manager and SQS let
    (components/keys.py), so no right over a key is here.
    """
    primary, regions = next(iter(args.cells)), list(args.cells.values())
    account = args.account_id

    def own(service: str, rest: str) -> list[str]:
        """Of each cell in its region."""
        return [f"arn:aws:{service}:{region}:{account}:{rest.format(cell=cell)}" for cell, region in args.cells.items()]

    def both(service: str, rest: str) -> list[str]:
        """Of the pair, in both regions."""
        return [f"arn:aws:{service}:{region}:{account}:{rest}" for region in regions]

    worlds, clusters = f"arn:aws:rds::{account}:global-cluster:{primary}-*", own("rds", "cluster:{cell}-*")
    archives = [f"arn:aws:s3:::{cell}-archive-*" for cell in args.cells]
    groups = own("eks", "nodegroup/{cell}/*/*")
    return [
        allow(
            "Record",
            ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Scan"],
            both("dynamodb", f"table/{args.epoch_table}"),
        ),
        allow(
            "WithoutResource",
            ["cloudwatch:GetMetricData", "s3:ListAllMyBuckets", "secretsmanager:ListSecrets"],
            ["*"],
            when={"StringEquals": {"aws:RequestedRegion": sorted(regions)}},
        ),
        allow("SeeShards", ["rds:DescribeDBClusters", "rds:DescribeGlobalClusters"], [*clusters, worlds]),
        allow("MoveShards", ["rds:FailoverGlobalCluster", "rds:SwitchoverGlobalCluster"], [*clusters, worlds]),
        allow("FindEvents", ["s3:ListBucketVersions"], archives),
        # Each version by its id: s3:GetObject is not asked for
        # (https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html).
        allow("ReadEvents", ["s3:GetObjectVersion"], [f"{archive}/*" for archive in archives]),
        # A move takes the letters out and puts them in under the rights of whoever started it
        # (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html).
        allow(
            "TakeLetters",
            [
                *("sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:ReceiveMessage"),
                "sqs:StartMessageMoveTask",
            ],
            [arn for suffix in ("", ".fifo") for arn in own("sqs", f"{{cell}}-*-dlq{suffix}")],
        ),
        allow("PutLettersBack", ["sqs:SendMessage"], own("sqs", "{cell}-*")),
        allow("SeeNodes", ["eks:ListNodegroups"], own("eks", "cluster/{cell}")),
        allow("ScaleNodes", ["eks:DescribeNodegroup", "eks:UpdateNodegroupConfig"], groups),
        allow("PayForTest", ["secretsmanager:GetSecretValue"], both("secretsmanager", f"secret:{primary}-api-keys-*")),
    ]
