"""What a preview, the states and the live account show, each as one ``Sight``."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from re import fullmatch
from typing import Any

from operations.audit.inline import part, written_inside
from operations.audit.live.collect import Account, Found, linked, readers
from operations.audit.live.kubernetes import KINDS
from operations.audit.live.reader import NOT_READ, shown_as
from operations.audit.reconcile import Key, Said, Sight
from operations.audit.result import Place, ResourceRef
from operations.audit.state import Row, plain, resources, stack_of
from operations.health import audit_record
from operations.last_drill import drill_record
from policies.control import Control, Status, answers
from policies.resources import Stack

KUBERNETES = "kubernetes:"
PARAMETER = "aws:ssm/parameter:Parameter"

DRILL = "payment-cell:drill"
"""Tag of what a drill made."""

DRILL_TYPES = frozenset(
    {
        "aws:ec2/securityGroup:SecurityGroup",
        "aws:rds/cluster:Cluster",
        "aws:rds/clusterInstance:ClusterInstance",
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
    }
)

ROLE_TYPES = frozenset(
    {
        "aws:iam/role:Role",
        "aws:iam/rolePolicy:RolePolicy",
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class StateOf:
    """A stack's state and where its resources are."""

    stack: str
    account: str
    cluster: str = ""
    """Of a stack whose resources are a cluster's objects: the cluster's name."""
    rows: Sequence[Row]
    judged: bool = True
    """False: another stack of the account, whose resources are known to be managed and are not what is audited."""


@dataclass(frozen=True, kw_only=True)
class Keys:
    """How the resources of all states are known: by URN, and by key."""

    by_urn: Mapping[str, Key] = field(default_factory=dict)
    refs: Mapping[Key, ResourceRef] = field(default_factory=dict)
    stacks: Mapping[Key, str] = field(default_factory=dict)
    judged: frozenset[Key] = frozenset()


def keys_of(states: Iterable[StateOf]) -> Keys:
    """Keys of every resource in these states."""
    by_urn: dict[str, Key] = {}
    refs: dict[Key, ResourceRef] = {}
    stacks: dict[Key, str] = {}
    judged: set[Key] = set()
    for state in states:
        for row in resources(state.rows):
            key = _state_key(state, row)
            by_urn[row["urn"]] = key
            if key not in refs or row["type"] == key[0]:
                refs[key] = _ref(state, row, key)
            stacks[key] = state.stack
            if state.judged:
                judged.add(key)
    return Keys(by_urn=by_urn, refs=refs, stacks=stacks, judged=frozenset(judged))


def state_sight(states: Sequence[StateOf], keys: Keys, controls: Iterable[Control], *, asked: bool) -> Sight:
    """What the states say of the judged stacks; not ``asked``: only which resources there are."""
    controls = tuple(controls)
    said = [
        Said(
            control=one.control,
            clause=one.clause,
            key=keys.by_urn[one.urn],
            status=one.verdict.status,
            reason=one.verdict.reason,
        )
        for state in states
        if state.judged and asked
        for stack in [stack_of(state.rows)]
        for control in controls
        for one in answers(control, stack)
    ]
    return Sight(place=Place.STATE, refs=keys.refs, said=said, stacks=keys.stacks)


def preview_sight(found: Mapping[str, Iterable[Mapping[str, Any]]], keys: Keys, account: str) -> Sight:
    """What the packs answered in the previews of stacks (``operations.policy.of_stack``), by stack."""
    refs: dict[Key, ResourceRef] = {}
    stacks: dict[Key, str] = {}
    said: list[Said] = []
    for stack, rows in found.items():
        for one in rows:
            urn = str(one["urn"])
            type_ = urn.split("::")[2].rpartition("$")[2]
            key = keys.by_urn.get(urn, (shown_as(type_), account, "", (urn,)))
            name = urn.rpartition("::")[2]
            refs[key] = keys.refs.get(key) or ResourceRef(type=type_, name=name, id="", account=account, urn=urn)
            stacks[key] = stack
            status = Status(one["status"])
            said.append(
                Said(control=one["control"], clause=one["clause"], key=key, status=status, reason=one["reason"])
            )
    return Sight(place=Place.PREVIEW, refs=refs, said=said, stacks=stacks)


