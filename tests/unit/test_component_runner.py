"""The machine inside the network that runs the workloads stack."""

from dataclasses import replace
from typing import Any

import pytest
import yaml
from answers import answers
from mocks import Registered, assert_children_of_components, assert_regional, run

from components.runner import ADMINISTER, Runner, RunnerArgs, RunnerSetup
from components.vocabulary import OWN_IDENTITY
from policies.exceptions import VARIABLE

DIGEST = "sha256:" + "0a" * 32
SETUP = RunnerSetup(
    image=f"123456789012.dkr.ecr.eu-west-1.amazonaws.com/tools/payment-cell@{DIGEST}",
    state_bucket="state",
    state_key_arns=["arn:aws:kms:eu-west-1:123456789012:key/1"],
)
ARGS = RunnerArgs(
    region="eu-west-1",
    account_id="123456789012",
    cluster_name="eu-west-1",
    cluster_security_group_id="sg-cluster",
    vpc_id="vpc-1",
    vpc_cidr="10.0.0.0/16",
    subnet_ids=["subnet-1", "subnet-2"],
    s3_prefix_list_id="pl-1",
    stack="eu-west-1-workloads",
    setup=SETUP,
    log_key_arn="arn:key/logs",
    jurisdiction="eu",
)


def made(args: RunnerArgs = ARGS) -> Registered:
    return run(lambda: Runner("eu-west-1", args), outputs=answers)


@pytest.fixture(scope="module")
def runner() -> Registered:
    return made()


@pytest.fixture(scope="module")
def project(runner: Registered) -> dict[str, Any]:
    return dict(runner.one("aws:codebuild/project:Project").inputs)


def test_everything_is_in_the_cells_region(runner: Registered) -> None:
    assert_regional(runner, "eu-west-1")
    assert_children_of_components(runner)


def test_builds_run_in_the_workload_subnets_without_privileges(project: dict[str, Any]) -> None:
    assert project["vpcConfig"]["subnets"] == ["subnet-1", "subnet-2"]
    assert project["environment"]["privilegedMode"] is False
    assert project["environment"]["image"].endswith(DIGEST)
    assert project["environment"]["imagePullCredentialsType"] == "SERVICE_ROLE"


def test_one_build_at_a_time_runs_one_stack_with_both_packs(project: dict[str, Any]) -> None:
    assert project["concurrentBuildLimit"] == 1
    assert project["source"]["type"] == "NO_SOURCE"
    (*_, select, exceptions, command) = yaml.safe_load(project["source"]["buildspec"])["phases"]["build"]["commands"]
    assert "--stack organization/payment-cell/eu-west-1-workloads " in command
    assert "policies/gdpr" in command
    assert "policies/soc2" in command
    assert exceptions == f"export {VARIABLE}=/payment-cell/exceptions/eu-west-1-workloads.yaml"
    assert select.startswith("pulumi stack select organization/payment-cell/eu-west-1-workloads --create ")
    assert f"'awskms:///{SETUP.state_key_arns[0]}?region=eu-west-1'" in select


def test_no_secret_is_among_the_variables(project: dict[str, Any]) -> None:
    variables = {row["name"]: row["value"] for row in project["environment"]["environmentVariables"]}
    assert variables == {OWN_IDENTITY: "true", "PULUMI_BACKEND_URL": "s3://state?region=eu-west-1"}


def test_it_reaches_endpoints_cluster_and_s3_and_nobody_reaches_it(runner: Registered) -> None:
    out = runner.of("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule").values()
    assert {rule.inputs.get("cidrIpv4") or rule.inputs["prefixListId"] for rule in out} == {"10.0.0.0/16", "pl-1"}
    assert {(rule.inputs["fromPort"], rule.inputs["toPort"]) for rule in out} == {(443, 443)}
    entered = runner.one("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule").inputs
    assert entered["securityGroupId"] == "sg-cluster"
    assert entered["referencedSecurityGroupId"] == runner.one("aws:ec2/securityGroup:SecurityGroup").state["id"]


def test_it_enters_the_cluster_as_itself(runner: Registered) -> None:
    role = runner.one("aws:iam/role:Role").state["arn"]
    assert runner.one("aws:eks/accessEntry:AccessEntry").inputs["principalArn"] == role
    granted = runner.one("aws:eks/accessPolicyAssociation:AccessPolicyAssociation").inputs
    assert (granted["principalArn"], granted["policyArn"]) == (role, ADMINISTER)


def test_its_role_names_every_resource_that_has_a_name(runner: Registered) -> None:
    rights = runner.one("aws:iam/rolePolicy:RolePolicy")
    everything = {s["Sid"]: s["Action"] for s in rights.document()["Statement"] if s["Resource"] == "*"}
    assert everything.keys() == {"LookAtTheNetwork", "ImageLogin"}
    assert all(name.startswith("ec2:Describe") for name in everything["LookAtTheNetwork"])
    image = rights.statement("Image")["Resource"]
    assert image == "arn:aws:ecr:eu-west-1:123456789012:repository/tools/payment-cell"
    handed = rights.statement("HandOver")["Condition"]
    assert handed["StringEquals"] == {"ec2:AuthorizedService": "codebuild.amazonaws.com"}
    assert len(handed["ArnEquals"]["ec2:Subnet"]) == 2


def test_it_writes_its_own_state_and_reads_the_cells(runner: Registered) -> None:
    rights = runner.one("aws:iam/rolePolicy:RolePolicy")
    written = rights.statement("OwnState")["Resource"]
    assert all("eu-west-1-workloads" in arn and arn.startswith("arn:aws:s3:::state/.pulumi/") for arn in written)
    assert "s3:PutObject" not in rights.statement("ReadState")["Action"]
    assert rights.statement("StateKeys")["Resource"] == "arn:aws:kms:eu-west-1:123456789012:key/1"


def test_only_codebuild_of_this_account_assumes_the_role(runner: Registered) -> None:
    (statement,) = runner.one("aws:iam/role:Role").document("assumeRolePolicy")["Statement"]
    assert statement["Principal"] == {"Service": "codebuild.amazonaws.com"}
    assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": "123456789012"}


def test_its_log_has_key_and_retention(runner: Registered) -> None:
    log = runner.one("aws:cloudwatch/logGroup:LogGroup")
    assert (log.inputs["kmsKeyId"], log.inputs["retentionInDays"]) == ("arn:key/logs", 365)
    assert log.protect


def test_the_role_can_attach_before_the_project_is_made(runner: Registered) -> None:
    project = runner.one("aws:codebuild/project:Project")
    assert "aws:iam/rolePolicy:RolePolicy eu-west-1-runner" in runner.waits_for(project)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"image": "payment-cell:latest"}, "not an ECR image by digest"),
        ({"state_bucket": "s3://state"}, "not the name of an S3 bucket"),
        ({"state_key_arns": []}, "empty"),
    ],
)
def test_bad_setups_are_refused(change: dict[str, Any], rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        replace(SETUP, **change)


def test_no_subnet_is_refused() -> None:
    with pytest.raises(ValueError, match="workload subnets"):
        replace(ARGS, subnet_ids=[])
