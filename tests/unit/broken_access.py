"""Mutations of networks, identities and what runs in a cluster."""

import json
from collections.abc import Callable

from mutations import ACCOUNT, CELL, WORKLOADS, Mutation, Props, setting, without

EKS, LISTENER = "aws:eks/cluster:Cluster", "aws:lb/listener:Listener"
ENDPOINT, TEMPLATE = "aws:ec2/vpcEndpoint:VpcEndpoint", "aws:ec2/launchTemplate:LaunchTemplate"
DEFAULT_GROUP = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
ACL, ACL_LOG = "aws:wafv2/webAcl:WebAcl", "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration"
ROLE, ROLE_POLICY = "aws:iam/role:Role", "aws:iam/rolePolicy:RolePolicy"
DEPLOYMENT, NAMESPACE = "kubernetes:apps/v1:Deployment", "kubernetes:core/v1:Namespace"
NETWORK_POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
CLUSTER_ROLE = "kubernetes:rbac.authorization.k8s.io/v1:ClusterRole"
REPOSITORY = "aws:ecr/repository:Repository"
POD = "spec.template.spec"
FIRST = f"{POD}.containers.0"


def in_document(name: str, change: Callable[[Props], object]) -> Callable[[Props], object]:
    """Changes a policy document, which a property holds as JSON."""

    def changed(props: Props) -> None:
        document: Props = json.loads(props[name])
        change(document)
        props[name] = json.dumps(document)

    return changed


def allowing(action: str) -> Callable[[Props], object]:
    """A policy of a role that allows one thing more."""
    more = {"Sid": "More", "Effect": "Allow", "Action": action, "Resource": "*"}
    return in_document("policy", lambda document: document["Statement"].append(more))


def unbounded(*actions: str) -> Callable[[Props], object]:
    """A role without its boundary, and with a policy of its own."""
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}

    def change(props: Props) -> None:
        props.pop("permissionsBoundary", None)
        props["inlinePolicies"] = [{"name": "more", "policy": json.dumps(document)}]

    return change


def rules_without(statement: str) -> Callable[[Props], object]:
    """A web ACL without its rules of one kind."""

    def change(props: Props) -> None:
        props["rules"] = [rule for rule in props["rules"] if not rule["statement"].get(statement)]

    return change


NETWORKS = (
    Mutation(
        sees="NET-01 opens_nothing_to_the_world",
        stack=CELL,
        type="aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        change=setting("cidrIpv4", "0.0.0.0/0"),
    ),
    Mutation(
        sees="NET-02 data_subnets_have_no_way_out",
        stack=CELL,
        type="aws:ec2/routeTable:RouteTable",
        name="data",
        change=setting("routes", [{"cidrBlock": "0.0.0.0/0", "natGatewayId": "nat-1"}]),
    ),
    Mutation(
        sees="NET-02 has_no_public_address",
        stack=CELL,
        type="aws:rds/clusterInstance:ClusterInstance",
        change=setting("publiclyAccessible", True),
    ),
    Mutation(
        sees="NET-03 endpoint_is_private_or_listed",
        stack=CELL,
        type=EKS,
        change=setting("vpcConfig.endpointPublicAccess", True),
    ),
    Mutation(
        sees="NET-04 endpoint_has_a_policy_of_its_own",
        stack=CELL,
        type=ENDPOINT,
        name="secretsmanager",
        change=without("policy"),
    ),
    Mutation(sees="NET-04 vpc_has_endpoints_for_its_data", stack=CELL, type=ENDPOINT, name="kinesis-streams"),
    Mutation(
        sees="NET-05 internet_facing_alb_has_a_web_acl",
        stack=CELL,
        type="aws:wafv2/webAclAssociation:WebAclAssociation",
    ),
    Mutation(sees="NET-06 acl_limits_the_rate", stack=CELL, type=ACL, change=rules_without("rateBasedStatement")),
    Mutation(
        sees="NET-06 acl_uses_managed_rules",
        stack=CELL,
        type=ACL,
        change=rules_without("managedRuleGroupStatement"),
    ),
    Mutation(sees="NET-06 acl_is_logged", stack=CELL, type=ACL_LOG),
    Mutation(sees="NET-06 log_redacts_credentials", stack=CELL, type=ACL_LOG, change=setting("redactedFields", [])),
    Mutation(sees="NET-07 vpc_has_a_flow_log", stack=CELL, type="aws:ec2/flowLog:FlowLog"),
    Mutation(
        sees="NET-08 default_group_is_empty",
        stack=CELL,
        type=DEFAULT_GROUP,
        change=setting("ingress", [{"protocol": "-1", "self": True, "fromPort": 0, "toPort": 0}]),
    ),
    Mutation(sees="NET-08 vpc_empties_its_default_group", stack=CELL, type=DEFAULT_GROUP),
    Mutation(
        sees="NET-08 metadata_needs_a_token",
        stack=CELL,
        type=TEMPLATE,
        change=setting("metadataOptions.httpTokens", "optional"),
    ),
    Mutation(
        sees="NET-08 metadata_stays_on_the_machine",
        stack=CELL,
        type=TEMPLATE,
        change=setting("metadataOptions.httpPutResponseHopLimit", 2),
    ),
    Mutation(sees="NET-09 denies_by_default", stack=WORKLOADS, type=NETWORK_POLICY, name="fraud-default-deny"),
    Mutation(
        sees="NET-09 cni_enforces_policies",
        stack=CELL,
        type="aws:eks/addon:Addon",
        name="vpc-cni",
        change=setting("configurationValues", '{"enableNetworkPolicy": "false"}'),
    ),
    Mutation(
        sees="NET-09 keeps_off_the_nodes_network",
        stack=WORKLOADS,
        type=DEPLOYMENT,
        change=setting(f"{POD}.hostNetwork", True),
    ),
    Mutation(
        sees="NET-10 leaves_no_way_out_open",
        stack=WORKLOADS,
        type=NETWORK_POLICY,
        name="fraud-allow-dns",
        change=setting("spec.egress.0.to", []),
    ),
    Mutation(
        sees="TLS-01 listener_speaks_tls_1_2",
        stack=CELL,
        type=LISTENER,
        name="https",
        change=setting("sslPolicy", "ELBSecurityPolicy-2016-08"),
    ),
    Mutation(
        sees="TLS-01 plain_http_only_redirects",
        stack=CELL,
        type=LISTENER,
        name="eu-west-1-http",
        change=setting("defaultActions", [{"type": "fixed-response", "fixedResponse": {"contentType": "text/plain"}}]),
        also=frozenset({"NET-01 opens_nothing_to_the_world"}),
    ),
)

