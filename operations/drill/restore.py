"""`cell drill STACK --kind restore`: a shard is restored to a point in time, apart from everything, and compared.

Plain boto3 over names: no Pulumi state is read or written. What it makes carries the tag `payment-cell:drill`, and is
removed at its end and before the next drill, whatever became of this one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from components.vocabulary import TagKey
from operations.drill.comparison import Ask, Compared, compare, in_sandbox
from operations.drill.report import Step, document, line, note
from operations.errors import CellError, ExitCode
from operations.preflight_aws import Clients, error_code

RESTORE = "restore"
"""Value of the tag, and kind of the drill."""

CLUSTER_S, INSTANCE_S, ANSWER_S, GONE_S = 7200.0, 3600.0, 300.0, 3600.0
"""Longest waits. A restore takes as long as the volume is large and the log since its last backup is long
(https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-pitr.html)."""

POLL_S = 1.0

QUOTAS = frozenset({"DBClusterQuotaExceededFault", "InstanceQuotaExceeded", "InsufficientDBClusterCapacityFault"})

NOT_COPIED = frozenset({TagKey.BACKUP.value, TagKey.DRILL.value, "Name"})
"""Tags of the shard that its copy does not have: no plan backs it up."""

_ABSENT = frozenset({"DBClusterNotFoundFault", "DBInstanceNotFound", "InvalidGroup.NotFound"})


@dataclass(frozen=True, kw_only=True, slots=True)
class RestorePlan:
    """What is made. All of it is named `name` or begins so."""

    cell: str
    shard: str
    source: str
    name: str
    at: datetime
    port: int
    subnet_group: str
    parameter_group: str
    instance_class: str
    tags: Mapping[str, str]

    @property
    def listed_tags(self) -> list[dict[str, str]]:
        return [{"Key": key, "Value": value} for key, value in sorted(self.tags.items())]

    def rows(self) -> list[dict[str, str]]:
        """What is done, in order, for whoever consents."""
        group = f"{self.name}: a security group of its own, without egress"
        return [
            {"step": "clear", "what": "leftovers of earlier drills"},
            {"step": "isolate", "what": group},
            {"step": "restore", "what": f"{self.source} as of {self.at:%Y-%m-%d %H:%M:%S} UTC into {self.name}"},
            {"step": "instance", "what": f"{self.name}-0, {self.instance_class}"},
            {"step": "answer", "what": "wait until the copy answers"},
            {"step": "compare", "what": "rows and checksums of shard and copy"},
            {"step": "remove", "what": f"{self.name} with all of it, without a final snapshot"},
        ]


def plan_restore(
    cell: str,
    shard: str,
    cluster: Mapping[str, Any],
    instance_class: str,
    *,
    at: datetime | None,
    number: int,
) -> RestorePlan:
    """`cluster`: the shard as DescribeDBClusters shows it. `at`: None is its latest restorable time. `number`: never
    the same, so that nobody takes a copy for the one before it. Raises CellError."""
    source = f"{cell}-{shard}"
    earliest, latest = cluster.get("EarliestRestorableTime"), cluster.get("LatestRestorableTime")
    if earliest is None or latest is None:
        raise CellError(f"{source}: has no backup to restore from yet; ask again in some minutes", ExitCode.RESOURCE)
    # AWS restores to whole seconds; the latest one is rounded down, so that it is inside.
    chosen = (at or latest).astimezone(UTC).replace(microsecond=0)
    if not earliest <= chosen <= latest:
        raise CellError(
            f"at: {chosen:%Y-%m-%dT%H:%M:%SZ} is outside what {source} can be restored to, "
            f"{earliest.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ} to {latest.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ} "
            "(backup retention; the newest minutes are not there yet)",
            ExitCode.CONFIGURATION,
        )
    own = {tag["Key"]: tag["Value"] for tag in cluster.get("TagList") or () if tag["Key"] not in NOT_COPIED}
    return RestorePlan(
        cell=cell,
        shard=shard,
        source=source,
        name=f"{source}-restore-{number}",
        at=chosen,
        port=int(cluster["Port"]),
        subnet_group=str(cluster["DBSubnetGroup"]),
        parameter_group=str(cluster["DBClusterParameterGroup"]),
        instance_class=instance_class,
        tags={**own, TagKey.CELL.value: cell, TagKey.DRILL.value: RESTORE},
    )


@dataclass(kw_only=True)
class RestoreDrill:
    """A drill over the clients of one cell. `say` is told each step; `checker`: security group of whoever asks the copy
    on AWS, let in on the database's port; None: nobody is."""

    clients: Clients
    region: str
    cell: str
    ask: Ask = in_sandbox
    checker: str | None = None
    say: Callable[[str], object] = print
    steps: list[Step] = field(default_factory=list)

    @property
    def _rds(self) -> Any:
        return self.clients.get("rds", self.region)

    @property
    def _ec2(self) -> Any:
        return self.clients.get("ec2", self.region)

    def plan(self, shard: str, at: datetime | None = None) -> RestorePlan:
        """Raises CellError for a shard that the cell has not, or a time that AWS does not restore to."""
        found = {one["DBClusterIdentifier"]: one for one in self._clusters()}
        source = found.get(f"{self.cell}-{shard}")
        if source is None or _drilled(source):
            known = sorted(
                name for name, one in found.items() if name.startswith(f"{self.cell}-") and not _drilled(one)
            )
            raise CellError(
                f"shard: {self.cell} has no shard {shard!r}; it has {', '.join(known) or 'none'}",
                ExitCode.CONFIGURATION,
            )
        members = source["DBClusterMembers"]
        if not members:
            raise CellError(f"{self.cell}-{shard}: has no instance to compare with", ExitCode.RESOURCE)
        writer = next((one for one in members if one["IsClusterWriter"]), members[0])["DBInstanceIdentifier"]
        instance = self._rds.describe_db_instances(DBInstanceIdentifier=writer)["DBInstances"][0]
        number = int(time.time())
        return plan_restore(self.cell, shard, source, str(instance["DBInstanceClass"]), at=at, number=number)

    def act(self, plan: RestorePlan) -> dict[str, Any]:
        """Does it, removes it, and answers with the report. Raises CellError where it could not be done."""
        began = datetime.now(UTC)
        with self._step("clear"):
            self.clear()
        ssm = self.clients.get("ssm", self.region)
        try:
            compared = self._restored(plan)
        except ClientError as refused:
            raise _refused(plan, refused) from refused
        except CellError as failed:
            note(ssm, self.region, self.cell, f"restore of {plan.shard}: {failed}", passed=False)
            raise
        finally:
            with self._step("remove"):
                self.clear()
        names = {"cell": plan.cell, "shard": plan.shard, "source": plan.source, "copy": plan.name}
        found = document(names, plan.at, began, self.steps, compared)
        note(ssm, self.region, self.cell, line(found), passed=bool(found["same"]))
        return found

    def _restored(self, plan: RestorePlan) -> Sequence[Compared]:
        with self._step("isolate"):
            group = self._isolate(plan)
        with self._step("restore"):
            self._rds.restore_db_cluster_to_point_in_time(
                DBClusterIdentifier=plan.name,
                SourceDBClusterIdentifier=plan.source,
                RestoreToTime=plan.at,
                DBSubnetGroupName=plan.subnet_group,
                DBClusterParameterGroupName=plan.parameter_group,
                VpcSecurityGroupIds=[group],
                EnableIAMDatabaseAuthentication=True,
                DeletionProtection=False,
                Tags=plan.listed_tags,
            )
            self._until(lambda: self._status(plan.name) == "available", CLUSTER_S, f"{plan.name} is not available")
        with self._step("instance"):
            self._rds.create_db_instance(
                DBInstanceIdentifier=f"{plan.name}-0",
                DBClusterIdentifier=plan.name,
                DBInstanceClass=plan.instance_class,
                Engine="aurora-postgresql",
                PubliclyAccessible=False,
                Tags=plan.listed_tags,
            )
            self._until(lambda: self._stands(f"{plan.name}-0"), INSTANCE_S, f"{plan.name}-0 is not available")
        copy = f"{plan.shard}{plan.name.removeprefix(plan.source)}"
        with self._step("answer"):
            self._until(lambda: self._answers(copy), ANSWER_S, f"{plan.name} does not answer")
        with self._step("compare"):
            return compare(self.ask, self.cell, plan.shard, copy, plan.at)

    def _isolate(self, plan: RestorePlan) -> str:
        """A security group that lets nothing out, and nobody in but the checker."""
        subnets = self._rds.describe_db_subnet_groups(DBSubnetGroupName=plan.subnet_group)["DBSubnetGroups"][0]
        made = self._ec2.create_security_group(
            GroupName=plan.name,
            Description=f"{plan.cell}: restore drill",
            VpcId=subnets["VpcId"],
            TagSpecifications=[{"ResourceType": "security-group", "Tags": plan.listed_tags}],
        )["GroupId"]
        rules = self._ec2.describe_security_groups(GroupIds=[made])["SecurityGroups"][0]["IpPermissionsEgress"]
        if rules:
            self._ec2.revoke_security_group_egress(GroupId=made, IpPermissions=rules)
        if self.checker:
            who = {"GroupId": self.checker, "Description": "Checker of the drill"}
            port = {"IpProtocol": "tcp", "FromPort": plan.port, "ToPort": plan.port, "UserIdGroupPairs": [who]}
            marks = [{"ResourceType": "security-group-rule", "Tags": plan.listed_tags}]
            self._ec2.authorize_security_group_ingress(GroupId=made, IpPermissions=[port], TagSpecifications=marks)
        return str(made)

    # ---- what is there

    def _clusters(self) -> list[dict[str, Any]]:
        pages = self._rds.get_paginator("describe_db_clusters").paginate()
        return [cluster for page in pages for cluster in page["DBClusters"]]

    def _mine(self) -> list[dict[str, Any]]:
        return [one for one in self._clusters() if _drilled(one) == self.cell]

    def _status(self, name: str) -> str:
        return str(self._rds.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0]["Status"])

    def _stands(self, name: str) -> bool:
        found = self._rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
        return bool(found["DBInstanceStatus"] == "available")

    def _answers(self, copy: str) -> bool:
        try:
            return self.ask(self.cell, copy, "select 1").split() == ["1"]
        except CellError:
            return False

    # ---- taking it away

    def clear(self) -> None:
        """Remove whatever a drill of this cell left: instances, then clusters, then security groups."""
        for cluster in self._mine():
            for member in cluster["DBClusterMembers"]:
                name = member["DBInstanceIdentifier"]
                _gone(self._rds.delete_db_instance, DBInstanceIdentifier=name, SkipFinalSnapshot=True)
            name = cluster["DBClusterIdentifier"]
            _gone(self._rds.delete_db_cluster, DBClusterIdentifier=name, SkipFinalSnapshot=True)
        # A security group goes once nothing stands in it.
        self._until(lambda: not self._mine(), GONE_S, f"{self.cell}: clusters of a drill are not gone")
        filters = [
            {"Name": f"tag:{TagKey.DRILL.value}", "Values": [RESTORE]},
            {"Name": f"tag:{TagKey.CELL.value}", "Values": [self.cell]},
        ]
        for group in self._ec2.describe_security_groups(Filters=filters)["SecurityGroups"]:
            _gone(self._ec2.delete_security_group, GroupId=group["GroupId"])

    def _until(self, true: Callable[[], bool], longest_s: float, otherwise: str) -> None:
        deadline = time.monotonic() + longest_s
        while not true():
            if time.monotonic() > deadline:
                raise CellError(f"{otherwise} after {longest_s:.0f} s", ExitCode.TIMEOUT)
            time.sleep(POLL_S)

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        self.say(name)
        began = time.monotonic()
        try:
            yield
        finally:
            self.steps.append(Step(name=name, seconds=round(time.monotonic() - began, 3)))


