"""Networks: what comes in from the world, what leaves, and what stands at the edge."""

import json
from collections.abc import Callable
from typing import Any

from drift import CELL, Change, Hands, Undo

from operations.audit.result import Reconciled

ADDON = "aws:eks/addon:Addon"
ALLOW_ALL = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}
ASSOCIATION = "aws:wafv2/webAclAssociation:WebAclAssociation"
BALANCER = "aws:lb/loadBalancer:LoadBalancer"
CLUSTER = "aws:eks/cluster:Cluster"
CNI = {"clusterName": CELL, "addonName": "vpc-cni"}
DEFAULT_GROUP = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"
FLOW_LOG = "aws:ec2/flowLog:FlowLog"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
INSTANCE = "aws:rds/clusterInstance:ClusterInstance"
LISTENER = "aws:lb/listener:Listener"
LOGGING = "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration"
ROUTE = "aws:ec2/route:Route"
TABLE = "aws:ec2/routeTable:RouteTable"
TARGETS = "aws:lb/targetGroup:TargetGroup"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
VPC = "aws:ec2/vpc:Vpc"
WEB_ACL = "aws:wafv2/webAcl:WebAcl"

UNCHANGED = {
    "NET-09 cni_is_active": "the status is EKS's own, which the emulator keeps at ACTIVE",
}


def _lets_in(type_: str, name: str, port: int, cidr: str) -> Callable[[Hands], Undo]:
    def does(hands: Hands) -> Undo:
        ec2, group = hands.client("ec2"), hands.outputs(type_, name)["id"]
        rule = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": cidr}]}
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
        return lambda: ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[rule])

    return does


def _route_data_to_the_internet(hands: Hands) -> Undo:
    ec2, table = hands.client("ec2"), hands.outputs(TABLE, "-data")["id"]
    nat = hands.outputs("aws:ec2/natGateway:NatGateway", "-az1")["id"]
    world = {"RouteTableId": table, "DestinationCidrBlock": "0.0.0.0/0"}
    ec2.create_route(**world, NatGatewayId=nat)
    return lambda: ec2.delete_route(**world)


def _give_a_database_an_address(hands: Hands) -> Undo:
    rds, instance = hands.client("rds"), hands.outputs(INSTANCE, "-s00-euw1-az1")["id"]

    def public(on: bool) -> None:
        rds.modify_db_instance(DBInstanceIdentifier=instance, PubliclyAccessible=on, ApplyImmediately=True)

    public(True)
    return lambda: public(False)


def _open_the_cluster(hands: Hands) -> Undo:
    eks = hands.client("eks")

    def public(on: bool) -> None:
        eks.update_cluster_config(name=CELL, resourcesVpcConfig={"endpointPublicAccess": on})

    public(True)
    return lambda: public(False)


def _open_an_endpoint(hands: Hands) -> Undo:
    ec2, endpoint = hands.client("ec2"), hands.outputs(ENDPOINT, "-sqs")
    document = json.dumps({"Version": "2012-10-17", "Statement": [ALLOW_ALL]})
    ec2.modify_vpc_endpoint(VpcEndpointId=endpoint["id"], PolicyDocument=document)
    return lambda: ec2.modify_vpc_endpoint(VpcEndpointId=endpoint["id"], PolicyDocument=endpoint["policy"])


def _delete_an_endpoint(hands: Hands) -> Undo:
    ec2, endpoint = hands.client("ec2"), hands.outputs(ENDPOINT, "-sqs")
    ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint["id"]])
    return lambda: ec2.create_vpc_endpoint(
        VpcEndpointType="Interface",
        VpcId=endpoint["vpcId"],
        ServiceName=endpoint["serviceName"],
        SubnetIds=endpoint["subnetIds"],
        SecurityGroupIds=endpoint["securityGroupIds"],
        PrivateDnsEnabled=True,
        PolicyDocument=endpoint["policy"],
    )


def _bare_the_edge(hands: Hands) -> Undo:
    waf, balancer = hands.client("wafv2"), hands.outputs(BALANCER, CELL)["id"]
    acl = hands.outputs(WEB_ACL, CELL)["arn"]
    waf.disassociate_web_acl(ResourceArn=balancer)
    return lambda: waf.associate_web_acl(WebACLArn=acl, ResourceArn=balancer)


