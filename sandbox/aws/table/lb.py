"""Application and network load balancers and target groups. Listeners are in ``lb_listener``."""

from collections.abc import Callable, Mapping
from typing import Any

from sandbox.aws.provider.calls import or_none, without_none
from sandbox.aws.provider.model import Autoname, Context, Props, ResourceType, Tags
from sandbox.aws.provider.shapes import outputs, tag_list, tag_map
from sandbox.aws.table.parts import only_item, until_status

BALANCER = "aws:lb/loadBalancer:LoadBalancer"
GROUP = "aws:lb/targetGroup:TargetGroup"

NAME_LENGTH = 32
"""Longest name of a load balancer or target group (ELBv2 API reference)."""

Convert = Callable[[str], Any]


def flag(text: str) -> bool:
    """``true`` and ``false`` as ELB writes them."""
    return text == "true"


BALANCER_ATTRIBUTES: Mapping[str, tuple[str, Convert]] = {
    "clientKeepAlive": ("client_keep_alive.seconds", int),
    "desyncMitigationMode": ("routing.http.desync_mitigation_mode", str),
    "dnsRecordClientRoutingPolicy": ("dns_record.client_routing_policy", str),
    "dropInvalidHeaderFields": ("routing.http.drop_invalid_header_fields.enabled", flag),
    "enableCrossZoneLoadBalancing": ("load_balancing.cross_zone.enabled", flag),
    "enableDeletionProtection": ("deletion_protection.enabled", flag),
    "enableHttp2": ("routing.http2.enabled", flag),
    "enableTlsVersionAndCipherSuiteHeaders": ("routing.http.x_amzn_tls_version_and_cipher_suite.enabled", flag),
    "enableWafFailOpen": ("waf.fail_open.enabled", flag),
    "enableXffClientPort": ("routing.http.xff_client_port.enabled", flag),
    "enableZonalShift": ("zonal_shift.config.enabled", flag),
    "idleTimeout": ("idle_timeout.timeout_seconds", int),
    "preserveHostHeader": ("routing.http.preserve_host_header.enabled", flag),
    "xffHeaderProcessingMode": ("routing.http.xff_header_processing.mode", str),
}
"""Property -> (attribute, how to read it) (ELBv2 API reference, LoadBalancerAttribute)."""

NETWORK_ONLY = ("dnsRecordClientRoutingPolicy",)
EVERY_KIND = ("enableCrossZoneLoadBalancing", "enableDeletionProtection", "enableZonalShift")

LOGS = {
    "accessLogs": "access_logs.s3",
    "connectionLogs": "connection_logs.s3",
    "healthCheckLogs": "health_check_logs.s3",
}

BALANCER_DEFAULTS = {
    "clientKeepAlive": 3600,
    "desyncMitigationMode": "defensive",
    "dropInvalidHeaderFields": False,
    "enableDeletionProtection": False,
    "enableHttp2": True,
    "enableTlsVersionAndCipherSuiteHeaders": False,
    "enableWafFailOpen": False,
    "enableXffClientPort": False,
    "idleTimeout": 60,
    "preserveHostHeader": False,
    "xffHeaderProcessingMode": "append",
}
"""The official plugin's, which are AWS's, of an application load balancer."""


def elb_tags(ctx: Context, arn: str, _last: Props, put: Tags, drop: list[str]) -> None:
    """ELB tags a list of resources at once."""
    client = ctx.client("elbv2")
    if drop:
        client.remove_tags(ResourceArns=[arn], TagKeys=drop)
    if put:
        client.add_tags(ResourceArns=[arn], Tags=tag_list(put))


def is_application(props: Props) -> bool:
    return (props.get("loadBalancerType") or "application") == "application"


def _for_application(prop: str) -> Callable[[Props], Any]:
    """A default that only application load balancers have."""
    value = BALANCER_DEFAULTS[prop]
    return lambda props: value if is_application(props) or prop in EVERY_KIND else None


def text(value: Any) -> str:
    """An attribute's value on the wire."""
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def _tags(ctx: Context, arn: str) -> dict[str, str]:
    return tag_map(ctx.client("elbv2").describe_tags(ResourceArns=[arn])["TagDescriptions"][0].get("Tags"))


