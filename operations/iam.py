"""What the role that deploys a stack may do, the role that only looks, and the boundary of the roles that are deployed.

Computed: resource types that stacks of the kind declare -> actions of their calls (`catalogue/permissions.yaml`) -> the
stack's own resources, where AWS knows resources of the action (`catalogue/deploy_role.yaml`).
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import catalogue
from components.boundary import ACCOUNT, BOUNDARY_PREFIX, MAX_CHARACTERS, boundary, boundary_arn, boundary_name
from components.iam import Condition, Statement, deny, document
from components.runner import state_access
from contracts.epoch import epoch_table
from operations.errors import CellError, ExitCode
from stacks.fleet import Fleet
from stacks.models import AccountSettings


class Role(StrEnum):
    """Whose policies are printed."""

    DEPLOY = "deploy"
    """Brings stacks up, changes and destroys them."""
    READ_ONLY = "read-only"
    """Previews and shows them: everything but data and secrets."""
    CONNECT = "connect"
    """Opens `cell connect`'s sessions to a cluster's nodes."""
    REPLICAS = "replicas"
    """Lent to the role that deploys a pair for the `up` that makes replicas of its tables: DynamoDB copies items in the
    name of whoever asks."""
    BOUNDARY = "boundary"
    """Carried by every role of a cell, and made by the account's stack. Grants nothing."""


BOUNDED = frozenset({
    "iam:AttachRolePolicy", "iam:CreateRole", "iam:DeleteRolePolicy", "iam:DetachRolePolicy",
    "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy",
})  # fmt: skip
"""Actions on roles that ask for the role's boundary (condition key iam:PermissionsBoundary,
https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html)."""

REPLICATES = frozenset({"kms:ReplicateKey"})
"""Asked for of a replica only, in its primary's region."""

NEVER = frozenset({"iam:DeleteRolePermissionsBoundary"})
"""Calls that the provider knows and that no role of ours makes: they would open the boundary."""

REPLICATED_TABLES = ("epoch", "fraud-*", "subject-keys")
"""Ends of their names (contracts/epoch.py, components/fraud_scoring.py, components/subject_keys.py)."""

MAKES_REPLICAS = (
    "dynamodb:BatchWriteItem", "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query",
    "dynamodb:Scan", "dynamodb:UpdateItem",
)  # fmt: skip
"""What DynamoDB asks of whoever makes a replica of a table, in the replica's region, beside what is in
catalogue/deploy_role.yaml; the caller has to keep it until the replica is there
(https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/V2gt_IAM.html,
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-dynamodb-globaltable.html)."""

SESSION_DOCUMENT = "AWS-StartPortForwardingSessionToRemoteHost"
"""The only document that `cell connect` opens sessions with
(https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-sessions-start.html)."""

OPENS_BOUNDARY = (
    "iam:CreatePolicyVersion", "iam:DeletePolicy", "iam:DeletePolicyVersion", "iam:SetDefaultPolicyVersion",
)  # fmt: skip
"""What changes a boundary; the account's stack does, a cell never."""

READS = ("BatchGet", "Describe", "Get", "List", "View")
"""First words of actions that change nothing."""

