"""What a preflight finds out before anything is created: in moto in this process, behind AWS's own endpoints."""

import re
import socket
from collections.abc import Iterator, Mapping
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from config_files import cell, fleet, write
from moto import mock_aws
from moto.servicequotas.exceptions import NoSuchResource
from moto.servicequotas.responses import ServiceQuotasResponse
from rich.console import Console

from components.vocabulary import Compute
from operations import preflight_checks as checks
from operations import preflight_names as names
from operations.emulated import DIFFERENCES, difference
from operations.errors import CellError, ExitCode
from operations.images import placeholders
from operations.output import Format
from operations.plan import Declared, Kind
from operations.preflight import Subject, gate, preflight, print_report, subject, summary
from operations.preflight_aws import Clients
from operations.preflight_report import Answer, Finding, Report
from operations.preflight_state import secrets_provider, state_backend
from operations.project import Project
from stacks.fleet import Fleet, load_fleet
from stacks.models import AccountSettings
from stacks.plan import CellPlan, RunnerSpec
from stacks.providers import TUNNEL_VARIABLE

ACCOUNT_ID = "123456789012"
"""moto's."""

S3 = "s3://state?region=eu-west-1"
KEY = "awskms://alias/pulumi?region=eu-west-1"


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_SESSION_TOKEN", "PULUMI_BACKEND_URL", TUNNEL_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr(ServiceQuotasResponse, "get_aws_default_service_quota", unknown_quota, raising=False)
    with mock_aws():
        yield


def unknown_quota(_self: ServiceQuotasResponse) -> None:
    """moto has quotas of VPCs only, and not this action: of others it then says what AWS says of unknown ones."""
    raise NoSuchResource


@pytest.fixture
def clients() -> Clients:
    return Clients(boto3.Session())


def settings(**more: str) -> AccountSettings:
    return AccountSettings.model_validate({"accountId": ACCOUNT_ID, "homeRegion": "eu-west-1", **more})


def in_folder(folder: Path, **lines: str) -> Fleet:
    fleet(folder)
    write(folder, "one", cell(**lines))
    return load_fleet(folder)


def of(folder: Path, **lines: str) -> Subject:
    """The cell `one` in a folder of its own, with state and secrets that are fit for production."""
    found = in_folder(folder, **lines)
    good_state()
    return Subject(
        plan=found.plan("one"),
        account=found.account_of("one"),
        quotas=found.quotas("one"),
        backend_url=S3,
        secrets={"one": KEY},
    )


def good_state() -> None:
    s3 = boto3.client("s3", region_name="eu-west-1")
    s3.create_bucket(Bucket="state", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_bucket_versioning(Bucket="state", VersioningConfiguration={"Status": "Enabled"})
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}
    s3.put_bucket_encryption(Bucket="state", ServerSideEncryptionConfiguration={"Rules": [rule]})
    blocks = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    s3.put_public_access_block(Bucket="state", PublicAccessBlockConfiguration=dict.fromkeys(blocks, True))
    kms = boto3.client("kms", region_name="eu-west-1")
    kms.create_alias(AliasName="alias/pulumi", TargetKeyId=kms.create_key()["KeyMetadata"]["KeyId"])


def refused(client: Any, operation: str, code: str, times: int = 1) -> Stubber:
    stub = Stubber(client)
    for _ in range(times):
        stub.add_client_error(operation, code, "no", 400)
    stub.activate()
    return stub


def results(findings: list[Finding]) -> Mapping[str, Answer]:
    return {finding.check: finding.result for finding in findings}


def quota(report: Report, name: str) -> Any:
    return next(quota for quota in report.quotas if quota.name == name)


def check(report: Report, name: str) -> Finding:
    return next(finding for finding in report.findings if finding.check == name)


def test_an_account_that_is_ready_fails_nothing(tmp_path: Path) -> None:
    report = preflight(of(tmp_path))

    assert report.code is ExitCode.OK
    assert not report.emulated
    found = {finding.check: finding.result for finding in report.findings}
    assert found["account"] is found["zones"] is found["state"] is found["secrets of one"] is Answer.OK
    assert report.count(Answer.FAILED) == 0