def _drilled(cluster: Mapping[str, Any]) -> str:
    """The cell whose restore drill made a cluster; empty for any other cluster."""
    tags = {tag["Key"]: tag["Value"] for tag in cluster.get("TagList") or ()}
    return tags.get(TagKey.CELL.value, "") if tags.get(TagKey.DRILL.value) == RESTORE else ""


def _gone(delete: Callable[..., Any], **what: Any) -> None:
    """Delete what may be gone, or on its way, by now."""
    try:
        delete(**what)
    except ClientError as refused:
        if error_code(refused) not in _ABSENT | {"InvalidDBInstanceState", "InvalidDBClusterStateFault"}:
            raise


def _refused(plan: RestorePlan, refused: ClientError) -> CellError:
    said = f"{plan.name}: {refused.operation_name}: {error_code(refused)}: {refused.response['Error']['Message']}"
    if error_code(refused) in QUOTAS:
        said += "; a drill needs one DB cluster and one instance more than the cell: raise the quota (cell preflight)"
    return CellError(said, ExitCode.RESOURCE)


def run(
    clients: Clients,
    cell: str,
    region: str,
    *,
    shard: str,
    at: datetime | None,
    checker: str | None,
    consent: Callable[[RestorePlan], bool],
    say: Callable[[str], object],
    keep: Callable[[Mapping[str, Any]], object],
) -> dict[str, Any]:
    """The drill as a command calls it: plan, consent, act, keep. The report (`operations.drill.report`); raises
    CellError, for a copy that differs once that is kept."""
    drill = RestoreDrill(clients=clients, region=region, cell=cell, checker=checker, say=say)
    plan = drill.plan(shard, at)
    if not consent(plan):
        raise CellError("cancelled; nothing was restored", ExitCode.CANCELLED)
    found = drill.act(plan)
    keep(found)
    if not found["same"]:
        raise CellError(f"{plan.name}: differs from {plan.source}: {', '.join(found['different'])}")
    return found
