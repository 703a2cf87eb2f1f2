"""Live contacts, budgets, analyzers, certificates, dashboards, projects and names of keys: that they are there."""

from typing import Any

import pytest
from healthy import healthy
from recorded import ACCOUNT, Refusal, read
from test_stacks import STACKS

from operations.audit.live.collect import readers
from operations.audit.live.kubernetes import KINDS
from operations.audit.live.reader import NOT_READ, READ_AS, shown_as
from operations.audit.sights import StateOf, keys_of, live_sight
from stacks.fleet import load_fleet

ALIAS, CERTIFICATE = "aws:kms/alias:Alias", "aws:acm/certificate:Certificate"
CONTACT, BUDGET = "aws:account/alternativeContact:AlternativeContact", "aws:budgets/budget:Budget"
ANALYZER, DASHBOARD = "aws:accessanalyzer/analyzer:Analyzer", "aws:cloudwatch/dashboard:Dashboard"
CERTIFICATE_ARN, KMS = "arn:aws:acm:eu-west-1:123456789012:certificate/c", "arn:aws:kms:eu-west-1:123456789012"
PROJECT = "aws:codebuild/project:Project"


@pytest.mark.parametrize("stack", ["account", "eu-west-1", "eu-west-1-workloads"])
def test_each_type_that_a_stack_declares_is_read_or_there_is_a_reason(stack: str) -> None:
    types = {shown_as(one.type) for one in healthy(stack, load_fleet(STACKS)).resources}
    assert types <= readers().keys() | KINDS.keys() | NOT_READ.keys()


def test_a_reason_is_given_only_for_what_no_reader_shows() -> None:
    assert not NOT_READ.keys() & (readers().keys() | KINDS.keys() | READ_AS.keys())
    assert set(READ_AS.values()) <= readers().keys()


def test_the_types_of_a_state_that_are_not_read_are_told() -> None:
    (wait, unknown) = ("aws:acm/certificateValidation:CertificateValidation", "aws:other/thing:Thing")
    rows = [{"urn": f"urn:{one}", "custom": True, "type": one, "id": "i"} for one in (wait, unknown, ALIAS)]
    sight = live_sight(read(ALIAS, {}), [], [], states=[StateOf(stack="s", account=ACCOUNT, rows=rows)])
    assert sight.unobserved == {wait: NOT_READ[wait], unknown: "an audit has no reader for this type"}


def test_names_of_keys_are_read_and_those_of_aws_known() -> None:
    listed = [
        {"AliasName": name, "AliasArn": f"{KMS}:{name}", "TargetKeyId": "k"} for name in ("alias/a", "alias/aws/s3")
    ]
    ours, of_aws = read(ALIAS, {"kms.list_aliases": {"Aliases": listed}}).found
    assert (ours.identity, ours.made_by_aws, ours.resource.props["targetKeyId"]) == (("alias/a",), "", "k")
    assert of_aws.made_by_aws


def test_a_contact_is_read_without_the_person() -> None:
    def contact(AlternateContactType: str) -> Any:
        person = {"Name": "s3cr3t", "EmailAddress": "s3cr3t", "AlternateContactType": AlternateContactType}
        absent = Refusal("ResourceNotFoundException")
        return {"AlternateContact": person} if AlternateContactType == "SECURITY" else absent

    account = read(CONTACT, {"account.get_alternate_contact": contact})
    (found,) = account.found
    assert (found.identity, found.key) == (("SECURITY",), f"{CONTACT}|{ACCOUNT}||SECURITY")
    assert "s3cr3t" not in repr(found.resource.props._values)  # type: ignore[attr-defined]


def test_budgets_analyzers_certificates_and_projects_are_read() -> None:
    budget = {"BudgetName": "b", "BudgetType": "COST", "TimeUnit": "MONTHLY"}
    (found,) = read(BUDGET, {"budgets.describe_budgets": {"Budgets": [budget]}}).found
    assert (found.identity, found.resource.props["id"]) == (("b",), f"{ACCOUNT}:b")
    analyzer = {"arn": "arn:a", "name": "a", "type": "ACCOUNT", "createdAt": "2026-11-29", "status": "ACTIVE"}
    theirs = {**analyzer, "name": "s", "managedBy": "securityhubv2.amazonaws.com"}
    ours, of_aws = read(ANALYZER, {"accessanalyzer.list_analyzers": {"analyzers": [analyzer, theirs]}}).found
    assert (ours.identity, ours.made_by_aws) == (("a",), "")
    assert of_aws.made_by_aws
    listed = [{"CertificateArn": CERTIFICATE_ARN, "DomainName": "a.example", "KeyAlgorithm": "EC-prime256v1"}]

    def certificates(Includes: Any) -> Any:
        assert "EC_prime256v1" in Includes["keyTypes"], "without this AWS lists RSA only"
        return {"CertificateSummaryList": listed}

    (found,) = read(CERTIFICATE, {"acm.list_certificates": certificates}).found
    assert (found.identity, found.resource.props["domainName"]) == ((CERTIFICATE_ARN,), "a.example")
    (found,) = read(PROJECT, {"codebuild.list_projects": {"projects": ["p"]}}).found
    assert (found.identity, found.resource.props["id"]) == (
        ("p",),
        f"arn:aws:codebuild:eu-west-1:{ACCOUNT}:project/p",
    )


def test_a_dashboard_is_the_same_in_every_region() -> None:
    listed = {"DashboardEntries": [{"DashboardName": "d", "DashboardArn": "arn:d"}]}
    (found,) = read(DASHBOARD, {"cloudwatch.list_dashboards": listed}).found
    assert found.key == f"{DASHBOARD}|{ACCOUNT}||d"
    row: dict[str, Any] = {"urn": "urn:pulumi:s::p::t::d", "custom": True, "type": DASHBOARD, "id": "d"}
    row["outputs"] = {"region": "eu-central-1"}
    (key,) = keys_of([StateOf(stack="s", account=ACCOUNT, rows=[row])]).refs
    assert key == (DASHBOARD, ACCOUNT, "", ("d",))


@pytest.mark.parametrize(
    ("type_", "call"),
    [
        (ALIAS, "kms.list_aliases"),
        (ANALYZER, "accessanalyzer.list_analyzers"),
        (BUDGET, "budgets.describe_budgets"),
        (CERTIFICATE, "acm.list_certificates"),
        (CONTACT, "account.get_alternate_contact"),
        (DASHBOARD, "cloudwatch.list_dashboards"),
        (PROJECT, "codebuild.list_projects"),
    ],
)
def test_what_cannot_be_listed_is_not_observed(type_: str, call: str) -> None:
    assert list(read(type_, {call: Refusal("AccessDeniedException")}).unobserved) == [type_]