def live_attributes(answer: Mapping[str, Any]) -> dict[str, str]:
    """Attributes of any of the three kinds as a map."""
    return {item["Key"]: item.get("Value", "") for item in answer.get("Attributes") or ()}


# ---- load balancers


def _mappings(props: Props) -> dict[str, Any]:
    if props.get("subnetMappings"):
        members = {
            "allocationId": "AllocationId",
            "privateIpv4Address": "PrivateIPv4Address",
            "ipv6Address": "IPv6Address",
        }
        return {
            "SubnetMappings": [
                {"SubnetId": m["subnetId"], **{theirs: m[ours] for ours, theirs in members.items() if m.get(ours)}}
                for m in props["subnetMappings"]
            ]
        }
    return {"Subnets": list(props.get("subnets") or ())}


def _create(ctx: Context, props: Props) -> str:
    groups = list(props.get("securityGroups") or ())
    asked = {
        "Name": props["name"],
        "Scheme": "internal" if props.get("internal") else "internet-facing",
        "Type": props.get("loadBalancerType"),
        "SecurityGroups": groups or None,
        "IpAddressType": props.get("ipAddressType"),
        "CustomerOwnedIpv4Pool": props.get("customerOwnedIpv4Pool"),
        "Tags": tag_list(props.get("tags")) or None,
    }
    made = ctx.client("elbv2").create_load_balancer(**without_none(asked), **_mappings(props))
    return str(made["LoadBalancers"][0]["LoadBalancerArn"])


def _find(ctx: Context, arn: str) -> dict[str, Any] | None:
    answer = or_none(ctx.client("elbv2").describe_load_balancers, LoadBalancerArns=[arn])
    found = only_item(answer, "LoadBalancers")
    return dict(found) if found else None


def _settle(ctx: Context, arn: str, props: Props) -> None:
    """Wait, then set every attribute that differs (also after an update)."""

    def status() -> str:
        return str(((_find(ctx, arn) or {}).get("State") or {}).get("Code", ""))

    until_status(ctx, status, f"load balancer {arn}", good=("active",), bad=("failed",))
    client = ctx.client("elbv2")
    live = live_attributes(client.describe_load_balancer_attributes(LoadBalancerArn=arn))
    wanted = _wanted_attributes(props, live)
    change = [{"Key": key, "Value": value} for key, value in wanted.items() if live.get(key) != value]
    if change:
        client.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=change)


def _wanted_attributes(props: Props, live: Mapping[str, str]) -> dict[str, str]:
    wanted = {}
    for prop, (key, _) in BALANCER_ATTRIBUTES.items():
        fits = prop in EVERY_KIND or is_application(props) != (prop in NETWORK_ONLY)
        if props.get(prop) is not None and fits:
            wanted[key] = text(props[prop])
    for prop, key in LOGS.items():
        logs = props.get(prop)
        if logs:
            wanted[f"{key}.enabled"] = text(bool(logs.get("enabled")))
            wanted[f"{key}.bucket"] = logs["bucket"]
            wanted[f"{key}.prefix"] = logs.get("prefix") or ""
        elif live.get(f"{key}.enabled") == "true":
            wanted[f"{key}.enabled"] = "false"
    return wanted


def _update(ctx: Context, arn: str, old: Props, new: Props) -> None:
    """Security groups, subnets and address type have calls of their own; attributes follow in :func:`_settle`."""
    client = ctx.client("elbv2")
    if set(old.get("securityGroups") or ()) != set(new.get("securityGroups") or ()) and new.get("securityGroups"):
        client.set_security_groups(LoadBalancerArn=arn, SecurityGroups=list(new["securityGroups"]))
    if set(old.get("subnets") or ()) != set(new.get("subnets") or old.get("subnets") or ()):
        client.set_subnets(LoadBalancerArn=arn, **_mappings(new))
    if new.get("ipAddressType") and old.get("ipAddressType") != new["ipAddressType"]:
        client.set_ip_address_type(LoadBalancerArn=arn, IpAddressType=new["ipAddressType"])