def test_a_digest_that_is_of_no_image_is_named(tmp_path: Path) -> None:
    found = placeholders(in_folder(tmp_path), "one")
    assert found == ["autoscaler", "load-balancer"]
    named = checks.images(found)
    assert named.result is Answer.NOT_OBSERVED
    assert "autoscaler, load-balancer" in named.found
    assert checks.images(()).result is Answer.OK


def test_nothing_is_created(tmp_path: Path) -> None:
    what = of(tmp_path)
    calls: list[str] = []
    session = boto3.Session()
    session.events.register("before-call", lambda model, **_: calls.append(model.name))

    preflight(what, session)

    assert {re.match("[A-Z][a-z]+", call)[0] for call in calls} == {"Get", "Describe", "List"}  # type: ignore[index]
    assert boto3.client("route53").list_hosted_zones()["HostedZones"] == []
    assert [bucket["Name"] for bucket in boto3.client("s3").list_buckets()["Buckets"]] == ["state"]


def test_another_account_is_refused_and_asked_nothing_more(tmp_path: Path) -> None:
    what = of(tmp_path)
    other = what.account.model_copy(update={"account_id": "999999999999"})

    report = preflight(replace(what, account=other))

    assert report.code is ExitCode.AUTHENTICATION
    assert check(report, "account").found == "the credentials are of 123456789012, accountId is 999999999999"
    assert check(report, "region, zones, names").result is Answer.NOT_OBSERVED
    assert {quota.origin for quota in report.quotas} == {"catalogue, 2026-11-23"}


def test_no_credentials_are_told_apart_from_expired_ones(
    clients: Clients, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    refused(clients.get("sts", "eu-west-1"), "get_caller_identity", "ExpiredToken")
    [expired], entered = checks.credentials(clients, settings())
    assert (expired.result, expired.code, entered) == (Answer.FAILED, ExitCode.AUTHENTICATION, None)
    assert "ExpiredToken, expired" in expired.found

    what = of(tmp_path)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    report = preflight(what)
    assert report.code is ExitCode.AUTHENTICATION
    assert check(report, "credentials").found.startswith("none: ")
    assert "aws sso login" in check(report, "credentials").fix
    assert check(report, "state").result is Answer.NOT_OBSERVED


def test_an_endpoint_that_does_not_answer_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    what = of(tmp_path)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    session = boto3.Session(aws_access_key_id="a", aws_secret_access_key="b")

    report = preflight(what, session)

    assert report.emulated
    assert report.code is ExitCode.ERROR
    assert "http://127.0.0.1:9" in check(report, "credentials").found
    assert "AWS_ENDPOINT_URL" in check(report, "credentials").fix


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [("AWS_PROFILE", "nobody", ExitCode.AUTHENTICATION), ("AWS_ENDPOINT_URL", "nowhere", ExitCode.CONFIGURATION)],
)
def test_an_aws_configuration_that_makes_no_sense_is_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, code: ExitCode
) -> None:
    what = of(tmp_path)
    monkeypatch.setenv(name, value)
    with pytest.raises(CellError, match=f"{value}.*{name}") as refused_:
        preflight(what)
    assert refused_.value.code is code


def test_a_deploy_role_that_cannot_be_assumed_says_who_has_to_let_whom(clients: Clients) -> None:
    role = f"arn:aws:iam::{ACCOUNT_ID}:role/deploy"
    findings, acting = checks.credentials(clients, settings(deployRoleArn=role))
    assert acting is not None
    assert set(results(findings).values()) == {Answer.OK}

    sts = clients.get("sts", "eu-west-1")
    stub = Stubber(sts)
    identity = {"Account": ACCOUNT_ID, "Arn": f"arn:aws:iam::{ACCOUNT_ID}:user/me", "UserId": "me"}
    stub.add_response("get_caller_identity", identity)
    stub.add_client_error("assume_role", "AccessDenied", "no", 403)
    with stub:
        [_, denied], acting = checks.credentials(clients, settings(deployRoleArn=role))
    assert acting is None
    assert (denied.check, denied.result, denied.code) == ("deploy role", Answer.FAILED, ExitCode.AUTHENTICATION)
    assert "user/me" in denied.fix