IDENTITIES = (
    Mutation(
        sees="IAM-01 grants_no_star_on_star",
        stack=CELL,
        type=ROLE_POLICY,
        change=allowing("*"),
    ),
    Mutation(sees="IAM-01 passes_no_unnamed_role", stack=ACCOUNT, type=ROLE_POLICY, change=allowing("iam:PassRole")),
    Mutation(
        sees="IAM-01 decrypts_with_no_unnamed_key", stack=ACCOUNT, type=ROLE_POLICY, change=allowing("kms:Decrypt")
    ),
    Mutation(sees="IAM-01 cannot_raise_its_own_rights", stack=CELL, type=ROLE, change=unbounded("iam:PutRolePolicy")),
    Mutation(
        sees="IAM-01 attaches_no_administrator",
        stack=CELL,
        type="aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        change=setting("policyArn", "arn:aws:iam::aws:policy/AdministratorAccess"),
    ),
    Mutation(
        sees="IAM-01 manages_no_administrator",
        stack=CELL,
        type=ROLE,
        change=setting("managedPolicyArns", ["arn:aws:iam::aws:policy/AdministratorAccess"]),
    ),
    Mutation(
        sees="IAM-03 pod_identity_names_its_pods",
        stack=CELL,
        type=ROLE,
        name="eu-west-1-payments",
        change=in_document("assumeRolePolicy", lambda document: document["Statement"][0].pop("Condition")),
    ),
    Mutation(
        sees="IAM-04 is_reached_through_access_entries_only",
        stack=CELL,
        type=EKS,
        change=setting("accessConfig.authenticationMode", "API_AND_CONFIG_MAP"),
    ),
    Mutation(
        sees="IAM-04 leaves_its_creator_without_rights",
        stack=CELL,
        type=EKS,
        change=setting("accessConfig.bootstrapClusterCreatorAdminPermissions", True),
    ),
    Mutation(
        sees="IAM-04 makes_nobody_a_standing_administrator",
        stack=CELL,
        type="aws:eks/accessPolicyAssociation:AccessPolicyAssociation",
        change=setting("principalArn", "arn:aws:iam::123456789012:user/somebody"),
    ),
    Mutation(
        sees="IAM-04 binds_nobody_to_cluster_admin",
        stack=WORKLOADS,
        type="kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding",
        change=setting("roleRef.name", "cluster-admin"),
    ),
    Mutation(
        sees="IAM-05 leaves_the_evidence_alone",
        stack=CELL,
        type=ROLE,
        name="eu-west-1-payments",
        change=unbounded("logs:DeleteLogGroup"),
    ),
    Mutation(
        sees="IAM-06 signs_users_in_by_iam",
        stack=CELL,
        type="aws:rds/cluster:Cluster",
        change=setting("iamDatabaseAuthenticationEnabled", False),
    ),
    Mutation(
        sees="IAM-06 proxy_signs_users_in_by_iam",
        stack=CELL,
        type="aws:rds/proxy:Proxy",
        change=setting("auths.0.iamAuth", "DISABLED"),
    ),
)