def _read(ctx: Context, arn: str, last: Props) -> Props | None:
    live = _find(ctx, arn)
    if live is None:
        return None
    attributes = live_attributes(ctx.client("elbv2").describe_load_balancer_attributes(LoadBalancerArn=arn))
    found: dict[str, Any] = {
        "arn": live["LoadBalancerArn"],
        "arnSuffix": live["LoadBalancerArn"].partition(":loadbalancer/")[2],
        "dnsName": live["DNSName"],
        "zoneId": live.get("CanonicalHostedZoneId", ""),
        "vpcId": live.get("VpcId", ""),
        "name": live["LoadBalancerName"],
        "internal": live["Scheme"] == "internal",
        "loadBalancerType": live["Type"],
        "ipAddressType": live.get("IpAddressType"),
        "securityGroups": sorted(live.get("SecurityGroups") or ()),
        "subnets": sorted(zone["SubnetId"] for zone in live["AvailabilityZones"]),
        "tags": _tags(ctx, arn),
    }
    for prop, (key, convert) in BALANCER_ATTRIBUTES.items():
        if key in attributes:
            found[prop] = convert(attributes[key])
    return found | {prop: _logs(attributes, key, last.get(prop)) for prop, key in LOGS.items()}


def _logs(attributes: Mapping[str, str], key: str, last: Any) -> dict[str, Any] | None:
    """Logs that are off and were never asked for are no block."""
    enabled, bucket = attributes.get(f"{key}.enabled") == "true", attributes.get(f"{key}.bucket", "")
    if not enabled and not (last and bucket):
        return None
    found: dict[str, Any] = {"enabled": enabled, "bucket": bucket}
    prefix = attributes.get(f"{key}.prefix")
    return found | ({"prefix": prefix} if prefix else {})


# ---- target groups

GROUP_ATTRIBUTES: Mapping[str, tuple[str, Convert]] = {
    "connectionTermination": ("deregistration_delay.connection_termination.enabled", flag),
    "deregistrationDelay": ("deregistration_delay.timeout_seconds", int),
    "lambdaMultiValueHeadersEnabled": ("lambda.multi_value_headers.enabled", flag),
    "loadBalancingAlgorithmType": ("load_balancing.algorithm.type", str),
    "loadBalancingAnomalyMitigation": ("load_balancing.algorithm.anomaly_mitigation", str),
    "loadBalancingCrossZoneEnabled": ("load_balancing.cross_zone.enabled", str),
    "preserveClientIp": ("preserve_client_ip.enabled", str),
    "proxyProtocolV2": ("proxy_protocol_v2.enabled", flag),
    "slowStart": ("slow_start.duration_seconds", int),
}

HEALTH = {
    "enabled": "HealthCheckEnabled",
    "healthyThreshold": "HealthyThresholdCount",
    "interval": "HealthCheckIntervalSeconds",
    "path": "HealthCheckPath",
    "port": "HealthCheckPort",
    "protocol": "HealthCheckProtocol",
    "timeout": "HealthCheckTimeoutSeconds",
    "unhealthyThreshold": "UnhealthyThresholdCount",
}

SPELLED_OUT = ("targetFailovers", "targetGroupHealth", "targetHealthStates", "targetControlPort")
"""Blocks that this table does not carry over; refused rather than left out."""


def _health(props: Props) -> dict[str, Any]:
    check = props.get("healthCheck") or {}
    asked: dict[str, Any] = {theirs: check[ours] for ours, theirs in HEALTH.items() if check.get(ours) is not None}
    if check.get("matcher"):
        grpc = props.get("protocolVersion") == "GRPC"
        asked["Matcher"] = {"GrpcCode" if grpc else "HttpCode": check["matcher"]}
    return asked


def _create_group(ctx: Context, props: Props) -> str:
    for prop in SPELLED_OUT:
        if props.get(prop):
            raise ValueError(f"{prop}: not emulated for a target group")
    asked = {
        "Name": props["name"],
        "Protocol": props.get("protocol"),
        "ProtocolVersion": props.get("protocolVersion"),
        "Port": props.get("port"),
        "VpcId": props.get("vpcId"),
        "TargetType": props.get("targetType"),
        "IpAddressType": props.get("ipAddressType"),
        "Tags": tag_list(props.get("tags")) or None,
    }
    made = ctx.client("elbv2").create_target_group(**without_none(asked), **_health(props))
    return str(made["TargetGroups"][0]["TargetGroupArn"])