def test_a_region_has_to_be_switched_on(clients: Clients) -> None:
    def asked(region: str, emulated: bool = False) -> Finding:
        return checks.region_enabled(clients, region, "the cell's", emulated=emulated)

    assert asked("eu-west-1").result is Answer.OK
    off = asked("ap-southeast-4")
    assert off.result is Answer.FAILED
    assert "enable-region --region-name ap-southeast-4" in off.fix
    assert asked("ap-southeast-4", emulated=True).result is Answer.NOT_OBSERVED
    refused(clients.get("ec2", checks.ALWAYS_ON), "describe_regions", "UnauthorizedOperation")
    assert asked("eu-west-1").result is Answer.NOT_OBSERVED


def test_a_zone_that_the_account_does_not_see_is_named(tmp_path: Path, clients: Clients) -> None:
    plan = in_folder(tmp_path).plan("one")
    assert checks.zones_exist(clients, plan).result is Answer.OK
    gone = checks.zones_exist(clients, replace(plan, subnet_zone_ids=("euw1-az1", "euw1-az9")))
    assert gone.result is Answer.FAILED
    assert gone.found.startswith("euw1-az9 not available")
    refused(clients.get("ec2", "eu-west-1"), "describe_availability_zones", "UnauthorizedOperation")
    assert checks.zones_exist(clients, plan).result is Answer.NOT_OBSERVED


def zone(name: str, **more: Any) -> dict[str, Any]:
    made = boto3.client("route53").create_hosted_zone(Name=name, CallerReference=name + str(more), **more)
    return {
        "id": made["HostedZone"]["Id"].rpartition("/")[2],
        "servers": made.get("DelegationSet", {}).get("NameServers"),
    }


def record(zone_id: str, name: str, kind: str, *values: str) -> None:
    found = {"Name": name, "Type": kind, "TTL": 300, "ResourceRecords": [{"Value": value} for value in values]}
    boto3.client("route53").change_resource_record_sets(
        HostedZoneId=zone_id, ChangeBatch={"Changes": [{"Action": "UPSERT", "ResourceRecordSet": found}]}
    )


def test_a_given_zone_has_to_exist_be_public_fit_the_name_and_be_delegated(tmp_path: Path) -> None:
    plan, route53 = in_folder(tmp_path).plan("one"), boto3.client("route53")

    def asked(zone_id: str) -> Finding:
        return names.hosted_zone(route53, replace(plan, hosted_zone_id=zone_id))

    assert asked("Z0MISSING").found == "Z0MISSING is not in this account"
    vpc = {"VPCRegion": "eu-west-1", "VPCId": "vpc-1"}
    private = zone("one.example.com", VPC=vpc, HostedZoneConfig={"PrivateZone": True, "Comment": ""})
    assert asked(private["id"]).found.endswith("is private")
    other = zone("two.example.com")
    assert asked(other["id"]).found.endswith("is of two.example.com, not of one.example.com")

    own = zone("one.example.com")
    assert asked(own["id"]).result is Answer.NOT_OBSERVED
    parent = zone("example.com")
    record(parent["id"], "one.example.com", "NS", "ns.elsewhere.example.")
    assert asked(own["id"]).result is Answer.FAILED
    record(parent["id"], "one.example.com", "NS", *(f"{server}." for server in own["servers"]))
    assert asked(own["id"]).result is Answer.OK


