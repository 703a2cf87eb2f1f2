"""Sizing: every number follows from region, environment and peak, and says how."""

from ipaddress import IPv4Network
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import catalogue
from components.vocabulary import Environment, Tier
from stacks.models import CellSettings
from stacks.plan import CellPlan
from stacks.sizing import MINIMUM_SUBNET_ZONES, derive, shard_payments

SIZING_CASE = 2284
"""137,000 payments a minute, in payments/s."""


def plan(peak: int = SIZING_CASE, region: str = "eu-west-1", environment: str = "production", **more: Any) -> CellPlan:
    return derive(
        "one",
        CellSettings.model_validate(
            {
                "region": region,
                "environment": environment,
                "account": "account",
                "peakPaymentsPerSecond": peak,
                "domain": "one.example.com",
                **more,
            }
        ),
    )


def derived(of: CellPlan, name: str) -> Any:
    return next(entry for entry in of.derived if entry.name == name)


def test_the_sizing_case_by_hand() -> None:
    case = plan()
    # 8 vCPUs * 75 payments/s * 0.6 = 360 a shard; 2,284 / 360 = 6.3 -> 7 -> the next divisor of 4,096
    assert [shard.instance_class for shard in case.shards] == ["db.r7g.2xlarge"] * 8
    assert {shard.readers for shard in case.shards} == {2}
    # 2,284 * 3 events * 2,048 bytes = 13.38 MiB/s, read by ledger, invoicing, bus, archive: / 2 MiB/s / 0.7 = 38.2
    assert case.stream_shards == 39
    # 2,284 / 60 / 0.6 = 63.4 vCPUs = 7.9 nodes of 8 -> 3 a zone
    assert case.node_groups["application"].instance_types == ("m7g.2xlarge",)
    assert case.node_groups["application"].desired == 9
    assert case.vpc_cidr == "10.0.0.0/16"
    assert case.recovery_region == "eu-central-1"
    assert case.first_cap.dimension == "payments"
    assert case.carries_payments_per_second == 8 * 360


def test_every_number_has_a_unit_a_formula_and_a_source() -> None:
    for entry in plan().derived:
        assert all((entry.name, entry.unit, entry.formula, entry.source)), entry
    for cap in plan().caps:
        assert all((cap.dimension, cap.unit, cap.formula, cap.source, cap.remedy)), cap


def test_bounds_are_compared_in_payments_accounts_bytes_addresses_and_quotas() -> None:
    case = plan()
    assert {"payments", "accounts", "bytes", "addresses", *catalogue.quotas()} >= {c.dimension for c in case.caps}
    assert {"payments", "accounts", "bytes", "addresses", "db-clusters"} <= {c.dimension for c in case.caps}
    assert all(a.used >= b.used for a, b in pairwise(case.caps))


def test_the_first_bound_depends_on_the_region() -> None:
    assert plan(region="ap-southeast-2").first_cap.dimension == "eventbridge-invocations"
    granted = plan(region="ap-southeast-2", quotas={"eventbridge-invocations": 50_000})
    assert granted.first_cap.dimension == "payments"


def test_more_accounts_than_shards_hold_ask_for_more_shards() -> None:
    assert len(plan(accounts=5_000_000).shards) == 32
    assert derived(plan(accounts=5_000_000), "shards.count").formula.count("accounts: 20") == 1


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 20_000),
    st.sampled_from(list(catalogue.regions())),
    st.sampled_from([environment.value for environment in Environment]),
)
def test_any_cell_takes_its_peak_and_fits_its_network(peak: int, region: str, environment: str) -> None:
    case = plan(peak, region, environment)
    assert sum(shard_payments(shard.instance_class) for shard in case.shards) >= peak
    assert len(case.subnet_zone_ids) >= MINIMUM_SUBNET_ZONES
    assert set(case.zone_ids) <= set(case.subnet_zone_ids) == set(case.subnets[Tier.WORKLOAD])
    vpc = IPv4Network(case.vpc_cidr)
    assert all(IPv4Network(cidr).subnet_of(vpc) for tier in case.subnets.values() for cidr in tier.values())
    for group in case.node_groups.values():
        assert 1 <= group.minimum <= group.desired <= group.maximum
    assert any(not group.taints for group in case.node_groups.values())
    by_dimension = {cap.dimension: cap for cap in case.caps}
    assert all(by_dimension[name].used <= 1 for name in ("payments", "accounts", "bytes", "kinesis-shard-records"))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 9_999), st.integers(1, 9_999))
