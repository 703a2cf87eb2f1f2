"""TLS-01: the protocols of listeners, and what plain HTTP does."""

import pytest

from policies.control import Status
from policies.resources import Resource
from policies.testing import UNKNOWN, resource, verdicts

SPEAKS, REDIRECTS = "listener_speaks_tls_1_2", "plain_http_only_redirects"
FORWARD, REDIRECT = {"type": "forward"}, {"type": "redirect", "redirect": {"protocol": "HTTPS"}}


def judged(subject: Resource, *others: Resource) -> tuple[Status, Status]:
    found = verdicts("TLS-01", subject, *others)
    return found["l", SPEAKS], found["l", REDIRECTS]


def listener(protocol: str, **props: object) -> Resource:
    return resource("aws:lb/listener:Listener", "l", protocol=protocol, **props)


@pytest.mark.parametrize("protocol", ["HTTPS", "TLS"])
@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("ELBSecurityPolicy-TLS13-1-2-2021-06", Status.PASS),
        ("ELBSecurityPolicy-TLS-1-2-Ext-2018-06", Status.PASS),
        ("ELBSecurityPolicy-FS-2018-06", Status.FAIL),
        ("ELBSecurityPolicy-TLS13-1-0-2021-06", Status.FAIL),
        ("ELBSecurityPolicy-TLS13-1-2-2099-01", Status.UNDETERMINED),
        (None, Status.FAIL),
        (UNKNOWN, Status.FAIL),
    ],
)
def test_a_listener_is_judged_by_what_its_policy_speaks(protocol: str, policy: str | None, expected: Status) -> None:
    # An unknown that comes from no other resource is not given, and AWS's default is old.
    assert judged(listener(protocol, sslPolicy=policy)) == (expected, Status.NOT_APPLICABLE)


def test_a_policy_that_comes_from_elsewhere_is_undetermined() -> None:
    elsewhere = resource("aws:ssm/parameter:Parameter", "p")
    subject = resource("aws:lb/listener:Listener", "l", {"sslPolicy": [elsewhere]}, protocol="TLS", sslPolicy=UNKNOWN)
    assert judged(subject, elsewhere)[0] is Status.UNDETERMINED


def test_plain_http_may_only_redirect_to_https() -> None:
    assert judged(listener("HTTP", defaultActions=[REDIRECT])) == (Status.NOT_APPLICABLE, Status.PASS)
    assert judged(listener("HTTP", defaultActions=[FORWARD]))[1] is Status.FAIL
    assert (
        judged(listener("HTTP", defaultActions=[{"type": "redirect", "redirect": {"port": "8080"}}]))[1] is Status.FAIL
    )
    assert judged(listener("HTTP", defaultActions=UNKNOWN))[1] is Status.UNDETERMINED
    subject = listener("HTTP", defaultActions=[REDIRECT])
    rule = resource("aws:lb/listenerRule:ListenerRule", "r", {"listenerArn": [subject]}, actions=[FORWARD])
    assert judged(subject, rule)[1] is Status.FAIL


def test_what_passes_through_is_judged_where_tls_ends() -> None:
    assert judged(listener("TCP")) == (Status.NOT_APPLICABLE, Status.NOT_APPLICABLE)