def test_a_zone_that_the_cell_makes_is_unknown_until_it_is_delegated(tmp_path: Path, clients: Clients) -> None:
    plan, route53 = in_folder(tmp_path).plan("one"), clients.get("route53", "us-east-1")
    nobody = names.hosted_zone(route53, plan)
    assert (nobody.result, "75 minutes" in nobody.fix) == (Answer.NOT_OBSERVED, True)
    parent = zone("example.com")
    assert "example.com, in this account, does not delegate" in names.hosted_zone(route53, plan).found
    own = zone("one.example.com")
    record(parent["id"], "one.example.com", "NS", "ns.elsewhere.example.")
    assert names.hosted_zone(route53, plan).result is Answer.FAILED
    record(parent["id"], "one.example.com", "NS", *own["servers"])
    assert names.hosted_zone(route53, plan).result is Answer.OK
    refused(route53, "list_hosted_zones_by_name", "AccessDenied")
    assert names.hosted_zone(route53, plan).result is Answer.NOT_OBSERVED


@pytest.mark.parametrize(
    ("at", "values", "result"),
    [
        ("example.com", ['0 issue "letsencrypt.org"'], Answer.FAILED),
        ("example.com", ['0 issue ";"'], Answer.FAILED),
        ("example.com", ['0 issue "letsencrypt.org"', '0 issue "amazontrust.com"'], Answer.OK),
        ("example.com", ['0 iodef "mailto:x@example.com"'], Answer.OK),
        ("other.example.com", ['0 issue "letsencrypt.org"'], Answer.NOT_OBSERVED),
    ],
)
def test_a_caa_record_above_the_name_decides_who_may_issue(
    tmp_path: Path, at: str, values: list[str], result: Answer
) -> None:
    record(zone("example.com")["id"], at, "CAA", *values)
    assert names.certificate(boto3.client("route53"), in_folder(tmp_path).plan("one")).result is result


def test_the_nearest_caa_record_decides(tmp_path: Path) -> None:
    parent = zone("example.com")["id"]
    record(parent, "example.com", "CAA", '0 issue "letsencrypt.org"')
    record(parent, "one.example.com", "CAA", '0 issue "amazon.com"')
    assert names.certificate(boto3.client("route53"), in_folder(tmp_path).plan("one")).result is Answer.OK


def reach(
    plan: CellPlan, address: str = "203.0.113.7", clients: Clients | None = None, emulated: bool = False
) -> Finding:
    return checks.cluster_reachable(clients, plan, lambda: address, emulated=emulated)


def existing(endpoint: str) -> Clients:
    """Clients of an account in which the cell's cluster has this endpoint."""
    found = Clients(boto3.Session())
    stub = Stubber(found.get("eks", "eu-west-1"))
    stub.add_response("describe_cluster", {"cluster": {"name": "one", "endpoint": endpoint}}, {"name": "one"})
    stub.activate()
    return found


@pytest.fixture
def listening() -> Iterator[int]:
    """A port of this machine on which something listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


@pytest.fixture
def silent() -> int:
    """A port of this machine on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_a_cluster_that_is_not_there_yet_is_reached_from_the_addresses_that_are_allowed(tmp_path: Path) -> None:
    private = in_folder(tmp_path).plan("one")
    finding = reach(private, clients=Clients(boto3.Session()))
    assert finding.result is Answer.NOT_OBSERVED
    assert all(way in finding.fix for way in ("`runner`", "`cell connect one -- ", "endpoint.allowedCidrs"))

    opened = replace(private, endpoint_cidrs=("203.0.113.0/24",))
    for address, result in (("203.0.113.7", Answer.OK), ("198.51.100.7", Answer.FAILED), ("?", Answer.NOT_OBSERVED)):
        assert reach(opened, address).result is result
    assert reach(opened, emulated=True).result is Answer.NOT_OBSERVED


def test_the_endpoint_of_a_cluster_that_is_there_is_tried(tmp_path: Path, listening: int, silent: int) -> None:
    plan = in_folder(tmp_path).plan("one")
    there, gone = f"https://127.0.0.1:{listening}", f"https://127.0.0.1:{silent}"

    answered = reach(plan, clients=existing(there))
    assert (answered.result, answered.found) == (Answer.OK, f"{there} answers")
    assert (
        "on AWS it is reachable from inside the VPC only" in reach(plan, clients=existing(there), emulated=True).found
    )
    closed = reach(plan, clients=existing(gone))
    assert closed.result is Answer.FAILED
    assert closed.found.startswith(f"{gone} does not answer from here: ")
    assert "cell connect one -- cell up one-workloads" in closed.fix


