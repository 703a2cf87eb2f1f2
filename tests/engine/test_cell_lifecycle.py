"""A development cell from nothing to nothing, by `cell`, seen from outside by boto3. The tests follow each other: each
leaves the cell as its stack files say, the last takes it down."""

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml
from cell import DEVELOPMENT, DEVELOPMENT_ACCOUNT, ROOT, Aws, Project, Resource, changes
from drifts import DRIFTS, Drift
from finders import elsewhere, missing, names_of
from inventory import LISTS, inventory
from logged_actions import Log

from components.vocabulary import OWN_IDENTITY
from conftest import new_sandbox
from operations.health import PARTS
from operations.iam import Role, needed, policies, target
from sandbox.aws.iam.evaluator import like
from sandbox.aws.permissions import asked_by_preconditions
from sandbox.aws.table import entries
from stacks.fleet import load_fleet

pytestmark = [pytest.mark.engine, pytest.mark.kubernetes, pytest.mark.long]

CELL, REGION = "dev", "eu-west-1"

CLONE = "dev-two"
CLONED = ("dev-two", "dev-two-workloads")

ACCOUNT_WIDE: set[str] = set()
"""What two cells of an account may both name as their own: nothing; what it has once is the account's stack's."""


@dataclass(frozen=True)
class World:
    """The project's copy, the account from outside, and what was in it before the first `up`."""

    project: Project
    aws: Aws
    before: frozenset[str]
    first_up: dict[str, str]
    asked: frozenset[str]
    """IAM actions of the calls that the first `up` made."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home = tmp_path_factory.mktemp("dev-sandbox")
    with new_sandbox(home, dataplane=False) as sandbox:
        project = Project.copy(sandbox, tmp_path_factory.mktemp("dev") / "project")
        aws = Aws(sandbox, DEVELOPMENT_ACCOUNT)
        before = frozenset(inventory(aws, (REGION,)))
        log = Log.since_now(sandbox.home)
        first_up = changes(project.data("up", CELL, "--yes"))
        yield World(project=project, aws=aws, before=before, first_up=first_up, asked=log.actions())


def test_up_brings_up_account_cell_and_workloads_in_this_order(world: World) -> None:
    assert tuple(world.first_up) == DEVELOPMENT
    assert all(re.fullmatch(r"\d+ create", change) for change in world.first_up.values()), world.first_up


def test_the_first_up_asked_for_nothing_that_the_deploy_role_lacks(world: World) -> None:
    allowed = needed("account") | needed("cell") | asked_by_preconditions()
    assert len(world.asked) > 100
    assert sorted(world.asked - allowed) == []


def test_the_deploy_role_reaches_every_resource_by_its_arn(world: World) -> None:
    fleet = load_fleet(world.project.folder / "stacks")
    for stack in DEVELOPMENT[:2]:
        bodies = policies(Role.DEPLOY, target(fleet, stack)).values()
        statements = [
            s for body in bodies for s in body["Statement"] if s["Effect"] == "Allow" and s["Resource"] != "*"
        ]
        patterns = [
            p for s in statements for p in ([s["Resource"]] if isinstance(s["Resource"], str) else s["Resource"])
        ]
        arns = {str(arn) for r in world.project.resources(stack) if (arn := r.outputs.get("arn"))}
        assert len(arns) > 10
        assert [arn for arn in sorted(arns) if not any(like(pattern, arn) for pattern in patterns)] == []


def test_every_role_carries_the_boundary_that_the_account_made(world: World) -> None:
    made = world.project.resource("account-dev", "payment-cell-boundary-eu", "Policy").outputs["arn"]
    iam = world.aws.client("iam", REGION)
    roles = [r for r in world.project.resources(CELL) if r.type == "aws:iam/role:Role"]
    carried = {iam.get_role(RoleName=r.id)["Role"]["PermissionsBoundary"]["PermissionsBoundaryArn"] for r in roles}
    assert carried == {made}


def as_role(world: World, role: str) -> Project:
    """The project in the hands of somebody who has a role of the account, as a job of `.github/workflows` does."""
    keys = world.aws.sandbox.client("sts").assume_role(
        RoleArn=f"arn:aws:iam::{DEVELOPMENT_ACCOUNT}:role/{role}", RoleSessionName="workflow"
    )["Credentials"]
    session = {
        "AWS_ACCESS_KEY_ID": keys["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
        "AWS_SESSION_TOKEN": keys["SessionToken"],
        OWN_IDENTITY: "true",
    }
    sandbox = world.project.sandbox
    return Project(world.project.folder, replace(sandbox, env={**sandbox.env, **session}))


@pytest.fixture
def reader(world: World) -> Iterator[Project]:
    """The project in the hands of the read-only role, which is gone after the test."""
    iam, name = world.aws.client("iam", REGION), "payment-cell-read"
    trusted = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trusted]})
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)
    yield as_role(world, name)
    iam.delete_role(RoleName=name)


def step(workflow: str, job: str, word: str, stack: str) -> str:
    """The one step of a job that has a word in its script, as GitHub's machine runs it after the set-up."""
    steps = yaml.safe_load((ROOT / f".github/workflows/{workflow}.yaml").read_text())["jobs"][job]["steps"]
    (found,) = (step for step in steps if word in step.get("run", ""))
    variables = {"STACK": stack, **found.get("env", {})}
    exported = "".join(f"export {name}={value}\n" for name, value in variables.items())
    return f'set -eo pipefail\nexport PATH="$PWD/.venv/bin:$PATH"\n{exported}{found["run"]}'


