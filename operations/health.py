"""How a stack is, as its account says now: its parts, its alarms, its last drill and its last audit.

What nobody told is ``not observed`` with the code of the refusal, and never taken for well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from operations.deploy import Session
from operations.errors import CellError
from operations.last_drill import RESTORE_TESTS, last_drill
from operations.plan import Kind, known_stack
from operations.preflight_aws import Clients, NotObserved, Silent, ask
from operations.preflight_checks import entered
from operations.upgrade.running import ADD_ON, CLUSTER, INSTANCE, NODE_GROUP, SHARD
from stacks.fleet import Fleet, load_fleet

ALARMS = frozenset({"aws:cloudwatch/metricAlarm:MetricAlarm", "aws:cloudwatch/compositeAlarm:CompositeAlarm"})
TARGET_GROUP = "aws:lb/targetGroup:TargetGroup"

MAX_NAMES = 100
"""Of one DescribeAlarms
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html)."""

NEVER = "never"

Row = Mapping[str, Any]
"""A resource as the engine exports it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A kind of resource that AWS says the state of."""

    word: str
    service: str
    look: Callable[[Any, Mapping[str, Any]], str]
    """Its state, by the service's client and the resource's outputs. Raises NotObserved."""


def live(session: Session, stack: str) -> dict[str, Any]:
    """``alarms``, ``health`` (part -> state), ``lastDrill`` and ``lastAudit`` of a stack."""
    fleet, kind = load_fleet(session.project.stacks_folder), known_stack(stack, session.declared).kind
    cell = _cell_of(session, fleet, stack, kind)
    account = fleet.accounts[stack] if kind is Kind.ACCOUNT else fleet.account_of(cell)
    region = account.home_region if kind is Kind.ACCOUNT else fleet.cells[cell].region
    rows = [row for row in session.engine.resources(stack) if not row.get("delete")]
    try:
        clients = entered(account, "status")
    except CellError as reason:
        return dict.fromkeys(("alarms", "health", "lastDrill", "lastAudit"), f"not observed: {reason}")
    return {
        "alarms": alarms(clients, rows),
        "health": health(clients, rows),
        "lastDrill": drilled(clients, rows, _drilled_places(fleet, stack, cell)),
        "lastAudit": last_audit(clients, region, stack if kind is Kind.ACCOUNT else cell),
    }


def _cell_of(session: Session, fleet: Fleet, stack: str, kind: Kind) -> str:
    """The cell whose account and records are asked: of a pair its primary."""
    if kind is Kind.PAIR:
        return fleet.pairs[stack].primary
    return str(session.declared[stack].needs) if kind is Kind.WORKLOADS else stack


def _drilled_places(fleet: Fleet, stack: str, cell: str) -> dict[str, str]:
    """Cell -> region of the records of drills: of a pair both cells', because whichever writes is drilled."""
    if cell not in fleet.cells:
        return {}
    pair = fleet.pairs.get(stack)
    cells = (pair.primary, pair.replica) if pair else (cell,)
    return {one: fleet.cells[one].region for one in cells}


def health(clients: Clients, rows: Sequence[Row]) -> dict[str, str]:
    """State of each part in AWS's own word with the issues that it names, ``missing`` for one that is gone."""
    found: dict[str, str] = {}
    silent: dict[tuple[str, str], str] = {}
    for kind, part in PARTS.items():
        for row in (row for row in rows if row["type"] == kind):
            name, where = row["urn"].rpartition("::")[2], (part.service, row["outputs"]["region"])
            try:
                state = silent.get(where) or part.look(clients.get(*where), row["outputs"])
            except NotObserved as reason:
                state = f"not observed: {reason}"
                if isinstance(reason, Silent):
                    silent[where] = state
            found[f"{part.word} {name}"] = state
    return found


def _cluster(eks: Any, of: Mapping[str, Any]) -> str:
    answer = ask(eks.describe_cluster, absent=_GONE, name=of["name"])
    return _with_issues(answer and answer["cluster"])


def _node_group(eks: Any, of: Mapping[str, Any]) -> str:
    name = {"clusterName": of["clusterName"], "nodegroupName": of["nodeGroupName"]}
    answer = ask(eks.describe_nodegroup, absent=_GONE, **name)
    return _with_issues(answer and answer["nodegroup"])


def _add_on(eks: Any, of: Mapping[str, Any]) -> str:
    answer = ask(eks.describe_addon, absent=_GONE, clusterName=of["clusterName"], addonName=of["addonName"])
    return _with_issues(answer and answer["addon"])


def _with_issues(found: Mapping[str, Any] | None) -> str:
    """``DEGRADED, AccessDenied: the node role ...``, of what EKS describes."""
    if found is None:
        return _MISSING
    issues = (found.get("health") or {}).get("issues") or []
    return ", ".join([str(found["status"]), *(f"{issue['code']}: {issue['message']}" for issue in issues)])


