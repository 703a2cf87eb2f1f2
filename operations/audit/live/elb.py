"""Elastic Load Balancing: balancers, listeners, rules, and where they forward to."""

from collections.abc import Iterator, Mapping
from typing import Any

from operations.audit.live.question import Question
from operations.audit.live.reader import Live, Reader
from operations.audit.live.region import Region, Unread
from operations.audit.live.tags import tags
from operations.audit.live.words import camel, given
from policies.resources import NotObservedError

_GONE = {
    "describe_listeners": frozenset({"LoadBalancerNotFound"}),
    "describe_rules": frozenset({"ListenerNotFound"}),
    "describe_target_health": frozenset({"TargetGroupNotFound"}),
}
"""Where a list is asked of what may be deleted in the meantime."""


def _question(operation: str, action: str, member: str, *names: str) -> Question:
    keep = tuple(f"{member}.{name}" for name in names) or (member,)
    return Question(
        service="elbv2",
        operation=operation,
        keep=keep,
        items=member,
        action=f"elasticloadbalancing:{action}",
        absent=_GONE.get(operation, frozenset()),
    )


BALANCERS = _question(
    *("describe_load_balancers", "DescribeLoadBalancers", "LoadBalancers"),
    *("LoadBalancerArn", "LoadBalancerName", "DNSName", "CanonicalHostedZoneId", "Scheme", "Type", "VpcId"),
    *("SecurityGroups", "AvailabilityZones", "IpAddressType"),
)
ATTRIBUTES = _question("describe_load_balancer_attributes", "DescribeLoadBalancerAttributes", "Attributes")
LISTENERS = _question(
    *("describe_listeners", "DescribeListeners", "Listeners"),
    *("ListenerArn", "LoadBalancerArn", "Port", "Protocol", "SslPolicy", "Certificates", "AlpnPolicy"),
    *("MutualAuthentication", "DefaultActions.Type", "DefaultActions.Order", "DefaultActions.TargetGroupArn"),
    *("DefaultActions.ForwardConfig", "DefaultActions.RedirectConfig", "DefaultActions.FixedResponseConfig"),
)
RULES = _question(
    *("describe_rules", "DescribeRules", "Rules", "RuleArn", "Priority", "IsDefault"),
    *("Actions.Type", "Actions.Order", "Actions.TargetGroupArn", "Actions.ForwardConfig", "Actions.RedirectConfig"),
    "Actions.FixedResponseConfig",
)
TARGET_GROUPS = _question("describe_target_groups", "DescribeTargetGroups", "TargetGroups")
TARGETS = _question("describe_target_health", "DescribeTargetHealth", "TargetHealthDescriptions", "Target")
SSL_POLICIES = _question("describe_ssl_policies", "DescribeSSLPolicies", "SslPolicies", "Name", "SslProtocols")
TAGS = _question("describe_tags", "DescribeTags", "TagDescriptions")

_CONFIGURATIONS = {
    "ForwardConfig": "forward",
    "RedirectConfig": "redirect",
    "FixedResponseConfig": "fixedResponse",
}
"""Of actions: AWS's name -> the provider's. What an action asks an identity provider with holds its client's secret
and is not read."""

_REGISTERED = frozenset({"instance", "ip"})
"""Kinds of target that Auto Scaling and the controller of a cluster register and take away."""


def balancers(region: Region) -> Iterator[Live]:
    """Application, network and gateway load balancers."""
    for one in region.pages(BALANCERS):
        of = one["LoadBalancerArn"]
        yield Live(
            id=of,
            name=one["LoadBalancerName"],
            props={
                **given(vpcId=one.get("VpcId"), ipAddressType=one.get("IpAddressType"), dnsName=one.get("DNSName")),
                **given(zoneId=one.get("CanonicalHostedZoneId")),
                "arn": of,
                "name": one["LoadBalancerName"],
                "loadBalancerType": one["Type"],
                # A gateway balancer has no scheme.
                "internal": one.get("Scheme") == "internal",
                "securityGroups": one.get("SecurityGroups") or [],
                "subnets": [zone["SubnetId"] for zone in one.get("AvailabilityZones") or () if "SubnetId" in zone],
                **_attributes(region, of),
                "tags": _tags(region, of),
            },
        )


def _attributes(region: Region, of: str) -> dict[str, Any]:
    names = ("accessLogs", "enableDeletionProtection", "dropInvalidHeaderFields", "desyncMitigationMode")
    try:
        values = tags(region.pages(ATTRIBUTES, LoadBalancerArn=of))
    except NotObservedError as error:
        return dict.fromkeys(names, Unread(str(error)))
    logs = {
        "bucket": values.get("access_logs.s3.bucket", ""),
        "prefix": values.get("access_logs.s3.prefix", ""),
        "enabled": values.get("access_logs.s3.enabled") == "true",
    }
    return {
        **given(desyncMitigationMode=values.get("routing.http.desync_mitigation_mode")),
        "accessLogs": logs,
        "enableDeletionProtection": values.get("deletion_protection.enabled") == "true",
        "dropInvalidHeaderFields": values.get("routing.http.drop_invalid_header_fields.enabled") == "true",
    }