def test_a_higher_peak_never_gets_less(one: int, other: int) -> None:
    low, high = plan(min(one, other)), plan(max(one, other))

    def capacity(of: CellPlan) -> float:
        return sum(shard_payments(shard.instance_class) for shard in of.shards)

    assert capacity(low) <= capacity(high)
    assert low.stream_shards <= high.stream_shards


@pytest.mark.parametrize("region", list(catalogue.regions()))
def test_excluded_zones_are_never_used(region: str) -> None:
    entry = catalogue.region(region)
    assert not set(plan(100, region).subnet_zone_ids) & set(entry.excluded)
    assert len(plan(100, region).zone_ids) == min(3, len(entry.zones))


def test_a_region_alone_in_its_jurisdiction_has_no_replica_and_says_why() -> None:
    case = plan(region="sa-east-1", quotas={"eventbridge-invocations": 20_000})
    assert case.recovery_region is None
    assert "only region in Brazil" in derived(case, "recoveryRegion").formula


def test_only_production_recovers_elsewhere_and_locks_for_compliance() -> None:
    assert plan(environment="staging").recovery_region is None
    assert {plan(environment=e.value).object_lock_mode for e in Environment} == {"COMPLIANCE", "GOVERNANCE"}
    assert [plan(environment=e.value).protected for e in Environment] == [True, True, False]


def test_a_disarmed_cell_is_not_protected() -> None:
    assert not plan(disarmed=True).protected


def test_settings_replace_what_would_follow_and_are_named_as_the_source() -> None:
    case = plan(
        zones=2,
        shards={"count": 4, "instanceClass": "db.r7g.4xlarge", "readers": 1},
        nodes={"application": {"instanceTypes": ["m7g.4xlarge"], "minimum": 4, "maximum": 6}},
        retention={"logDays": 400},
        cidr="10.200.0.0/16",
        recoveryRegion="none",
        consumers={"ledger": {"ordered": True}},
    )
    assert (len(case.zone_ids), case.vpc_cidr, case.recovery_region) == (2, "10.200.0.0/16", None)
    assert {(shard.instance_class, shard.readers) for shard in case.shards} == {("db.r7g.4xlarge", 1)}
    assert len(case.shards) == 4
    application = case.node_groups["application"]
    assert (application.minimum, application.maximum) == (4, 6)
    assert application.taints == plan().node_groups["application"].taints
    assert case.retention.log_days == 400
    assert [consumer.name for consumer in case.consumers] == ["ledger"]
    for name in ("zones", "shards.count", "shards.readers", "vpc", "recoveryRegion", "retention.logDays"):
        assert derived(case, name).source == "setting", name


def test_plans_are_equal_for_equal_settings() -> None:
    assert plan() == plan()


def test_the_runner_has_a_security_group_of_its_own() -> None:
    runner = {
        "image": f"123456789012.dkr.ecr.eu-west-1.amazonaws.com/payment-cell@sha256:{'0' * 64}",
        "stateBucket": "payment-cell-state",
        "stateKeyArns": ["arn:aws:kms:eu-west-1:123456789012:key/0f2c7a54-6f0b-4d1e-9a53-2c8e5b7d9e10"],
    }
    without, having = (
        next(cap.demand for cap in case.caps if cap.dimension == "security-groups")
        for case in (plan(), plan(runner=runner))
    )
    assert having == without + 1
