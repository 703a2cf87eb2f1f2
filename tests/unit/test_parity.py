"""Parity of a cell and its replica: what both programs declare, paired and compared."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from answers import answers
from mocks import Registered, run
from pulumi.runtime import rpc

from components.vocabulary import Strategy
from operations.audit.state import SECRET
from operations.readiness.allowed import ALLOWED
from operations.readiness.names import place
from operations.readiness.parity import Difference, differences, reason, unknown
from stacks import cell
from stacks.fleet import Fleet, load_fleet
from stacks.new_stack import render_replica

STACKS = Path(__file__).parents[2] / "stacks"
PRIMARY, REPLICA = "eu-west-1", "eu-west-1-replica"
HOME, AWAY = "eu-west-1", "eu-central-1"
VAULT = f"arn:aws:backup:{AWAY}:111122223333:backup-vault:copies"
ACCOUNT = {
    "loadBalancerLogBuckets": {region: f"lb-logs-{region}" for region in (HOME, AWAY)},
    "dataEventTrails": {
        region: {"bucket": f"data-events-{region}", "keyArn": f"arn:aws:kms:{region}:123456789012:key/audit"}
        for region in (HOME, AWAY)
    },
}
TABLE = "aws:dynamodb/table:Table"
QUEUE, NODES, ALARM = "aws:sqs/queue:Queue", "aws:eks/nodeGroup:NodeGroup", "aws:cloudwatch/metricAlarm:MetricAlarm"

Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    folder = tmp_path_factory.mktemp("stacks")
    for path in STACKS.glob("Pulumi.*.yaml"):
        shutil.copy(path, folder)
    shutil.copytree(STACKS / "markets", folder / "markets")
    text = render_replica(
        PRIMARY, REPLICA, AWAY, Strategy.WARM_STANDBY, domain="r.cell.example.com", copy_vault_arn=VAULT
    )
    (folder / f"Pulumi.{REPLICA}.yaml").write_text(text)
    return load_fleet(folder, check_quotas=False)


@pytest.fixture(scope="module")
def both(fleet: Fleet) -> tuple[Rows, Rows]:
    """States of the two cells as their programs declare them."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(cell, "load_fleet", lambda _folder: fleet)
        own = _registered(fleet, PRIMARY, {})
        outputs = own.one("payment-cell:components:PaymentCell").outputs
        return _rows(own), _rows(_registered(fleet, REPLICA, outputs))


def _registered(fleet: Fleet, stack: str, primary: Mapping[str, Any]) -> Registered:
    """What a cell's program registers; `primary`: outputs of its primary's stack."""

    def answered(type_: str, name: str, inputs: Any) -> dict[str, Any]:
        if type_ == "pulumi:pulumi:StackReference":
            outputs = primary if inputs["name"].endswith(f"/{PRIMARY}") else ACCOUNT
            return {"name": inputs["name"], "outputs": outputs, "secretOutputNames": []}
        if type_ == TABLE:
            table = inputs.get("name", name)
            return {"name": table, "arn": f"arn:aws:dynamodb:{inputs['region']}:123456789012:table/{table}"}
        return answers(type_, name, inputs)

    return run(lambda: cell.run(stack, fleet.cells[stack]), outputs=answered)


def _rows(registered: Registered) -> Rows:
    def plain(values: Any) -> dict[str, Any]:
        return {name: SECRET if rpc.is_rpc_secret(value) else value for name, value in values.items()}

    return [
        {
            "urn": one.urn,
            "type": one.type,
            "custom": not one.type.startswith("payment-cell:"),
            "id": one.state.get("id", ""),
            "inputs": plain(one.inputs),
            "outputs": plain(one.state),
        }
        for one in registered
    ]


def compared(fleet: Fleet, primary: Rows, replica: Rows) -> list[Difference]:
    own, other = fleet.plan(PRIMARY), fleet.plan(REPLICA)
    places = place(own, own, primary, primary), place(other, own, replica, primary)
    return differences(primary, replica, *places, AWAY)


def changed(rows: Rows, type_: str, change: Callable[[dict[str, Any]], None]) -> Rows:
    """Copies of the rows, the first of a type changed."""
    rows = copy.deepcopy(rows)
    change(min((row for row in rows if row["type"] == type_), key=lambda row: str(row["urn"]))["inputs"])
    return rows


def test_names_regions_zones_blocks_and_ids_are_no_differences(fleet: Fleet, both: tuple[Rows, Rows]) -> None:
    found = compared(fleet, *both)
    left = unknown(found, Strategy.WARM_STANDBY)
    assert list(map(str, left)) == []
    assert len(both[0]) > 400, "the whole cell was compared"