def state_of(project: Project) -> dict[str, bytes]:
    """Every file of the state's backend."""
    folder = project.sandbox.home / "state"
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize("stack", DEVELOPMENT[:2])
def test_the_drift_job_reads_what_the_read_only_role_may_and_writes_nothing(
    world: World, reader: Project, stack: str
) -> None:
    before, log = state_of(reader), Log.since_now(reader.sandbox.home)
    reader.shell(step("drift", "drift", "pulumi refresh", stack))
    asked, said = log.actions(), log.text()
    of = target(load_fleet(world.project.folder / "stacks"), stack)
    allowed = {
        name for body in policies(Role.READ_ONLY, of).values() for row in body["Statement"] for name in row["Action"]
    }
    assert len(asked) > 30
    assert sorted(asked - allowed) == []
    assert "AssumeRole" not in said
    assert state_of(reader) == before


def test_the_drift_job_fails_where_something_drifted(world: World, reader: Project) -> None:
    sqs = world.aws.client("sqs", REGION)
    url = world.project.resource(CELL, f"{CELL}-tax", "Queue").id
    was = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])["Attributes"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "3599"})
    done = reader.shell(step("drift", "drift", "pulumi refresh", CELL), code=1)
    sqs.set_queue_attributes(QueueUrl=url, Attributes=was)
    assert f"dev-tax: visibilityTimeoutSeconds {was['VisibilityTimeout']} -> 3599" in done.stdout
    assert "1 resources drifted" in done.stderr


def test_a_plan_of_the_read_only_role_is_what_the_deploy_role_applies(world: World, reader: Project) -> None:
    project = world.project
    groups = sum(resource.type.endswith(":LogGroup") for resource in project.resources(CELL))
    project.configure(CELL, retention={"logDays": 14})
    before, log = state_of(project), Log.since_now(project.sandbox.home)

    reader.shell(step("apply", "plan", "pulumi preview", CELL))
    assert state_of(project) == before
    assert "AssumeRole" not in log.text()

    said = as_role(world, "payment-cell-deploy").shell(step("apply", "apply", "pulumi up", CELL)).stdout
    project.configure(CELL, retention=None)
    project.up(CELL)
    assert f"{groups + 1} updated" in said, "the log groups, and the provider that assumes no role"


ASK = """
import base64, json, os, ssl, subprocess, sys, urllib.request
config = json.load(open(os.environ["KUBECONFIG"]))
cluster, login = config["clusters"][0]["cluster"], config["users"][0]["user"]["exec"]
token = json.loads(subprocess.run([login["command"], *login["args"]], capture_output=True, check=True).stdout)
trusted = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
request = urllib.request.Request(
    cluster["server"] + "/api/v1/namespaces", headers={"Authorization": "Bearer " + token["status"]["token"]}
)
found = json.load(urllib.request.urlopen(request, context=trusted))["items"]
print(json.dumps([one["metadata"]["name"] for one in found]))
sys.exit(7)
"""


def test_a_command_of_cell_connect_reaches_the_cluster(world: World) -> None:
    done = world.project.cell("connect", CELL, "--", sys.executable, "-c", ASK, code=7)
    assert {"kube-system", "payments"} <= set(json.loads(done.stdout))
    assert "no tunnel is needed; on AWS one goes over a node of dev" in done.stderr


def test_preflight_of_a_cell_that_is_up_tries_the_endpoint(world: World) -> None:
    checks = {check["check"]: check for check in world.project.data("preflight", CELL)["checks"]}
    assert checks["cluster endpoint"]["result"] == "ok"
    assert "on AWS it is reachable from inside the VPC only" in checks["cluster endpoint"]["found"]


