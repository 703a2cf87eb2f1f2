"""The deploy role, the read-only role and the boundary that `cell iam` prints."""

import json
from pathlib import Path

import pytest
from permissions import text
from policy_evaluator import Call, Decision, decide_all
from service_authorization import actions
from test_all_policies import STACKS, made
from test_stacks import ACCOUNT_OUTPUTS
from typer.testing import CliRunner

import catalogue
from components.boundary import MAX_CHARACTERS
from operations.cli import app
from operations.errors import CellError
from operations.iam import DATA, NEVER, Role, Target, characters, needed, policies, target
from sandbox.aws.permissions import action, permissions
from sandbox.aws.table import entries
from stacks.fleet import Fleet, load_fleet

DEV = "arn:aws:iam::210987654321:policy/payment-cell-boundary-eu"


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return load_fleet(STACKS)


def verdict(of: Target, call: Call, role: Role = Role.DEPLOY) -> Decision:
    return decide_all(policies(role, of).values(), call)


def test_the_committed_permissions_are_those_of_the_stacks_and_the_provider() -> None:
    committed = (Path(catalogue.__file__).parent / "permissions.yaml").read_text()
    assert committed == text(), "run `make permissions` and look at what it adds to the deploy role"


def test_every_type_of_the_table_needs_an_action_of_its_own_service() -> None:
    for token, found in permissions().items():
        prefixes = {name.partition(":")[0] for name in found}
        (own, *_) = action(entries()[token].service, "X")
        assert own.partition(":")[0] in prefixes, token


def test_every_type_but_one_that_only_waits_needs_an_action_that_changes_something() -> None:
    changing = {"Write", "Permissions management"}
    only_looks = {
        token for token, found in permissions().items() if not {actions()[name].access for name in found} & changing
    }
    assert only_looks == {"aws:acm/certificateValidation:CertificateValidation"}


def test_every_action_that_the_table_calls_exists() -> None:
    found = {name for some in permissions().values() for name in some}
    found |= {name for row in catalogue.deploy_role().indirect for name in row.actions}
    found |= set(catalogue.deploy_role().preflight)
    assert sorted(found - actions().keys()) == []


def test_what_a_type_needs_is_read_from_its_functions() -> None:
    queue = permissions()["aws:sqs/queue:Queue"]
    assert queue == [
        "sqs:CreateQueue", "sqs:DeleteQueue", "sqs:GetQueueAttributes", "sqs:ListQueueTags", "sqs:SetQueueAttributes",
        "sqs:TagQueue", "sqs:UntagQueue",
    ]  # fmt: skip
    assert (
        "s3:PutEncryptionConfiguration"
        in permissions()["aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"]
    )


@pytest.mark.parametrize("stack", ["dev", "eu-west-1", "account", "account-dev"])
@pytest.mark.parametrize("role", list(Role))
def test_every_document_fits_into_a_managed_policy(fleet: Fleet, stack: str, role: Role) -> None:
    found = policies(role, target(fleet, stack))
    assert 1 <= len(found) <= 10, "IAM attaches ten managed policies to a role"
    assert all(characters(body) <= MAX_CHARACTERS for body in found.values())


def test_the_deploy_role_has_no_wildcard_where_a_resource_is_known(fleet: Fleet) -> None:
    for stack in ("dev", "account"):
        for body in policies(Role.DEPLOY, target(fleet, stack)).values():
            for statement in body["Statement"]:
                if statement["Effect"] == "Allow" and statement["Resource"] == "*":
                    assert [name for name in statement["Action"] if actions()[name].resource_types] == []
                assert not any("*" in name for name in statement["Action"])


def test_a_cell_deploys_in_its_own_region_account_and_name(fleet: Fleet) -> None:
    dev = target(fleet, "dev")
    queue = "arn:aws:sqs:{}:{}:{}-ledger"
    assert verdict(dev, Call(action="sqs:CreateQueue", resource=queue.format("eu-west-1", "210987654321", "dev"))) is (
        Decision.ALLOWED
    )
    for place in (
        ("us-east-1", "210987654321", "dev"),
        ("eu-west-1", "123456789012", "dev"),
        ("eu-west-1", "210987654321", "eu-west-1"),
    ):
        call = Call(action="sqs:CreateQueue", resource=queue.format(*place))
        assert verdict(dev, call) is Decision.NOT_ALLOWED, place
    for region, expected in (("eu-west-1", Decision.ALLOWED), ("us-east-1", Decision.NOT_ALLOWED)):
        call = Call(action="kms:CreateKey", context={"aws:RequestedRegion": region})
        assert verdict(dev, call) is expected


def test_data_is_nothing_that_deploying_touches(fleet: Fleet) -> None:
    for name in ("s3:GetObject", "s3:PutObject", "sqs:ReceiveMessage", "kinesis:GetRecords", "dynamodb:GetItem"):
        assert name not in needed("cell"), name
    call = Call(action="iam:CreateUser", resource="arn:aws:iam::210987654321:user/dev-x")
    assert verdict(target(fleet, "dev"), call) is Decision.NOT_ALLOWED


