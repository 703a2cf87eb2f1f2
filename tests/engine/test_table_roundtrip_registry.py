"""ECR repositories with their policies come up, stay, change, show drift and go."""

import json

import pulumi
import pytest
from inline_stack import stack
from pulumi_aws import ecr, kms
from table_programs import ACCOUNT, comes_up_and_changes, document, repairs

from conftest import Sandbox

pytestmark = pytest.mark.engine


def rules(days: int) -> str:
    selection = {"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": days}
    return json.dumps({"rules": [{"rulePriority": 1, "selection": selection, "action": {"type": "expire"}}]})


def program(version: int) -> None:
    key = kms.Key("images", deletion_window_in_days=7)
    made = ecr.Repository(
        "gateway",
        name="cell/gateway",
        image_tag_mutability="MUTABLE" if version == 1 else "IMMUTABLE",
        image_scanning_configuration={"scan_on_push": version == 2},
        encryption_configurations=[{"encryption_type": "KMS", "kms_key": key.arn}],
        force_delete=True,
        tags={"version": str(version)},
    )
    ecr.Repository("plain")
    ecr.LifecyclePolicy("gateway", repository=made.name, policy=rules(7 * version))
    pull = {"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": ["ecr:BatchGetImage"][:version]}
    push = {"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": ["ecr:PutImage"]}
    ecr.RepositoryPolicy("gateway", repository=made.name, policy=document(*[pull, push][:version]))
    pulumi.export("url", made.repository_url)


def test_a_registry_comes_up_changes_and_goes(sandbox: Sandbox) -> None:
    client = sandbox.client("ecr")
    with stack(sandbox, lambda: program(1)) as made:
        # The repository and its policy change in place, a lifecycle is set anew.
        comes_up_and_changes(made, program, update=2, replace=1)
        assert made.outputs()["url"] == f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com/cell/gateway"
        (found,) = client.describe_repositories(repositoryNames=["cell/gateway"])["repositories"]
        assert found["imageTagMutability"] == "IMMUTABLE"
        assert found["encryptionConfiguration"]["encryptionType"] == "KMS"
        assert "14" in client.get_lifecycle_policy(repositoryName="cell/gateway")["lifecyclePolicyText"]

        client.put_image_tag_mutability(repositoryName="cell/gateway", imageTagMutability="MUTABLE")
        open_ = document({"Principal": "*", "Action": ["ecr:*"]})
        client.set_repository_policy(repositoryName="cell/gateway", policyText=open_)
        repairs(made, drifts=2)
    assert client.describe_repositories()["repositories"] == []


def test_what_a_registry_scans_changes_and_goes_back_to_the_default(sandbox: Sandbox) -> None:
    client = sandbox.client("ecr")

    def scanning(version: int) -> None:
        filters = [{"filter": name, "filter_type": "WILDCARD"} for name in ("*", "cell/*")[:version]]
        rule = {"scan_frequency": "SCAN_ON_PUSH", "repository_filters": filters}
        ecr.RegistryScanningConfiguration("registry", scan_type="BASIC", rules=[rule])

    with stack(sandbox, lambda: scanning(1)) as made:
        comes_up_and_changes(made, scanning, update=1)
        client.put_registry_scanning_configuration(scanType="BASIC", rules=[])
        repairs(made, drifts=1)
    assert client.get_registry_scanning_configuration()["scanningConfiguration"]["rules"] == []


def test_what_a_registry_copies_to_another_region_changes_and_goes(sandbox: Sandbox) -> None:
    client = sandbox.client("ecr")

    def copying(version: int) -> None:
        filters = [{"filter": f"{cell}/", "filter_type": "PREFIX_MATCH"} for cell in ("one", "two")[:version]]
        there = [{"region": "eu-central-1", "registry_id": ACCOUNT}]
        rules = [{"destinations": there, "repository_filters": filters}]
        ecr.ReplicationConfiguration("registry", replication_configuration={"rules": rules})

    def rules() -> list[dict[str, object]]:
        found: list[dict[str, object]] = client.describe_registry()["replicationConfiguration"]["rules"]
        return found

    with stack(sandbox, lambda: copying(1)) as made:
        comes_up_and_changes(made, copying, update=1)
        assert len(rules()[0]["repositoryFilters"]) == 2  # type: ignore[arg-type]
    assert rules() == []
