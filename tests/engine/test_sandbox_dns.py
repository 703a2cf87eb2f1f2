"""What Route 53 of the emulator answers, and what its health checks say, while the data plane tells what it sees."""

import itertools
import json
import urllib.request
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError
from test_sandbox_outages import client, told

from conftest import Sandbox
from sandbox.lifecycle.emulator_client import DNS, TOKEN_HEADER
from sandbox.regions import RegionFault

pytestmark = pytest.mark.engine

HOME, AWAY = "eu-west-1", "eu-central-1"
DOMAIN = "pay.example.com"
NUMBERS = itertools.count(1)


class Zone:
    """A public zone, a load balancer in each of two regions, and who plays the data plane."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.route53 = client(sandbox, "route53", HOME)
        zone = self.route53.create_hosted_zone(Name=DOMAIN, CallerReference="zone")["HostedZone"]
        self.id = zone["Id"].rpartition("/")[2]
        self.balancers = {region: self._balancer(region) for region in (HOME, AWAY)}

    def _balancer(self, region: str) -> Mapping[str, str]:
        ec2, elb = (client(self.sandbox, service, region) for service in ("ec2", "elbv2"))
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnets = [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=f"{region}{z}")["Subnet"][
                "SubnetId"
            ]
            for n, z in enumerate("ab")
        ]
        (made,) = elb.create_load_balancer(Name=f"cell-{region}", Subnets=subnets, Type="application")["LoadBalancers"]
        return {"DNSName": made["DNSName"], "HostedZoneId": made["CanonicalHostedZoneId"]}

    def check(self, **config: Any) -> str:
        made = self.route53.create_health_check(CallerReference=f"check-{next(NUMBERS)}", HealthCheckConfig=config)
        return str(made["HealthCheck"]["Id"])

    def endpoint(self, name: str, **more: Any) -> str:
        return self.check(Type="HTTPS", FullyQualifiedDomainName=name, Port=443, ResourcePath="/writer", **more)

    def upsert(self, name: str, **more: Any) -> None:
        record = {"Name": name, "Type": "A", **more}
        change = {"Action": "UPSERT", "ResourceRecordSet": record}
        self.route53.change_resource_record_sets(HostedZoneId=self.id, ChangeBatch={"Changes": [change]})

    def alias(self, name: str, region: str, *, evaluate: bool = False, **more: Any) -> None:
        self.upsert(name, AliasTarget={**self.balancers[region], "EvaluateTargetHealth": evaluate}, **more)

    def failover(self, name: str, checks: Mapping[str, str]) -> None:
        """Records of both regions, the first of `checks` the primary."""
        for role, (region, check) in zip(("PRIMARY", "SECONDARY"), checks.items(), strict=True):
            self.alias(name, region, SetIdentifier=region, Failover=role, HealthCheckId=check)

    def tell(self, *, unhealthy: tuple[str, ...] = (), healthy: tuple[str, ...] = (), **serving: bool) -> Any:
        """As the data plane does. serving: region in words, whether its load balancer has a target."""
        observed = {name: {"healthy": False, "text": "Failure: refused"} for name in unhealthy}
        observed |= {name: {"healthy": True, "text": "Success: HTTP Status Code 200"} for name in healthy}
        names = {self.balancers[region.replace("_", "-")]["DNSName"].lower(): on for region, on in serving.items()}
        token = json.loads((self.sandbox.home / "secrets.json").read_text())["admin_token"]
        request = urllib.request.Request(
            self.sandbox.env["AWS_ENDPOINT_URL"] + DNS,
            data=json.dumps({"observed": observed, "serving": names}).encode(),
            headers={TOKEN_HEADER: token},
        )
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def answer(self, name: str) -> list[str]:
        found = self.route53.test_dns_answer(HostedZoneId=self.id, RecordName=name, RecordType="A")
        return sorted(found["RecordData"])

    def of(self, region: str) -> list[str]:
        """Addresses of the region's load balancer."""
        return self.answer(self.balancers[region]["DNSName"])

    def status(self, check: str) -> str:
        (seen,) = self.route53.get_health_check_status(HealthCheckId=check)["HealthCheckObservations"]
        return str(seen["StatusReport"]["Status"])


@pytest.fixture(scope="module")
def zone(bare_sandbox: Sandbox) -> Zone:
    return Zone(bare_sandbox)


def test_a_name_follows_the_health_of_its_records(zone: Zone) -> None:
    name = f"failover.{DOMAIN}"
    checks = {HOME: zone.endpoint(f"home.{DOMAIN}"), AWAY: zone.endpoint(f"away.{DOMAIN}")}
    zone.failover(name, checks)
    assert zone.of(HOME) != zone.of(AWAY)
    assert zone.answer(name) == zone.of(HOME)
    heard = zone.tell(unhealthy=(checks[HOME],), healthy=(checks[AWAY],))
    assert zone.answer(name) == zone.of(AWAY)
    assert heard["names"][name] == zone.balancers[AWAY]["DNSName"].lower()
    assert zone.status(checks[HOME]).startswith("Failure")
    assert zone.status(checks[AWAY]).startswith("Success")
    zone.tell(healthy=tuple(checks.values()))
    assert zone.answer(name) == zone.of(HOME)


def test_where_all_are_unhealthy_the_primary_answers(zone: Zone) -> None:
    name = f"none.{DOMAIN}"
    checks = {AWAY: zone.endpoint("away"), HOME: zone.endpoint("home")}
    zone.failover(name, checks)
    zone.tell(unhealthy=tuple(checks.values()))
    assert zone.answer(name) == zone.of(AWAY)