def test_roles_are_made_with_the_boundary_only(fleet: Fleet) -> None:
    dev, role = target(fleet, "dev"), "arn:aws:iam::210987654321:role/dev-node-1a2b3c4"

    def may(name: str, boundary: str | None) -> Decision:
        context = {"iam:PermissionsBoundary": boundary} if boundary else {}
        return verdict(dev, Call(action=name, resource=role, context=context))

    for name in ("iam:CreateRole", "iam:PutRolePolicy", "iam:AttachRolePolicy", "iam:PutRolePermissionsBoundary"):
        assert may(name, DEV) is Decision.ALLOWED
        assert may(name, None) is Decision.NOT_ALLOWED
        assert may(name, DEV.replace("-eu", "-account")) is Decision.NOT_ALLOWED
    assert may("iam:DeleteRolePermissionsBoundary", DEV) is Decision.DENIED
    assert NEVER.isdisjoint(needed("cell"))


def test_only_the_accounts_stack_changes_boundaries(fleet: Fleet) -> None:
    own = Call(action="iam:CreatePolicyVersion", resource="arn:aws:iam::123456789012:policy/payment-cell-boundary-eu")
    assert verdict(target(fleet, "account"), own) is Decision.ALLOWED
    assert verdict(target(fleet, "eu-west-1"), own) is Decision.DENIED


def test_roles_are_handed_to_the_services_that_they_trust(fleet: Fleet) -> None:
    dev = target(fleet, "dev")

    def may(service: str) -> Decision:
        resource = "arn:aws:iam::210987654321:role/dev-flow-logs-1a2b3c4"
        return verdict(dev, Call(action="iam:PassRole", resource=resource, context={"iam:PassedToService": service}))

    assert may("vpc-flow-logs.amazonaws.com") is Decision.ALLOWED
    assert may("lambda.amazonaws.com") is Decision.NOT_ALLOWED
    roles = made("dev", fleet, ACCOUNT_OUTPUTS).of("aws:iam/role:Role").values()
    assert {s["Principal"]["Service"] for r in roles for s in r.document("assumeRolePolicy")["Statement"]} <= {
        *catalogue.permissions().passes["cell"]
    }


def test_the_read_only_role_changes_nothing_and_sees_no_secret(fleet: Fleet) -> None:
    for stack in ("dev", "account"):
        bodies = policies(Role.READ_ONLY, target(fleet, stack)).values()
        names = {name for body in bodies for statement in body["Statement"] for name in statement["Action"]}
        assert names
        assert {actions()[name].access for name in names} <= {"Read", "List"}
        assert names.isdisjoint(DATA)


def test_sessions_go_to_the_clusters_nodes_and_forward_a_port_only(fleet: Fleet) -> None:
    dev = target(fleet, "dev")
    node = "arn:aws:ec2:eu-west-1:210987654321:instance/i-0123456789abcdef0"

    def may(resource: str, cluster: str | None = None, *, document_checked: bool = True) -> Decision:
        context = {"ssm:SessionDocumentAccessCheck": str(document_checked).lower()}
        context |= {"ssm:resourceTag/eks:cluster-name": cluster} if cluster else {}
        return verdict(dev, Call(action="ssm:StartSession", resource=resource, context=context), Role.CONNECT)

    assert may(node, "dev") is Decision.ALLOWED
    assert may(node, "eu-west-1") is Decision.NOT_ALLOWED
    assert may(node) is Decision.NOT_ALLOWED
    assert may(node, "dev", document_checked=False) is Decision.NOT_ALLOWED, "a shell on the node"
    assert may("arn:aws:ssm:eu-west-1::document/AWS-StartPortForwardingSessionToRemoteHost") is Decision.ALLOWED
    for other in ("AWS-StartInteractiveCommand", "AWS-StartSSHSession", "SSM-SessionManagerRunShell"):
        assert may(f"arn:aws:ssm:eu-west-1::document/{other}") is Decision.NOT_ALLOWED


def test_the_printed_boundary_is_the_one_that_the_account_makes(fleet: Fleet) -> None:
    made_ = made("account", fleet, ACCOUNT_OUTPUTS).of("aws:iam/policy:Policy")
    for stack in ("eu-west-1", "us-east-1", "account"):
        for name, body in policies(Role.BOUNDARY, target(fleet, stack)).items():
            assert made_[name].document() == json.loads(json.dumps(body))


def test_every_scope_names_an_account_or_a_name_of_the_stack() -> None:
    for service, templates in catalogue.deploy_role().scopes.items():
        for template in templates:
            public = template.startswith(("arn:aws:ec2:{region}::image/", "arn:aws:route53:::"))
            assert "{account}" in template or "{prefix}" in template or public, service


def test_every_indirect_action_is_of_a_type_that_is_declared() -> None:
    stacks = catalogue.permissions().stacks
    declared = {token for some in stacks.values() for token in some}
    rules = catalogue.deploy_role()
    assert {row.type for row in rules.indirect} | {row.type for row in rules.service_linked_roles} <= declared
    assert all(row.source.startswith("https://docs.aws.amazon.com/") for row in rules.indirect)


def test_a_stack_that_has_no_role_of_its_own_is_refused(fleet: Fleet) -> None:
    with pytest.raises(CellError, match="no-such: no cell and no account of stacks/ -> use one of account"):
        target(fleet, "no-such")


def test_the_command_prints_documents_as_data() -> None:
    result = CliRunner().invoke(app, ["iam", "dev", "--role", "boundary", "-o", "json"])
    assert result.exit_code == 0, result.output
    (row,) = json.loads(result.stdout)
    assert row["name"] == "payment-cell-boundary-eu"
    assert row["document"]["Version"] == "2012-10-17"
    assert row["characters"] == characters(row["document"])
