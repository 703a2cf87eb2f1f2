"""A policy of an organisation and its attachment: they come up, stay, change, show drift and go."""

import json

import pytest
from inline_stack import stack
from pulumi_aws import organizations
from table_programs import comes_up_and_changes, repairs

from conftest import Sandbox

pytestmark = pytest.mark.engine

KIND = "AISERVICES_OPT_OUT_POLICY"


def test_an_opt_out_comes_up_changes_and_goes(sandbox: Sandbox) -> None:
    client = sandbox.client("organizations")
    client.create_organization(FeatureSet="ALL")
    root = client.list_roots()["Roots"][0]["Id"]
    client.enable_policy_type(RootId=root, PolicyType=KIND)

    def program(version: int) -> None:
        content = {"services": {"default": {"opt_out_policy": {"@@assign": "optIn" if version == 1 else "optOut"}}}}
        made = organizations.Policy("ai", name="ai", type=KIND, content=json.dumps(content), tags={"v": str(version)})
        organizations.PolicyAttachment("ai", policy_id=made.id, target_id=root)

    with stack(sandbox, lambda: program(1)) as made:
        comes_up_and_changes(made, program, update=1)
        (policy,) = client.list_policies_for_target(TargetId=root, Filter=KIND)["Policies"]
        assert "optOut" in client.describe_policy(PolicyId=policy["Id"])["Policy"]["Content"]
        client.update_policy(PolicyId=policy["Id"], Content="{}")
        repairs(made, 1)
    assert client.list_policies(Filter=KIND)["Policies"] == []
