"""A cell that takes payments, whole: what its programs may do and whom they may reach is what they need, no less and no
more. The tests follow each other: each leaves the cell as its stack files say."""

import json
import os
import re
import signal
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any, Final

import pytest
import used_actions
import used_edges
from cell import DEVELOPMENT
from gateway_stand import until
from live_cell import CELL, READY_S, REGION, LiveCell, Role, live_cell

from contracts.shard_map import parse
from sandbox.kubernetes.client import MERGE_PATCH, Client

pytestmark = [pytest.mark.dataplane, pytest.mark.kubernetes, pytest.mark.long]

FEW = ("--payments", "30", "--rate", "10", "--fault", "scorer-dead")
"""The same few payers again and again are what a fraud decision blocks: for a second there is none."""

INTO_NEW = ("--market", "new-zealand", "--payments", "30", "--rate", "10")

RARE: Final[Mapping[str, Mapping[str, str]]] = {
    "relay": {
        "s3:PutObject": "puts aside what cannot be published",
        "kms:GenerateDataKey": "under the archive's key, for the same",
    },
    "payments": {"kms:Decrypt": "the key of a payer whom another pod saw first, as chance has it"},
    "archiver": {"s3:PutObject": "puts aside what is no event"},
    "scorer": {
        "s3:GetObject": "a model that was promoted; this cell has none",
        "s3:ListBucket": "else AWS answers 403 and not 404 where there is no pointer to a model",
        "sqs:DeleteMessage": "when a payment was scored again, which may come after the look",
        "dynamodb:GetItem": "the key of that payment's signals",
        "kms:Decrypt": "opens it",
    },
}
"""Program -> action -> why it is needed although 200 payments do not use it."""

UNSEEN: Final[Mapping[str, str]] = {
    r".*/allow-dns .*": "names are translated: there is no DNS in a sandbox",
    r"(controllers|egress|gateway)/allow-pod-identity .*": "every namespace has it; nobody there has a role and runs",
    r"controllers/(autoscaler|load-balancer) .*": "declared, not run",
    r".* egress 0 to: .*'10\.2\.64\.0/19'.*": "AWS's subnet of a zone in which a cell of one zone has no endpoint",
    r"gateway/gateway ingress .*": "the load balancer: whoever comes from outside comes behind the policies",
    r"payments/settler egress [12] .*": "the settler asks banks for what they did not answer, and sends spans of that",
    r"egress/egress-0 ingress 0 from: .*'settler'.*": "the same, at its other end",
    r"fraud/scorer egress 1 .*": "a person's review, which no probe makes",
    r"payments/payments ingress 0 from: .*'scorer'.*": "the same, at its other end",
    r"(fraud/scorer ingress 0|gateway/gateway egress 1) ports: .*9002.*": "reviews, the Service's other port",
}
"""Regular expression of an edge -> why no connection in the sandbox needs it."""


@pytest.fixture(scope="module")
def cell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveCell]:
    with live_cell(tmp_path_factory.mktemp("live"), tmp_path_factory.mktemp("copy") / "project") as made:
        yield made


def programs(cell: LiveCell, name: str) -> list[dict[str, Any]]:
    """Processes of a workload."""
    rows = [row for row in cell.processes() if row["cluster"] == CELL]
    return [row for row in rows if row["name"].rsplit("-", 2)[0] == name]


def test_killed_relay_and_scorer_lose_and_double_nothing(cell: LiveCell) -> None:
    assert cell.numbers["problems"] == []
    assert cell.numbers["acknowledged"] > 150
    assert all(row["restarts"] for name in ("relay", "scorer") for row in programs(cell, name)), "they were killed"


def test_each_action_that_a_program_is_allowed_is_needed(cell: LiveCell) -> None:
    """Judged again without the action, one of the recorded calls at least is refused."""
    assert {role.program for role in cell.roles} >= {"payments", "relay", "archiver", "scorer", "settler", "migrator"}
    found = {role.program: used_actions.needless(role.document, role.uses) for role in cell.roles}
    superfluous = [
        f"{program}: {grant}"
        for program, grants in found.items()
        for grant in grants
        if grant.action not in RARE.get(program, {})
    ]
    assert superfluous == []


def test_no_program_asked_for_what_it_may_not(cell: LiveCell) -> None:
    assert [(role.program, use) for role in cell.roles for use in role.uses if not use.allowed] == []


def test_each_edge_that_a_policy_opens_is_used_by_a_connection(cell: LiveCell) -> None:
    found = list(map(str, used_edges.needless(cell.policies, cell.connections)))
    assert [edge for edge in found if not any(re.fullmatch(known, edge) for known in UNSEEN)] == []
    assert len(list(used_edges.edges(cell.policies))) > 1.5 * len(found), "most are used"


