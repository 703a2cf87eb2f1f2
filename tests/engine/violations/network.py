import json

from marks import CONTROL_PLANE, ENTRIES_ONLY, OWN_ACCOUNT, QUIET
from pulumi_aws import ec2, eks, rds, vpc

LOGS = "arn:aws:logs:eu-west-1:123456789012:log-group:flow-logs"


def declare() -> None:
    net = ec2.Vpc("net", cidr_block="10.0.0.0/16", tags=QUIET)
    ec2.DefaultSecurityGroup("net", vpc_id=net.id, tags=QUIET)
    ec2.FlowLog("net", vpc_id=net.id, traffic_type="ALL", log_destination=LOGS, tags=QUIET)
    own = json.dumps({"Version": "2012-10-17", "Statement": [OWN_ACCOUNT]})
    service = "com.amazonaws.eu-west-1.secretsmanager"
    ec2.VpcEndpoint("net", vpc_id=net.id, service_name=service, policy=own, tags=QUIET)
    gateway = ec2.InternetGateway("net", vpc_id=net.id, tags=QUIET)
    group = ec2.SecurityGroup("net", vpc_id=net.id, description="net", tags=QUIET)
    for number, (name, cidr) in enumerate((("bad", "0.0.0.0/0"), ("good", "10.0.0.0/16"))):
        vpc.SecurityGroupIngressRule(
            f"net-01-{name}",
            security_group_id=group.id,
            ip_protocol="tcp",
            from_port=22,
            to_port=22,
            cidr_ipv4=cidr,
            tags=QUIET,
        )
        subnet = ec2.Subnet(f"net-02-{name}", vpc_id=net.id, cidr_block=f"10.0.{number}.0/24", tags=QUIET)
        table = ec2.RouteTable(f"net-02-{name}", vpc_id=net.id, tags=QUIET)
        ec2.RouteTableAssociation(f"net-02-{name}", subnet_id=subnet.id, route_table_id=table.id)
        if name == "bad":
            ec2.Route("net-02-bad", route_table_id=table.id, destination_cidr_block="0.0.0.0/0", gateway_id=gateway.id)
        rds.SubnetGroup(f"net-02-{name}", subnet_ids=[subnet.id], tags=QUIET)
        eks.Cluster(
            f"net-03-{name}",
            enabled_cluster_log_types=CONTROL_PLANE,
            role_arn="arn:aws:iam::123456789012:role/cluster",
            vpc_config={
                "subnet_ids": [subnet.id],
                "endpoint_public_access": name == "bad",
                "endpoint_private_access": True,
            },
            access_config=ENTRIES_ONLY,
            tags=QUIET,
        )
