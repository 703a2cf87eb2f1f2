"""A machine inside the cell's network that runs its `workloads` stack: the cluster's API has no other door."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import yaml
from pulumi_aws import cloudwatch, codebuild, ec2, eks, iam, vpc

from components.base import type_token
from components.builds import image_access, log_access
from components.iam import Statement, allow, from_source, policy, trust
from components.vocabulary import OWN_IDENTITY, DataClass, tags

HTTPS = 443

ADMINISTER = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
"""Namespaces, quotas, priorities and roles belong to the whole cluster; no narrower access policy of EKS writes them
(https://docs.aws.amazon.com/eks/latest/userguide/access-policy-permissions.html)."""

TIMEOUT_MIN = 60
"""Of a build; AWS takes 5 to 2,160 minutes (API reference, CreateProject)."""

PROJECT = "payment-cell"
"""The Pulumi project's name, which is part of the state's paths."""

_IMAGE = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com/(?P<name>[a-z0-9._/-]+)@sha256:[0-9a-f]{64}"
)
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


def repository_arn(image: str) -> str:
    """Repository of an ECR image. Raises ValueError for anything else, and for one without a digest."""
    found = _IMAGE.fullmatch(image)
    if found is None:
        raise ValueError(
            f"image: {image!r} is not an ECR image by digest; "
            "give 123456789012.dkr.ecr.eu-west-1.amazonaws.com/NAME@sha256:..."
        )
    return f"arn:aws:ecr:{found['region']}:{found['account']}:repository/{found['name']}"


@dataclass(frozen=True, kw_only=True, slots=True)
class RunnerSetup:
    """What builds run, and on which state."""

    image: str
    """ECR image by digest with this project at `/payment-cell`, its packages, the Pulumi CLI and the AWS CLI."""
    state_bucket: str
    """S3 bucket with the project's state, of the cell's account or organisation."""
    state_key_arns: Sequence[str]
    """KMS keys that encrypt the bucket's objects and the stacks' secrets."""

    def __post_init__(self) -> None:
        repository_arn(self.image)
        if not _BUCKET.fullmatch(self.state_bucket):
            raise ValueError(f"runner.state_bucket: {self.state_bucket!r} is not the name of an S3 bucket")
        if not self.state_key_arns:
            raise ValueError("runner.state_key_arns: empty; name the key of the stacks' secrets (awskms://)")

    @property
    def secrets_provider(self) -> str:
        """What encrypts the stack's secrets: the first of the keys
        (https://www.pulumi.com/docs/iac/concepts/secrets/#aws-key-management-service-kms)."""
        first = self.state_key_arns[0]
        return f"awskms:///{first}?region={first.split(':')[3]}"


@dataclass(frozen=True, kw_only=True, slots=True)
class RunnerArgs:
    """What the runner of one cell needs to know."""

    region: str
    account_id: str
    cluster_name: pulumi.Input[str]
    cluster_security_group_id: pulumi.Input[str]
    """Lets the runner in on 443."""
    vpc_id: pulumi.Input[str]
    vpc_cidr: str
    subnet_ids: Sequence[pulumi.Input[str]]
    """Workload subnets."""
    s3_prefix_list_id: pulumi.Input[str]
    """Of the gateway endpoint: the state's bucket is reached through it."""
    stack: str
    """`<cell>-workloads`"""
    setup: RunnerSetup
    log_key_arn: pulumi.Input[str]
    """Its policy lets CloudWatch Logs use it."""
    log_retention_days: int = 365
    jurisdiction: str | None = None
    protected: bool = True

    def __post_init__(self) -> None:
        if not self.subnet_ids:
            raise ValueError("runner.subnet_ids: empty; give the workload subnets")