def live_sight(
    account: Account,
    clusters: Sequence[Account],
    controls: Iterable[Control],
    *,
    deploy_role: str = "",
    states: Sequence[StateOf] = (),
) -> Sight:
    """What account and clusters say, each cluster by itself: two of them may have namespaces of one name. A type
    without a reader, that the account's ``states`` have or a clause asks for, is one that could not be listed."""
    controls = tuple(controls)
    declared = {str(row["type"]) for state in states for row in resources(state.rows)}
    inside = {part for state in states for part in written_inside(state.rows, state.account)}
    known = readers().keys() | KINDS.keys()
    found = [one for asked in (account, *clusters) for one in asked.found]
    by_urn = {one.key: _live_key(one) for one in found}
    evidence = {one.key: one.evidence for one in found}
    said = [
        Said(
            control=one.control,
            clause=one.clause,
            key=by_urn[one.urn],
            status=one.verdict.status,
            reason=one.verdict.reason,
            evidence=evidence[one.urn],
        )
        for asked in (account, *clusters)
        for stack in [Stack(linked(asked.found), asked.unobserved, whole=True)]
        for control in controls
        for one in answers(control, stack, live=True)
    ]
    judged = (type_ for control in controls for clause in control.clauses for type_ in clause.resource_types)
    unread = {
        type_: NOT_READ.get(type_, "an audit has no reader for this type")
        for type_ in map(shown_as, (*judged, *declared))
        if type_ not in known
    }
    unobserved = {type_: reason for asked in (account, *clusters) for type_, reason in asked.unobserved.items()}
    return Sight(
        place=Place.LIVE,
        refs={by_urn[one.key]: _live_ref(one) for one in found},
        said=said,
        unobserved={**unread, **unobserved},
        listed=frozenset(readers()) | (KINDS.keys() if clusters else frozenset()),
        made_by_aws=frozenset(by_urn[one.key] for one in found if one.made_by_aws),
        expected=frozenset(
            by_urn[one.key] for one in found if _is_of_role(one, deploy_role) or _is_record(one) or _is_of_drill(one)
        ),
        inline=frozenset(by_urn[one.key] for one in found if part(one) in inside),
        evidence={by_urn[one.key]: one.evidence for one in found},
    )


def _is_of_role(one: Found, role: str) -> bool:
    """Whether it is the role with this ARN, or one of its policies."""
    name = role.rpartition("/")[2]
    return bool(name) and one.resource.type in ROLE_TYPES and name in (one.identity[0], one.resource.name)


def _is_record(one: Found) -> bool:
    """Whether it is where an audit before this one, or a drill, wrote down how it ended."""
    names = (audit_record(r"[\w-]+"), drill_record(r"[\w-]+"))
    return one.resource.type == PARAMETER and any(fullmatch(name, one.resource.name) for name in names)


def _is_of_drill(one: Found) -> bool:
    """Whether a drill made it, which removes it at its end and before the next one."""
    return one.resource.type in DRILL_TYPES and one.resource.tag(DRILL) is not None


def _state_key(state: StateOf, row: Row) -> Key:
    type_ = shown_as(str(row["type"]))
    outputs = plain(row.get("outputs") or {})
    reader = readers().get(type_)
    identity: tuple[Any, ...] = (row.get("id", ""),)
    if reader and reader.identity:
        identity = tuple(_plain(outputs.get(name)) for name in reader.identity)
    where = state.cluster if type_.startswith(KUBERNETES) else str(outputs.get("region") or "")
    if reader and reader.placeless:
        where = ""
    return (type_, state.account, where, identity)


def _ref(state: StateOf, row: Row, key: Key) -> ResourceRef:
    return ResourceRef(
        type=row["type"],
        name=row["urn"].rpartition("::")[2],
        id=str(row.get("id", "")),
        account=state.account,
        region=key[2],
        urn=row["urn"],
    )


def _live_key(one: Found) -> Key:
    type_, account, where, *_ = one.key.split("|")
    return (type_, account, where, one.identity)


def _live_ref(one: Found) -> ResourceRef:
    type_, account, where, *_ = one.key.split("|")
    identifier = one.key.split("|", 3)[3]
    return ResourceRef(type=type_, name=one.resource.name, id=identifier, account=account, region=where)


def _plain(value: Any) -> Any:
    return tuple(map(_plain, value)) if isinstance(value, list) else value