def test_weights_choose_among_the_healthy(zone: Zone) -> None:
    name = f"weighted.{DOMAIN}"
    check = zone.endpoint("weighted")
    zone.upsert(
        name, TTL=60, ResourceRecords=[{"Value": "192.0.2.1"}], SetIdentifier="1", Weight=100, HealthCheckId=check
    )
    zone.upsert(name, TTL=60, ResourceRecords=[{"Value": "192.0.2.2"}], SetIdentifier="2", Weight=0)
    assert {zone.answer(name)[0] for _ in range(20)} == {"192.0.2.1"}
    zone.tell(unhealthy=(check,))
    assert {zone.answer(name)[0] for _ in range(20)} == {"192.0.2.2"}


def test_an_alias_that_evaluates_its_target_needs_one_that_serves(zone: Zone) -> None:
    name = f"evaluated.{DOMAIN}"
    for region, role in ((HOME, "PRIMARY"), (AWAY, "SECONDARY")):
        zone.alias(name, region, evaluate=True, SetIdentifier=region, Failover=role)
    zone.tell(eu_west_1=True, eu_central_1=True)
    assert zone.answer(name) == zone.of(HOME)
    zone.tell(eu_west_1=False, eu_central_1=True)
    assert zone.answer(name) == zone.of(AWAY)
    zone.tell(eu_west_1=True, eu_central_1=True)
    told(zone.sandbox, [[RegionFault.DEAD, HOME]])
    assert zone.answer(name) == zone.of(AWAY)
    told(zone.sandbox, [])


def test_a_calculated_check_counts_its_children_and_an_alarm_is_one(zone: Zone) -> None:
    cloudwatch = client(zone.sandbox, "cloudwatch", HOME)
    alarm = {"Namespace": "Cell", "MetricName": "Bad", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1}
    cloudwatch.put_metric_alarm(
        AlarmName="bad", Threshold=1, ComparisonOperator="GreaterThanOrEqualToThreshold", **alarm
    )
    identifier = {"Region": HOME, "Name": "bad"}
    by_alarm = zone.check(
        Type="CLOUDWATCH_METRIC", AlarmIdentifier=identifier, InsufficientDataHealthStatus="LastKnownStatus"
    )
    endpoint = zone.endpoint("calculated")
    whole = zone.check(Type="CALCULATED", ChildHealthChecks=[endpoint, by_alarm], HealthThreshold=2)
    name = f"calculated.{DOMAIN}"
    zone.failover(name, {HOME: whole, AWAY: zone.endpoint("spare")})
    heard = zone.tell(healthy=(endpoint,))
    assert endpoint in {one["id"] for one in heard["checks"]}
    assert zone.answer(name) == zone.of(HOME)
    for state, answers in (("ALARM", AWAY), ("INSUFFICIENT_DATA", AWAY), ("OK", HOME), ("INSUFFICIENT_DATA", HOME)):
        cloudwatch.set_alarm_state(AlarmName="bad", StateValue=state, StateReason="test")
        assert zone.answer(name) == zone.of(answers)
    zone.tell(unhealthy=(endpoint,))
    assert zone.answer(name) == zone.of(AWAY)


def test_an_inverted_check_says_the_opposite_and_a_disabled_one_is_healthy(zone: Zone) -> None:
    inverted, disabled = zone.endpoint("inverted", Inverted=True), zone.endpoint("disabled", Disabled=True)
    zone.failover(f"inverted.{DOMAIN}", {HOME: inverted, AWAY: zone.endpoint("spare")})
    zone.failover(f"disabled.{DOMAIN}", {HOME: disabled, AWAY: zone.endpoint("spare")})
    heard = zone.tell(healthy=(inverted,), unhealthy=(disabled,))
    assert zone.answer(f"inverted.{DOMAIN}") == zone.of(AWAY)
    assert zone.answer(f"disabled.{DOMAIN}") == zone.of(HOME)
    assert disabled not in {one["id"] for one in heard["checks"]}


def test_only_checks_that_a_record_uses_are_asked_and_where_their_name_leads(zone: Zone) -> None:
    zone.alias(f"asked.{DOMAIN}", HOME)
    used, unused = zone.endpoint(f"asked.{DOMAIN}", RequestInterval=10, EnableSNI=True), zone.endpoint("unused")
    zone.failover(f"uses.{DOMAIN}", {HOME: used, AWAY: zone.endpoint("spare")})
    checks = {one["id"]: one for one in zone.tell()["checks"]}
    assert unused not in checks
    assert checks[used] | {"address": ""} == {
        "id": used,
        "kind": "HTTPS",
        "host": f"asked.{DOMAIN}",
        "balancer": zone.balancers[HOME]["DNSName"].lower(),
        "address": "",
        "port": 443,
        "path": "/writer",
        "search": "",
        "sni": True,
        "interval": 10,
        "threshold": 3,
    }


def test_routing_that_is_not_here_is_refused_and_harms_no_other_name(zone: Zone) -> None:
    name = f"latency.{DOMAIN}"
    zone.alias(name, HOME, SetIdentifier="home", Region=HOME)
    with pytest.raises(ClientError, match="NotEmulated"):
        zone.answer(name)
    names = zone.tell()["names"]
    assert name not in names
    assert f"asked.{DOMAIN}" in names


def test_a_name_that_nobody_has_leads_nowhere(zone: Zone) -> None:
    assert zone.answer(f"nobody.{DOMAIN}") == []