def test_status_names_the_alarms_that_ring(world: World) -> None:
    cloudwatch = world.aws.client("cloudwatch", REGION)
    alarm = world.project.resource(CELL, f"{CELL}-stream-throttled", "MetricAlarm").id
    cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="test")
    alarms = world.project.data("status", CELL)["alarms"]
    cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="OK", StateReason="test")
    assert alarm in alarms["ringing"]
    assert alarms["missing"] == []
    assert alarms["alarms"] > 30
    assert world.project.data("status", CELL)["alarms"]["ringing"] == []


def test_status_says_of_each_part_and_record_what_the_account_says(world: World) -> None:
    ssm = world.aws.client("ssm", REGION)
    before = world.project.data("status", CELL)
    ssm.put_parameter(Name=f"/payment-cell/{CELL}/last-audit", Value="3 findings", Type="String")
    shown = world.project.cell("status", CELL)
    ssm.delete_parameter(Name=f"/payment-cell/{CELL}/last-audit")

    health = before["health"]
    assert (health[f"cluster {CELL}"], health[f"nodes {CELL}-system"]) == ("ACTIVE", "ACTIVE")
    assert {state for part, state in health.items() if part.startswith("database ")} == {"available"}
    assert {part.rpartition(" ")[0] for part in health} == {part.word for part in PARTS.values()}
    assert before["lastAudit"] == "never"
    assert before["lastDrill"].startswith("never")
    assert before["driftSeen"].startswith("never")
    assert f"health of cluster {CELL}" in shown.stdout
    assert "UTC: 3 findings" in shown.stdout
    assert "emulated: the endpoint is not AWS" in shown.stderr


def test_everything_in_state_is_in_the_account(world: World) -> None:
    assert sum(len(world.project.resources(stack)) for stack in DEVELOPMENT) > 200
    assert missing(world.project, world.aws, DEVELOPMENT) == []


def test_every_regional_resource_is_in_the_cells_region(world: World) -> None:
    assert elsewhere(world.project, CELL) == []


def test_graph_of_what_is_deployed_has_each_resource_and_a_chain_near_the_unavoidable_one(world: World) -> None:
    found = world.project.data("graph", CELL)
    assert found["from"] == "state"
    assert sum(row["resources"] for row in found["components"]) == len(world.project.resources(CELL))
    assert 1 <= found["ratio"] <= 1.05, found["longestChain"]
    assert list(found["regionSeconds"]["stacks"]) == list(DEVELOPMENT)


@pytest.mark.parametrize("command", [("graph", CELL), ("upgrade", CELL, "--plan")], ids=" ".join)
def test_what_is_different_on_aws_is_one_line_on_standard_error(world: World, command: tuple[str, ...]) -> None:
    done = world.project.cell(*command)
    assert done.stdout
    assert done.stderr.count("emulated: the endpoint is not AWS, on AWS ") == 1


def test_resource_that_was_lost_from_state_is_imported(world: World) -> None:
    project = world.project
    lost = project.resource(CELL, f"{CELL}-payments", "Alias")
    parent = project.urn_of_component(CELL, "payment-cell:components:Keys")
    provider = project.urn_of_component(CELL, "pulumi:providers:aws")
    project.pulumi("state", "delete", lost.urn, "--stack", CELL, "--yes")
    assert lost.urn not in {resource.urn for resource in project.resources(CELL)}

    relatives = ("--parent", f"parent={parent}", "--provider", f"provider={provider}")
    code = ("--protect=false", "--generate-code=false")
    project.pulumi("import", lost.type, lost.name, lost.id, *relatives, *code, "--stack", CELL, "--yes")

    assert project.resource(CELL, lost.name, "Alias").id == lost.id


def test_second_up_changes_nothing_in_any_stack_not_even_what_was_imported(world: World) -> None:
    assert changes(world.project.data("up", CELL, "--yes")) == dict.fromkeys(DEVELOPMENT, "none")


