"""A production cell as `cell up eu-west-1` leaves it: all types there, nothing to change, nothing leaked, protected."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from cell import PACKS, Aws, Project, Resource, changes, events, policy_events
from finders import FINDERS, SETTINGS, Cluster, elsewhere, missing, seen

from conftest import new_sandbox
from sandbox.kubernetes.errors import ApiError

pytestmark = [pytest.mark.engine, pytest.mark.kubernetes, pytest.mark.long]

CELL = "eu-west-1"
STACKS = ("account", CELL, f"{CELL}-workloads")

EXPECTED_TYPES = Path(__file__).with_name("expected_types.txt").read_text().split()

NOT_EMULATED_MAX = 10
"""Resources of a whole cell whose inputs are only checked (issue 4, section 2)."""

WRITE_ONLY = ("masterPasswordWo", "secretStringWo")


@dataclass(frozen=True)
class World:
    project: Project
    aws: Aws
    files: dict[str, bytes]
    """The stack files before the first command."""
    said: str
    """All that `cell up` wrote."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home = tmp_path_factory.mktemp("production-sandbox")
    with new_sandbox(home, dataplane=False) as sandbox:
        project = Project.copy(sandbox, tmp_path_factory.mktemp("production") / "project")
        files = project.stack_files()
        done = project.cell("up", CELL, "--yes", "-o", "json")
        assert tuple(changes(json.loads(done.stdout))) == STACKS
        yield World(project=project, aws=Aws(sandbox), files=files, said=done.stdout + done.stderr)


