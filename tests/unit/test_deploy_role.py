"""The deploy role, the read-only role and the boundary that `cell iam` prints."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from permissions import text
from service_authorization import actions
from test_all_policies import STACKS, made
from test_component_cell_pair import paired
from test_component_cell_pair import scheduled as drilled
from test_stacks import ACCOUNT_OUTPUTS
from typer.testing import CliRunner

import catalogue
from components.boundary import MAX_CHARACTERS
from operations.cli import app
from operations.errors import CellError, ExitCode
from operations.iam import DATA, MAKES_REPLICAS, NEVER, Role, StateStore, Target, characters, needed, policies, target
from operations.trust import trust_policy
from sandbox.aws.iam.evaluator import Call, Decision, decide, decide_all
from sandbox.aws.permissions import action, permissions
from sandbox.aws.table import entries
from stacks.fleet import Fleet, load_fleet

DEV = "arn:aws:iam::210987654321:policy/payment-cell-boundary-eu"


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return load_fleet(STACKS)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    """The fleet with a replica of eu-west-1 in eu-central-1, and their pair."""
    return load_fleet(paired(tmp_path_factory.mktemp("project")))


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
@pytest.mark.parametrize("role", [role for role in Role if role is not Role.REPLICAS])
def test_every_document_fits_into_a_managed_policy(fleet: Fleet, stack: str, role: Role) -> None:
    found = policies(role, target(fleet, stack))
    assert 1 <= len(found) <= 10, "IAM attaches ten managed policies to a role"
    assert all(characters(body) <= MAX_CHARACTERS for body in found.values())


@pytest.mark.parametrize("stack", ["eu-west-1-replica", "eu-west-1-pair"])
@pytest.mark.parametrize("role", [Role.DEPLOY, Role.READ_ONLY, Role.BOUNDARY])
def test_those_of_a_replica_and_a_pair_fit_too(both: Fleet, stack: str, role: Role) -> None:
    found = policies(role, target(both, stack))
    assert 1 <= len(found) <= 10
    assert all(characters(body) <= MAX_CHARACTERS for body in found.values())


def test_the_deploy_role_has_no_wildcard_where_a_resource_is_known(fleet: Fleet, both: Fleet) -> None:
    for of in (target(fleet, "dev"), target(fleet, "account"), target(both, "eu-west-1-pair")):
        for body in policies(Role.DEPLOY, of).values():
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
    for name in ("s3:GetObject", "s3:PutObject", "sqs:ReceiveMessage", "kinesis:GetRecords", *MAKES_REPLICAS):
        for kind in ("account", "cell", "pair"):
            assert name not in needed(kind), name
    call = Call(action="iam:CreateUser", resource="arn:aws:iam::210987654321:user/dev-x")
    assert verdict(target(fleet, "dev"), call) is Decision.NOT_ALLOWED


def test_what_is_lent_for_replicas_reaches_the_pairs_tables_in_the_recovery_region_only(both: Fleet) -> None:
    pair = target(both, "eu-west-1-pair")
    table = "arn:aws:dynamodb:{}:123456789012:table/{}"
    lent = {name for body in policies(Role.REPLICAS, pair).values() for s in body["Statement"] for name in s["Action"]}
    assert lent == set(MAKES_REPLICAS) <= actions().keys()

    def may(region: str, name: str) -> bool:
        call = Call(action="dynamodb:Scan", resource=table.format(region, name))
        assert verdict(pair, call) is Decision.NOT_ALLOWED, "the deploy role has it without being lent it"
        return verdict(pair, call, Role.REPLICAS) is Decision.ALLOWED

    replicated = drilled().of("aws:dynamodb/tableReplica:TableReplica").values()
    names = {one.inputs["globalTableArn"].rpartition("/")[2] for one in replicated} | {"eu-west-1-epoch"}
    assert len(names) == 3
    assert all(may("eu-central-1", name) for name in names)
    assert not any(may("eu-west-1", name) for name in names)
    assert not may("eu-central-1", "eu-west-1-other")
    with pytest.raises(CellError, match="eu-west-1: makes no replicas of tables; name a pair"):
        policies(Role.REPLICAS, target(both, "eu-west-1"))


def test_a_pair_is_deployed_in_both_regions_and_on_both_cells_resources(both: Fleet) -> None:
    pair = target(both, "eu-west-1-pair")
    place = "123456789012"
    for name, resource in (
        ("dynamodb:CreateTableReplica", f"arn:aws:dynamodb:eu-central-1:{place}:table/eu-west-1-epoch"),
        ("dynamodb:CreateGlobalTableWitness", f"arn:aws:dynamodb:{pair.witness_region}:{place}:table/eu-west-1-epoch"),
        ("s3:PutReplicationConfiguration", "arn:aws:s3:::eu-west-1-archive-1a2b3c4"),
        ("s3:PutReplicationConfiguration", "arn:aws:s3:::eu-west-1-replica-archive-1a2b3c4"),
        ("cloudwatch:PutMetricAlarm", f"arn:aws:cloudwatch:eu-central-1:{place}:alarm:eu-west-1-pair-x-lag"),
        ("codebuild:CreateProject", f"arn:aws:codebuild:eu-central-1:{place}:project/eu-west-1-pair-drill"),
        ("events:PutRule", f"arn:aws:events:eu-central-1:{place}:rule/eu-west-1-pair-drill"),
        ("logs:PutRetentionPolicy", f"arn:aws:logs:eu-central-1:{place}:log-group:/payment-cell/eu-west-1-pair/drill"),
    ):
        assert verdict(pair, Call(action=name, resource=resource)) is Decision.ALLOWED, resource
        other = resource.replace("eu-west-1-", "us-east-1-", 1)
        assert verdict(pair, Call(action=name, resource=other)) is Decision.NOT_ALLOWED, other
    carried = {"iam:PermissionsBoundary": f"arn:aws:iam::{place}:policy/payment-cell-boundary-eu"}
    role = f"arn:aws:iam::{place}:role/eu-west-1-pair-recovery"
    assert verdict(pair, Call(action="iam:CreateRole", resource=role, context=carried)) is Decision.ALLOWED
    assert verdict(pair, Call(action="iam:CreateRole", resource=role)) is Decision.NOT_ALLOWED


def test_every_role_of_a_pair_is_made_by_its_deploy_role_and_handed_on(both: Fleet) -> None:
    pair = target(both, "eu-west-1-pair")
    for role in drilled().of("aws:iam/role:Role").values():
        arn = f"arn:aws:iam::123456789012:role/{role.inputs.get('name', role.name)}"
        carried = {"iam:PermissionsBoundary": role.inputs["permissionsBoundary"]}
        assert verdict(pair, Call(action="iam:CreateRole", resource=arn, context=carried)) is Decision.ALLOWED, arn
        for statement in role.document("assumeRolePolicy")["Statement"]:
            if service := statement["Principal"].get("Service"):
                passed = Call(action="iam:PassRole", resource=arn, context={"iam:PassedToService": service})
                assert verdict(pair, passed) is Decision.ALLOWED, service


def test_a_replica_takes_its_primarys_keys_and_joins_its_databases(both: Fleet) -> None:
    replica, primary = target(both, "eu-west-1-replica"), target(both, "eu-west-1")
    key = "arn:aws:kms:eu-west-1:123456789012:key/mrk-1234"

    def copies(of: Target, region: str) -> Decision:
        return verdict(of, Call(action="kms:ReplicateKey", resource=key, context={"kms:ReplicaRegion": region}))

    assert copies(replica, "eu-central-1") is Decision.ALLOWED
    assert copies(replica, "eu-west-3") is Decision.NOT_ALLOWED
    assert copies(primary, "eu-central-1") is Decision.NOT_ALLOWED
    world = "arn:aws:rds::123456789012:global-cluster:eu-west-1-s00-global"
    assert verdict(replica, Call(action="rds:CreateDBCluster", resource=world)) is Decision.ALLOWED
    assert verdict(replica, Call(action="rds:DeleteGlobalCluster", resource=world)) is Decision.NOT_ALLOWED


def test_an_account_with_a_replica_has_its_images_copied(both: Fleet) -> None:
    copy = Call(action="ecr:PutReplicationConfiguration", context={"aws:RequestedRegion": "eu-west-1"})
    assert verdict(target(both, "account"), copy) is Decision.ALLOWED


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
        assert len(names) > 50
        # Opens the state, of the keys that are named.
        assert {actions()[name].access for name in names - {"kms:Decrypt"}} <= {"Read", "List"}
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
    with pytest.raises(CellError, match="no-such: no cell, pair or account of stacks/ -> use one of account"):
        target(fleet, "no-such")


def test_the_command_prints_documents_as_data() -> None:
    result = CliRunner().invoke(app, ["iam", "dev", "--role", "boundary", "-o", "json"])
    assert result.exit_code == 0, result.output
    (row,) = json.loads(result.stdout)
    assert row["name"] == "payment-cell-boundary-eu"
    assert row["document"]["Version"] == "2012-10-17"
    assert row["characters"] == characters(row["document"])


def test_only_a_management_accounts_role_changes_the_opt_out(fleet: Fleet) -> None:
    member = target(fleet, "account")
    managing = replace(member, organization_root_id="r-ab12")
    policy = "arn:aws:organizations::123456789012:policy/o-exampleorgid/aiservices_opt_out_policy/p-abcd1234"
    control = policy.replace("aiservices_opt_out_policy", "service_control_policy")
    for verb in ("Attach", "Describe", "Update"):
        name, context = f"organizations:{verb}Policy", {"organizations:PolicyType": "AISERVICES_OPT_OUT_POLICY"}
        assert verdict(managing, Call(action=name, resource=policy, context=context)) is Decision.ALLOWED
        assert verdict(managing, Call(action=name, resource=control, context=context)) is Decision.NOT_ALLOWED
        assert verdict(member, Call(action=name, resource=policy, context=context)) is Decision.NOT_ALLOWED
    names = {
        name for body in policies(Role.DEPLOY, managing).values() for s in body["Statement"] for name in s["Action"]
    }
    assert {name for name in names if name.startswith("organizations:")} <= actions().keys()


STATE = StateStore(bucket="acme-state", key_arns=("arn:aws:kms:eu-west-1:111122223333:key/1234",))


def on_state(fleet: Fleet, role: Role, name: str, path: str) -> Decision:
    bodies = policies(role, target(fleet, "dev", STATE)).values()
    return decide_all(bodies, Call(action=name, resource=f"arn:aws:s3:::acme-state{path}"))


def test_both_roles_read_the_projects_state_and_only_the_deploy_role_writes_its_stacks_own(fleet: Fleet) -> None:
    stacks = "/.pulumi/stacks/payment-cell"
    for role in (Role.READ_ONLY, Role.DEPLOY):
        for path in ("/.pulumi/meta.yaml", f"{stacks}/dev.json", f"{stacks}/account-dev.json"):
            assert on_state(fleet, role, "s3:GetObject", path) is Decision.ALLOWED, path
        assert on_state(fleet, role, "s3:GetObject", "/.pulumi/stacks/other/dev.json") is Decision.NOT_ALLOWED
    locks = "/.pulumi/locks/organization/payment-cell"
    for path in (f"{stacks}/dev.json", f"{locks}/dev/1.json", "/.pulumi/history/payment-cell/dev/1.json"):
        assert on_state(fleet, Role.DEPLOY, "s3:PutObject", path) is Decision.ALLOWED, path
        assert on_state(fleet, Role.READ_ONLY, "s3:PutObject", path) is Decision.NOT_ALLOWED, path
    assert on_state(fleet, Role.DEPLOY, "s3:PutObject", f"{stacks}/account-dev.json") is Decision.NOT_ALLOWED


def test_the_read_only_role_decrypts_with_the_states_keys_and_encrypts_nothing(fleet: Fleet) -> None:
    (key,) = STATE.key_arns
    for role, written in ((Role.READ_ONLY, Decision.NOT_ALLOWED), (Role.DEPLOY, Decision.ALLOWED)):
        bodies = policies(role, target(fleet, "dev", STATE)).values()
        assert decide_all(bodies, Call(action="kms:Decrypt", resource=key)) is Decision.ALLOWED
        assert decide_all(bodies, Call(action="kms:GenerateDataKey", resource=key)) is written
        other = key.replace("1234", "5678")
        assert decide_all(bodies, Call(action="kms:Decrypt", resource=other)) is Decision.NOT_ALLOWED


def test_state_that_is_not_named_is_in_no_policy(fleet: Fleet) -> None:
    assert "/.pulumi/" not in json.dumps(policies(Role.DEPLOY, target(fleet, "account")))


def test_the_runner_of_a_cell_says_where_state_is_and_is_started_by_the_deploy_role(fleet: Fleet) -> None:
    dev, declared = target(fleet, "dev"), fleet.plan("dev").runner
    assert declared is not None
    assert dev.state == StateStore(bucket=declared.state_bucket, key_arns=declared.state_key_arns)
    project = "arn:aws:codebuild:{}:{}:project/{}"
    start = Call(action="codebuild:StartBuild", resource=project.format("eu-west-1", "210987654321", "dev-runner"))
    other = Call(action=start.action, resource=project.format("eu-west-1", "210987654321", "dev-other"))
    assert verdict(dev, start) is Decision.ALLOWED
    assert verdict(dev, start, Role.READ_ONLY) is Decision.NOT_ALLOWED
    assert verdict(dev, other) is Decision.NOT_ALLOWED


def test_no_role_starts_builds_where_a_cell_has_no_runner(fleet: Fleet) -> None:
    project = "arn:aws:codebuild:eu-west-1:123456789012:project/eu-west-1-runner"
    assert fleet.plan("eu-west-1").runner is None
    start = Call(action="codebuild:StartBuild", resource=project)
    assert verdict(target(fleet, "eu-west-1"), start) is Decision.NOT_ALLOWED


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--state-bucket", "No_Bucket"], "--state-bucket: 'No_Bucket' is not the name of an S3 bucket"),
        (["--state-bucket", "acme", "--state-key", "alias/x"], "--state-key: 'alias/x' is no key -> write arn:aws:kms"),
        (["--state-key", STATE.key_arns[0]], "--state-key: of which bucket? add --state-bucket"),
        (["--trust", "gitlab:acme/cells"], "--trust: 'gitlab:acme/cells' is not github:OWNER/REPOSITORY"),
        (["--trust", "github:acme/*"], "--trust: 'github:acme/*' is not github:OWNER/REPOSITORY"),
        (["--trust", "github:acme/cells", "--role", "boundary"], "no workflow assumes a boundary role"),
    ],
)
def test_an_option_that_makes_no_policy_is_refused(options: list[str], said: str) -> None:
    result = CliRunner().invoke(app, ["iam", "dev", *options])
    assert isinstance(result.exception, CellError)
    assert result.exception.code is ExitCode.CONFIGURATION
    assert said in str(result.exception)


PROVIDER = "arn:aws:iam::210987654321:oidc-provider/token.actions.githubusercontent.com"


def trusted(role: str, subject: str, *, audience: str = "sts.amazonaws.com", provider: str = PROVIDER) -> Decision:
    """What the trust policy that `cell iam dev --trust github:acme/cells` prints says of a token."""
    result = CliRunner().invoke(app, ["iam", "dev", "--role", role, "--trust", "github:acme/cells", "-o", "json"])
    assert result.exit_code == 0, result.output
    (body,) = (row["document"] for row in json.loads(result.stdout) if row["name"].startswith("payment-cell-trust-"))
    claims = {f"token.actions.githubusercontent.com:{key}": text for key, text in (("aud", audience), ("sub", subject))}
    return decide(body, Call(action="sts:AssumeRoleWithWebIdentity", principal=provider, context=claims))


def test_the_read_only_role_is_for_pull_requests_and_the_main_branch() -> None:
    for event in ("pull_request", "ref:refs/heads/main"):
        assert trusted("read-only", f"repo:acme/cells:{event}") is Decision.ALLOWED
    for event in ("ref:refs/heads/topic", "environment:production", "ref:refs/tags/main"):
        assert trusted("read-only", f"repo:acme/cells:{event}") is Decision.NOT_ALLOWED


def test_the_deploy_role_is_for_what_was_approved() -> None:
    assert trusted("deploy", "repo:acme/cells:environment:production") is Decision.ALLOWED
    for event in ("pull_request", "ref:refs/heads/main", "environment:test"):
        assert trusted("deploy", f"repo:acme/cells:{event}") is Decision.NOT_ALLOWED


def test_a_repository_with_an_immutable_subject_is_named_with_its_numbers(fleet: Fleet) -> None:
    _name, body = trust_policy(Role.DEPLOY, target(fleet, "dev"), "github:acme@123/cells@456")
    claims = {
        "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
        "token.actions.githubusercontent.com:sub": "repo:acme@123/cells@456:environment:production",
    }
    call = Call(action="sts:AssumeRoleWithWebIdentity", principal=PROVIDER, context=claims)
    assert decide(body, call) is Decision.ALLOWED


def test_no_other_repository_audience_or_provider_gets_a_role() -> None:
    for role, event in (("deploy", "environment:production"), ("read-only", "pull_request")):
        mine = f"repo:acme/cells:{event}"
        assert trusted(role, f"repo:somebody/cells:{event}") is Decision.NOT_ALLOWED
        assert trusted(role, mine, audience="https://github.com/acme") is Decision.NOT_ALLOWED
        assert trusted(role, mine, provider=PROVIDER.replace("token.actions", "evil")) is Decision.NOT_ALLOWED
