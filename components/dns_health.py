"""Whether DNS may send clients to a cell: one calculated health check over what the world sees and what the cell knows.

Composite alarms have no metric and Route 53 takes none, so the children are an endpoint check and plain metric alarms.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_aws import route53

from components.base import type_token
from components.vocabulary import DataClass, tags

FAILURES = 3
"""Observations in a row before the endpoint's state changes; 1 to 10, and
(https://docs.aws.amazon.com/Route53/latest/APIReference/API_HealthCheckConfig.html)"""
INTERVAL_S = 30
"""seconds between two of one checker; 10 or 30. About eighteen checkers ask in turn."""

MAX_CHILDREN = 255
"""Children of a calculated check (Route 53 API reference, HealthCheckConfig)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DnsHealthArgs:
    """What the health of one cell's name depends on."""

    region: str
    """Where the alarms are; the checks themselves are global."""
    domain_name: str
    health_path: str
    alarms: Mapping[str, pulumi.Input[str]]
    """Stable key -> name of a plain metric alarm: standard resolution, Average, Minimum, Maximum, Sum or SampleCount
    (https://docs.aws.amazon.com/Route53/latest/APIReference/API_AlarmIdentifier.html)."""

    def __post_init__(self) -> None:
        if not self.health_path.startswith("/"):
            raise ValueError(f"dns_health.health_path: {self.health_path!r} does not begin with /")
        if len(self.alarms) >= MAX_CHILDREN:
            raise ValueError(f"dns_health.alarms: {len(self.alarms)}; with the endpoint {MAX_CHILDREN} at most")


class DnsHealth(pulumi.ComponentResource):
    """Endpoint check, one check an alarm, and the calculated one. Creation: seconds. Cost: by check and month."""

    health_check_id: pulumi.Output[str]
    """What a record with failover or weights names."""

    def __init__(self, name: str, args: DnsHealthArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(type_token(type(self)), name, {}, opts)
        self._prefix = name
        self._child = pulumi.ResourceOptions(parent=self)
        children = [self._endpoint(args), *(self._alarm(key, args) for key in args.alarms)]
        whole = self._check(
            "dns",
            type="CALCULATED",
            child_healthchecks=[child.id for child in children],
            # One that fails is enough: each says by itself that the cell cannot serve.
            child_health_threshold=len(children),
        )
        self.health_check_id = whole.id
        self.register_outputs({"healthCheckId": self.health_check_id})

    def _endpoint(self, args: DnsHealthArgs) -> route53.HealthCheck:
        return self._check(
            "dns-endpoint",
            type="HTTPS",
            fqdn=args.domain_name,
            port=443,
            resource_path=args.health_path,
            enable_sni=True,
            failure_threshold=FAILURES,
            request_interval=INTERVAL_S,
        )

    def _alarm(self, key: str, args: DnsHealthArgs) -> route53.HealthCheck:
        return self._check(
            f"dns-{key}",
            type="CLOUDWATCH_METRIC",
            cloudwatch_alarm_name=args.alarms[key],
            cloudwatch_alarm_region=args.region,
            # CloudWatch without data says nothing about the cell.
            insufficient_data_health_status="LastKnownStatus",
        )

    def _check(self, key: str, **settings: object) -> route53.HealthCheck:
        name = f"{self._prefix}-{key}"
        return route53.HealthCheck(
            name,
            tags=tags(DataClass.INTERNAL, name=name),
            opts=self._child,
            **settings,
        )