def _shard(rds: Any, of: Mapping[str, Any]) -> str:
    name = of["clusterIdentifier"]
    answer = ask(rds.describe_db_clusters, absent={"DBClusterNotFoundFault"}, DBClusterIdentifier=name)
    return str(answer["DBClusters"][0]["Status"]) if answer else _MISSING


def _instance(rds: Any, of: Mapping[str, Any]) -> str:
    absent = {"DBInstanceNotFound", "DBInstanceNotFoundFault"}
    answer = ask(rds.describe_db_instances, absent=absent, DBInstanceIdentifier=of["identifier"])
    return str(answer["DBInstances"][0]["DBInstanceStatus"]) if answer else _MISSING


def _targets(elb: Any, of: Mapping[str, Any]) -> str:
    """``2 healthy, 1 unhealthy (Target.Timeout)``"""
    answer = ask(elb.describe_target_health, absent={"TargetGroupNotFound"}, TargetGroupArn=of["arn"])
    if answer is None:
        return _MISSING
    states: dict[str, list[str]] = {}
    for target in answer["TargetHealthDescriptions"]:
        state = target["TargetHealth"]
        states.setdefault(state["State"], []).append(state.get("Reason", ""))
    return ", ".join(_counted(state, whys) for state, whys in sorted(states.items())) or "no targets"


def _counted(state: str, whys: Sequence[str]) -> str:
    named = ", ".join(sorted({why for why in whys if why}))
    return f"{len(whys)} {state}" + (f" ({named})" if named else "")


_GONE = frozenset({"ResourceNotFoundException"})
_MISSING = "missing"

PARTS: Mapping[str, Part] = {
    CLUSTER: Part(word="cluster", service="eks", look=_cluster),
    NODE_GROUP: Part(word="nodes", service="eks", look=_node_group),
    ADD_ON: Part(word="add-on", service="eks", look=_add_on),
    SHARD: Part(word="database cluster", service="rds", look=_shard),
    INSTANCE: Part(word="database instance", service="rds", look=_instance),
    TARGET_GROUP: Part(word="targets", service="elbv2", look=_targets),
}


def alarms(clients: Clients, rows: Sequence[Row]) -> Mapping[str, Any] | str:
    """``{"alarms": 41, "ringing": [...], "withoutData": 3, "missing": [...]}``, or why nobody could be asked.

    `ringing`: names of alarms in state ALARM. `missing`: those that are in state and not in the account.
    """
    declared = [row for row in rows if row["type"] in ALARMS]
    try:
        states = {name: state for some in _alarm_states(clients, declared) for name, state in some.items()}
    except NotObserved as reason:
        return f"not observed: {reason}"
    return {
        "alarms": len(declared),
        "ringing": sorted(name for name, state in states.items() if state == "ALARM"),
        "withoutData": sum(state == "INSUFFICIENT_DATA" for state in states.values()),
        "missing": sorted({row["id"] for row in declared} - states.keys()),
    }


def _alarm_states(clients: Clients, declared: Sequence[Row]) -> Iterator[Mapping[str, str]]:
    for region in sorted({row["outputs"]["region"] for row in declared}):
        cloudwatch = clients.get("cloudwatch", region)
        names = sorted(row["id"] for row in declared if row["outputs"]["region"] == region)
        for start in range(0, len(names), MAX_NAMES):
            some, types = names[start : start + MAX_NAMES], ["MetricAlarm", "CompositeAlarm"]
            answer = ask(cloudwatch.describe_alarms, AlarmNames=some, AlarmTypes=types, MaxRecords=MAX_NAMES)
            found = [*answer.get("MetricAlarms", ()), *answer.get("CompositeAlarms", ())]
            yield {alarm["AlarmName"]: alarm["StateValue"] for alarm in found}


def drilled(clients: Clients, rows: Sequence[Row], places: Mapping[str, str]) -> str:
    """When the last drill was, how long ago that is, and how it ended; ``never``, or why nobody could be asked."""
    try:
        found = last_drill(clients, rows, places)
    except NotObserved as reason:
        return f"not observed: {reason}"
    if found is None:
        plans = any(row["type"] == RESTORE_TESTS for row in rows)
        return NEVER if plans else f"{NEVER}: the stack has no restore tests"
    return found.words(datetime.now(UTC))


def audit_record(stack: str) -> str:
    """Parameter of an account or a cell that says how its last audit ended: whoever audits writes it, no stack does."""
    return f"/payment-cell/{stack}/last-audit"


def last_audit(clients: Clients, region: str, stack: str) -> str:
    """When the record was written and what it says; ``never`` where there is none."""
    return _record(clients, region, audit_record(stack))


def _record(clients: Clients, region: str, name: str) -> str:
    try:
        ssm = clients.get("ssm", region)
        answer = ask(ssm.get_parameter, absent={"ParameterNotFound"}, Name=name)
    except NotObserved as reason:
        return f"not observed: {reason}"
    if answer is None:
        return NEVER
    record = answer["Parameter"]
    return f"{_utc(record['LastModifiedDate'])}: {record['Value']}"


def _utc(when: datetime) -> str:
    """AWS's SDK tells times in the zone of this machine."""
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
