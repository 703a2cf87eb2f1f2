"""A development cell from Kubernetes 1.35 to 1.36 and from Aurora PostgreSQL 17 to 18 by `cell upgrade`, seen from
outside by boto3. The tests follow each other; the run is killed on the way and started again."""

import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cell import DEVELOPMENT, DEVELOPMENT_ACCOUNT, Aws, Project
from finders import Cluster

import catalogue
from conftest import new_sandbox
from sandbox.kubernetes.client import Client

pytestmark = [pytest.mark.engine, pytest.mark.kubernetes, pytest.mark.long]

CELL, REGION = "dev", "eu-west-1"
OLD, NEW = "1.35", "1.36"
OLD_AURORA, NEW_AURORA = "17.7", "18.4"
UPGRADE = ("upgrade", CELL, "--to-kubernetes", NEW, "--to-aurora", NEW_AURORA)

CONFIGURATION = 2
"""Pulumi's exit code for what the user has to put right (`pulumi help exit-codes`)."""

BUDGET = {
    "apiVersion": "policy/v1",
    "kind": "PodDisruptionBudget",
    "metadata": {"name": "nobody-leaves", "namespace": "payments"},
    "spec": {"maxUnavailable": 0, "selector": {"matchLabels": {"app": "payments"}}},
}


@dataclass(frozen=True)
class World:
    project: Project
    aws: Aws
    api: Client
    before: dict[str, str]
    """What tells a replacement: name -> what AWS gave it at creation."""

    @property
    def eks(self) -> Any:
        return self.aws.client("eks", REGION)

    @property
    def rds(self) -> Any:
        return self.aws.client("rds", REGION)


def identities(aws: Aws) -> dict[str, str]:
    """Cluster, node groups, add-ons and shard with what is new where one of them was made anew."""
    eks, rds = aws.client("eks", REGION), aws.client("rds", REGION)
    found = {"cluster": str(eks.describe_cluster(name=CELL)["cluster"]["createdAt"])}
    for group in eks.list_nodegroups(clusterName=CELL)["nodegroups"]:
        found[group] = eks.describe_nodegroup(clusterName=CELL, nodegroupName=group)["nodegroup"]["nodegroupArn"]
    for addon in eks.list_addons(clusterName=CELL)["addons"]:
        found[addon] = eks.describe_addon(clusterName=CELL, addonName=addon)["addon"]["addonArn"]
    for shard in rds.describe_db_clusters()["DBClusters"]:
        found[shard["DBClusterIdentifier"]] = shard["DbClusterResourceId"]
    return found


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with new_sandbox(tmp_path_factory.mktemp("upgrade-sandbox"), dataplane=False) as sandbox:
        project = Project.copy(sandbox, tmp_path_factory.mktemp("upgrade") / "project")
        project.configure(CELL, versions={"kubernetes": OLD})
        project.bring_up(DEVELOPMENT)
        aws = Aws(sandbox, DEVELOPMENT_ACCOUNT)
        api = Cluster(project, aws, CELL).client
        yield World(project=project, aws=aws, api=api, before=identities(aws))


def versions(world: World) -> dict[str, Any]:
    """What AWS says that runs."""
    eks = world.eks
    groups = eks.list_nodegroups(clusterName=CELL)["nodegroups"]
    addons = eks.list_addons(clusterName=CELL)["addons"]
    (shard,) = world.rds.describe_db_clusters()["DBClusters"]
    (instance,) = world.rds.describe_db_instances()["DBInstances"]
    return {
        "control plane": eks.describe_cluster(name=CELL)["cluster"]["version"],
        "nodes": {
            eks.describe_nodegroup(clusterName=CELL, nodegroupName=group)["nodegroup"]["version"] for group in groups
        },
        "addons": {
            name: eks.describe_addon(clusterName=CELL, addonName=name)["addon"]["addonVersion"] for name in addons
        },
        "aurora": (shard["EngineVersion"], instance["EngineVersion"]),
    }


def expected(kubernetes: str, aurora: str) -> dict[str, Any]:
    addons = catalogue.versions().addons.of(kubernetes)
    return {"control plane": kubernetes, "nodes": {kubernetes}, "addons": addons, "aurora": (aurora, aurora)}


def test_a_cell_can_run_an_older_version_than_the_catalogues_and_says_until_when(world: World) -> None:
    assert versions(world) == expected(OLD, OLD_AURORA)
    shown = world.project.data("status", CELL)["versions"]
    assert shown["control plane"].startswith(f"{OLD}, supported until 2027-03-27")
    assert shown["Aurora PostgreSQL (s00)"].startswith(f"{OLD_AURORA}, supported until 2030-02-28")


