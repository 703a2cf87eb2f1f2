"""TLS-01: listeners speak TLS 1.2 or newer, and plain HTTP only redirects.

What passes through TCP is judged where TLS ends. Live: the protocols that AWS says a policy has, listed here or not.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from policies.control import (
    GDPR,
    SAFEGUARDS,
    SOC2,
    Control,
    Severity,
    StackClause,
    Strength,
    Verdict,
    failed,
    not_applicable,
    passed,
    undetermined,
)
from policies.resources import Resource, Stack

DEFAULT = "ELBSecurityPolicy-2016-08"
"""What a listener gets that names none; it speaks TLS 1.0
(https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html, 2026-11-29)."""

OLD = frozenset(
    f"ELBSecurityPolicy-{name}"
    for name in (
        *("2015-05", "2016-08", "TLS-1-0-2015-04", "TLS-1-1-2017-01", "FS-2018-06", "FS-1-1-2019-08"),
        *("TLS13-1-0-2021-06", "TLS13-1-1-2021-06", "TLS13-1-0-FIPS-2023-04", "TLS13-1-1-FIPS-2023-04"),
    )
)
"""Policies that speak TLS 1.0 or 1.1, by the same page. The number in a name is no proof: FS-2018-06 speaks 1.0."""

NEW = frozenset(
    f"ELBSecurityPolicy-{name}"
    for name in (
        *("TLS-1-2-2017-01", "TLS-1-2-Ext-2018-06", "FS-1-2-2019-08", "FS-1-2-Res-2019-08", "FS-1-2-Res-2020-10"),
        *("TLS13-1-3-2021-06", "TLS13-1-2-2021-06", "TLS13-1-2-Res-2021-06"),
        *("TLS13-1-2-Ext1-2021-06", "TLS13-1-2-Ext2-2021-06", "TLS13-1-3-FIPS-2023-04", "TLS13-1-2-FIPS-2023-04"),
        *("TLS13-1-2-Res-FIPS-2023-04", "TLS13-1-2-Ext0-FIPS-2023-04"),
        *("TLS13-1-2-Ext1-FIPS-2023-04", "TLS13-1-2-Ext2-FIPS-2023-04"),
        *("TLS13-1-2-Res-PQ-2025-09", "TLS13-1-2-FIPS-PQ-2025-09"),
    )
)
"""Policies that speak TLS 1.2 and 1.3 only, by the same page."""

SPOKEN = frozenset({"TLSv1.2", "TLSv1.3"})
"""As DescribeSSLPolicies names them."""

_LISTENER, _RULE = "aws:lb/listener:Listener", "aws:lb/listenerRule:ListenerRule"


def listener_speaks_tls_1_2(listener: Resource, _stack: Stack) -> Verdict:
    protocol = listener.given("protocol")
    if protocol not in ("HTTPS", "TLS"):
        return not_applicable(f"protocol {protocol}")
    name = listener.given("sslPolicy") or DEFAULT
    if spoken := listener.maybe("sslProtocols"):
        old = sorted(set(spoken) - SPOKEN)
        return failed(f"sslPolicy {name} speaks {', '.join(old)}") if old else passed()
    if name in OLD:
        return failed(f"sslPolicy {name} speaks a version before TLS 1.2")
    return passed() if name in NEW else undetermined(f"which protocols sslPolicy {name} speaks is not known here")


def plain_http_only_redirects(listener: Resource, stack: Stack) -> Verdict:
    protocol = listener.given("protocol")
    if protocol != "HTTP":
        return not_applicable(f"protocol {protocol}")
    for action in _actions(listener, stack):
        redirect = action.get("redirect") or {}
        # A redirect that names no protocol keeps the one of the request.
        if action["type"] != "redirect" or redirect.get("protocol") != "HTTPS":
            return failed(f"plain HTTP has an action {action['type']} that leads to no HTTPS")
    return passed()


def _actions(listener: Resource, stack: Stack) -> Iterator[Mapping[str, Any]]:
    yield from listener.props.get("defaultActions") or ()
    for rule in stack.pointing_at(listener, _RULE, "listenerArn"):
        yield from rule.props.get("actions") or ()


TLS_01 = Control(
    id="TLS-01",
    title="Listeners speak TLS 1.2 or newer, and plain HTTP only redirects",
    severity=Severity.HIGH,
    clauses=tuple(
        StackClause(resource_types=frozenset({_LISTENER}), check=check)
        for check in (listener_speaks_tls_1_2, plain_http_only_redirects)
    ),
    maps_to=(SOC2("CC6.7", Strength.DIRECT), GDPR("32(1)(a)", Strength.PARTIAL), *SAFEGUARDS),
    risk="Who is on the way reads credentials and payments, or makes the client speak a broken version.",
    remediation="Set sslPolicy to one of TLS 1.2 and newer; let plain HTTP only redirect to HTTPS.",
)