def test_a_warm_standby_differs_in_nodes_and_readers_and_a_hot_one_may_not(
    fleet: Fleet, both: tuple[Rows, Rows]
) -> None:
    found = compared(fleet, *both)
    grown = [d for d in found if d.property.startswith("scalingConfig.")]
    assert grown
    assert all(reason(d, Strategy.WARM_STANDBY) for d in grown)
    assert all(reason(d, Strategy.HOT) is None for d in grown)
    readers = [d for d in found if d.type == "aws:rds/clusterInstance:ClusterInstance"]
    assert readers
    assert all(reason(d, Strategy.HOT) is None for d in readers)


@pytest.mark.parametrize(
    ("type_", "change", "said"),
    [
        (QUEUE, lambda i: i.update(visibilityTimeoutSeconds=1), "visibilityTimeoutSeconds: "),
        (QUEUE, lambda i: i.update(region=HOME), f"region: {AWAY} in the primary, {HOME} in the replica"),
        (QUEUE, lambda i: i.update(kmsMasterKeyId=f"arn:aws:kms:{HOME}:123456789012:key/1"), "kmsMasterKeyId: "),
        (NODES, lambda i: i["scalingConfig"].update(maxSize=3), "scalingConfig.maxSize: "),
        (ALARM, lambda i: i.pop("threshold"), "nothing in the replica"),
        ("aws:iam/role:Role", lambda i: i.update(assumeRolePolicy='{"Statement": []}'), "assumeRolePolicy: "),
    ],
)
def test_an_unknown_difference_is_named_with_both_values(
    fleet: Fleet, both: tuple[Rows, Rows], type_: str, change: Callable[[dict[str, Any]], None], said: str
) -> None:
    before = set(map(str, compared(fleet, *both)))
    found = compared(fleet, both[0], changed(both[1], type_, change))
    new = [d for d in unknown(found, Strategy.WARM_STANDBY) if str(d) not in before]
    assert len(new) == 1, new
    assert said in str(new[0])


def test_the_place_in_an_argument_of_a_program_is_no_difference(fleet: Fleet, both: tuple[Rows, Rows]) -> None:
    def controller(cell: str, vpc: str, named: str) -> Rows:
        args = [f"--cluster-name={cell}", f"--aws-vpc-id={named}", f"--aws-region={fleet.plan(cell).region}"]
        inputs = {"containers": [{"name": "load-balancer", "args": args}]}
        return [
            {"urn": f"::{cell}-own", "type": "aws:ec2/vpc:Vpc", "custom": True, "id": vpc, "inputs": {}},
            {
                "urn": f"::{cell}-lb",
                "type": "kubernetes:apps/v1:Deployment",
                "custom": True,
                "id": "",
                "inputs": inputs,
            },
        ]

    def found(named: str) -> list[Difference]:
        primary, replica = both
        own, other = controller(PRIMARY, "vpc-d397613d", "vpc-d397613d"), controller(REPLICA, "vpc-f9da5733", named)
        return compared(fleet, [*primary, *own], [*replica, *other])

    assert found("vpc-f9da5733") == compared(fleet, *both)
    assert len(found("vpc-d397613d")) == len(compared(fleet, *both)) + 1


def test_a_resource_that_one_side_lacks_is_a_difference(fleet: Fleet, both: tuple[Rows, Rows]) -> None:
    without = [row for row in both[1] if row["type"] != QUEUE]
    found = unknown(compared(fleet, both[0], without), Strategy.WARM_STANDBY)
    assert f"{QUEUE} <here>-ledger: there in the primary, nothing in the replica" in map(str, found)


def test_a_replica_that_names_its_primarys_place_is_a_difference(fleet: Fleet, both: tuple[Rows, Rows]) -> None:
    """Even where the text is the same on both sides: it would be gone with the region."""

    def leaning(rows: Rows) -> Rows:
        return changed(rows, QUEUE, lambda i: i.update(note=f"see bucket lb-logs-{HOME}"))

    found = unknown(compared(fleet, leaning(both[0]), leaning(both[1])), Strategy.WARM_STANDBY)
    assert any(difference.property == "note" for difference in found)


def test_the_epoch_store_has_one_name_for_both(fleet: Fleet, both: tuple[Rows, Rows]) -> None:
    def told(rows: Rows) -> Rows:
        return changed(rows, QUEUE, lambda i: i.update(note=f"{PRIMARY}-epoch"))

    found = compared(fleet, told(both[0]), told(both[1]))
    assert not [difference for difference in found if difference.property == "note"]


def test_every_allowed_difference_has_a_reason_of_its_own_words() -> None:
    assert all(len(allowed.reason) > 10 for allowed in ALLOWED)
    assert len({(a.type, a.name, a.property, a.side) for a in ALLOWED}) == len(ALLOWED), "a row stands twice"
