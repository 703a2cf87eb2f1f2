"""The role of whoever moves the writer: all calls of a movement, on the pair's own resources, and nothing else."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mocks import Registered
from service_authorization import actions
from test_component_cell_pair import ACCOUNT, AWAY, HOME, PERSON, STACK, made, paired, scheduled

from components.pair_recovery import RecoveryRoleArgs, recovery_statements
from operations.recovery.calls import CALLS
from sandbox.aws.iam.evaluator import Call, Decision, decide
from sandbox.aws.permissions import action
from stacks.fleet import load_fleet
from stacks.pairs import PairPlan

ROLE, POLICY, NAME = "aws:iam/role:Role", "aws:iam/rolePolicy:RolePolicy", f"{STACK}-recovery"

NOT_ASKED = {
    ("sts", "GetCallerIdentity"): "needs no permission: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html",
    ("sts", "AssumeRole"): "is how the role is entered: its trust and the caller's own policies decide",
}  # fmt: skip
"""Calls of a movement that the role itself needs nothing for, and why."""

OF_A_VERSION = {"HeadObject": "s3:GetObjectVersion", "GetObject": "s3:GetObjectVersion"}
"""A movement reads versions by their ids (https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html)."""

LETTERS = {"sqs:DeleteMessage", "sqs:ReceiveMessage", "sqs:SendMessage"}
"""What StartMessageMoveTask does in the caller's name."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return paired(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def plan(folder: Path) -> PairPlan:
    return load_fleet(folder).pair(STACK)


@pytest.fixture(scope="module")
def declared(folder: Path) -> Registered:
    return made(folder)


@pytest.fixture(scope="module")
def named() -> Registered:
    """With operators and a weekly drill."""
    return scheduled()


def needed(service: str, called: str) -> tuple[str, ...]:
    own = OF_A_VERSION.get(called) if service == "s3" else None
    return (own,) if own else action(service, called)


def resources(plan: PairPlan, cell: str, name: str) -> Iterator[str]:
    """Everything of a cell that the action is used on when the writer moves to it."""
    own = plan.cells[cell]
    place = f"{own.region}:{plan.account_id}"
    service, _, verb = name.partition(":")
    if service == "dynamodb":
        yield f"arn:aws:dynamodb:{place}:table/{plan.epoch_table}"
    elif service == "rds":
        if verb != "DescribeDBClusters":
            yield from (f"arn:aws:rds::{plan.account_id}:global-cluster:{plan.global_cluster(s)}" for s in plan.shards)
        if verb != "DescribeGlobalClusters":
            yield from (plan.cluster_arn(cell, shard) for shard in plan.shards)
    elif service == "s3" and verb == "ListBucketVersions":
        yield f"arn:aws:s3:::{cell}-archive-1a2b3c4"
    elif service == "s3" and verb == "GetObjectVersion":
        yield f"arn:aws:s3:::{cell}-archive-1a2b3c4/events/2026/11/29/x.jsonl.zst"
    elif service == "sqs":
        end = "" if verb == "SendMessage" else "-dlq"
        for consumer in own.consumers:
            yield f"arn:aws:sqs:{place}:{cell}-{consumer.name}{end}{'.fifo' if consumer.ordered else ''}"
    elif service == "eks":
        node = f"arn:aws:eks:{place}:nodegroup/{cell}/{cell}-system-1a2b3c4/12345678-1234"
        yield f"arn:aws:eks:{place}:cluster/{cell}" if verb == "ListNodegroups" else node
    elif name == "secretsmanager:GetSecretValue":
        yield f"arn:aws:secretsmanager:{place}:secret:{plan.primary.cell}-api-keys-1a2b3c4-AbCdEf"
    else:
        assert not actions()[name].resource_types, name
        yield "*"


def document(registered: Registered) -> dict[str, Any]:
    return registered.one(POLICY, NAME).document()


def allowed(body: dict[str, Any], name: str, resource: str, region: str) -> bool:
    call = Call(action=name, resource=resource, context={"aws:RequestedRegion": region})
    return decide(body, call) is Decision.ALLOWED