CLUSTERS = (
    Mutation(
        sees="K8S-01 admits_restricted_pods_only",
        stack=WORKLOADS,
        type=NAMESPACE,
        change=lambda props: props["metadata"]["labels"].update({"pod-security.kubernetes.io/enforce": "baseline"}),
    ),
    Mutation(
        sees="K8S-02 runs_as_no_root",
        stack=WORKLOADS,
        type=DEPLOYMENT,
        change=setting(f"{POD}.securityContext.runAsNonRoot", False),
    ),
    Mutation(
        sees="K8S-02 has_a_read_only_root",
        stack=WORKLOADS,
        type=DEPLOYMENT,
        change=setting(f"{FIRST}.securityContext.readOnlyRootFilesystem", False),
    ),
    Mutation(
        sees="K8S-02 drops_all_capabilities",
        stack=WORKLOADS,
        type=DEPLOYMENT,
        change=setting(f"{FIRST}.securityContext.capabilities", {"drop": ["ALL"], "add": ["SYS_ADMIN"]}),
    ),
    Mutation(
        sees="K8S-02 gains_no_privileges",
        stack=WORKLOADS,
        type=DEPLOYMENT,
        change=setting(f"{FIRST}.securityContext.allowPrivilegeEscalation", True),
    ),
    Mutation(
        sees="K8S-02 has_a_seccomp_profile",
        stack=WORKLOADS,
        type=DEPLOYMENT,
        change=setting(f"{POD}.securityContext.seccompProfile", {"type": "Unconfined"}),
    ),
    Mutation(
        sees="K8S-03 is_fixed_by_digest",
        stack=WORKLOADS,
        type=DEPLOYMENT,
        change=setting(f"{FIRST}.image", "123456789012.dkr.ecr.eu-west-1.amazonaws.com/eu-west-1/gateway:latest"),
    ),
    Mutation(
        sees="K8S-03 comes_from_a_private_registry",
        stack=WORKLOADS,
        type=DEPLOYMENT,
        change=setting(f"{FIRST}.image", f"public.ecr.aws/somebody/gateway@sha256:{'0' * 64}"),
    ),
    Mutation(
        sees="K8S-04 no_variable_holds_a_secret",
        stack=WORKLOADS,
        type=DEPLOYMENT,
        change=setting(f"{FIRST}.env", [{"name": "DATABASE_PASSWORD", "value": "hunter2"}]),
    ),
    Mutation(
        sees="K8S-04 no_entry_holds_a_secret",
        stack=WORKLOADS,
        type="kubernetes:core/v1:ConfigMap",
        change=lambda props: props["data"].update({"url": "postgres://payments:hunter2@database:5432/payments"}),
    ),
    Mutation(
        sees="K8S-05 limits_memory",
        stack=WORKLOADS,
        type=DEPLOYMENT,
        change=setting(f"{FIRST}.resources.limits", {}),
    ),
    Mutation(
        sees="K8S-05 has_a_disruption_budget",
        stack=WORKLOADS,
        type="kubernetes:policy/v1:PodDisruptionBudget",
        name="eu-west-1-payments",
    ),
    Mutation(
        sees="K8S-05 is_spread_over_zones",
        stack=WORKLOADS,
        type=DEPLOYMENT,
        change=setting(f"{POD}.topologySpreadConstraints", []),
    ),
    Mutation(
        sees="K8S-06 names_what_it_allows",
        stack=WORKLOADS,
        type=CLUSTER_ROLE,
        change=setting("rules.0.resources", ["*"]),
    ),
    Mutation(
        sees="K8S-06 hands_out_no_rights",
        stack=WORKLOADS,
        type=CLUSTER_ROLE,
        change=setting("rules.0.verbs", ["impersonate"]),
    ),
    Mutation(
        sees="K8S-06 enters_no_pods",
        stack=WORKLOADS,
        type=CLUSTER_ROLE,
        change=setting("rules.0.resources", ["pods/exec"]),
    ),
    Mutation(
        sees="K8S-07 keeps_its_tags",
        stack=CELL,
        type=REPOSITORY,
        change=setting("imageTagMutability", "MUTABLE"),
    ),
    Mutation(
        sees="K8S-07 scans_its_images",
        stack=CELL,
        type=REPOSITORY,
        change=setting("imageScanningConfiguration", {"scanOnPush": False}),
    ),
    Mutation(
        sees="K8S-07 registry_scans_its_images",
        stack=ACCOUNT,
        type="aws:ecr/registryScanningConfiguration:RegistryScanningConfiguration",
        change=setting("rules", []),
    ),
    Mutation(
        sees="LOG-04 cluster_sends_all_logs", stack=CELL, type=EKS, change=setting("enabledClusterLogTypes", ["api"])
    ),
)

MUTATIONS = (*NETWORKS, *IDENTITIES, *CLUSTERS)