def test_without_one_action_the_cell_takes_no_payment(cell: LiveCell) -> None:
    (role,) = (role for role in cell.roles if role.program == "payments")
    with without_action(cell, role, "secretsmanager:GetSecretValue"):
        kill(cell, "payments")  # it keeps what it has read
        assert "none of 30 payments was acknowledged" in cell.probe(*FEW, code=1)
    kill(cell, "payments")
    cell.probe(*FEW)


def test_without_one_edge_the_cell_takes_no_payment(cell: LiveCell) -> None:
    with without_edge(cell, "payments/payments", port=5432):
        assert "none of 30 payments was acknowledged" in cell.probe(*FEW, code=1)
    cell.probe(*FEW)


def test_as_many_pods_run_as_an_autoscaler_asks_for_at_least(cell: LiveCell) -> None:
    with closing(cell.cluster()) as client:
        scalers = client.get("/apis/autoscaling/v2/horizontalpodautoscalers")["items"]
    least = {one["spec"]["scaleTargetRef"]["name"]: one["spec"]["minReplicas"] for one in scalers}
    assert set(least) >= {"gateway", "payments", "scorer"}
    assert {name: len(programs(cell, name)) for name in least} == least


def test_each_shard_is_asked_by_sql_and_holds_what_was_taken(cell: LiveCell) -> None:
    shards = parse(cell.project.pulumi("stack", "output", "shardMap", "--stack", CELL).stdout).shards
    statement = "copy (select count(*) from payments) to stdout"
    said = [cell.project.cell("sandbox", "sql", CELL, shard.id, "-c", statement).stdout for shard in shards]
    assert sum(map(int, said)) >= cell.numbers["acknowledged"]


def test_a_new_market_is_paid_into_without_a_restart(cell: LiveCell) -> None:
    before = running(cell)
    markets = cell.project.folder / "stacks" / "markets"
    text = (markets / "australia.yaml").read_text()
    for old, new in (("index: 4", "index: 5"), ("mallee", "acacia"), ("nutmeg", "banksia")):
        text = text.replace(old, new)
    (markets / "new-zealand.yaml").write_text(text)

    cell.project.bring_up(DEVELOPMENT)
    numbers = json.loads(cell.probe(*INTO_NEW))
    assert (numbers["problems"], numbers["acknowledged"] > 20) == ([], True)
    assert running(cell) == before


def running(cell: LiveCell) -> set[tuple[str, int]]:
    """Pod and process of each program."""
    return {(row["name"], row["pid"]) for row in cell.processes() if row["cluster"] == CELL and row["pid"]}


def kill(cell: LiveCell, name: str) -> None:
    """Ends the processes of a workload, and waits for others that are ready."""
    before = {row["pid"] for row in programs(cell, name)}
    for pid in before:
        os.kill(pid, signal.SIGKILL)

    def others() -> bool:
        rows = programs(cell, name)
        return all(row["ready"] and row["pid"] not in before for row in rows)

    until(others, f"{name} runs again", READY_S)


@contextmanager
def without_action(cell: LiveCell, role: Role, action: str) -> Iterator[None]:
    """The role's policy with an action less, and then as it was."""
    iam = cell.aws.client("iam", REGION)
    less = json.loads(json.dumps(role.document))
    (statement,) = (one for one in less["Statement"] if action in one["Action"])
    less["Statement"].remove(statement)
    put = {"RoleName": role.name, "PolicyName": role.policy}
    iam.put_role_policy(**put, PolicyDocument=json.dumps(less))
    try:
        yield
    finally:
        iam.put_role_policy(**put, PolicyDocument=json.dumps(role.document))


@contextmanager
def without_edge(cell: LiveCell, policy: str, port: int) -> Iterator[None]:
    """The NetworkPolicy without its egress to a port, and then as it was."""
    (found,) = (one for one in cell.policies if used_edges.name_of(one) == policy)
    kept = [rule for rule in found["spec"]["egress"] if port not in [one["port"] for one in rule["ports"]]]
    assert len(kept) == len(found["spec"]["egress"]) - 1
    with closing(cell.cluster()) as client:
        _put(client, policy, kept)
        try:
            yield
        finally:
            _put(client, policy, found["spec"]["egress"])


def _put(client: Client, policy: str, egress: Any) -> None:
    namespace, name = policy.split("/")
    path = f"/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies/{name}"
    client.request("PATCH", path, body={"spec": {"egress": egress}}, content_type=MERGE_PATCH)