def _make_another_edge(hands: Hands) -> Undo:
    elb, cell = hands.client("elbv2"), hands.outputs(BALANCER, CELL)
    (balancer,) = elb.create_load_balancer(
        Name="another", Type="network", Scheme="internet-facing", Subnets=cell["subnets"]
    )["LoadBalancers"]
    (group,) = elb.create_target_group(Name="another", Protocol="UDP", Port=53, VpcId=cell["vpcId"], TargetType="ip")[
        "TargetGroups"
    ]
    elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="UDP",
        Port=53,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group["TargetGroupArn"]}],
    )

    def undo() -> None:
        elb.delete_load_balancer(LoadBalancerArn=balancer["LoadBalancerArn"])
        elb.delete_target_group(TargetGroupArn=group["TargetGroupArn"])

    return undo


def _keeps_rules(keep: Callable[[dict[str, Any]], bool]) -> Callable[[Hands], Undo]:
    """The web ACL without the rules whose statement is none that is kept."""

    def does(hands: Hands) -> Undo:
        waf, acl = hands.client("wafv2"), hands.outputs(WEB_ACL, CELL)
        named = {"Name": acl["name"], "Scope": "REGIONAL", "Id": acl["id"]}
        found = waf.get_web_acl(**named)["WebACL"]

        def write(rules: list[dict[str, Any]]) -> None:
            waf.update_web_acl(
                **named,
                LockToken=waf.get_web_acl(**named)["LockToken"],
                Description=found["Description"],
                DefaultAction=found["DefaultAction"],
                VisibilityConfig=found["VisibilityConfig"],
                Rules=rules,
            )

        write([rule for rule in found["Rules"] if keep(rule["Statement"])])
        return lambda: write(found["Rules"])

    return does


def _stop_the_acls_log(hands: Hands) -> Undo:
    waf, acl = hands.client("wafv2"), hands.outputs(WEB_ACL, CELL)["arn"]
    logging = waf.get_logging_configuration(ResourceArn=acl)["LoggingConfiguration"]
    waf.delete_logging_configuration(ResourceArn=acl)
    return lambda: waf.put_logging_configuration(LoggingConfiguration=logging)


def _log_cookies(hands: Hands) -> Undo:
    waf, acl = hands.client("wafv2"), hands.outputs(WEB_ACL, CELL)["arn"]
    logging = waf.get_logging_configuration(ResourceArn=acl)["LoggingConfiguration"]
    left = [one for one in logging["RedactedFields"] if one["SingleHeader"]["Name"] != "cookie"]
    waf.put_logging_configuration(LoggingConfiguration={**logging, "RedactedFields": left})
    return lambda: waf.put_logging_configuration(LoggingConfiguration=logging)


def _flow_log(hands: Hands, group: str) -> str:
    log = hands.outputs(FLOW_LOG, "-flow-logs")
    made: list[str] = hands.client("ec2").create_flow_logs(
        ResourceIds=[log["vpcId"]],
        ResourceType="VPC",
        TrafficType=log["trafficType"],
        LogDestinationType="cloud-watch-logs",
        LogGroupName=group,
        DeliverLogsPermissionArn=log["iamRoleArn"],
        LogFormat=log["logFormat"],
        MaxAggregationInterval=log["maxAggregationInterval"],
    )["FlowLogIds"]
    return made[0]


def _delete_the_flow_log(hands: Hands) -> Undo:
    log = hands.outputs(FLOW_LOG, "-flow-logs")
    hands.client("ec2").delete_flow_logs(FlowLogIds=[log["id"]])
    return lambda: _flow_log(hands, log["logDestination"].rpartition(":")[2])


def _log_flows_to_nowhere(hands: Hands) -> Undo:
    log = _flow_log(hands, "nowhere")
    return lambda: hands.client("ec2").delete_flow_logs(FlowLogIds=[log])


def _machines_have(**options: Any) -> Callable[[Hands], Undo]:
    """A new version of the launch template of nodes, with other metadata options; another takes them back."""

    def does(hands: Hands) -> Undo:
        ec2, template = hands.client("ec2"), hands.outputs(TEMPLATE, "-system")["id"]
        latest = {"LaunchTemplateId": template, "Versions": ["$Latest"]}
        (found,) = ec2.describe_launch_template_versions(**latest)["LaunchTemplateVersions"]
        was = found["LaunchTemplateData"]

        def version(metadata: dict[str, Any]) -> None:
            ec2.create_launch_template_version(
                LaunchTemplateId=template, LaunchTemplateData={**was, "MetadataOptions": metadata}
            )

        version({**was["MetadataOptions"], **options})
        return lambda: version(was["MetadataOptions"])

    return does


