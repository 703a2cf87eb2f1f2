"""The name that clients of a pair call. It follows the epoch record: a health check asks each cell whether it writes,
and Route 53 answers with the one that does. No control plane is on that way, and nothing is deployed to move it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import lb, route53

from components.base import type_token
from components.certificate import Certificate, CertificateArgs
from components.vocabulary import DataClass, tags
from components.zone import zone_of

WRITER_PATH = "/writer"
"""Answers 200 while the cell holds the writer's lease, 503 otherwise."""

FAILURES = 3
"""Observations in a row before a check changes its mind; 1 to 10, and
(https://docs.aws.amazon.com/Route53/latest/APIReference/API_HealthCheckConfig.html)"""
INTERVAL_S = 10
"""seconds between two of one checker; 10 or 30."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """A cell as the name points at it."""

    region: str
    domain_name: str
    """The cell's own name: what is asked."""
    listener_arn: pulumi.Input[str]
    """HTTPS listener of its load balancer."""
    load_balancer_dns_name: pulumi.Input[str]
    load_balancer_zone_id: pulumi.Input[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class ClientNameArgs:
    """What the name of one pair needs to know."""

    domain_name: str
    targets: Mapping[str, Target]
    """Cell -> target; the first one is answered where neither writes
    (https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-failover-problems.html)."""
    zone_id: pulumi.Input[str] | None = None
    """Public hosted zone for the name. None: one is made, and its name servers have to be delegated to."""
    protected: bool = True

    def __post_init__(self) -> None:
        if len(self.targets) != 2:
            raise ValueError(f"client_name.targets: {len(self.targets)}; a failover record has two")
        if len(self.domain_name) > 64:
            raise ValueError(
                f"client_name.domain_name: {len(self.domain_name)} characters; a certificate's first name takes 64"
            )


class ClientName(pulumi.ComponentResource):
    """Zone, a certificate at each load balancer, a health check and a failover record a cell. Creation: minutes, for
    the certificates. Cost: two health checks with HTTPS and the fast interval."""

    health_check_ids: Mapping[str, pulumi.Output[str]]
    """Cell -> the check that asks whether it writes."""
    name_servers: pulumi.Output[Sequence[str]] | None
    """Of the zone that was made here."""

    def __init__(self, name: str, args: ClientNameArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(type_token(type(self)), name, {}, opts)
        self._prefix, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        zone_id, self.name_servers = zone_of(
            name, args.domain_name, args.zone_id, "clients", self, protected=args.protected
        )
        self.health_check_ids = {
            cell: self._target(cell, role, target, zone_id)
            for role, (cell, target) in zip(("PRIMARY", "SECONDARY"), args.targets.items(), strict=True)
        }
        self.register_outputs({"healthCheckIds": self.health_check_ids, "nameServers": self.name_servers})

    def _target(self, cell: str, role: str, target: Target, zone_id: pulumi.Input[str]) -> pulumi.Output[str]:
        name, domain = f"{self._prefix}-{cell}", self._args.domain_name
        certificate = Certificate(
            name, CertificateArgs(region=target.region, domain_name=domain, zone_id=zone_id), self._child
        )
        served = lb.ListenerCertificate(
            name,
            region=target.region,
            listener_arn=target.listener_arn,
            certificate_arn=certificate.arn,
            opts=self._child,
        )
        check = route53.HealthCheck(
            name,
            type="HTTPS",
            fqdn=target.domain_name,
            port=443,
            resource_path=WRITER_PATH,
            enable_sni=True,
            failure_threshold=FAILURES,
            request_interval=INTERVAL_S,
            tags=tags(DataClass.INTERNAL, name=name),
            opts=self._child,
        )
        route53.Record(
            name,
            zone_id=zone_id,
            name=domain,
            type="A",
            set_identifier=cell,
            failover_routing_policies=[{"type": role}],
            health_check_id=check.id,
            aliases=[
                {
                    "name": target.load_balancer_dns_name,
                    "zone_id": target.load_balancer_zone_id,
                    "evaluate_target_health": True,
                }
            ],
            # Nobody is sent to a load balancer that cannot prove the name.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[served]),
        )
        check_id: pulumi.Output[str] = check.id
        return check_id