def _settle_group(ctx: Context, arn: str, props: Props) -> None:
    client = ctx.client("elbv2")
    live = live_attributes(client.describe_target_group_attributes(TargetGroupArn=arn))
    wanted = {key: text(props[prop]) for prop, (key, _) in GROUP_ATTRIBUTES.items() if props.get(prop) is not None}
    wanted |= _stickiness(props.get("stickiness"))
    change = [{"Key": key, "Value": value} for key, value in wanted.items() if live.get(key) != value]
    if change:
        client.modify_target_group_attributes(TargetGroupArn=arn, Attributes=change)


def _stickiness(block: Props | None) -> dict[str, str]:
    if not block:
        return {}
    wanted = {"stickiness.enabled": text(block.get("enabled") is not False), "stickiness.type": block["type"]}
    if block["type"] in ("lb_cookie", "app_cookie") and block.get("cookieDuration") is not None:
        wanted[f"stickiness.{block['type']}.duration_seconds"] = text(block["cookieDuration"])
    if block["type"] == "app_cookie" and block.get("cookieName"):
        wanted["stickiness.app_cookie.cookie_name"] = block["cookieName"]
    return wanted


def _update_group(ctx: Context, arn: str, old: Props, new: Props) -> None:
    if old.get("healthCheck") != new.get("healthCheck"):
        ctx.client("elbv2").modify_target_group(TargetGroupArn=arn, **_health(new))


def _read_group(ctx: Context, arn: str, _last: Props) -> Props | None:
    client = ctx.client("elbv2")
    live = only_item(or_none(client.describe_target_groups, TargetGroupArns=[arn]), "TargetGroups")
    if live is None:
        return None
    attributes = live_attributes(client.describe_target_group_attributes(TargetGroupArn=arn))
    matcher = live.get("Matcher") or {}
    health = {ours: live[theirs] for ours, theirs in HEALTH.items() if live.get(theirs) is not None}
    health["matcher"] = matcher.get("HttpCode") or matcher.get("GrpcCode") or ""
    found = outputs(GROUP, live, renames={"arn": "TargetGroupArn", "name": "TargetGroupName", "healthCheck": ""})
    found |= {
        "arnSuffix": live["TargetGroupArn"].rpartition(":")[2],
        "healthCheck": health,
        "loadBalancerArns": sorted(live.get("LoadBalancerArns") or ()),
        "tags": _tags(ctx, arn),
    }
    for prop, (key, convert) in GROUP_ATTRIBUTES.items():
        if key in attributes:
            found[prop] = convert(attributes[key])
    kind = attributes.get("stickiness.type", "lb_cookie")
    duration = attributes.get(f"stickiness.{kind}.duration_seconds")
    found["stickiness"] = without_none(
        {
            "enabled": attributes.get("stickiness.enabled") == "true",
            "type": kind,
            "cookieDuration": int(duration) if duration else None,
            "cookieName": attributes.get("stickiness.app_cookie.cookie_name") or None,
        }
    )
    return found


TYPES = [
    ResourceType(
        token=BALANCER,
        service="elbv2",
        create=_create,
        settle=_settle,
        read=_read,
        update=_update,
        delete=lambda ctx, arn, _last: ctx.client("elbv2").delete_load_balancer(LoadBalancerArn=arn),
        tag=elb_tags,
        force_new=frozenset({"name", "namePrefix", "internal", "loadBalancerType", "customerOwnedIpv4Pool"}),
        autoname=Autoname(max_length=NAME_LENGTH),
        defaults={"loadBalancerType": "application", **{prop: _for_application(prop) for prop in BALANCER_DEFAULTS}},
        unread=frozenset({"enableCrossZoneLoadBalancing", "enableZonalShift", "dnsRecordClientRoutingPolicy"}),
        settles_gone=True,
    ),
    ResourceType(
        token=GROUP,
        service="elbv2",
        create=_create_group,
        settle=_settle_group,
        read=_read_group,
        update=_update_group,
        delete=lambda ctx, arn, _last: ctx.client("elbv2").delete_target_group(TargetGroupArn=arn),
        tag=elb_tags,
        force_new=frozenset(
            {"ipAddressType", "name", "namePrefix", "port", "protocol", "protocolVersion", "targetType", "vpcId"}
        ),
        autoname=Autoname(max_length=NAME_LENGTH),
        defaults={"deregistrationDelay": 300, "slowStart": 0, "targetType": "instance"},
        unread=frozenset({"lambdaMultiValueHeadersEnabled", "proxyProtocolV2"}),
    ),
]