def _do_not_enforce_policies(hands: Hands) -> Undo:
    eks = hands.client("eks")
    settings = eks.describe_addon(**CNI)["addon"]["configurationValues"]
    other = json.dumps({**json.loads(settings), "enableNetworkPolicy": "false"})
    eks.update_addon(**CNI, configurationValues=other)
    return lambda: eks.update_addon(**CNI, configurationValues=settings)


def _speak_old_tls(hands: Hands) -> Undo:
    elb, listener = hands.client("elbv2"), hands.outputs(LISTENER, "-https")
    elb.modify_listener(ListenerArn=listener["id"], SslPolicy="ELBSecurityPolicy-2016-08")
    return lambda: elb.modify_listener(ListenerArn=listener["id"], SslPolicy=listener["sslPolicy"])


def _redirect_to_http(hands: Hands) -> Undo:
    elb, listener = hands.client("elbv2"), hands.outputs(LISTENER, "-http")["id"]

    def redirect(protocol: str, port: str) -> None:
        target = {"Protocol": protocol, "Port": port, "StatusCode": "HTTP_301"}
        elb.modify_listener(ListenerArn=listener, DefaultActions=[{"Type": "redirect", "RedirectConfig": target}])

    redirect("HTTP", "8080")
    return lambda: redirect("HTTPS", "443")


CHANGES = (
    Change(
        sees="NET-01 opens_nothing_to_the_world",
        does=_lets_in(GROUP, "-database", 5432, "0.0.0.0/0"),
        reads=(GROUP, INGRESS),
    ),
    Change(sees="NET-02 data_subnets_have_no_way_out", does=_route_data_to_the_internet, reads=(TABLE, ROUTE)),
    Change(sees="NET-02 has_no_public_address", does=_give_a_database_an_address, reads=(INSTANCE,)),
    Change(sees="NET-03 endpoint_is_private_or_listed", does=_open_the_cluster, reads=(CLUSTER,)),
    Change(sees="NET-04 endpoint_has_a_policy_of_its_own", does=_open_an_endpoint, reads=(ENDPOINT,)),
    Change(sees="NET-05 internet_facing_alb_has_a_web_acl", does=_bare_the_edge, reads=(ASSOCIATION,)),
    Change(
        sees="NET-05 internet_facing_nlb_stands_before_a_guarded_alb",
        does=_make_another_edge,
        reads=(BALANCER, LISTENER, TARGETS),
        reconciled=Reconciled.UNMANAGED,
    ),
    Change(
        sees="NET-06 acl_limits_the_rate",
        does=_keeps_rules(lambda statement: "RateBasedStatement" not in statement),
        reads=(WEB_ACL,),
    ),
    Change(
        sees="NET-06 acl_uses_managed_rules",
        does=_keeps_rules(lambda statement: "ManagedRuleGroupStatement" not in statement),
        reads=(WEB_ACL,),
    ),
    Change(sees="NET-06 acl_is_logged", does=_stop_the_acls_log, reads=(LOGGING,)),
    Change(sees="NET-06 log_redacts_credentials", does=_log_cookies, reads=(LOGGING,)),
    Change(
        sees="NET-07 flow_log_is_delivered",
        does=_log_flows_to_nowhere,
        reads=(FLOW_LOG,),
        reconciled=Reconciled.UNMANAGED,
    ),
    Change(
        sees="NET-08 default_group_is_empty",
        does=_lets_in(DEFAULT_GROUP, CELL, 443, "10.0.0.0/8"),
        reads=(DEFAULT_GROUP,),
    ),
    Change(sees="NET-08 metadata_needs_a_token", does=_machines_have(HttpTokens="optional"), reads=(TEMPLATE,)),
    Change(
        sees="NET-08 metadata_stays_on_the_machine",
        does=_machines_have(HttpPutResponseHopLimit=2),
        reads=(TEMPLATE,),
    ),
    Change(sees="NET-09 cni_enforces_policies", does=_do_not_enforce_policies, reads=(ADDON,)),
    Change(sees="TLS-01 listener_speaks_tls_1_2", does=_speak_old_tls, reads=(LISTENER,)),
    Change(sees="TLS-01 plain_http_only_redirects", does=_redirect_to_http, reads=(LISTENER,)),
    # The last ones: what was deleted comes back under another id.
    Change(sees="NET-07 vpc_has_a_flow_log", does=_delete_the_flow_log, reads=(FLOW_LOG,)),
    Change(sees="NET-04 vpc_has_endpoints_for_its_data", does=_delete_an_endpoint, reads=(ENDPOINT,)),
)
