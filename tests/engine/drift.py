"""Changes behind Pulumi's back, and what an audit of the live account says of them.

A `Change` says what it does with boto3 or the Kubernetes API, which types have to be read again, and which clause has
to see it. `LiveCell` has read a whole cell once, and reads only these types again after each change.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from cell import Aws, Project

from operations.audit.live.collect import Account, collect, readers
from operations.audit.live.kubernetes import KINDS, collect_cluster
from operations.audit.live.reader import shown_as
from operations.audit.live.region import Recorder, Region
from operations.audit.reconcile import Sight, reconcile
from operations.audit.result import Answer, Reconciled
from operations.audit.run import blind_spots
from operations.audit.sights import StateOf, keys_of, live_sight, state_sight
from operations.connect import Cluster
from operations.upgrade.live import ClusterApi, enter
from policies.catalogue import controls
from policies.control import Status

CELL = "eu-west-1"
STACKS = ("account", CELL, f"{CELL}-workloads")

Undo = Callable[[], object]


@dataclass(frozen=True)
class Hands:
    """What a change acts with."""

    aws: Aws
    project: Project
    cluster: Cluster

    @property
    def api(self) -> ClusterApi:
        """Entered anew: a token lives 15 minutes, and all changes together may take longer."""
        return enter(self.cluster)

    def client(self, service: str, region: str = CELL) -> Any:
        """boto3's."""
        return self.aws.client(service, region)

    def outputs(self, type_: str, name: str, stack: str = CELL) -> dict[str, Any]:
        """Outputs of the first resource in state of a type (`aws:kms/key:Key`) whose name ends with ``name``."""
        found = [one for one in self.project.resources(stack) if one.type == type_ and one.name.endswith(name)]
        assert found, f"{stack}: no {type_} is named {name}"
        return {"id": found[0].id, **found[0].outputs}


def replicate(hands: Hands, table: str, region: str) -> Undo:
    """A replica of a cell's table in another region, kept well: neither recovery nor protection comes with it."""
    here, there = hands.client("dynamodb"), hands.client("dynamodb", region)
    streams = bool(here.describe_table(TableName=table)["Table"].get("StreamSpecification"))
    if not streams:
        stream = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
        here.update_table(TableName=table, StreamSpecification=stream)
    key = hands.outputs("aws:kms/key:Key", f"account-{region}-audit", "account")["arn"]
    here.update_table(TableName=table, ReplicaUpdates=[{"Create": {"RegionName": region, "KMSMasterKeyId": key}}])
    made = there.describe_table(TableName=table)["Table"]["TableArn"]
    tags = {"payment-cell:data-class": "internal", "payment-cell:jurisdiction": "eu"}
    there.tag_resource(ResourceArn=made, Tags=[{"Key": name, "Value": value} for name, value in tags.items()])

    there.update_continuous_backups(
        TableName=table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    there.update_table(TableName=table, DeletionProtectionEnabled=True)

    def undo() -> None:
        there.update_table(TableName=table, DeletionProtectionEnabled=False)
        here.update_table(TableName=table, ReplicaUpdates=[{"Delete": {"RegionName": region}}])
        if not streams:
            here.update_table(TableName=table, StreamSpecification={"StreamEnabled": False})

    return undo


@dataclass(frozen=True, kw_only=True)
class Change:
    """One thing that somebody does by hand."""

    sees: str
    """`CONTROL clause` that has to find it."""
    does: Callable[[Hands], Undo]
    """Makes the change and returns what takes it back."""
    reads: tuple[str, ...]
    """Types that are read again."""
    also: frozenset[str] = field(default=frozenset())
    """Other clauses that fail by right."""
    reconciled: Reconciled = Reconciled.DRIFTED
    """`UNMANAGED` for a change that makes a thing of its own, `ONE_PLACE` for a clause that only a live account has."""

    def __str__(self) -> str:
        return f"{self.sees}: {', '.join(self.reads)}"


class LiveCell:
    """A deployed cell, read whole once."""

    def __init__(self, project: Project, aws: Aws, role_arn: str) -> None:
        rows = {stack: _rows(project, stack) for stack in STACKS}
        cluster = next(row["outputs"] for row in rows[CELL] if row["type"] == "aws:eks/cluster:Cluster")
        self.name, account = str(cluster["name"]), aws.account
        states = [
            StateOf(stack=stack, account=account, cluster=self.name if stack != "account" else "", rows=rows[stack])
            for stack in STACKS
        ]
        keys = keys_of(states)
        self._state = state_sight(states, keys, controls(), asked=True)
        self._blind = blind_spots(controls())
        self._aws = aws
        self._regions = ("us-east-1", *sorted({key[2] for key in keys.refs if key[2].count("-") == 2} - {"us-east-1"}))
        found = Cluster(
            name=self.name,
            region=CELL,
            endpoint=cluster["endpoint"],
            certificate_authority=cluster["certificateAuthority"]["data"],
            role_arn=role_arn,
        )
        self.hands = Hands(aws=aws, project=project, cluster=found)
        self._account = self._collect(readers())
        self._objects = self._collect_objects()
        self.before = self._answers(self._account, self._objects)
        self._failing = frozenset(_failing(self.before))

    def after(self, change: Change) -> tuple[frozenset[str], list[Answer]]:
        """Clauses that fail and did not before, and what the change's own clause says of every resource."""
        again = {shown_as(type_) for type_ in change.reads}
        account, objects = self._account, self._objects
        if again & readers().keys():
            new = self._collect(again)
            account = Account(found=[*(one for one in account.found if one.resource.type not in again), *new.found])
        if again & KINDS.keys():
            objects = self._collect_objects()
        answers = self._answers(account, objects)
        new_failures = frozenset(_failing(answers)) - self._failing
        mine = [one for one in answers if f"{one.control} {one.clause}" == change.sees]
        return frozenset(f"{control} {clause}" for control, clause, _ in new_failures), mine

    def _answers(self, account: Account, objects: Account) -> list[Answer]:
        live: Sight = live_sight(account, [objects], controls())
        return list(reconcile([self._state, live], self._blind))

    def _collect(self, types: Iterable[str]) -> Account:
        recorder = Recorder()
        regions = [
            Region(account=self._aws.account, name=name, caller="test", recorder=recorder, client=self._aws.client)
            for name in self._regions
        ]
        return collect(regions, types)

    def _collect_objects(self) -> Account:
        return collect_cluster(self.hands.api, self._aws.account, CELL, self.name, KINDS, Recorder())


def _rows(project: Project, stack: str) -> Sequence[Any]:
    latest = json.loads(project.state_file(stack).read_text())["checkpoint"]["latest"]
    return list(latest["resources"])


def _failing(answers: Iterable[Answer]) -> Iterator[tuple[str, str, str]]:
    for one in answers:
        if one.status is Status.FAIL:
            yield one.control, one.clause, one.resource.key