def test_the_plan_names_each_step_and_what_clients_ask_for_and_changes_nothing(world: World) -> None:
    files = world.project.stack_files()
    world.api.get("/api/v1/componentstatuses")

    plan = world.project.data(*UPGRADE, "--plan")

    assert [step["name"] for step in plan["steps"]] == [
        "control plane to 1.36",
        "add-ons of 1.36",
        "nodes to 1.36",
        "workloads to 1.36",
        "shard s00 from 17.7 to 18.4",
        "flags of the shards' upgrade",
    ]
    assert plan["unchecked"] is None
    assert "v1 componentstatuses" in {finding["api"] for finding in plan["deprecatedApis"]}
    assert world.project.stack_files() == files
    assert versions(world) == expected(OLD, OLD_AURORA)


def test_a_budget_that_lets_no_pod_go_is_named_before_anything_is_done(world: World) -> None:
    path = "/apis/policy/v1/namespaces/payments/poddisruptionbudgets"
    world.api.request("POST", path, body=BUDGET)
    try:
        refused = world.project.cell(*UPGRADE, "--apply", "--yes", code=CONFIGURATION)
    finally:
        world.api.delete(f"{path}/nobody-leaves")
    assert "PodDisruptionBudget payments/nobody-leaves lets no pod go: maxUnavailable is 0" in refused.stderr
    assert versions(world) == expected(OLD, OLD_AURORA)


def test_a_run_that_is_killed_goes_on_where_it_was(world: World) -> None:
    command = [str(world.project.folder / "bin" / "cell"), *UPGRADE, "--apply", "--yes"]
    killed = subprocess.Popen(
        command,
        cwd=world.project.folder,
        env={**world.project.env, "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert killed.stderr is not None
    said = []
    for line in killed.stderr:
        said.append(line)
        if line.startswith("step: add-ons"):
            # The stack file is about to be written; its preview has not begun.
            os.kill(killed.pid, signal.SIGKILL)
            break
    killed.wait(60)
    killed.stderr.close()
    assert versions(world) == {**expected(OLD, OLD_AURORA), "control plane": NEW}, "".join(said)

    again = world.project.cell(*UPGRADE, "--apply", "--yes")

    done = [line.removeprefix("done: ") for line in again.stderr.splitlines() if line.startswith("done: ")]
    assert done == [
        "add-ons of 1.36",
        "nodes to 1.36",
        "workloads to 1.36",
        "shard s00 from 17.7 to 18.4",
        "flags of the shards' upgrade",
    ]


def test_all_of_it_runs_the_new_versions_and_nothing_was_replaced(world: World) -> None:
    assert versions(world) == expected(NEW, NEW_AURORA)
    assert identities(world.aws) == world.before


def test_control_plane_add_ons_and_nodes_were_upgraded_in_this_order(world: World) -> None:
    eks = world.eks

    def upgraded(kind: str, **part: str) -> Any:
        ids = eks.list_updates(name=CELL, **part)["updateIds"]
        found = [eks.describe_update(name=CELL, updateId=id_, **part)["update"] for id_ in ids]
        (moment,) = [update["createdAt"] for update in found if update["type"] == kind]
        return moment

    (group,) = eks.list_nodegroups(clusterName=CELL)["nodegroups"]
    moments = [
        upgraded("VersionUpdate"),
        upgraded("AddonUpdate", addonName="kube-proxy"),
        upgraded("VersionUpdate", nodegroupName=group),
    ]
    assert moments == sorted(moments)


def test_the_old_parameter_group_is_gone_and_the_flags_are_back(world: World) -> None:
    groups = world.rds.describe_db_cluster_parameter_groups()["DBClusterParameterGroups"]
    (own,) = [group for group in groups if group["DBClusterParameterGroupName"].startswith(CELL)]
    assert own["DBParameterGroupFamily"] == "aurora-postgresql18"
    (shard,) = world.rds.describe_db_clusters()["DBClusters"]
    assert shard["DBClusterParameterGroup"] == own["DBClusterParameterGroupName"]
    state = world.project.resource(CELL, f"{CELL}-s00", "Cluster")
    assert state.inputs["allowMajorVersionUpgrade"] is False
    assert "upgrading" not in world.project.stack_file(CELL).read_text()


def test_what_is_done_is_not_done_again(world: World) -> None:
    assert world.project.data(*UPGRADE, "--plan")["steps"] == []


def test_the_emulated_aws_refuses_what_aws_refuses(world: World) -> None:
    eks, rds = world.eks, world.rds

    def refused(call: Any, **arguments: Any) -> str:
        with pytest.raises(ClientError) as error:
            call(**arguments)
        return str(error.value.response["Error"]["Message"])

    assert "is for a cluster of a later version" in refused(
        eks.update_addon, clusterName=CELL, addonName="kube-proxy", addonVersion="v1.37.0-eksbuild.1"
    )
    shard = {"DBClusterIdentifier": f"{CELL}-s00", "ApplyImmediately": True}
    assert "Cannot upgrade" in refused(rds.modify_db_cluster, **shard, EngineVersion="17.7")
    assert "AllowMajorVersionUpgrade" in refused(rds.modify_db_cluster, **shard, EngineVersion="19.1")
    assert "is custom" in refused(rds.modify_db_cluster, **shard, EngineVersion="19.1", AllowMajorVersionUpgrade=True)
