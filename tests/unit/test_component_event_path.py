"""Relay, archiver and ordered consumers: what they run as, what they reach, and what their roles allow."""

import json
from dataclasses import replace
from typing import Any

import pulumi
import pytest
from mocks import Registered, assert_children_of_components, run

from components import event_path
from components.event_path import ARCHIVER, CONSUMERS, PAYMENTS, RELAY, SHARDS, EventPath, EventPathArgs
from components.event_path_roles import (
    EventPathRoleArgs,
    archiver_statements,
    consumer_statements,
    relay_statements,
)
from components.iam import Statement, document
from components.reachability import Blocks, Party, Port
from components.registry import image_of
from components.workload import declared_matrix
from workloads.relay import __main__ as programs
from workloads.relay import health

ACCOUNT, REGION = "123456789012", "eu-west-1"
PARTIES = (
    Party(name="aws", place=Blocks(cidrs=("10.0.0.0/19",)), ports=(Port(number=443),)),
    Party(name="database", place=Blocks(cidrs=("10.0.40.0/21",)), ports=(Port(number=5432),)),
)
ARGS = EventPathArgs(
    cell="test",
    region=REGION,
    image=image_of(ACCOUNT, REGION, "test", "relay", "sha256:" + "0" * 64),
    stream="test-events",
    archive_bucket="test-archive",
    queue_urls={"ledger": f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/test-ledger.fifo"},
    parties={party.name: party for party in PARTIES},
)
ROLES = EventPathRoleArgs(
    region=REGION,
    account_id=ACCOUNT,
    stream_arn=f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/test-events",
    events_key_arn=f"arn:aws:kms:{REGION}:{ACCOUNT}:key/events",
    archive_bucket="test-archive",
    archive_key_arn=f"arn:aws:kms:{REGION}:{ACCOUNT}:key/archive",
)
QUEUE_ARN = f"arn:aws:sqs:{REGION}:{ACCOUNT}:test-ledger.fifo"
DEPLOYMENT, CONFIG_MAP = "kubernetes:apps/v1:Deployment", "kubernetes:core/v1:ConfigMap"


def made() -> Registered:
    return run(lambda: EventPath("test", ARGS, {PAYMENTS: PAYMENTS, CONSUMERS: CONSUMERS}))


@pytest.fixture(scope="module")
def running() -> Registered:
    return made()


def container(running: Registered, name: str) -> dict[str, Any]:
    (found,) = running.one(DEPLOYMENT, f"test-{name}").inputs["spec"]["template"]["spec"]["containers"]
    return dict(found)


def statements(made: list[Statement]) -> dict[str, dict[str, Any]]:
    """Sid -> statement, outputs resolved."""
    found: dict[str, dict[str, Any]] = {}

    def keep(resolved: dict[str, Any]) -> None:
        found.update({one["Sid"]: one for one in resolved["Statement"]})

    run(lambda: pulumi.Output.from_input(document(*made)).apply(keep))
    return found


def test_each_program_is_a_deployment_in_its_namespace(running: Registered) -> None:
    found = {name: one.inputs["metadata"]["namespace"] for name, one in running.of(DEPLOYMENT).items()}
    assert found == {"test-relay": PAYMENTS, "test-archiver": PAYMENTS, "test-ledger": CONSUMERS}
    assert_children_of_components(running)


@pytest.mark.parametrize(("name", "program"), [(RELAY, "relay"), (ARCHIVER, "archive"), ("ledger", "consume")])
def test_the_arguments_are_words_that_the_program_knows(running: Registered, name: str, program: str) -> None:
    assert container(running, name)["args"][0] == program
    assert program in programs.PROGRAMS
    assert container(running, name)["readinessProbe"]["httpGet"]["port"] == health.PORT


def test_the_relay_reads_the_shards_where_the_payments_api_has_them(running: Registered) -> None:
    (mount,) = [m for m in container(running, RELAY)["volumeMounts"] if m["name"] == SHARDS]
    assert container(running, RELAY)["args"][1] == f"--shards={mount['mountPath']}/shards.json"


def test_programs_know_their_stream_bucket_and_queue(running: Registered) -> None:
    def env(name: str) -> dict[str, str]:
        return {one["name"]: one.get("value", "") for one in container(running, name)["env"]}

    assert env(RELAY)["EVENT_STREAM"] == env(ARCHIVER)["EVENT_STREAM"] == "test-events"
    assert env(RELAY)["ARCHIVE_BUCKET"] == env(ARCHIVER)["ARCHIVE_BUCKET"] == "test-archive"
    assert env("ledger")["QUEUE_URL"] == ARGS.queue_urls["ledger"]
    assert env("ledger")["CONSUMER"] == "ledger"


def test_one_archiver_and_one_pod_a_consumer_but_relays_in_reserve(running: Registered) -> None:
    replicas = {name: one.inputs["spec"]["replicas"] for name, one in running.of(DEPLOYMENT).items()}
    assert replicas == {"test-relay": 2, "test-archiver": 1, "test-ledger": 1}


def test_the_relay_alone_reaches_the_database() -> None:
    matrix = declared_matrix(list(event_path.workloads(ARGS).values()), PARTIES)
    matrix.check()
    reached = {(edge.client, edge.server) for edge in matrix.allowed if edge.client != "dns"}
    assert {client for client, server in reached if server == "database"} == {RELAY}
    assert {client for client, server in reached if server == "aws"} == {RELAY, ARCHIVER, "ledger"}


def test_the_relay_writes_one_stream_and_its_own_quarantine() -> None:
    found = statements(relay_statements(ROLES))
    assert programs.USER == RELAY
    assert found["WriteStream"]["Resource"] == ROLES.stream_arn
    assert found["PutObjects"]["Resource"] == "arn:aws:s3:::test-archive/quarantine/relay/*"


def test_the_archiver_adds_objects_and_can_neither_read_nor_delete_nor_unlock_one() -> None:
    found = statements(archiver_statements(ROLES))
    actions = {action for one in found.values() for action in one["Action"]}
    assert {action for action in actions if action.startswith("s3:")} == {"s3:ListBucket", "s3:PutObject"}
    assert found["PutObjects"]["Resource"] == [
        "arn:aws:s3:::test-archive/events/*",
        "arn:aws:s3:::test-archive/quarantine/archive/*",
    ]


def test_a_consumer_empties_its_own_queue_and_nothing_else() -> None:
    found = statements(consumer_statements(ROLES, QUEUE_ARN))
    assert found["EmptyQueue"]["Resource"] == QUEUE_ARN
    assert set(found) == {"EmptyQueue", "DecryptMessages"}


def test_keys_are_used_through_the_service_they_are_for() -> None:
    for made_, services in (
        (relay_statements(ROLES), {"EncryptRecords": "kinesis", "EncryptObjects": "s3"}),
        (archiver_statements(ROLES), {"DecryptRecords": "kinesis", "EncryptObjects": "s3"}),
        (consumer_statements(ROLES, QUEUE_ARN), {"DecryptMessages": "sqs"}),
    ):
        for sid, service in services.items():
            condition = statements(made_)[sid]["Condition"]["StringEquals"]
            assert condition["kms:ViaService"] == f"{service}.{REGION}.amazonaws.com"


def test_the_names_in_the_roles_are_those_that_the_programs_write() -> None:
    from contracts import archive

    found = json.dumps(statements(archiver_statements(ROLES))) + json.dumps(statements(relay_statements(ROLES)))
    for prefix in (archive.PREFIX, f"{archive.QUARANTINE}archive/", f"{archive.QUARANTINE}relay/"):
        assert f"test-archive/{prefix}*" in found


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"archive_after_s": 0.0}, "outside 0.1..60 s"),
        ({"queue_urls": {"relay": "https://q"}}, "'relay' is another program's"),
    ],
)
def test_what_cannot_run_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(ARGS, **change)


def test_a_preview_registers_the_same_resources(running: Registered) -> None:
    preview = run(lambda: EventPath("test", ARGS, {PAYMENTS: PAYMENTS, CONSUMERS: CONSUMERS}), preview=True)
    assert sorted((one.type, one.name) for one in preview) == sorted((one.type, one.name) for one in running)