def listeners(region: Region) -> Iterator[Live]:
    """Listeners of all balancers, with the versions of TLS that their policy has."""
    for one in _listeners(region):
        certificates = [each for each in one.get("Certificates") or () if each.get("CertificateArn")]
        mutual = one.get("MutualAuthentication") or {}
        yield Live(
            id=one["ListenerArn"],
            props={
                **given(port=one.get("Port"), protocol=one.get("Protocol"), sslPolicy=one.get("SslPolicy")),
                **given(certificateArn=certificates[0]["CertificateArn"] if certificates else None),
                **given(mutualAuthentication=camel(mutual) or None),
                **({"sslProtocols": _protocols(region, one["SslPolicy"])} if one.get("SslPolicy") else {}),
                "arn": one["ListenerArn"],
                "loadBalancerArn": one["LoadBalancerArn"],
                "defaultActions": [_action(action) for action in one.get("DefaultActions") or ()],
                "tags": _tags(region, one["ListenerArn"]),
            },
        )


def _listeners(region: Region) -> Iterator[Mapping[str, Any]]:
    for balancer in region.pages(BALANCERS):
        yield from region.pages(LISTENERS, LoadBalancerArn=balancer["LoadBalancerArn"])


def _protocols(region: Region, policy: str) -> list[str] | Unread:
    try:
        found = [one["SslProtocols"] for one in region.pages(SSL_POLICIES) if one["Name"] == policy]
    except NotObservedError as error:
        return Unread(str(error))
    return list(found[0]) if found else Unread(f"AWS lists no policy {policy}")


def rules(region: Region) -> Iterator[Live]:
    """Rules of listeners but the last one, which a listener's own default actions are."""
    for listener in _listeners(region):
        for rule in region.pages(RULES, ListenerArn=listener["ListenerArn"]):
            if not rule.get("IsDefault"):
                yield Live(
                    id=rule["RuleArn"],
                    props={
                        "arn": rule["RuleArn"],
                        "listenerArn": listener["ListenerArn"],
                        "priority": int(rule["Priority"]),
                        "actions": [_action(action) for action in rule.get("Actions") or ()],
                        "tags": _tags(region, rule["RuleArn"]),
                    },
                )


def _action(action: Mapping[str, Any]) -> dict[str, Any]:
    """The provider keeps a forward to one group as that group only."""
    found = given(type=action["Type"], targetGroupArn=action.get("TargetGroupArn"), order=action.get("Order"))
    for theirs, ours in _CONFIGURATIONS.items():
        if action.get(theirs) and not (ours == "forward" and action.get("TargetGroupArn")):
            found[ours] = camel(action[theirs])
    if "forward" in found:
        groups = found["forward"].pop("targetGroups", [])
        found["forward"]["targetGroups"] = [
            {"arn": group["targetGroupArn"], **given(weight=group.get("weight"))} for group in groups
        ]
    return found


def target_groups(region: Region) -> Iterator[Live]:
    """Where balancers forward to."""
    for group in region.pages(TARGET_GROUPS):
        of = group["TargetGroupArn"]
        yield Live(
            id=of,
            name=group["TargetGroupName"],
            props={
                **given(port=group.get("Port"), protocol=group.get("Protocol"), vpcId=group.get("VpcId")),
                **given(protocolVersion=group.get("ProtocolVersion"), ipAddressType=group.get("IpAddressType")),
                "arn": of,
                "name": group["TargetGroupName"],
                "targetType": group.get("TargetType", "instance"),
                "tags": _tags(region, of),
            },
        )


def attachments(region: Region) -> Iterator[Live]:
    """Targets of groups. The provider makes up their ids."""
    for group in region.pages(TARGET_GROUPS):
        of = group["TargetGroupArn"]
        for health in region.pages(TARGETS, TargetGroupArn=of):
            target = health["Target"]
            yield Live(
                id=f"{of}-{target['Id']}-{target.get('Port', '')}",
                made_by_aws="registered target" if group.get("TargetType") in _REGISTERED else "",
                props={
                    **given(port=target.get("Port"), availabilityZone=target.get("AvailabilityZone")),
                    "targetGroupArn": of,
                    "targetId": target["Id"],
                },
            )


def _tags(region: Region, of: str) -> dict[str, str] | Unread:
    try:
        found = region.pages(TAGS, ResourceArns=[of])
    except NotObservedError as error:
        return Unread(str(error))
    return tags(found[0].get("Tags")) if found else {}


Reader(type="aws:lb/loadBalancer:LoadBalancer", read=balancers, source=BALANCERS)
Reader(type="aws:lb/listener:Listener", read=listeners, source=LISTENERS)
Reader(type="aws:lb/listenerRule:ListenerRule", read=rules, source=RULES)
Reader(type="aws:lb/targetGroup:TargetGroup", read=target_groups, source=TARGET_GROUPS)
Reader(
    type="aws:lb/targetGroupAttachment:TargetGroupAttachment",
    read=attachments,
    source=TARGETS,
    identity=("targetGroupArn", "targetId"),
)
