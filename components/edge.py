"""Where the world meets a cell: names, certificate, web ACL and an application load balancer before the gateway.

An ALB and not an NLB: WAF takes no NLB (NET-05). The gateway's pods register as IP targets through a target group
binding of the workloads stack.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import ec2, lb, route53, vpc

from components.alarms import Watched
from components.auto_mode import CLUSTER_TAG
from components.base import type_token
from components.certificate import Certificate, CertificateArgs
from components.vocabulary import DataClass, tags
from components.web_acl import WebAcl, WebAclArgs
from components.zone import zone_of
from contracts.metrics import Subject

HTTP, HTTPS = 80, 443

HEALTH_PATH = "/ready"
"""What the gateway answers 200 on when it can serve."""

IDLE_TIMEOUT_S = 60
"""Seconds of silence after which the ALB closes a connection. The gateway keeps its own open longer, or the ALB sends
into a closing one and answers 502."""

DRAIN_S = 30
"""Seconds that a leaving gateway pod may finish its requests; no payment call takes as long."""

HSTS = "max-age=63072000; includeSubDomains"
"""Two years."""

LOGICAL_NAME_MAX = 24
"""Load balancer and target group names take 32 characters, autonaming adds eight."""

_DOMAIN = re.compile(r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}")


@dataclass(frozen=True, kw_only=True, slots=True)
class EdgeArgs:
    """What the edge of one cell needs to know."""

    region: str
    account_id: str
    jurisdiction: str
    domain_name: str
    """Name that clients call, such as eu-west-1.pay.example.com; the zone's name where the edge makes the zone."""
    vpc_id: pulumi.Input[str]
    subnet_ids: Sequence[pulumi.Input[str]]
    """Public subnets in two zones or more."""
    target_security_group_id: pulumi.Input[str]
    """Guards the gateway's pods."""
    access_log_bucket: pulumi.Input[str]
    """Bucket of the same region whose policy lets load balancers deliver; with keys of S3, they write to no other."""
    tls_policy: str
    """Security policy of the listener: TLS 1.3, and 1.2 with forward secrecy only
    (https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html)."""
    rate_limit: int
    """Requests that one address may send in five minutes."""
    logs_key_arn: pulumi.Input[str]
    zone_id: pulumi.Input[str] | None = None
    """Hosted zone for the names. None: one is made, and its name servers (an output) have to be delegated to."""
    internet: Sequence[pulumi.Resource] = ()
    """Routes that an internet-facing load balancer needs before it is made: `Network.internet`."""
    auto_mode_cluster: str | None = None
    """Name of the cluster whose Auto Mode registers the targets: it may do so only where the group carries it."""
    gateway_port: int = 8443
    health_path: str = HEALTH_PATH
    log_retention_days: int = 365
    protected: bool = True
    """Deletion protection of load balancer and zone: clients keep addresses and delegations for long."""

    def __post_init__(self) -> None:
        if not _DOMAIN.fullmatch(self.domain_name):
            raise ValueError(f"edge.domain_name: {self.domain_name!r} is not a lower-case domain name")
        if len(self.domain_name) > 64:
            raise ValueError(
                f"edge.domain_name: {len(self.domain_name)} characters; a certificate's first name takes 64 at most"
            )
        if not self.tls_policy.startswith("ELBSecurityPolicy-TLS13-1-"):
            raise ValueError(
                f"edge.tls_policy: {self.tls_policy!r} has no TLS 1.3; use ELBSecurityPolicy-TLS13-1-2-..."
            )
        if len(self.subnet_ids) < 2:
            raise ValueError("edge.subnet_ids: a load balancer needs subnets in two zones or more")
        if not 1 <= self.gateway_port <= 65_535:
            raise ValueError(f"edge.gateway_port: {self.gateway_port} is outside 1..65535")


