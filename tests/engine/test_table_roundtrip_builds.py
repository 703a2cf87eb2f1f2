"""A build project comes up, changes in place, shows drift and goes."""

import pulumi
import pytest
from inline_stack import stack
from pulumi_aws import codebuild, iam
from table_programs import comes_up_and_changes, repairs

from conftest import Sandbox

pytestmark = pytest.mark.engine

TRUST = (
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",'
    ' "Principal": {"Service": "codebuild.amazonaws.com"}}]}'
)


def program(version: int) -> None:
    role = iam.Role("builds", assume_role_policy=TRUST)
    project = codebuild.Project(
        "builds",
        description=f"version {version}",
        service_role=role.arn,
        source={"type": "NO_SOURCE", "buildspec": f"version: 0.2 # {version}"},
        artifacts={"type": "NO_ARTIFACTS"},
        environment={
            "type": "ARM_CONTAINER",
            "compute_type": "BUILD_GENERAL1_SMALL",
            "image": "aws/codebuild/amazonlinux-aarch64-standard:3.0",
            "environment_variables": [{"name": "VERSION", "value": str(version)}],
        },
        logs_config={"cloudwatch_logs": {"status": "ENABLED", "group_name": f"builds-{version}"}},
        concurrent_build_limit=version,
        build_timeout=60 * version,
        tags={"version": str(version)},
    )
    pulumi.export("name", project.name)


def test_a_project_comes_up_changes_in_place_and_goes(sandbox: Sandbox) -> None:
    builds = sandbox.client("codebuild")
    with stack(sandbox, lambda: program(1)) as made:
        comes_up_and_changes(made, program, update=1)
        name = made.outputs()["name"]
        (live,) = builds.batch_get_projects(names=[name])["projects"]
        assert (live["description"], live["concurrentBuildLimit"], live["timeoutInMinutes"]) == ("version 2", 2, 120)
        assert {"key": "version", "value": "2"} in live["tags"]
        builds.update_project(name=name, description="by hand", concurrentBuildLimit=-1)
        repairs(made, 1)
    assert builds.list_projects()["projects"] == []