def test_a_runner_is_named_with_the_command_that_starts_it(tmp_path: Path, silent: int) -> None:
    runner = RunnerSpec(image="i", state_bucket="b", state_key_arns=("k",))
    plan = replace(in_folder(tmp_path).plan("one"), runner=runner, compute=Compute.AUTO)
    finding = reach(plan, clients=existing(f"https://127.0.0.1:{silent}"))
    # What the runner does is not stopped by what cannot be reached from here.
    assert finding.result is Answer.NOT_OBSERVED
    assert "`aws codebuild start-build --region eu-west-1 --project-name one-runner`" in finding.fix
    # Auto Mode nodes take no sessions.
    assert "cell connect" not in finding.fix


def test_a_tunnel_that_is_said_to_be_open_is_tried(
    tmp_path: Path, listening: int, silent: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = in_folder(tmp_path).plan("one")
    monkeypatch.setenv(TUNNEL_VARIABLE, f"127.0.0.1:{listening}")
    assert reach(plan).result is Answer.OK
    for wrong in (f"127.0.0.1:{silent}", "nowhere"):
        monkeypatch.setenv(TUNNEL_VARIABLE, wrong)
        assert reach(plan).result is Answer.FAILED
        assert f"unset {TUNNEL_VARIABLE}" in reach(plan).fix


def test_a_cluster_that_nobody_may_look_at_is_not_observed(tmp_path: Path) -> None:
    clients = Clients(boto3.Session())
    refused(clients.get("eks", "eu-west-1"), "describe_cluster", "AccessDeniedException")
    assert "DescribeCluster: AccessDeniedException" in reach(in_folder(tmp_path).plan("one"), clients=clients).found


@pytest.mark.parametrize("command", [*DIFFERENCES])
def test_a_command_says_what_is_different_on_aws_where_the_endpoint_is_not_aws(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert difference(command) is None
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert difference(command) == f"emulated: the endpoint is not AWS, on AWS {DIFFERENCES[command]}"


def test_a_configuration_that_leads_nowhere_is_not_taken_for_an_emulator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    assert difference("iam") is None


@pytest.mark.parametrize(
    ("production", "emulated", "result"),
    [(True, False, Answer.FAILED), (True, True, Answer.NOT_OBSERVED), (False, False, Answer.OK)],
)
def test_production_keeps_no_state_on_a_disk_and_no_passphrase(
    clients: Clients, production: bool, emulated: bool, result: Answer
) -> None:
    for url in ("file://~", ""):
        where = state_backend(clients, url, "eu-west-1", production=production, emulated=emulated)
        assert where.result is result
    for provider in (None, "passphrase"):
        key = secrets_provider(
            clients, "one", provider, "file://~", "eu-west-1", production=production, emulated=emulated
        )
        assert key.result is result


def test_a_state_bucket_is_versioned_encrypted_and_closed(clients: Clients) -> None:
    def asked(production: bool = True) -> Finding:
        return state_backend(clients, S3, "us-east-1", production=production, emulated=False)

    assert asked().found == "s3://state does not exist"
    good_state()
    assert asked().result is Answer.OK
    s3 = boto3.client("s3", region_name="eu-west-1")
    s3.put_bucket_versioning(Bucket="state", VersioningConfiguration={"Status": "Suspended"})
    s3.delete_public_access_block(Bucket="state")
    s3.delete_bucket_encryption(Bucket="state")
    assert asked().result is Answer.FAILED
    assert asked().found == "s3://state is not versioned, not encrypted, open to public access"
    assert "put-bucket-versioning --bucket state" in asked().fix
    assert asked(production=False).result is Answer.OK


@pytest.mark.parametrize("url", ["https://api.pulumi.com", "gs://state", "azblob://state"])
def test_state_elsewhere_is_not_taken_for_good(clients: Clients, url: str) -> None:
    assert state_backend(clients, url, "eu-west-1", production=True, emulated=False).result is Answer.NOT_OBSERVED


def test_a_key_of_secrets_has_to_be_there_and_enabled(clients: Clients) -> None:
    kms = boto3.client("kms", region_name="eu-central-1")
    key = kms.create_key()["KeyMetadata"]
    kms.create_alias(AliasName="alias/pulumi", TargetKeyId=key["KeyId"])

    def asked(provider: str) -> Finding:
        return secrets_provider(clients, "one", provider, S3, "eu-west-1", production=True, emulated=False)

    good = ("awskms://alias/pulumi?region=eu-central-1", f"awskms://{key['KeyId']}?region=eu-central-1")
    for provider in (*good, f"awskms:///{key['Arn']}"):
        assert asked(provider).result is Answer.OK, provider
    assert asked("awskms://alias/pulumi?region=eu-west-1").result is Answer.FAILED
    kms.schedule_key_deletion(KeyId=key["KeyId"])
    assert "PendingDeletion" in asked(good[0]).found
    assert asked(good[0]).result is Answer.FAILED
    refused(clients.get("kms", "eu-central-1"), "describe_key", "AccessDeniedException")
    assert asked(good[0]).result is Answer.NOT_OBSERVED


def test_a_stack_that_is_no_cell_is_refused(tmp_path: Path) -> None:
    stacks = tmp_path / "stacks"
    stacks.mkdir()
    found = in_folder(stacks)
    environment = found.cells["one"].environment
    declared = {
        "account": Declared(name="account", kind=Kind.ACCOUNT, environment=environment),
        "one": Declared(name="one", kind=Kind.CELL, environment=environment, needs="account"),
        "one-workloads": Declared(name="one-workloads", kind=Kind.WORKLOADS, environment=environment, needs="one"),
    }
    with pytest.raises(CellError, match="run `cell preflight` for one"):
        subject(Project(tmp_path), declared, "account", S3)
    assert subject(Project(tmp_path), declared, "one-workloads", S3).plan.cell == "one"
    assert set(subject(Project(tmp_path), declared, "one", S3).secrets) == set(declared)


def test_a_gate_warns_of_what_is_unknown_and_stops_what_failed(tmp_path: Path) -> None:
    report = preflight(of(tmp_path))
    said = StringIO()
    gate(report, Console(file=said, width=400))
    assert "warning: not observed: hosted zone" in said.getvalue()

    other = replace(report, findings=[replace(report.findings[0], result=Answer.FAILED, code=ExitCode.AUTHENTICATION)])
    with pytest.raises(CellError, match="nothing was created") as refused_:
        gate(other, Console(file=StringIO()))
    assert refused_.value.code is ExitCode.AUTHENTICATION


def test_an_emulated_endpoint_is_said_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = preflight(of(tmp_path))
    assert "emulated" not in summary(report)
    emulated = replace(report, emulated=True)
    assert "emulated: the endpoint is not AWS" in summary(emulated)
    said = StringIO()
    print_report(emulated, Console(file=said, width=400), Format.TABLE)
    assert "QUOTA" in capsys.readouterr().out
    assert "emulated" in said.getvalue()


def test_the_gravest_failure_is_the_exit_code(tmp_path: Path) -> None:
    report = preflight(of(tmp_path))
    short = [replace(report.quotas[0], result=Answer.FAILED)]
    bad = replace(report.findings[0], result=Answer.FAILED)
    assert replace(report, quotas=short).code is ExitCode.RESOURCE
    assert replace(report, quotas=short, findings=[bad]).code is ExitCode.CONFIGURATION
    locked = replace(bad, code=ExitCode.AUTHENTICATION)
    assert replace(report, quotas=short, findings=[bad, locked]).code is ExitCode.AUTHENTICATION
    assert report.data()["exitCode"] == 0
