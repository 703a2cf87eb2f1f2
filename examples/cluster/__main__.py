"""An EKS cluster with one node group, in private subnets that exist already."""

import pulumi

import catalogue
from components.cluster import Cluster, ClusterArgs
from components.keys import Keys, KeysArgs
from components.nodes import NodeGroupArgs
from components.vocabulary import KeyUse

region = pulumi.Config("aws").require("region")
config = pulumi.Config()
account_id = config.require("accountId")
keys = Keys("cluster", KeysArgs(region=region, account_id=account_id, protected=False))
versions = catalogue.versions()
subnets = list(config.require_object("subnets").values())
cluster = Cluster(
    "cluster",
    ClusterArgs(
        region=region,
        account_id=account_id,
        jurisdiction="eu",
        kubernetes_version=versions.kubernetes.default,
        add_on_versions=versions.addons.of(versions.kubernetes.default),
        subnet_ids=subnets,
        node_subnet_ids=subnets,
        node_groups={"general": NodeGroupArgs(instance_types=["m7g.large"], min_size=2, desired_size=2, max_size=4)},
        administrators={"deploy": config.require("administratorRoleArn")},
        secrets_key_arn=keys.arns[KeyUse.CLUSTER],
        volume_key_arn=keys.arns[KeyUse.VOLUMES],
        log_key_arn=keys.arns[KeyUse.LOGS],
        protected=False,
    ),
)

pulumi.export("clusterName", cluster.name)
pulumi.export("clusterEndpoint", cluster.endpoint)
pulumi.export("clusterArn", cluster.arn)
pulumi.export("clusterCertificateAuthority", cluster.certificate_authority)
pulumi.export("clusterSecurityGroupId", cluster.security_group_id)