class Runner(pulumi.ComponentResource):
    """A CodeBuild project with its role, its security group and its way into the cluster.

    Creation: seconds. Cost: by the minute of a build, and the log.
    """

    project_name: pulumi.Output[str]
    security_group_id: pulumi.Output[str]

    def __init__(self, name: str, args: RunnerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(type_token(type(self)), name, {}, opts)
        self._key, self._args = f"{name}-runner", args
        self._child = pulumi.ResourceOptions(parent=self)
        logs, group = self._logs(), self._security_group()
        role, allowed = self._role(logs, group)
        project = self._project(logs, group, role, allowed)
        self._enter(role)
        self.project_name, self.security_group_id = project.name, group.id
        self.register_outputs({"projectName": self.project_name, "securityGroupId": self.security_group_id})

    def _logs(self) -> cloudwatch.LogGroup:
        args = self._args
        return cloudwatch.LogGroup(
            self._key,
            region=args.region,
            name=f"/payment-cell/{self._key.removesuffix('-runner')}/runner",
            kms_key_id=args.log_key_arn,
            retention_in_days=args.log_retention_days,
            tags=tags(DataClass.CONFIDENTIAL, jurisdiction=args.jurisdiction),
            opts=pulumi.ResourceOptions(parent=self, protect=args.protected),
        )

    def _security_group(self) -> ec2.SecurityGroup:
        """Out: HTTPS to the cell's endpoints and cluster, and to S3. In: nothing."""
        args = self._args
        group = ec2.SecurityGroup(
            self._key,
            region=args.region,
            vpc_id=args.vpc_id,
            description=f"{self._key}: builds",
            tags=tags(DataClass.INTERNAL, name=self._key),
            opts=self._child,
        )
        for key, why, target in (
            ("vpc", "endpoints and cluster", {"cidr_ipv4": args.vpc_cidr}),
            ("state", "S3, through the gateway endpoint", {"prefix_list_id": args.s3_prefix_list_id}),
        ):
            vpc.SecurityGroupEgressRule(
                f"{self._key}-{key}",
                region=args.region,
                security_group_id=group.id,
                description=f"HTTPS to {why}",
                ip_protocol="tcp",
                from_port=HTTPS,
                to_port=HTTPS,
                tags=tags(DataClass.INTERNAL),
                opts=self._child,
                **target,
            )
        vpc.SecurityGroupIngressRule(
            f"{self._key}-cluster",
            region=args.region,
            security_group_id=args.cluster_security_group_id,
            referenced_security_group_id=group.id,
            description="Kubernetes API from the runner",
            ip_protocol="tcp",
            from_port=HTTPS,
            to_port=HTTPS,
            tags=tags(DataClass.INTERNAL),
            opts=self._child,
        )
        return group

    def _role(self, logs: cloudwatch.LogGroup, group: ec2.SecurityGroup) -> tuple[iam.Role, iam.RolePolicy]:
        args = self._args
        role = iam.Role(
            self._key,
            description=f"{self._key}: builds that run {args.stack}",
            assume_role_policy=trust("codebuild", when=from_source(args.account_id)),
            tags=tags(DataClass.INTERNAL),
            opts=self._child,
        )
        allowed = iam.RolePolicy(
            self._key,
            role=role.name,
            policy=policy(
                log_access(logs.arn),
                *self._network(group),
                *image_access(repository_arn(args.setup.image)),
                *state_access(args.stack, args.setup.state_bucket, args.setup.state_key_arns),
            ),
            opts=self._child,
        )
        return role, allowed

    def _network(self, group: ec2.SecurityGroup) -> list[Statement]:
        """https://docs.aws.amazon.com/codebuild/latest/userguide/auth-and-access-control-iam-identity-based-access-control.html#customer-managed-policies-example-create-vpc-network-interface"""
        args = self._args
        ours = f"arn:aws:ec2:{args.region}:{args.account_id}"
        subnets = [pulumi.Output.format("{0}:subnet/{1}", ours, subnet) for subnet in args.subnet_ids]
        interfaces = f"{ours}:network-interface/*"
        return [
            # EC2 has no resources for these (Service Authorization Reference).
            allow(
                "LookAtTheNetwork",
                [
                    "ec2:DescribeDhcpOptions", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSecurityGroups",
                    "ec2:DescribeSubnets", "ec2:DescribeVpcs",
                ],
                ["*"],
            ),
            allow(
                "Attach",
                ["ec2:CreateNetworkInterface"],
                [interfaces, *subnets, pulumi.Output.format("{0}:security-group/{1}", ours, group.id)],
            ),
            allow(
                "Detach",
                ["ec2:DeleteNetworkInterface"],
                [interfaces],
                when={"ArnEquals": {"ec2:Vpc": pulumi.Output.format("{0}:vpc/{1}", ours, args.vpc_id)}},
            ),
            allow(
                "HandOver",
                ["ec2:CreateNetworkInterfacePermission"],
                [interfaces],
                when={
                    "StringEquals": {"ec2:AuthorizedService": "codebuild.amazonaws.com"},
                    "ArnEquals": {"ec2:Subnet": subnets},
                },
            ),
        ]  # fmt: skip

    def _project(
        self, logs: cloudwatch.LogGroup, group: ec2.SecurityGroup, role: iam.Role, allowed: iam.RolePolicy
    ) -> codebuild.Project:
        args = self._args
        variables = {
            OWN_IDENTITY: "true",
            "PULUMI_BACKEND_URL": f"s3://{args.setup.state_bucket}?region={args.region}",
        }
        return codebuild.Project(
            self._key,
            region=args.region,
            name=self._key,
            description=f"Runs {args.stack} inside the cell's network",
            service_role=role.arn,
            source=codebuild.ProjectSourceArgs(
                type="NO_SOURCE", buildspec=buildspec(args.stack, args.setup.secrets_provider)
            ),
            artifacts=codebuild.ProjectArtifactsArgs(type="NO_ARTIFACTS"),
            environment=codebuild.ProjectEnvironmentArgs(
                type="ARM_CONTAINER",
                compute_type="BUILD_GENERAL1_SMALL",
                image=args.setup.image,
                image_pull_credentials_type="SERVICE_ROLE",
                privileged_mode=False,
                environment_variables=[
                    codebuild.ProjectEnvironmentEnvironmentVariableArgs(name=key, value=value)
                    for key, value in sorted(variables.items())
                ],
            ),
            logs_config=codebuild.ProjectLogsConfigArgs(
                cloudwatch_logs=codebuild.ProjectLogsConfigCloudwatchLogsArgs(status="ENABLED", group_name=logs.name),
            ),
            vpc_config=codebuild.ProjectVpcConfigArgs(
                vpc_id=args.vpc_id, subnets=args.subnet_ids, security_group_ids=[group.id]
            ),
            build_timeout=TIMEOUT_MIN,
            # Two updates of one stack would wait for its lock, and the second fail.
            concurrent_build_limit=1,
            tags=tags(DataClass.INTERNAL),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[allowed]),
        )

    def _enter(self, role: iam.Role) -> None:
        args = self._args
        entry = eks.AccessEntry(
            self._key,
            region=args.region,
            cluster_name=args.cluster_name,
            principal_arn=role.arn,
            type="STANDARD",
            tags=tags(DataClass.INTERNAL),
            opts=self._child,
        )
        eks.AccessPolicyAssociation(
            self._key,
            region=args.region,
            cluster_name=args.cluster_name,
            principal_arn=entry.principal_arn,
            policy_arn=ADMINISTER,
            access_scope=eks.AccessPolicyAssociationAccessScopeArgs(type="cluster"),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[entry]),
        )


