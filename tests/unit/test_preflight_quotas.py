"""Quotas before anything is created: what cells need together, what the account has, and what to ask AWS for."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from config_files import cell, fleet, write
from moto import mock_aws

import catalogue
from operations.preflight_quotas import QuotaFinding, live_values, quota_finding
from operations.preflight_report import Answer
from stacks.fleet import Fleet, load_fleet, read_fleet
from stacks.plan import Cap

SIZING_CASE = "2284"
"""137,000 payments a minute, in payments/s."""


def caps(folder: Path, **lines: str) -> dict[str, Cap]:
    fleet(folder)
    write(folder, "one", cell(**lines))
    return by_name(load_fleet(folder), "one")


def by_name(of: Fleet, name: str) -> dict[str, Cap]:
    return {cap.dimension: cap for cap in of.quotas(name)}


def finding(cap: Cap, live: float | None = None, *, emulated: bool = False) -> QuotaFinding:
    return quota_finding(cap, live, "eu-west-1", emulated=emulated)


def test_aws_answers_before_the_catalogue_and_a_grant_before_aws(tmp_path: Path) -> None:
    default = caps(tmp_path)["vpcs"]
    granted = caps(tmp_path, quotas="{vpcs: 9}")["vpcs"]

    assert (finding(default, 7.0).have, finding(default, 7.0).origin) == (7, "AWS")
    assert (finding(default).have, finding(default).origin) == (5, f"catalogue, {catalogue.quotas_date()}")
    assert (finding(granted, 7.0).have, finding(granted, 7.0).origin) == (9, "stack file")
    assert finding(default, 7.0, emulated=True).origin == "emulator"


def test_only_an_answer_makes_an_adjustable_quota_ok(tmp_path: Path) -> None:
    found = caps(tmp_path)
    assert finding(found["vpcs"], 5.0).result is Answer.OK
    unknown = finding(found["vpcs"])
    assert (unknown.result, unknown.request) == (Answer.NOT_OBSERVED, None)
    assert "servicequotas:GetServiceQuota" in unknown.fix
    assert finding(found["kinesis-shard-records"]).result is Answer.OK
    assert "AWS support" in finding(found["pipes"]).fix


def test_a_short_quota_comes_with_the_request_to_file(tmp_path: Path) -> None:
    short = finding(caps(tmp_path)["elastic-ips"], 2.0)

    assert (short.result, short.need, short.have) == (Answer.FAILED, 3, 2)
    assert short.request is not None
    assert short.request.command == (
        "aws service-quotas request-service-quota-increase --region eu-west-1 "
        "--service-code ec2 --quota-code L-0263D0A3 --desired-value 4"
    )
    assert short.request.command in short.fix


def test_a_grant_that_aws_does_not_know_of_is_none(tmp_path: Path) -> None:
    granted = caps(tmp_path, quotas="{elastic-ips: 9}")["elastic-ips"]
    assert finding(granted, 2.0).result is Answer.FAILED
    assert "the stack file says that 9 were granted" in finding(granted, 2.0).fix
    assert finding(granted, 2.0, emulated=True).result is Answer.OK
    assert finding(granted).result is Answer.OK


def test_vcpus_of_a_used_account_are_not_judged_by_a_new_ones_default(tmp_path: Path) -> None:
    vcpus = caps(tmp_path, peakPaymentsPerSecond=SIZING_CASE)["ec2-standard-vcpus"]
    assert vcpus.demand > vcpus.limit
    unknown = finding(vcpus)
    assert unknown.result is Answer.NOT_OBSERVED
    assert unknown.request is not None
    assert finding(vcpus, 64.0).result is Answer.FAILED
    assert finding(vcpus, 640.0).result is Answer.OK


def test_cells_of_an_account_and_region_are_added_up_and_others_are_not(tmp_path: Path) -> None:
    alone = caps(tmp_path)
    write(tmp_path, "two", cell(domain="two.example.com", cidr="10.240.0.0/16", quotas="{elastic-ips: 9}"))
    write(tmp_path, "far", cell(domain="far.example.com", region="us-east-1"))
    both = by_name(load_fleet(tmp_path), "one")

    for name in ("vpcs", "elastic-ips", "db-instances", "eventbridge-invocations", "kms-requests", "pipe-executions"):
        assert both[name].demand == 2 * alone[name].demand, name
    for name in ("interface-endpoints-per-vpc", "eks-node-groups", "kinesis-shard-records", "security-group-rules"):
        assert both[name].demand == alone[name].demand, name
    assert (both["elastic-ips"].limit, both["elastic-ips"].source) == (9, "setting")
    assert by_name(load_fleet(tmp_path), "far")["vpcs"].demand == 1


def test_two_cells_that_need_more_events_than_their_account_has_are_refused_by_the_files_already(
    tmp_path: Path,
) -> None:
    fleet(tmp_path)
    write(tmp_path, "one", cell(peakPaymentsPerSecond=SIZING_CASE))
    load_fleet(tmp_path)
    second = cell(peakPaymentsPerSecond=SIZING_CASE, domain="two.example.com", cidr="10.240.0.0/16")
    write(tmp_path, "two", second)
    read, problems = read_fleet(tmp_path)
    rules = [problem.rule for problem in problems + read.problems()]
    assert any("27,408 of eventbridge-invocations in account, eu-west-1: the quota is 18,750" in rule for rule in rules)
    assert not any("ec2-standard-vcpus" in rule for rule in rules)


@pytest.mark.parametrize(
    ("region", "short"),
    [
        ("eu-west-1", set()),
        ("us-east-1", set()),
        ("eu-central-1", {"eventbridge-invocations"}),
        ("ap-southeast-2", {"eventbridge-invocations"}),
        ("sa-east-1", {"eventbridge-invocations", "eventbridge-put-events"}),
        ("ap-southeast-4", {"eventbridge-invocations", "eventbridge-put-events"}),
    ],
)
def test_events_of_the_sizing_case_outgrow_the_defaults_of_smaller_regions_first(
    tmp_path: Path, region: str, short: set[str]
) -> None:
    fleet(tmp_path)
    write(tmp_path, "one", cell(region=region, peakPaymentsPerSecond=SIZING_CASE))
    found = by_name(read_fleet(tmp_path)[0], "one")
    failed = {
        name for name, cap in found.items() if quota_finding(cap, None, region, emulated=False).result == "failed"
    }
    assert failed == short


@pytest.fixture
def quotas_client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield boto3.client("service-quotas", region_name="eu-west-1")


def test_service_quotas_is_asked_by_code(quotas_client: Any) -> None:
    assert live_values(quotas_client, ["vpcs", "interface-endpoints-per-vpc", "pipes"]) == {
        "vpcs": 5.0,
        "interface-endpoints-per-vpc": 50.0,
    }


def test_what_service_quotas_does_not_tell_is_left_out_and_a_default_is_an_answer(quotas_client: Any) -> None:
    with Stubber(quotas_client) as stub:
        stub.add_client_error("get_service_quota", "AccessDeniedException", "no", 400)
        assert live_values(quotas_client, ["eks-clusters"]) == {}
        stub.add_client_error("get_service_quota", "NoSuchResourceException", "no", 400)
        stub.add_response("get_aws_default_service_quota", {"Quota": {"Value": 100.0}})
        assert live_values(quotas_client, ["eks-clusters"]) == {"eks-clusters": 100.0}


def test_codes_of_the_catalogue_are_those_of_service_quotas() -> None:
    """moto holds what AWS answered for VPCs: code by code the catalogue says the same."""
    from moto.servicequotas.resources.default_quotas.vpc import VPC_DEFAULT_QUOTAS

    known = {quota["QuotaCode"]: quota for quota in VPC_DEFAULT_QUOTAS}
    ours = {
        quota.request.code: quota
        for quota in catalogue.quotas().values()
        if quota.request is not None and quota.request.service == "vpc"
    }
    assert len(ours) >= 7
    for code, quota in ours.items():
        assert (quota.default, quota.adjustable) == (known[code]["Value"], known[code]["Adjustable"]), code


def test_no_code_stands_twice() -> None:
    codes = [quota.request.code for quota in catalogue.quotas().values() if quota.request is not None]
    assert len(codes) == len(set(codes))
