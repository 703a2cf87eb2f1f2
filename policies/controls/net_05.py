"""NET-05: what the internet reaches stands behind a web ACL or asks for client certificates."""

from collections.abc import Iterator

from policies.control import (
    SAFEGUARDS,
    SOC2,
    Control,
    Severity,
    StackClause,
    Status,
    Strength,
    Verdict,
    failed,
    not_applicable,
    passed,
    undetermined,
)
from policies.relations import LISTENERS, LOAD_BALANCERS, TARGET_GROUPS, given_at, may_name, naming
from policies.resources import Resource, Stack

_ASSOCIATION = "aws:wafv2/webAclAssociation:WebAclAssociation"
_ATTACHMENTS = (
    "aws:lb/targetGroupAttachment:TargetGroupAttachment",
    "aws:alb/targetGroupAttachment:TargetGroupAttachment",
)


def internet_facing_alb_has_a_web_acl(balancer: Resource, stack: Stack) -> Verdict:
    if reason := _not_facing(balancer, "application"):
        return not_applicable(reason)
    return _web_acl(balancer, stack)


def internet_facing_nlb_stands_before_a_guarded_alb(balancer: Resource, stack: Stack) -> Verdict:
    if reason := _not_facing(balancer, "network"):
        return not_applicable(reason)
    listeners = list(naming(balancer, stack, LISTENERS, "loadBalancerArn"))
    verdicts = [_listener(listener, stack) for listener in listeners]
    if not verdicts:
        return undetermined("no listener of this balancer is in the stack")
    wrong = [verdict for verdict in verdicts if verdict != passed()]
    known = [verdict for verdict in wrong if verdict.status is Status.FAIL]
    return (known or wrong or [passed()])[0]


def _not_facing(balancer: Resource, kind: str) -> str | None:
    """Why a balancer is none of the kind that faces the internet; AWS's defaults are an application balancer that does
    (Elastic Load Balancing API reference, CreateLoadBalancer)."""
    if balancer.given("internal"):
        return "internal is true"
    own = balancer.given("loadBalancerType") or "application"
    return None if own == kind else f"loadBalancerType is {own}"


def _web_acl(balancer: Resource, stack: Stack) -> Verdict:
    if any(naming(balancer, stack, [_ASSOCIATION], "resourceArn")):
        return passed()
    if unknown := may_name(balancer, stack, [_ASSOCIATION], "resourceArn"):
        return undetermined(unknown)
    return failed(f"no WebAclAssociation names {balancer.name}")


def _listener(listener: Resource, stack: Stack) -> Verdict:
    """Of TCP a network balancer passes what is encrypted through to targets that may ask for a certificate; TLS it ends
    itself (https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-listeners.html)."""
    groups = [source for source in stack.sources(listener, "defaultActions") if source.type in TARGET_GROUPS]
    if not groups:
        return undetermined(f"where {listener.name} forwards to is not in the stack")
    for group in groups:
        if group.given("targetType") == "alb":
            for target in _targets(group, stack):
                if not _asks_for_certificates(target, stack) and (verdict := _web_acl(target, stack)) != passed():
                    return verdict
            if not any(_targets(group, stack)):
                return undetermined(f"which balancer {group.name} holds is not in the stack")
        elif (protocol := listener.given("protocol")) == "TCP":
            return undetermined(f"{listener.name} passes TCP through; what its targets ask for is not known here")
        else:
            return failed(f"{listener.name} has protocol {protocol} and forwards to no application balancer")
    return passed()


def _targets(group: Resource, stack: Stack) -> Iterator[Resource]:
    for attachment in naming(group, stack, _ATTACHMENTS, "targetGroupArn"):
        yield from (source for source in stack.sources(attachment, "targetId") if source.type in LOAD_BALANCERS)


def _asks_for_certificates(balancer: Resource, stack: Stack) -> bool:
    listeners = list(naming(balancer, stack, LISTENERS, "loadBalancerArn"))
    modes = {given_at(listener, "mutualAuthentication.mode") for listener in listeners}
    return modes == {"verify"}


NET_05 = Control(
    id="NET-05",
    title="What the internet reaches stands behind a web ACL or asks for client certificates",
    severity=Severity.HIGH,
    clauses=tuple(
        StackClause(resource_types=frozenset(LOAD_BALANCERS), check=check)
        for check in (internet_facing_alb_has_a_web_acl, internet_facing_nlb_stands_before_a_guarded_alb)
    ),
    maps_to=(SOC2("CC6.6", Strength.DIRECT), *SAFEGUARDS),
    risk="Floods and known attacks reach the application, which has to tell them from payments itself.",
    remediation="Associate a web ACL with the balancer, or forward from it to one that has a web ACL or mutual TLS.",
)
