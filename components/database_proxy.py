"""RDS Proxy in front of one shard: TLS and IAM tokens from clients, IAM towards the database too, one secret for the
master user."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import iam, rds

from components.base import type_token
from components.iam import allow, from_source, policy, trust, via_service
from components.vocabulary import DataClass, tags

IDLE_CLIENT_S = 1800
"""Seconds after which a silent client is let go: RDS's default, longer than any pool of ours keeps one."""

BORROW_TIMEOUT_S = 5
"""Seconds that a client waits for a free connection. The default of 120 outlives every payment's deadline: better to
say no while the caller can still answer."""

MAX_CONNECTIONS_PERCENT = 80
"""Share of the database's max_connections; the rest is for migrations, replication and people."""

MAX_IDLE_PERCENT = 40
"""Share kept open while idle: half, so that a peak does not pay for handshakes."""


def connect_arn(region: str, account_id: str, resource_id: pulumi.Input[str], user: str) -> pulumi.Output[str]:
    """What rds-db:connect is allowed on: a user of a proxy (`prx-...`) or of a cluster (`cluster-...`).

    https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/UsingWithRDS.IAMDBAuth.IAMPolicy.html
    """
    return pulumi.Output.format("arn:aws:rds-db:{}:{}:dbuser:{}/{}", region, account_id, resource_id, user)


@dataclass(frozen=True, kw_only=True, slots=True)
class DatabaseProxyArgs:
    """What the proxy of one shard needs to know."""

    region: str
    account_id: str
    jurisdiction: str
    subnet_ids: Sequence[pulumi.Input[str]]
    security_group_id: pulumi.Input[str]
    cluster_identifier: pulumi.Input[str]
    cluster_resource_id: pulumi.Input[str]
    users: Sequence[str]
    """Database users that the proxy signs in as with IAM, end to end."""
    secret_arn: pulumi.Input[str]
    secrets_key_arn: pulumi.Input[str]
    instances: Sequence[pulumi.Resource]
    """A proxy takes a cluster as target only when it has an instance."""
    secret_version: Sequence[pulumi.Resource]
    """What gives the secret its value; empty where another region does."""


class DatabaseProxy(pulumi.ComponentResource):
    """Proxy, its role, target group and target. Creation: about ten minutes, beside the cluster's."""

    endpoint: pulumi.Output[str]
    """Host name of the read-write endpoint."""
    arn: pulumi.Output[str]
    name: pulumi.Output[str]
    resource_id: pulumi.Output[str]
    """`prx-...`: what a client's permission for rds-db:connect names."""

    def __init__(self, name: str, args: DatabaseProxyArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(type_token(type(self)), name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        role, allowed = self._role(name, args, child)
        proxy = self._proxy(name, args, role, allowed)
        self._target(name, args, proxy, self._connect(name, args, role, child))
        self.endpoint, self.arn, self.name = proxy.endpoint, proxy.arn, proxy.name
        self.resource_id = proxy.arn.apply(lambda arn: arn.rpartition(":")[2])
        self.register_outputs({"endpoint": self.endpoint, "arn": self.arn})

    def _proxy(self, name: str, args: DatabaseProxyArgs, role: iam.Role, allowed: iam.RolePolicy) -> rds.Proxy:
        return rds.Proxy(
            name,
            region=args.region,
            name=name,
            engine_family="POSTGRESQL",
            role_arn=role.arn,
            require_tls=True,
            # Debug logging would write statements, and with them people's data.
            debug_logging=False,
            # Programs have no password that could leak: the proxy signs in as them with its own role. The secret is for
            # the master user, whom migrations are.
            default_auth_scheme="IAM_AUTH",
            idle_client_timeout=IDLE_CLIENT_S,
            vpc_subnet_ids=args.subnet_ids,
            vpc_security_group_ids=[args.security_group_id],
            auths=[
                {
                    "auth_scheme": "SECRETS",
                    "iam_auth": "REQUIRED",
                    "client_password_auth_type": "POSTGRES_SCRAM_SHA_256",
                    "secret_arn": args.secret_arn,
                }
            ],
            tags=tags(DataClass.PAYMENTS, jurisdiction=args.jurisdiction),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[allowed, *args.secret_version]),
        )

    @staticmethod
    def _connect(name: str, args: DatabaseProxyArgs, role: iam.Role, child: pulumi.ResourceOptions) -> iam.RolePolicy:
        """The proxy's own permission on the cluster's users. Apart from the one that the proxy is made with, because it
        needs the cluster's id: the proxy would else wait for the cluster.

        https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/rds-proxy-iam-setup.html
        """
        users = [connect_arn(args.region, args.account_id, args.cluster_resource_id, user) for user in args.users]
        return iam.RolePolicy(
            f"{name}-proxy-connect",
            role=role.id,
            policy=policy(allow("SignIn", ["rds-db:connect"], users)),
            opts=child,
        )

    def _target(self, name: str, args: DatabaseProxyArgs, proxy: rds.Proxy, connect: iam.RolePolicy) -> None:
        group = rds.ProxyDefaultTargetGroup(
            name,
            region=args.region,
            db_proxy_name=proxy.name,
            connection_pool_config={
                "connection_borrow_timeout": BORROW_TIMEOUT_S,
                "max_connections_percent": MAX_CONNECTIONS_PERCENT,
                "max_idle_connections_percent": MAX_IDLE_PERCENT,
            },
            opts=pulumi.ResourceOptions(parent=self),
        )
        rds.ProxyTarget(
            name,
            region=args.region,
            db_proxy_name=proxy.name,
            target_group_name=group.name,
            db_cluster_identifier=args.cluster_identifier,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[*args.instances, connect]),
        )

    @staticmethod
    def _role(name: str, args: DatabaseProxyArgs, child: pulumi.ResourceOptions) -> tuple[iam.Role, iam.RolePolicy]:
        role = iam.Role(
            f"{name}-proxy",
            description=f"{name}: RDS Proxy reads the shard's secret and signs in to it",
            assume_role_policy=trust("rds", when=from_source(args.account_id)),
            tags=tags(DataClass.INTERNAL),
            opts=child,
        )
        decrypt = via_service(["secretsmanager"], args.region, args.account_id)
        allowed = iam.RolePolicy(
            f"{name}-proxy",
            role=role.id,
            policy=policy(
                allow("ReadSecret", ["secretsmanager:GetSecretValue"], [args.secret_arn]),
                allow("DecryptSecret", ["kms:Decrypt"], [args.secrets_key_arn], when=decrypt),
            ),
            opts=child,
        )
        return role, allowed
