"""The cell's image registry."""

import json
from dataclasses import replace
from typing import Any

import pytest
from mocks import Registered, assert_children_of_components, assert_regional, run

from components.registry import Registry, RegistryArgs

ACCOUNT = "123456789012"
KEY = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/images"
ARGS = RegistryArgs(region="eu-west-1", account_id=ACCOUNT, images=("gateway", "load-balancer"), key_arn=KEY)
REPOSITORY, RULES = "aws:ecr/repository:Repository", "aws:ecr/lifecyclePolicy:LifecyclePolicy"
POLICY = "aws:ecr/repositoryPolicy:RepositoryPolicy"


def made(args: RegistryArgs = ARGS, *, preview: bool = False) -> Registered:
    return run(lambda: Registry("test", args), preview=preview)


@pytest.fixture(scope="module")
def registry() -> Registered:
    return made()


def test_each_program_has_a_repository_of_the_cell(registry: Registered) -> None:
    names = {r.inputs["name"] for r in registry.of(REPOSITORY).values()}
    assert names == {"test/gateway", "test/load-balancer"}


def test_a_tag_names_one_image_for_ever(registry: Registered) -> None:
    assert {r.inputs["imageTagMutability"] for r in registry.of(REPOSITORY).values()} == {"IMMUTABLE"}


def test_images_are_scanned_on_push(registry: Registered) -> None:
    for repository in registry.of(REPOSITORY).values():
        assert repository.inputs["imageScanningConfiguration"] == {"scanOnPush": True}


def test_images_are_encrypted_with_the_cells_key(registry: Registered) -> None:
    for repository in registry.of(REPOSITORY).values():
        assert repository.inputs["encryptionConfigurations"] == [{"encryptionType": "KMS", "kmsKey": KEY}]


def test_old_and_unreleased_images_go(registry: Registered) -> None:
    for policy in registry.of(RULES).values():
        untagged, releases = json.loads(policy.inputs["policy"])["rules"]
        assert untagged["selection"]["tagStatus"] == "untagged"
        assert untagged["selection"]["countNumber"] == 14
        assert releases["selection"] == {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 50}
        assert untagged["rulePriority"] < releases["rulePriority"]


def test_nobody_of_another_account_pulls_or_pushes(registry: Registered) -> None:
    for policy in registry.of(POLICY).values():
        allowed, denied = policy.statement("AccountOnly"), policy.statement("NobodyElse")
        assert allowed["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
        assert not [action for action in allowed["Action"] if "Delete" in action or "Policy" in action]
        assert denied["Effect"] == "Deny"
        assert denied["Condition"]["StringNotEquals"] == {"aws:PrincipalAccount": ACCOUNT}
        assert not [s for s in policy.document()["Statement"] if "Resource" in s], "ECR refuses Resource"


def test_images_in_use_are_not_deleted_with_the_stack_by_accident(registry: Registered) -> None:
    for repository in registry.of(REPOSITORY).values():
        assert repository.protect
        assert repository.inputs["forceDelete"] is False
    for repository in made(replace(ARGS, protected=False)).of(REPOSITORY).values():
        assert not repository.protect
        assert repository.inputs["forceDelete"] is True


def test_every_registry_resource_is_in_the_cells_region(registry: Registered) -> None:
    assert_regional(registry, "eu-west-1")
    assert_children_of_components(registry)


def test_a_preview_of_the_registry_makes_the_same(registry: Registered) -> None:
    assert {(r.type, r.name) for r in made(preview=True)} == {(r.type, r.name) for r in registry}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": ("Gateway",)}, "no repository name"),
        ({"images": ("a--b",)}, "no repository name"),
        ({"images": ("gateway", "gateway")}, "a name repeats"),
        ({"kept_releases": 1}, "a rollback needs one"),
    ],
)
def test_a_registry_that_ecr_would_refuse_is_refused_before(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(ARGS, **change)