DATA = frozenset({"secretsmanager:GetSecretValue"})
"""Reads that show a secret: the drift job leaves out resources that need them; the deploy role refreshes those."""

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_KEY = re.compile(r"arn:aws:kms:[a-z0-9-]+:\d{12}:key/[A-Za-z0-9-]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class StateStore:
    """Where the project's state is kept."""

    bucket: str
    """Name of the S3 bucket."""
    key_arns: Sequence[str] = ()
    """KMS keys of the bucket's objects and of the stacks' secrets."""

    def __post_init__(self) -> None:
        if not _BUCKET.fullmatch(self.bucket):
            raise CellError(f"--state-bucket: {self.bucket!r} is not the name of an S3 bucket", ExitCode.CONFIGURATION)
        for arn in self.key_arns:
            if not _KEY.fullmatch(arn):
                message = f"--state-key: {arn!r} is no key -> write arn:aws:kms:REGION:ACCOUNT:key/ID, no alias"
                raise CellError(message, ExitCode.CONFIGURATION)


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """The stack that is deployed."""

    stack: str
    kind: str
    account_id: str
    regions: Sequence[str]
    jurisdiction: str
    """Whose boundary its roles carry; `account` for an account's stack."""
    state: StateStore | None
    """None: not known, and then no policy reaches it."""
    has_runner: bool
    """Of a cell: a build project inside its network runs its workloads stack."""
    organization_root_id: str | None = None
    """Of an organisation's management account."""
    owners: Sequence[str] = ()
    """Of a pair: its cells, the primary first. Its own resources, and those of theirs that it changes, are named after
    them."""

    home: tuple[str, str] | None = None
    """Of a replica: its primary, and the primary's region."""
    witness_region: str | None = None
    """Of a pair: where the third copy of the epoch store is."""

    @property
    def prefixes(self) -> Sequence[str]:
        """With which names of its resources begin: a pair's own begin with its primary's."""
        return self.owners or (self.stack,)

    def fill(self, templates: Iterable[str]) -> list[str]:
        """ARNs of templates, one a region and a prefix where they name one."""
        return list(
            dict.fromkeys(
                text.format(region=region, account=self.account_id, prefix=prefix)
                for text in templates
                for region in self.regions
                for prefix in self.prefixes
            )
        )


def target(fleet: Fleet, stack: str, state: StateStore | None = None) -> Target:
    """`state` left out: its cell's runner's. Raises CellError where the stack is no cell, pair or account."""
    runner, home, witness = None, None, None
    owners: tuple[str, ...] = ()
    if stack in fleet.accounts:
        settings: AccountSettings = fleet.accounts[stack]
        regions, kind, jurisdiction = fleet.regions_of(stack), "account", ACCOUNT
    elif stack in fleet.cells:
        plan = fleet.plan(stack)
        settings, regions = fleet.account_of(stack), (plan.region,)
        kind, jurisdiction, runner = "cell", plan.jurisdiction, plan.runner
        home = (plan.standby.primary, plan.standby.home_region) if plan.standby else None
    elif stack in fleet.pairs:
        pair = fleet.pair(stack)
        settings, kind, jurisdiction = fleet.account_of(pair.primary.cell), "pair", pair.primary.jurisdiction
        owners, runner, witness = tuple(pair.cells), pair.primary.runner, pair.witness_region
        regions = tuple(plan.region for plan in pair.cells.values())
    else:
        known = ", ".join(sorted([*fleet.accounts, *fleet.cells, *fleet.pairs]))
        raise CellError(f"{stack}: no cell, pair or account of stacks/ -> use one of {known}", ExitCode.STACK_NOT_FOUND)
    if state is None and runner is not None:
        state = StateStore(bucket=runner.state_bucket, key_arns=runner.state_key_arns)
    return Target(
        stack=stack,
        kind=kind,
        account_id=settings.account_id,
        regions=regions,
        jurisdiction=jurisdiction,
        state=state,
        has_runner=runner is not None and kind == "cell",
        owners=owners,
        home=home,
        witness_region=witness,
        organization_root_id=settings.organization_root_id if kind == "account" else None,
    )


def needed(kind: str) -> frozenset[str]:
    """Actions that stacks of a kind need."""
    permissions = catalogue.permissions()
    types = permissions.stacks[kind]
    rules = catalogue.deploy_role()
    direct = {action for token in types for action in permissions.types[token]}
    indirect = {action for row in rules.indirect if row.type in types for action in row.actions}
    asked = rules.preflight if kind == "cell" else ()
    return frozenset({*direct, *indirect, *asked}) - NEVER


def policies(role: Role, of: Target) -> Mapping[str, Mapping[str, Any]]:
    """Name -> policy document; more than one where a managed policy cannot hold it all."""
    match role:
        case Role.DEPLOY:
            return _split(f"payment-cell-deploy-{of.stack}", deploy_statements(of))
        case Role.READ_ONLY:
            reads = {a for a in needed(of.kind) if a.partition(":")[2].startswith(READS)} - DATA
            return _split(f"payment-cell-read-{of.stack}", [*_scoped(reads, of), *_state(of, writes=False)])
        case Role.REPLICAS:
            return _split(f"payment-cell-replicas-{of.stack}", replica_statements(of))
        case Role.CONNECT:
            return _split(f"payment-cell-connect-{of.stack}", session_statements(of))
        case Role.BOUNDARY:
            used = {catalogue.region(region).jurisdiction for region in of.regions}
            regions = {name for jurisdiction in used for name in catalogue.regions_of(jurisdiction)}
            return {boundary_name(of.jurisdiction): document(*boundary(of.account_id, sorted(regions)))}


def deploy_statements(of: Target) -> list[Statement]:
    """All that the deploy role is allowed for one stack."""
    actions = needed(of.kind)
    direct = actions - BOUNDED - REPLICATES
    found = [
        *_scoped(direct, of),
        *_elsewhere(of),
        *_roles(of, actions & BOUNDED),
        *_handed_on(of),
        *_state(of, writes=True),
    ]
    if of.has_runner:
        project = of.fill(["arn:aws:codebuild:{region}:{account}:project/{prefix}-runner"])
        found.append(_allow("RunWorkloads", ["codebuild:BatchGetBuilds", "codebuild:StartBuild"], project))
    if of.organization_root_id is not None:
        found += _opt_out(of.organization_root_id)
    return found


def replica_statements(of: Target) -> list[Statement]:
    """What is lent: items of the pair's tables in the recovery region. Raises CellError for what is no pair."""
    if not of.owners:
        raise CellError(f"{of.stack}: makes no replicas of tables; name a pair", ExitCode.CONFIGURATION)
    primary, (_, away) = of.owners[0], of.regions
    tables = [f"arn:aws:dynamodb:{away}:{of.account_id}:table/{primary}-{name}" for name in REPLICATED_TABLES]
    return [_allow("FillReplicas", MAKES_REPLICAS, tables)]


def session_statements(of: Target) -> list[Statement]:
    """Sessions to the cluster's nodes, to forward a port and for nothing else; everybody ends their own
    (https://docs.aws.amazon.com/systems-manager/latest/userguide/getting-started-restrict-access-quickstart.html)."""
    nodes: Condition = {
        "StringEquals": {"ssm:resourceTag/eks:cluster-name": of.stack},
        # Without it, a session that names no document is a shell on the node: AWS looks at the target only
        # (https://docs.aws.amazon.com/systems-manager/latest/userguide/getting-started-sessiondocumentaccesscheck.html).
        "BoolIfExists": {"ssm:SessionDocumentAccessCheck": "true"},
    }
    here: Condition = {"StringEquals": {"aws:RequestedRegion": sorted(of.regions)}}
    instances = of.fill(["arn:aws:ec2:{region}:{account}:instance/*"])
    documents = of.fill([f"arn:aws:ssm:{{region}}::document/{SESSION_DOCUMENT}"])
    own = of.fill(["arn:aws:ssm:{region}:{account}:session/${{aws:userid}}-*"])
    return [
        _allow("SessionsToNodes", ["ssm:StartSession"], instances, nodes),
        _allow("PortForwarding", ["ssm:StartSession"], documents),
        _allow("OwnSessions", ["ssm:ResumeSession", "ssm:TerminateSession"], own),
        _allow("FindNodes", ["ec2:DescribeInstances", "ssm:DescribeInstanceInformation"], ["*"], here),
    ]


def _scoped(actions: Iterable[str], of: Target) -> list[Statement]:
    """One statement a service over the stack's resources, and one over what has none, in the stack's regions."""
    rules, unscoped = catalogue.deploy_role(), catalogue.permissions().unscoped
    by_service: dict[str, list[str]] = {}
    free: dict[bool, list[str]] = {True: [], False: []}
    for action in sorted(actions):
        service = action.partition(":")[0]
        if action in unscoped:
            free[service in rules.global_services].append(action)
        else:
            by_service.setdefault(service, []).append(action)
    found = []
    for service, some in by_service.items():
        templates = rules.scopes.get(service, (f"arn:aws:{service}:{{region}}:{{account}}:*",))
        found.append(_allow("".join(map(str.capitalize, service.split("-"))), some, of.fill(templates)))
    if free[False]:
        here: Condition = {"StringEquals": {"aws:RequestedRegion": sorted(of.regions)}}
        found.append(_allow("WithoutResource", free[False], ["*"], here))
    if free[True]:
        found.append(_allow("WithoutResourceOrRegion", free[True], ["*"]))
    return found


def _roles(of: Target, actions: Iterable[str]) -> list[Statement]:
    """Roles of the stack, only while they carry the boundary; nobody takes it off."""
    roles = _own_roles(of)
    carried: Condition = {"StringEquals": {"iam:PermissionsBoundary": boundary_arn(of.account_id, of.jurisdiction)}}
    found = [_allow("RolesWithBoundary", sorted(actions), roles, carried), deny("KeepTheBoundary", sorted(NEVER))]
    if of.kind != "account":
        boundaries = f"arn:aws:iam::{of.account_id}:policy/{BOUNDARY_PREFIX}-*"
        found.append(deny("KeepBoundariesAsTheyAre", OPENS_BOUNDARY, [boundaries]))
    return found


def _elsewhere(of: Target) -> list[Statement]:
    """What a replica and a pair do to resources of another stack or region."""
    found = []
    if of.home is not None:
        primary, region = of.home
        keys, worlds = f"arn:aws:kms:{region}:{of.account_id}:key/*", f"arn:aws:rds::{of.account_id}:global-cluster"
        # https://docs.aws.amazon.com/kms/latest/developerguide/multi-region-keys-auth.html
        into: Condition = {"StringEquals": {"kms:ReplicaRegion": list(of.regions)}}
        found.append(_allow("ReplicateKeys", sorted(REPLICATES), [keys], into))
        join = [f"rds:{verb}" for verb in ("CreateDBCluster", "DescribeGlobalClusters", "RemoveFromGlobalCluster")]
        found.append(_allow("JoinGlobalDatabases", join, [f"{worlds}:{primary}-*"]))
    if of.witness_region is not None:
        table = f"arn:aws:dynamodb:{of.witness_region}:{of.account_id}:table/{epoch_table(of.owners[0])}"
        verbs = ("CreateGlobalTableWitness", "DeleteGlobalTableWitness")
        found.append(_allow("KeepWitness", [f"dynamodb:{verb}" for verb in verbs], [table]))
    return found


def _own_roles(of: Target) -> list[str]:
    return [f"arn:aws:iam::{of.account_id}:role/{of.stack}-*"]


def _handed_on(of: Target) -> list[Statement]:
    """Roles that the stack gives to services, and those that services make for themselves."""
    roles = _own_roles(of)
    types = catalogue.permissions().stacks[of.kind]
    linked = sorted(row.service for row in catalogue.deploy_role().service_linked_roles if row.type in types)
    passed: Condition = {"StringEquals": {"iam:PassedToService": list(catalogue.permissions().passes[of.kind])}}
    own = [f"arn:aws:iam::{of.account_id}:role/aws-service-role/*"]
    return [
        _allow("PassRoles", ["iam:PassRole"], roles, passed),
        _allow(
            "ServiceLinkedRoles", ["iam:CreateServiceLinkedRole"], own, {"StringEquals": {"iam:AWSServiceName": linked}}
        ),
    ]


def _opt_out(root_id: str) -> list[Statement]:
    """The management account's policy for AI services. Its id, and the organisation's, are known only to AWS."""
    policies = ["arn:aws:organizations::*:policy/o-*/aiservices_opt_out_policy/p-*"]
    kind = {"StringEquals": {"organizations:PolicyType": "AISERVICES_OPT_OUT_POLICY"}}
    root = f"arn:aws:organizations::*:root/o-*/{root_id}"
    return [
        _allow("CreateOptOut", ["organizations:CreatePolicy"], ["*"], kind),
        _allow(
            "ChangeOptOut",
            [f"organizations:{verb}Policy" for verb in ("Attach", "Delete", "Describe", "Detach", "Update")],
            [*policies, root],
            kind,
        ),
        _allow(
            "LookAtOptOut",
            [
                f"organizations:{call}"
                for call in ("ListTagsForResource", "ListTargetsForPolicy", "TagResource", "UntagResource")
            ],
            policies,
        ),
    ]


def _state(of: Target, *, writes: bool) -> list[Statement]:
    return [] if of.state is None else state_access(of.stack, of.state.bucket, of.state.key_arns, writes=writes)


def _allow(sid: str, actions: Sequence[str], resources: Sequence[str], when: Condition | None = None) -> Statement:
    return Statement(sid=sid, effect="Allow", actions=actions, resources=resources, when=when)


def _split(name: str, statements: Sequence[Statement]) -> Mapping[str, Mapping[str, Any]]:
    """Documents that a managed policy holds each, in the order of the statements. Raises CellError where one statement
    is too long by itself."""
    groups: list[list[Statement]] = [[]]
    for statement in statements:
        if characters(document(statement)) > MAX_CHARACTERS:
            raise CellError(f"iam: statement {statement.sid} of {name} is longer than {MAX_CHARACTERS:,} characters")
        if characters(document(*groups[-1], statement)) > MAX_CHARACTERS:
            groups.append([])
        groups[-1].append(statement)
    return {f"{name}-{number}": document(*group) for number, group in enumerate(groups, 1)}


def characters(body: Mapping[str, Any]) -> int:
    """Size of a document as IAM counts it: without white space."""
    return len(json.dumps(body, separators=(",", ":")))
