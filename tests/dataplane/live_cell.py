"""A whole cell that takes payments: `dev` with its programs, brought up once, and what it used on the way."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import used_edges
from cell import DEVELOPMENT, DEVELOPMENT_ACCOUNT, Aws, Project
from gateway_stand import until
from used_actions import Use, used
from used_edges import Connection

from conftest import new_sandbox
from contracts.api_keys import KeyKind, Secrets, make
from sandbox.dataplane import control
from sandbox.kubernetes.client import Client
from sandbox.kubernetes.provider import kubeconfig
from sandbox.lifecycle.home import Home

CELL, REGION = "dev", "eu-west-1"
GATEWAY = f"{CELL}/gateway.gateway.svc.cluster.local"
POLICIES = "/apis/networking.k8s.io/v1/networkpolicies"
READY_S = 180.0
"""Seconds for first connections and migrations, on a machine that does other work as well."""

LOAD = ("--payments", "200", "--rate", "10", "--fault", "relay-dead", "--fault", "scorer-dead")


@dataclass(frozen=True, kw_only=True)
class Role:
    """What a program may do, and what it did."""

    program: str
    name: str
    policy: str
    """Name of its inline policy."""
    document: Mapping[str, Any]
    uses: frozenset[Use]


@dataclass(frozen=True, kw_only=True)
class LiveCell:
    """The cell, from outside."""

    project: Project
    aws: Aws
    numbers: Mapping[str, Any] = field(repr=False)
    """Of the probe."""
    roles: Sequence[Role] = field(repr=False)
    policies: Sequence[Mapping[str, Any]] = field(repr=False)
    connections: Sequence[Connection] = field(repr=False)

    def processes(self) -> list[dict[str, Any]]:
        """Of the cell and of the sandbox's own."""
        return list(self.project.data("sandbox", "ps"))

    def probe(self, *arguments: str, code: int = 0) -> str:
        """`cell probe`, which has to end with `code`: what it said."""
        done = self.project.cell("probe", CELL, *arguments, "-o", "json", code=code)
        return done.stdout if code == 0 else done.stderr

    def cluster(self) -> Client:
        """The API server, as its administrator."""
        folder = self.project.sandbox.home / "kubernetes" / DEVELOPMENT_ACCOUNT / REGION / CELL
        target = kubeconfig.load(str(folder / "admin.kubeconfig"))
        return Client(url=target.server, context=kubeconfig.tls(target))


@contextmanager
def live_cell(home: Path, folder: Path) -> Iterator[LiveCell]:
    """Up, then payments while relay and scorer are killed, a refund, and a look at what was used. The probe's own proof
    has to hold."""
    with new_sandbox(home) as sandbox:
        project = Project.copy(sandbox, folder)
        project.run_programs(CELL)
        project.bring_up(DEVELOPMENT)
        made = LiveCell(
            project=project,
            aws=Aws(sandbox, DEVELOPMENT_ACCOUNT),
            numbers={},
            roles=(),
            policies=(),
            connections=(),
        )
        until(lambda: GATEWAY in _hosts(project), "the gateway is ready", READY_S)
        numbers = json.loads(made.probe(*LOAD))
        _refund(project, made.aws)
        rows = control.ask(Home(path=sandbox.home), "connections")
        with closing(made.cluster()) as client:
            policies = client.get(POLICIES)["items"]
        yield LiveCell(
            project=project,
            aws=made.aws,
            numbers=numbers,
            roles=list(_roles(made)),
            policies=policies,
            connections=used_edges.connections(rows, CELL),
        )


def _hosts(project: Project) -> dict[str, str]:
    file = project.sandbox.home / "dataplane" / "hosts.json"
    return dict(json.loads(file.read_text())) if file.exists() else {}


def _refund(project: Project, aws: Aws) -> None:
    """What a probe does not do: a payment is read and given back."""
    arn = next(
        r.outputs["arn"]
        for r in project.resources(CELL)
        if r.type == "aws:secretsmanager/secret:Secret" and "api-keys" in r.name
    )
    secrets = aws.client("secretsmanager", REGION).get_secret_value(SecretId=arn)["SecretString"]
    headers = {"Authorization": f"Bearer {make(Secrets.from_json(secrets).current, KeyKind.LIVE, 'acct_refunding')}"}
    body = {
        "amount": 1250,
        "currency": "EUR",
        "market": "eu-sepa",
        "payment_method": "tok_abcdefgh",
        "payer": {"name": "Ada Lovelace", "email": "ada@example.org", "country": "DE"},
    }
    with httpx.Client(
        base_url=f"https://{_hosts(project)[GATEWAY]}", verify=False, headers=headers, timeout=20
    ) as client:
        paid = client.post("/v1/payments", json=body, headers={"Idempotency-Key": "pay"}).raise_for_status().json()
        client.get(f"/v1/payments/{paid['id']}").raise_for_status()
        back = client.post(f"/v1/payments/{paid['id']}/refunds", json={}, headers={"Idempotency-Key": "back"})
        assert back.is_success, back.text


def _roles(cell: LiveCell) -> Iterator[Role]:
    """Of the programs that run here."""
    eks, iam = (cell.aws.client(service, REGION) for service in ("eks", "iam"))
    running = {row["namespace"] for row in cell.processes() if row["cluster"] == CELL and row["pid"]}
    uses = used(cell.project.sandbox)
    for row in eks.list_pod_identity_associations(clusterName=CELL)["associations"]:
        if row["namespace"] not in running:
            continue
        found = eks.describe_pod_identity_association(clusterName=CELL, associationId=row["associationId"])
        arn = found["association"]["roleArn"]
        name = arn.rpartition("/")[2]
        (policy,) = iam.list_role_policies(RoleName=name)["PolicyNames"]
        document = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
        yield Role(
            program=row["serviceAccount"], name=name, policy=policy, document=document, uses=uses.get(arn, frozenset())
        )