def state_access(stack: str, bucket: str, key_arns: Sequence[str], *, writes: bool = True) -> list[Statement]:
    """The project's state to read and, with `writes`, the stack's own to change; previews take no lock
    (pulumi 3.259, `backend/diy`). Paths of the state backend: `docs/reaching-a-cluster.md`."""
    arn = f"arn:aws:s3:::{bucket}"
    folder = f"{arn}/.pulumi"
    found = [
        allow("FindState", ["s3:ListBucket"], [arn], when={"StringLike": {"s3:prefix": [".pulumi/*"]}}),
        allow("ReadState", ["s3:GetObject"], [f"{folder}/meta.yaml", f"{folder}/stacks/{PROJECT}/*"]),
    ]
    keys = ["kms:Decrypt"]
    if writes:
        own = [
            f"{folder}/stacks/{PROJECT}/{stack}.json*",
            *(f"{folder}/{kind}/{PROJECT}/{stack}/*" for kind in ("history", "backups", "locks/organization")),
        ]
        found.append(allow("OwnState", ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"], own))
        keys += ["kms:Encrypt", "kms:GenerateDataKey"]
    if key_arns:
        found.append(allow("StateKeys", keys, list(key_arns)))
    return found


def buildspec(stack: str, secrets_provider: str) -> str:
    """What a build does: the workloads stack with both policy packs and its exceptions, and nothing from elsewhere.

    The first build makes the stack's state, with this secrets provider; later ones find it.
    """
    name = f"organization/{PROJECT}/{stack}"
    select = f"pulumi stack select {name} --create --secrets-provider '{secrets_provider}' --non-interactive"
    exceptions = f"export PAYMENT_CELL_EXCEPTIONS=/payment-cell/exceptions/{stack}.yaml"
    up = f"pulumi up --stack {name} --yes --non-interactive --policy-pack policies/gdpr --policy-pack policies/soc2"
    return yaml.safe_dump(
        {"version": 0.2, "phases": {"build": {"commands": ["cd /payment-cell", select, exceptions, up]}}},
        sort_keys=False,
        width=400,
    )
