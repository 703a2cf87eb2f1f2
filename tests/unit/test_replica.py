"""The program of a replica: what it takes from its primary in place of making its own."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from answers import answers
from healthy import findings, stack_of
from mocks import Registered, assert_regional, run
from test_config_pairs import GRANTED, VAULT
from test_stacks import REFERENCE, STACKS

from components.shard import MOVED
from components.vocabulary import Strategy
from policies.control import Status
from stacks import account, cell
from stacks.fleet import Fleet, load_fleet
from stacks.new_stack import render_replica

PRIMARY, REPLICA, HOME, HERE = "eu-west-1", "eu-west-1-replica", "eu-west-1", "eu-central-1"
ACCOUNT_ID = "123456789012"
SECRET = f"arn:aws:secretsmanager:{HOME}:{ACCOUNT_ID}:secret:"
OUTPUTS: dict[str, Any] = {
    "loadBalancerLogBuckets": {region: f"lb-{region}" for region in (HOME, HERE)},
    "dataEventTrails": {
        region: {"bucket": f"data-{region}", "keyArn": f"arn:aws:kms:{region}:{ACCOUNT_ID}:key/audit"}
        for region in (HOME, HERE)
    },
    "keyArns": {use: f"arn:aws:kms:{HOME}:{ACCOUNT_ID}:key/mrk-{use}" for use in ("subjects", "envelope", "evidence")},
    "shards": {f"s{number:02}": {"secretArn": f"{SECRET}s{number:02}-AbCdEf"} for number in range(16)},
    "apiKeysSecretArn": f"{SECRET}api-keys-AbCdEf",
    "pseudonymSecretArn": f"{SECRET}pseudonyms-AbCdEf",
    "subjectKeysTable": f"{PRIMARY}-subject-keys",
    "featureTable": f"{PRIMARY}-fraud-1a2b3c4",
}
CLUSTER, KEY, KEY_REPLICA = "aws:rds/cluster:Cluster", "aws:kms/key:Key", "aws:kms/replicaKey:ReplicaKey"
SECRETS, TABLE = "aws:secretsmanager/secret:Secret", "aws:dynamodb/table:Table"


@contextmanager
def with_replica() -> Iterator[Fleet]:
    """The committed stacks with a replica of eu-west-1, read by programs as long as this lasts."""
    with TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        folder = Path(name)
        for path in STACKS.glob("Pulumi.*.yaml"):
            shutil.copy(path, folder)
        shutil.copytree(STACKS / "markets", folder / "markets")
        text = render_replica(
            PRIMARY, REPLICA, HERE, Strategy.WARM_STANDBY, domain="r.example.com", copy_vault_arn=VAULT, quotas=GRANTED
        )
        (folder / f"Pulumi.{REPLICA}.yaml").write_text(text)
        for module in (account, cell):
            patch.setattr(module, "HERE", folder)
        yield load_fleet(folder, check_quotas=False)


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    with with_replica() as found:
        yield found


def made(stack: str, fleet: Fleet, *, preview: bool = False) -> Registered:
    settings: Any = (fleet.accounts | fleet.cells)[stack]

    def referenced(type_: str, name: str, inputs: Any) -> dict[str, Any]:
        if type_ == REFERENCE:
            return {"name": inputs["name"], "outputs": OUTPUTS, "secretOutputNames": []}
        return dict(answers(type_, name, inputs))

    module: Any = account if stack in fleet.accounts else cell
    return run(lambda: module.run(stack, settings), preview=preview, outputs=referenced)


@pytest.fixture(scope="module")
def replica(fleet: Fleet) -> Registered:
    return made(REPLICA, fleet)


@pytest.fixture(scope="module")
def primary(fleet: Fleet) -> Registered:
    return made(PRIMARY, fleet)


def test_a_replica_stands_in_its_own_region(replica: Registered) -> None:
    assert_regional(replica, HERE)


def test_its_shards_are_secondaries_of_their_primarys_and_have_no_master_user(
    replica: Registered, primary: Registered
) -> None:
    assert replica.of("aws:rds/globalCluster:GlobalCluster") == {}
    worlds = primary.of("aws:rds/globalCluster:GlobalCluster").values()
    joined = {one.inputs["globalClusterIdentifier"] for one in replica.of(CLUSTER).values()}
    assert joined == {world.inputs["globalClusterIdentifier"] for world in worlds}
    for name, cluster in replica.of(CLUSTER).items():
        assert cluster.inputs["clusterIdentifier"] == name
        absent = {"databaseName", "masterUsername", "masterPasswordWo", "masterPasswordWoVersion"}
        assert absent.isdisjoint(cluster.inputs)


def test_a_movement_is_no_change_of_a_shard_on_either_side(replica: Registered, primary: Registered) -> None:
    for side in (replica, primary):
        assert {cluster.ignore_changes for cluster in side.of(CLUSTER).values()} == {MOVED}


def test_secrets_are_the_primarys_replicated_at_birth(replica: Registered, primary: Registered) -> None:
    assert replica.of(SECRETS) == {}
    assert all(one.inputs["replicas"] == [{"region": HERE}] for one in primary.of(SECRETS).values())
    proxies = replica.of("aws:rds/proxy:Proxy")
    for name, proxy in proxies.items():
        there = OUTPUTS["shards"][name.rpartition("-")[2]]["secretArn"].replace(HOME, HERE)
        assert proxy.inputs["auths"][0]["secretArn"] == there
    assert proxies


def test_multi_region_keys_are_replicated_with_the_replicas_own_roles_and_others_made(replica: Registered) -> None:
    found = replica.of(KEY_REPLICA)
    assert set(found) == {f"{REPLICA}-{use}" for use in ("subjects", "envelope", "evidence")}
    for name, key in found.items():
        assert key.inputs["primaryKeyArn"] == OUTPUTS["keyArns"][name.rpartition("-")[2]]
    roles = found[f"{REPLICA}-subjects"].statement("UseByRoles")["Condition"]["ArnLike"]["aws:PrincipalArn"]
    assert roles == [f"arn:aws:iam::{_account_id(replica)}:role/{REPLICA}-payments-*"]
    assert f"{REPLICA}-payments" in replica.of(KEY)


def _account_id(registered: Registered) -> str:
    arn: str = registered.one(KEY_REPLICA, f"{REPLICA}-subjects").statement("Administer")["Principal"]["AWS"]
    return arn.split(":")[4]


def test_tables_are_the_primarys_which_have_a_stream_and_let_the_pair_add_replicas(
    replica: Registered, primary: Registered
) -> None:
    assert replica.of(TABLE) == {}
    for table in primary.of(TABLE).values():
        assert table.inputs["streamViewType"] == "NEW_AND_OLD_IMAGES"
        assert "replicas" in table.ignore_changes
    text = json.dumps([one.inputs["policy"] for one in replica.of("aws:iam/rolePolicy:RolePolicy").values()])
    for table in (f"{PRIMARY}-subject-keys", f"{PRIMARY}-fraud-1a2b3c4", f"{PRIMARY}-epoch"):
        assert f"arn:aws:dynamodb:{HERE}:{_account_id(replica)}:table/{table}" in text


def test_endpoints_let_the_replica_reach_its_primarys_tables_and_secrets(
    replica: Registered, primary: Registered
) -> None:
    def reached(side: Registered, name: str) -> Any:
        return side.one("aws:ec2/vpcEndpoint:VpcEndpoint", name).statement("OwnResources")["Resource"]

    assert any(one.endswith(f":table/{PRIMARY}-*") for one in reached(replica, f"{REPLICA}-dynamodb"))
    assert any(one.endswith(f":secret:{PRIMARY}-*") for one in reached(replica, f"{REPLICA}-secretsmanager"))
    assert not any(one.endswith(f"/{PRIMARY}-*") for one in reached(replica, f"{REPLICA}-kinesis-streams"))
    assert REPLICA not in json.dumps(reached(primary, f"{PRIMARY}-dynamodb"))


def test_images_keep_the_names_of_the_primarys_repositories(replica: Registered, primary: Registered) -> None:
    kind = "aws:ecr/repository:Repository"
    assert {one.inputs["name"] for one in replica.of(kind).values()} == {
        one.inputs["name"] for one in primary.of(kind).values()
    }


def test_the_account_copies_the_images_of_a_cell_with_a_replica(fleet: Fleet) -> None:
    stack = fleet.cells[PRIMARY].account
    found = made(stack, fleet).one("aws:ecr/replicationConfiguration:ReplicationConfiguration")
    (rule,) = found.inputs["replicationConfiguration"]["rules"]
    assert found.inputs["region"] == HOME
    assert [place["region"] for place in rule["destinations"]] == [HERE]
    assert rule["repositoryFilters"] == [{"filter": f"{PRIMARY}/", "filterType": "PREFIX_MATCH"}]


def test_no_control_finds_a_violation_in_a_replica_or_its_primary(replica: Registered, primary: Registered) -> None:
    failed = [
        f"{one.control} {one.clause} {one.urn}: {one.verdict.reason}"
        for side in (replica, primary)
        for one in findings(stack_of(side))
        if one.verdict.status is Status.FAIL
    ]
    assert not failed, "\n".join(failed)


def test_a_preview_of_a_replica_registers_the_same_resources(fleet: Fleet, replica: Registered) -> None:
    preview = made(REPLICA, fleet, preview=True)
    assert {(one.type, one.name) for one in preview} == {(one.type, one.name) for one in replica}