def test_change_touches_what_it_names_in_place_where_aws_can_and_by_replacement_where_not(world: World) -> None:
    project = world.project
    before = {resource.urn: resource for resource in project.resources(CELL)}
    groups = {urn for urn, resource in before.items() if resource.type.endswith(":LogGroup")}
    replaced = next(urn for urn, resource in before.items() if resource.type.endswith(":NodeGroup"))
    project.configure(
        CELL,
        retention={"logDays": 14},
        nodes={"system": {"instanceTypes": ["t4g.medium"], "minimum": 1, "maximum": 2}},
    )

    done = project.up(CELL)

    after = {resource.urn: resource for resource in project.resources(CELL)}
    assert done == {"replace": 1, "update": len(groups)}
    assert after.keys() == before.keys()
    assert {urn for urn in after if after[urn].id != before[urn].id} == {replaced}
    imported = project.resource(CELL, f"{CELL}-shard-map", "Parameter").urn
    changed = {urn for urn in after if plain(after[urn]) != plain(before[urn])}
    assert changed - {imported} == {replaced, *groups}
    groups_there = world.aws.client("logs", REGION).describe_log_groups()["logGroups"]
    kept = {group["logGroupName"]: group["retentionInDays"] for group in groups_there}
    assert kept.pop("/payment-cell/account-dev/trail") == 365, "the account's, which a cell does not change"
    assert set(kept.values()) == {14}
    (group,) = world.aws.client("eks", REGION).list_nodegroups(clusterName=CELL)["nodegroups"]
    described = world.aws.client("eks", REGION).describe_nodegroup(clusterName=CELL, nodegroupName=group)["nodegroup"]
    assert described["instanceTypes"] == ["t4g.medium"]


@dataclass(frozen=True)
class Seen:
    """What boto3 saw of a drift before it, after it, and after the repair; and what the commands said."""

    before: dict[str, object]
    drifted: dict[str, object]
    repaired: dict[str, object]
    status: dict[str, dict[str, list[object]]]
    """Resource -> property -> [in state, in the account], as `cell status --drift` says."""
    refresh: str
    up: dict[str, int]


@pytest.fixture(scope="module")
def seen(world: World) -> Seen:
    """All drifts at once, one refresh, one up."""

    def look() -> dict[str, object]:
        return {drift.name: drift.look(*where(world, drift)) for drift in DRIFTS}

    before = look()
    for drift in DRIFTS:
        drift.change(*where(world, drift))
    drifted = look()
    found = world.project.data("status", CELL, "--drift")["drift"]
    refresh = world.project.cell("refresh", CELL, "--yes").stderr
    up = world.project.up(CELL)
    status = {diff["urn"].rpartition("::")[2]: diff["values"] for diff in found}
    return Seen(before=before, drifted=drifted, repaired=look(), status=status, refresh=refresh, up=up)


def test_twelve_drifts_over_eight_services_at_least_are_tried() -> None:
    assert len({drift.name for drift in DRIFTS}) == len(DRIFTS) >= 12
    assert len({drift.service for drift in DRIFTS}) >= 8


@pytest.mark.parametrize("drift", DRIFTS, ids=lambda drift: drift.name)
def test_drift_is_shown_with_its_property_and_repaired(seen: Seen, drift: Drift) -> None:
    assert seen.drifted[drift.name] != seen.before[drift.name]
    resource = f":{drift.type} {CELL}{drift.resource}: "
    line = next((line for line in seen.refresh.splitlines() if resource in line), "")
    assert (drift.property or "is gone") in line, seen.refresh
    values = seen.status[CELL + drift.resource]
    assert all(old != new for old, new in values.values())
    assert bool(values) == (drift.property is not None)
    assert seen.repaired[drift.name] == seen.before[drift.name]


def test_repair_changes_nothing_but_what_drifted(seen: Seen) -> None:
    gone = sum(drift.property is None for drift in DRIFTS)
    assert seen.up == {"create": gone, "update": len(DRIFTS) - gone}


def test_status_says_what_the_last_refresh_found(world: World, seen: Seen) -> None:
    assert seen.refresh
    assert re.fullmatch(r"\d{4}-\S+: .*\d+ to update.*", world.project.data("status", CELL)["driftSeen"])


@dataclass(frozen=True)
class Copied:
    """A clone of the cell beside it, and how everything was before."""

    made: dict[str, Any]
    states: dict[str, bytes]
    files: dict[str, bytes]
    previewed: dict[str, str]
    resources: frozenset[str]


def states_of(project: Project) -> dict[str, bytes]:
    return {stack: project.state_file(stack).read_bytes() for stack in DEVELOPMENT}


@pytest.fixture(scope="module")
def copied(world: World) -> Copied:
    project, before = world.project, frozenset(inventory(world.aws, (REGION,)))
    states, files, previewed = states_of(project), project.stack_files(), changes(project.data("preview", CELL))
    made = project.data("clone", CELL, "--as", CLONE, "--days", "1", "--yes")
    return Copied(made=made, states=states, files=files, previewed=previewed, resources=before)


