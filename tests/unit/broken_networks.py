"""Mutations of networks and their edge."""

from changes import rules_without, setting, without
from mutations import CELL, WORKLOADS, Mutation, changed, first, new, plus

from policies.resources import Stack

EKS = "aws:eks/cluster:Cluster"
LISTENER = "aws:lb/listener:Listener"
ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
DEFAULT_GROUP = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
ACL = "aws:wafv2/webAcl:WebAcl"
ACL_LOG = "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
NETWORK_POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
POD = "spec.template.spec"
ASSOCIATION = "aws:wafv2/webAclAssociation:WebAclAssociation"
BALANCER, TARGETS = "aws:lb/loadBalancer:LoadBalancer", "aws:lb/targetGroup:TargetGroup"


def _in_another_namespace(stack: Stack) -> Stack:
    """with a workload in a namespace of another stack"""
    moved = (one for one in stack.resources if one.name == "eu-west-1-migrator" and "metadata" in one.props)
    return plus(stack, *(changed(one, setting("metadata.namespace", "tools")) for one in moved))


def _network_balancer(stack: Stack) -> Stack:
    """with a network balancer before an inner application balancer that has a web ACL"""
    inner = new(BALANCER, "inner", internal=True, loadBalancerType="application", arn="arn:inner")
    outer = new(BALANCER, "outer", internal=False, loadBalancerType="network", arn="arn:outer")
    group = new(TARGETS, "inner", targetType="alb", protocol="TCP", port=443, arn="arn:group")
    attached = {"targetGroupArn": group, "targetId": inner}
    return plus(
        stack,
        inner,
        outer,
        group,
        new("aws:lb/targetGroupAttachment:TargetGroupAttachment", "inner", attached),
        new(LISTENER, "outer", {"loadBalancerArn": outer, "defaultActions": group}, protocol="TCP", port=443),
        new(ASSOCIATION, "inner", {"resourceArn": inner, "webAclArn": first(stack, ACL)}),
    )


MUTATIONS = (
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
    Mutation(sees="NET-06 acl_is_logged", stack=CELL, type=ACL_LOG),
    Mutation(sees="NET-06 acl_limits_the_rate", stack=CELL, type=ACL, change=rules_without("rateBasedStatement")),
    Mutation(
        sees="NET-06 acl_uses_managed_rules",
        stack=CELL,
        type=ACL,
        change=rules_without("managedRuleGroupStatement"),
    ),
    Mutation(sees="NET-06 log_redacts_credentials", stack=CELL, type=ACL_LOG, change=setting("redactedFields", [])),
    Mutation(sees="NET-07 vpc_has_a_flow_log", stack=CELL, type="aws:ec2/flowLog:FlowLog"),
    Mutation(
        sees="NET-08 default_group_is_empty",
        stack=CELL,
        type=DEFAULT_GROUP,
        change=setting("ingress", [{"protocol": "-1", "self": True, "fromPort": 0, "toPort": 0}]),
    ),
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
    Mutation(sees="NET-08 vpc_empties_its_default_group", stack=CELL, type=DEFAULT_GROUP),
    Mutation(
        sees="NET-09 cni_enforces_policies",
        stack=CELL,
        type="aws:eks/addon:Addon",
        name="vpc-cni",
        change=setting("configurationValues", '{"enableNetworkPolicy": "false"}'),
    ),
    Mutation(sees="NET-09 denies_by_default", stack=WORKLOADS, type=NETWORK_POLICY, name="fraud-default-deny"),
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
    Mutation(
        sees="NET-05 internet_facing_nlb_stands_before_a_guarded_alb",
        stack=CELL,
        type=ASSOCIATION,
        name="inner",
        prepared=_network_balancer,
    ),
    Mutation(
        sees="NET-07 flow_log_is_delivered",
        stack=CELL,
        type="aws:ec2/flowLog:FlowLog",
        change=setting("deliverLogsStatus", "FAILED"),
        live=True,
    ),
    Mutation(
        sees="NET-09 cni_is_active",
        stack=CELL,
        type="aws:eks/addon:Addon",
        name="vpc-cni",
        change=setting("status", "DEGRADED"),
        live=True,
    ),
    Mutation(
        sees="NET-10 is_selected_by_a_policy",
        stack=WORKLOADS,
        type=NETWORK_POLICY,
        name="eu-west-1-migrator",
        prepared=_in_another_namespace,
    ),
)