def test_each_call_of_a_movement_is_allowed_on_the_pairs_resources_in_both_regions(
    declared: Registered, plan: PairPlan
) -> None:
    body, asked = document(declared), 0
    for call in CALLS:
        if (call.service, call.action) in NOT_ASKED:
            continue
        for name in needed(call.service, call.action):
            for cell, own in plan.cells.items():
                for resource in resources(plan, cell, name):
                    assert allowed(body, name, resource, own.region), f"{name} on {resource}"
                    asked += 1
    assert asked > 100


def test_what_a_move_of_letters_does_is_allowed_too(declared: Registered, plan: PairPlan) -> None:
    for name in LETTERS:
        for cell, own in plan.cells.items():
            for resource in resources(plan, cell, name):
                assert allowed(document(declared), name, resource, own.region), f"{name} on {resource}"


def test_nothing_else_is_allowed(declared: Registered) -> None:
    calls = [call for call in CALLS if (call.service, call.action) not in NOT_ASKED]
    wanted = {name for call in calls for name in needed(call.service, call.action)}
    given = {name for statement in document(declared)["Statement"] for name in statement["Action"]}
    assert given == wanted | LETTERS
    assert {(call.service, call.action) for call in CALLS} >= NOT_ASKED.keys(), "an excuse that nobody needs"


def test_no_other_cell_account_or_region_is_in_reach(declared: Registered, plan: PairPlan) -> None:
    body = document(declared)
    for call in CALLS:
        if (call.service, call.action) in NOT_ASKED:
            continue
        for name in needed(call.service, call.action):
            for resource in resources(plan, plan.replica.cell, name):
                if resource == "*":
                    assert not allowed(body, name, resource, "us-east-1"), name
                    continue
                assert not allowed(body, name, resource.replace("eu-west-1", "eu-north-1"), AWAY), resource
                elsewhere = resource.replace(ACCOUNT, "210987654321")
                assert resource == elsewhere or not allowed(body, name, elsewhere, AWAY), resource
                away = resource.replace(f":{AWAY}:", ":us-east-1:")
                assert resource == away or not allowed(body, name, away, "us-east-1"), resource


def test_only_those_who_are_named_and_the_drill_become_the_role(named: Registered) -> None:
    trust = named.one(ROLE, NAME).document("assumeRolePolicy")
    (statement,) = trust["Statement"]
    assert statement["Principal"] == {"AWS": ["arn:aws:iam::111122223333:root", f"arn:aws:iam::{ACCOUNT}:root"]}

    def enters(arn: str) -> bool:
        root = f"arn:aws:iam::{arn.split(':')[4]}:root"
        call = Call(action="sts:AssumeRole", principal=root, context={"aws:PrincipalArn": arn})
        return decide({"Statement": [{**statement, "Resource": "*"}]}, call) is Decision.ALLOWED

    assert enters(PERSON)
    assert enters(f"arn:aws:iam::{ACCOUNT}:role/{STACK}-drill-1a2b3c4")
    assert not enters(PERSON.replace("bob", "eve"))
    assert not enters(f"arn:aws:iam::{ACCOUNT}:role/payment-cell-deploy")


def test_without_names_the_accounts_own_policies_decide(declared: Registered) -> None:
    (statement,) = declared.one(ROLE, NAME).document("assumeRolePolicy")["Statement"]
    assert statement["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    assert "Condition" not in statement


def test_its_arn_follows_from_the_files(declared: Registered, plan: PairPlan) -> None:
    assert plan.recovery_role_arn == f"arn:aws:iam::{ACCOUNT}:role/{declared.one(ROLE, NAME).inputs['name']}"


def test_a_role_for_one_cell_is_refused() -> None:
    with pytest.raises(ValueError, match="a pair has two"):
        RecoveryRoleArgs(account_id=ACCOUNT, cells={"one": HOME}, epoch_table="one-epoch")


def test_the_longest_pair_fits_into_an_inline_policy() -> None:
    long = "a" * 30
    args = RecoveryRoleArgs(
        account_id=ACCOUNT, cells={long: "ap-southeast-2", f"{long}-r": "ap-southeast-1"}, epoch_table=f"{long}-epoch"
    )
    bodies = [statement.document() for statement in recovery_statements(args)]
    assert len(json.dumps(bodies, separators=(",", ":"))) < 10_240, "IAM's limit of a role's inline policies"