def test_a_clone_comes_up_and_leaves_its_originals_state_as_it_was(world: World, copied: Copied) -> None:
    project = world.project

    assert changes(copied.made["outcomes"])["account-dev"] == "none"
    for original, clone in zip(DEVELOPMENT[1:], CLONED, strict=True):
        assert len(project.resources(clone)) == len(project.resources(original)) > 0
    assert len(project.resources(CLONE)) > 100
    assert states_of(project) == copied.states
    assert {row["name"]: row["clone"] for row in copied.made["differences"]}["vpc_cidr"] == "10.252.0.0/16"
    seen = changes(project.data("preview", CELL))
    assert seen == copied.previewed, "a clone's files change nothing in what others declare"
    assert seen[CELL] == "none"


@pytest.mark.usefixtures("copied")
def test_two_cells_of_an_account_share_nothing(world: World) -> None:
    project = world.project
    stacks = {CELL: DEVELOPMENT[1:], CLONE: CLONED}
    names = {
        cell: {name for stack in own for resource in project.resources(stack) for name in names_of(resource)}
        for cell, own in stacks.items()
    }

    assert names[CELL] & names[CLONE] == ACCOUNT_WIDE
    assert missing(project, world.aws, [*stacks[CELL], *stacks[CLONE]]) == []
    assert elsewhere(project, CLONE) == []
    for cell, other in ((CELL, CLONE), (CLONE, CELL)):
        arns = {name for name in names[other] if name.startswith("arn:")}
        state = "".join(project.state_file(stack).read_text() for stack in stacks[cell])
        assert not [arn for arn in arns if f'"{arn}"' in state]


@pytest.mark.usefixtures("copied")
def test_a_clones_resources_carry_its_last_day(world: World) -> None:
    tomorrow = (datetime.now(UTC).date() + timedelta(days=1)).isoformat()
    tagged = [tags for one in world.project.resources(CLONE) if (tags := one.outputs.get("tagsAll"))]

    assert len(tagged) > 50
    assert {tags.get("payment-cell:expires") for tags in tagged} == {tomorrow}


@pytest.mark.usefixtures("copied")
def test_before_its_last_day_is_over_nothing_is_reaped(world: World) -> None:
    (row,) = world.project.data("reap", "--yes")

    assert (row["stack"], row["state"], row["done"]) == (CLONE, "expires soon", [])
    assert world.project.resources(CLONE)


def test_after_its_last_day_a_clone_goes_with_its_files_and_the_original_stays(world: World, copied: Copied) -> None:
    project = world.project
    project.configure(CLONE, expires="2026-01-31")
    (seen,) = project.data("reap", "--dry-run")
    assert (seen["state"], seen["done"]) == ("expired", [])

    (row,) = project.data("reap", "--yes")

    gone = tuple(reversed(CLONED))
    assert row["done"] == [
        *(f"destroyed {stack}" for stack in gone),
        *(f"removed stacks/Pulumi.{stack}.yaml" for stack in gone),
    ]
    assert not [stack for stack in CLONED if project.state_file(stack).exists()]
    assert states_of(project) == copied.states
    assert project.stack_files() == copied.files
    left = {thing for thing in frozenset(inventory(world.aws, (REGION,))) - copied.resources if CLONE in thing}
    assert left == set()
    assert missing(project, world.aws, DEVELOPMENT) == []
    assert project.data("reap", "--yes") == []


def test_destroy_leaves_an_empty_account_and_no_stack(world: World) -> None:
    rows = world.project.data("destroy", CELL, "--yes")

    assert [row["stack"] for row in rows] == ["dev-workloads", "dev", "account-dev"]
    left = inventory(world.aws, (REGION,)) - world.before
    assert not left, "\n".join(sorted(left))
    assert not [row["stack"] for row in world.project.data("list") if row["resources"]]
    assert world.project.pulumi("stack", "ls", "--json").stdout.strip() in ("", "[]")
    assert json.loads(world.project.sandbox.command("status", "-o", "json").stdout)["clusters"] == []


def test_inventory_asks_every_service_of_which_a_cell_can_use_something() -> None:
    assert {entry.service for entry in entries().values()} <= LISTS.keys()


def where(world: World, drift: Drift) -> tuple[object, object]:
    """The client and the resource of a drift."""
    resource = world.project.resource(CELL, CELL + drift.resource, drift.type)
    return drift.client(world.aws, REGION), resource


def plain(resource: Resource) -> dict[str, object]:
    """Outputs but the secret ones, which are encrypted anew each time that they are written."""
    return {name: value for name, value in resource.outputs.items() if "ciphertext" not in str(value)}