class Edge(pulumi.ComponentResource):
    """Zone, certificate, ALB, listeners, target group, web ACL and names. Creation: about four minutes."""

    dns_name: pulumi.Output[str]
    """The load balancer's own name."""
    zone_id: pulumi.Output[str]
    """Zone of that name, which an alias names."""
    listener_arn: pulumi.Output[str]
    """Of the HTTPS listener: takes certificates of other names."""
    load_balancer_arn: pulumi.Output[str]
    target_group_arn: pulumi.Output[str]
    """What the gateway's target group binding names."""
    security_group_id: pulumi.Output[str]
    watched: Watched
    """What has metrics."""
    name_servers: pulumi.Output[Sequence[str]] | None
    """Of the zone that the edge made."""

    def __init__(self, name: str, args: EdgeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        if len(name) > LOGICAL_NAME_MAX:
            raise ValueError(f"edge {name!r}: {len(name)} characters; a load balancer's name leaves {LOGICAL_NAME_MAX}")
        super().__init__(type_token(type(self)), name, {}, opts)
        self._prefix, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        zone_id, self.name_servers = zone_of(
            name, args.domain_name, args.zone_id, "edge", self, protected=args.protected
        )
        certificate = Certificate(
            name, CertificateArgs(region=args.region, domain_name=args.domain_name, zone_id=zone_id), self._child
        )
        group = self._security_group()
        balancer = self._load_balancer(group)
        targets = self._target_group()
        self.zone_id, self.listener_arn = balancer.zone_id, self._listeners(balancer, targets, certificate)
        self._records(balancer, zone_id)
        acl = WebAcl(name, self._web_acl(balancer), self._child)
        self.watched = {
            Subject.LOAD_BALANCER: {"edge": {"LoadBalancer": balancer.arn_suffix}},
            Subject.TARGET_GROUP: {"gateway": {"TargetGroup": targets.arn_suffix, "LoadBalancer": balancer.arn_suffix}},
            Subject.CERTIFICATE: {"edge": {"CertificateArn": certificate.arn}},
            Subject.WEB_ACL_RULE: acl.watched,
        }
        self.dns_name, self.load_balancer_arn = balancer.dns_name, balancer.arn
        self.target_group_arn, self.security_group_id = targets.arn, group.id
        self.register_outputs(
            {
                "dnsName": self.dns_name,
                "loadBalancerArn": self.load_balancer_arn,
                "targetGroupArn": self.target_group_arn,
                "nameServers": self.name_servers,
            }
        )

    def _security_group(self) -> ec2.SecurityGroup:
        args = self._args
        group = ec2.SecurityGroup(
            f"{self._prefix}-edge",
            region=args.region,
            vpc_id=args.vpc_id,
            description=f"{self._prefix}: load balancer",
            tags=tags(DataClass.INTERNAL, name=f"{self._prefix}-edge"),
            opts=self._child,
        )
        for port, why in ((HTTPS, "Clients"), (HTTP, "Redirected to HTTPS")):
            vpc.SecurityGroupIngressRule(
                f"{self._prefix}-edge-{port}",
                region=args.region,
                security_group_id=group.id,
                description=why,
                ip_protocol="tcp",
                from_port=port,
                to_port=port,
                cidr_ipv4="0.0.0.0/0",
                tags=tags(DataClass.INTERNAL),
                opts=self._child,
            )
        self._to_gateway(group)
        return group

    def _to_gateway(self, group: ec2.SecurityGroup) -> None:
        """Both ends of the way to the gateway: out of the load balancer's group, into the pods' group."""
        args = self._args
        gateway = {
            "region": args.region,
            "ip_protocol": "tcp",
            "from_port": args.gateway_port,
            "to_port": args.gateway_port,
            "tags": tags(DataClass.INTERNAL),
            "opts": self._child,
        }
        vpc.SecurityGroupEgressRule(
            f"{self._prefix}-edge-to-gateway",
            security_group_id=group.id,
            referenced_security_group_id=args.target_security_group_id,
            description="Gateway",
            **gateway,
        )
        vpc.SecurityGroupIngressRule(
            f"{self._prefix}-gateway-from-edge",
            security_group_id=args.target_security_group_id,
            referenced_security_group_id=group.id,
            description="Load balancer",
            **gateway,
        )

    def _load_balancer(self, group: ec2.SecurityGroup) -> lb.LoadBalancer:
        args = self._args
        return lb.LoadBalancer(
            self._prefix,
            region=args.region,
            load_balancer_type="application",
            internal=False,
            subnets=args.subnet_ids,
            security_groups=[group.id],
            # A header that Envoy and the ALB read differently is how requests are smuggled.
            drop_invalid_header_fields=True,
            desync_mitigation_mode="defensive",
            xff_header_processing_mode="append",
            enable_http2=True,
            enable_zonal_shift=True,
            enable_deletion_protection=args.protected,
            # Where WAF does not answer, nothing passes.
            enable_waf_fail_open=False,
            idle_timeout=IDLE_TIMEOUT_S,
            access_logs={"bucket": args.access_log_bucket, "prefix": self._prefix, "enabled": True},
            tags=tags(DataClass.PAYMENTS, jurisdiction=args.jurisdiction),
            opts=pulumi.ResourceOptions(parent=self, protect=args.protected, depends_on=list(args.internet)),
        )

    def _target_group(self) -> lb.TargetGroup:
        args = self._args
        registers = {CLUSTER_TAG: args.auto_mode_cluster} if args.auto_mode_cluster else {}
        return lb.TargetGroup(
            self._prefix,
            region=args.region,
            vpc_id=args.vpc_id,
            target_type="ip",
            protocol="HTTPS",
            protocol_version="HTTP1",
            port=args.gateway_port,
            deregistration_delay=DRAIN_S,
            # Round robin keeps sending to a pod that is slow because it is full.
            load_balancing_algorithm_type="least_outstanding_requests",
            health_check={
                "protocol": "HTTPS",
                "path": args.health_path,
                "matcher": "200",
                "interval": 10,
                "timeout": 5,
                "healthy_threshold": 2,
                "unhealthy_threshold": 2,
            },
            tags={**tags(DataClass.INTERNAL), **registers},
            opts=self._child,
        )

    def _listeners(
        self, balancer: lb.LoadBalancer, targets: lb.TargetGroup, certificate: Certificate
    ) -> pulumi.Output[str]:
        https = lb.Listener(
            f"{self._prefix}-https",
            region=self._args.region,
            load_balancer_arn=balancer.arn,
            port=HTTPS,
            protocol="HTTPS",
            ssl_policy=self._args.tls_policy,
            certificate_arn=certificate.arn,
            routing_http_response_server_enabled=False,
            routing_http_response_strict_transport_security_header_value=HSTS,
            default_actions=[{"type": "forward", "target_group_arn": targets.arn}],
            tags=tags(DataClass.INTERNAL),
            opts=self._child,
        )
        lb.Listener(
            f"{self._prefix}-http",
            region=self._args.region,
            load_balancer_arn=balancer.arn,
            port=HTTP,
            protocol="HTTP",
            default_actions=[
                {
                    "type": "redirect",
                    "redirect": {"port": str(HTTPS), "protocol": "HTTPS", "status_code": "HTTP_301"},
                }
            ],
            tags=tags(DataClass.INTERNAL),
            opts=self._child,
        )
        listener_arn: pulumi.Output[str] = https.arn
        return listener_arn

    def _records(self, balancer: lb.LoadBalancer, zone_id: pulumi.Input[str]) -> None:
        route53.Record(
            f"{self._prefix}-edge",
            zone_id=zone_id,
            name=self._args.domain_name,
            type="A",
            aliases=[{"name": balancer.dns_name, "zone_id": balancer.zone_id, "evaluate_target_health": True}],
            opts=self._child,
        )

    def _web_acl(self, balancer: lb.LoadBalancer) -> WebAclArgs:
        args = self._args
        return WebAclArgs(
            region=args.region,
            account_id=args.account_id,
            jurisdiction=args.jurisdiction,
            resource_arn=balancer.arn,
            rate_limit=args.rate_limit,
            logs_key_arn=args.logs_key_arn,
            log_retention_days=args.log_retention_days,
        )