@pytest.fixture(scope="module")
def preview(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Event log of plain `pulumi preview` with both packs, which has to find nothing to change."""
    log = tmp_path_factory.mktemp("preview") / "events.json"
    world.project.pulumi("preview", "--stack", CELL, *PACKS, "--expect-no-changes", "--event-log", str(log))
    return log


def test_every_type_of_the_committed_list_is_in_state_and_no_other(world: World) -> None:
    found = {resource.type for stack in STACKS for resource in world.project.resources(stack)}
    assert sorted(found) == EXPECTED_TYPES


def test_every_resource_is_seen_by_boto3_or_the_api_server(world: World) -> None:
    assert missing(world.project, world.aws, STACKS) == []


def test_finders_do_not_see_what_is_not_there(world: World) -> None:
    """Else the test before would prove nothing."""
    one_of_each = {resource.type: resource for stack in STACKS[:2] for resource in world.project.resources(stack)}
    named = [resource for type_, resource in one_of_each.items() if type_.removeprefix("aws:") not in SETTINGS]

    assert [resource.type for resource in named if seen(world.aws, absent(resource), CELL)] == []


def test_every_type_has_a_finder() -> None:
    assert {kind.removeprefix("aws:") for kind in EXPECTED_TYPES if kind.startswith("aws:")} <= FINDERS.keys()


def test_every_regional_resource_is_in_the_cells_region(world: World) -> None:
    assert elsewhere(world.project, CELL) == []


def test_plain_preview_with_both_packs_shows_no_change_and_no_violation(preview: Path) -> None:
    assert policy_events(preview) == []
    (summary,) = (event["summaryEvent"] for event in events(preview) if "summaryEvent" in event)
    assert set(summary["resourceChanges"]) == {"same"}
    assert len(summary["PolicyPacks"]) == 2


def test_at_most_ten_resources_are_not_emulated(world: World) -> None:
    status = [world.project.data("status", stack) for stack in STACKS]
    assert sum(len(row["notEmulated"]) for row in status) <= NOT_EMULATED_MAX
    assert [row["pending"] for row in status] == [[], [], []]
    assert [row["resources"] for row in status] == [len(world.project.resources(stack)) for stack in STACKS]


def test_no_secret_stands_anywhere_in_plain_text(world: World, preview: Path) -> None:
    secrets = passwords(world) | {
        world.project.sandbox.env["AWS_SECRET_ACCESS_KEY"],
        Path(world.project.sandbox.env["PULUMI_CONFIG_PASSPHRASE_FILE"]).read_text().strip(),
    }
    home = world.project.sandbox.home
    written = [path for folder in ("state", "logs", "pulumi-home") for path in (home / folder).rglob("*")]
    texts = {str(path): path.read_bytes() for path in [*written, preview] if path.is_file()}
    texts["cell up"] = world.said.encode()
    texts["cell outputs"] = world.project.cell("outputs", CELL, "-o", "yaml").stdout.encode()

    assert len(secrets) == 2 + len(shards(world))
    assert [name for name, text in texts.items() for secret in secrets if secret.encode() in text] == []


def test_master_passwords_are_in_no_input_or_output_of_state_and_event_log(world: World, preview: Path) -> None:
    leaked = [
        (resource.name, name)
        for resource in world.project.resources(CELL)
        for properties in (resource.inputs, resource.outputs)
        for name in WRITE_ONLY
        if name in properties and not is_hidden(properties[name])
    ]
    shown = [value for event in events(preview) for value in values_of(event, WRITE_ONLY) if not is_hidden(value)]

    assert (leaked, shown) == ([], [])


def test_each_shard_has_a_password_of_its_own_that_database_and_secret_share(world: World) -> None:
    assert len(passwords(world)) == len(shards(world)) > 1


def test_destroying_production_is_refused_before_it_is_disarmed(world: World) -> None:
    state = [world.project.state_file(stack).read_bytes() for stack in STACKS]

    refused = world.project.cell("destroy", CELL, "--yes", code=2)

    assert f"cell disarm {CELL}" in refused.stderr
    assert [world.project.state_file(stack).read_bytes() for stack in STACKS] == state
    assert missing(world.project, world.aws, STACKS) == []


def test_namespaces_of_the_cell_refuse_a_privileged_pod(world: World) -> None:
    client = Cluster(world.project, world.aws, CELL).client
    container = {"name": "main", "image": "example.com/a@sha256:" + "0" * 64, "securityContext": {"privileged": True}}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "root"}, "spec": {"containers": [container]}}

    with pytest.raises(ApiError, match='violates PodSecurity "restricted'):
        client.request("POST", "/api/v1/namespaces/payments/pods", body=pod)


def test_list_shows_what_is_up(world: World) -> None:
    rows = {row["stack"]: row for row in world.project.data("list")}

    assert rows[CELL]["region"] == CELL
    assert rows[CELL]["environment"] == "production"
    assert {name for name, row in rows.items() if row["resources"]} == set(STACKS)
    assert yaml.safe_load(world.project.cell("list", "-o", "yaml").stdout) == list(rows.values())


def test_outputs_lead_to_what_is_there(world: World) -> None:
    outputs = world.project.data("outputs", CELL)
    sqs = world.aws.client("sqs", CELL)

    assert set(outputs["queueUrls"]) == {"ledger", "invoicing", "tax", "fraud"}
    for url in outputs["queueUrls"].values():
        assert sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    assert outputs["clusterEndpoint"].startswith("https://127.0.0.1:")


def test_stack_files_are_as_they_were(world: World, preview: Path) -> None:
    assert preview.exists()
    assert world.project.stack_files() == world.files


def absent(resource: Resource) -> Resource:
    """A resource that does not exist: every name and id is another one of the same form."""
    kept = ("region", "type")
    outputs = {
        key: other(value) if isinstance(value, str) and key not in kept else value
        for key, value in resource.outputs.items()
    }
    return Resource(urn=resource.urn, id=other(resource.id), inputs={}, outputs=outputs)


def other(name: str) -> str:
    return f"{name[:-4]}0000"


def shards(world: World) -> list[str]:
    return [resource.name for resource in world.project.resources(CELL) if resource.type == "aws:rds/cluster:Cluster"]


def passwords(world: World) -> set[str]:
    """Master passwords, as whoever may read the secrets sees them."""
    client = world.aws.client("secretsmanager", CELL)
    secrets = (r for r in world.project.resources(CELL) if r.type == "aws:secretsmanager/secret:Secret")
    arns = [secret.id for secret in secrets if secret.name.endswith("-master")]
    return {json.loads(client.get_secret_value(SecretId=arn)["SecretString"])["password"] for arn in arns}


def is_hidden(value: Any) -> bool:
    """Whether a property is empty, masked or encrypted."""
    return value in (None, "", "[secret]") or (isinstance(value, dict) and "ciphertext" in value)


def values_of(data: Any, names: tuple[str, ...]) -> Iterator[Any]:
    """Every value under one of the names, however deep."""
    if isinstance(data, dict):
        for key, value in data.items():
            if key in names and not (isinstance(value, dict) and "diffKind" in value):
                yield value
            yield from values_of(value, names)
    elif isinstance(data, list):
        for value in data:
            yield from values_of(value, names)
