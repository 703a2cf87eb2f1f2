"""What an audit found, as data: reports, comparisons and the evidence bundle read this and nothing else.
``schema()`` is the published JSON schema.

Times are UTC, ISO 8601 with "Z". Names of resources, tags and reasons come from accounts that anybody may have written
to: hostile input for every report.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from policies.control import Framework, Severity, Status, Strength

SCHEMA_VERSION = 1

Time = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Record(BaseModel):
    """A part of the result."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Place(StrEnum):
    """Where a clause is asked. What is declared (preview, state) speaks for design, a live account for operation."""

    PREVIEW = "preview"
    STATE = "state"
    LIVE = "live"


class Reconciled(StrEnum):
    """What the places say together about one clause of one resource."""

    AGREES = "agrees"
    DRIFTED = "drifted"
    """What is declared holds, what is live does not."""
    DIFFERS = "differs"
    """The places answer differently in another way: the declaration fails and the account does not."""
    UNMANAGED = "unmanaged"
    """The resource is live and in no state."""
    MISSING = "missing"
    """The resource is in state and not in the account."""
    UNDETERMINED = "undetermined"
    """One place does not know the value (yet)."""
    NOT_OBSERVED = "not observed"
    """One place could not be asked."""
    ONE_PLACE = "one place"
    """Only one place was to be asked: nothing to reconcile."""


class Mapped(Record):
    framework: Framework
    criterion: str
    strength: Strength


class ClauseEntry(Record):
    """One predicate of the catalogue."""

    name: str
    question: str
    """What holds where the answer is a pass, in words."""
    not_live: str = ""
    """Why a live account cannot show it; "" where it can."""
    not_declared: str = ""
    """Why no declaration shows it; "" where one does."""
    environments: tuple[str, ...] = ()
    """Where it holds for synthetic data too; elsewhere for real data only. Empty: not asked of resources."""
    data_classes: tuple[str, ...] = ()
    """Of the resources that it speaks about, in rising order of harm. Empty: not asked of resources."""


class ControlEntry(Record):
    """A control as it was asked."""

    id: str
    title: str
    severity: Severity
    maps_to: tuple[Mapped, ...]
    risk: str
    remediation: str
    clauses: tuple[ClauseEntry, ...]


class ResourceRef(Record):
    """A resource, by what AWS, Kubernetes and Pulumi call it. Hostile input, all of it."""

    type: str
    """Pulumi's token, ``aws:kms/key:Key``."""
    name: str
    """Logical name where a state has it, else the provider's own."""
    id: str
    account: str = ""
    """"" for objects of a cluster."""
    region: str = ""
    """"" for what has none."""
    urn: str = ""
    """"" where it is in no state."""

    @property
    def key(self) -> str:
        """The same in two audits, and of no two resources."""
        return "|".join((self.type, self.account, self.region, self.id))


class Observed(Record):
    """The answer in one place."""

    place: Place
    status: Status
    reason: str = ""
    evidence: tuple[int, ...] = ()
    """Sequence numbers of the records in the evidence bundle that it rests on: the calls that listed and described."""


class Approval(Record):
    """A signature over an exception that was good when the audit ran."""

    approver: str
    role: str
    key: str
    """Fingerprint, SHA-256 of the public key."""
    signed: Time


class AcceptedException(Record):
    """An exception: the control still fails here, and somebody with the right to has accepted that for a time."""

    id: str
    control: str
    resource: str
    """URN, or the id of a resource in no state."""
    reason: str
    requester: str
    ticket: str
    compensating_control: str
    granted: Time
    expires: Time
    renewal: int = 0
    """How many times it was renewed."""
    emergency: bool = False
    digest: Sha256
    approvals: tuple[Approval, ...]


class RefusedException(Record):
    """An entry that accepts nothing: expired, malformed, unsigned, or matching nothing."""

    file: str
    line: int
    id: str
    problem: str


class Attestation(Record):
    """What somebody vouches for because no cloud can show it."""

    file: str
    control: str
    statement: str
    performer: str
    reviewer: str
    period_from: str
    period_to: str
    valid_until: str
    population: str
    sample: str
    artefact: str
    artefact_sha256: str
    accepted: bool
    problem: str = ""
    """Why it covers nothing; "" where it does."""


class RecoveryStep(Record):
    """One step of a movement or of a drill."""

    name: str
    state: str
    """begun, done or failed."""
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Recovery(Record):
    """A movement of the writer, or a drill, that was run: it supports criteria, and answers no clause."""

    id: str
    """Of the run; the folder of a drill."""
    what: str
    """failover, switchover, failback, drill of region-dead, ..."""
    origin: str
    """Stack of the cell that wrote; of a restore drill, the cell."""
    target: str = ""
    """Stack of the cell that was to write; "" for a restore."""
    started: Time
    ended: Time | None = None
    outcome: str
    """Status of a run; "kept" or "broken" of a drill."""
    found: str
    """What was measured, and what was missed, in words."""
    by: str = ""
    """ARN of who started it; "" for a drill."""
    approved_by: tuple[str, ...] = ()
    steps: tuple[RecoveryStep, ...] = ()
    file: str
    """Below the project; a run's can be made again from the pair's journal (`cell recovery collect`)."""
    sha256: Sha256
    """Of the file."""
    emulated: bool
    """Its cloud was not AWS."""
    maps_to: tuple[Mapped, ...] = ()
    """Criteria that it supports; none where `note` says why."""
    note: str = ""

    @property
    def cells(self) -> str:
        """From which cell to which."""
        return f"{self.origin} -> {self.target}" if self.target else self.origin

    @property
    def supports(self) -> str:
        """The criteria, or why there is none."""
        return ", ".join(f"{one.framework} {one.criterion}" for one in self.maps_to) or f"nothing: {self.note}"


class Answer(Record):
    """What one clause answers about one resource (or one attestation), in all places that were asked."""

    control: str
    clause: str
    stack: str = ""
    """Whose state has the resource; "" for none."""
    resource: ResourceRef
    status: Status
    """What counts: of several places the worst answer (fail before not observed before undetermined before pass)."""
    reason: str = ""
    reconciled: Reconciled
    observed: tuple[Observed, ...]
    exception: str = ""
    """Id of the exception that accepts the failure; the status stays "fail"."""


class Population(Record):
    """How many resources of a type there are in a region, from the list call of the type, and from a second source."""

    type: str
    account: str
    region: str
    listed: int | None
    """None where the list call did not answer."""
    source: str
    """The operation that lists, "kms:ListKeys"."""
    owned_by_aws: int = 0
    """Of these, made by AWS itself: see the ownership table."""
    second_source: str = ""
    second: int | None = None
    reason: str = ""
    """Why it was not listed."""
    evidence: tuple[int, ...] = ()


class Scope(Record):
    """What the audit looked at, by which endpoint and as whom."""

    stacks: tuple[str, ...]
    accounts: tuple[str, ...]
    regions: tuple[str, ...]
    places: tuple[Place, ...]
    controls: tuple[str, ...]
    """Ids of the controls that were asked."""
    partial: bool = False
    """Some controls of the catalogue were left out by a filter."""
    caller: str = ""
    """ARN that asked."""
    endpoint: str = ""
    emulated: bool = False
    """The endpoint is not AWS: nothing here speaks of an account of AWS."""


class Tool(Record):
    """Digests of all that could change an answer."""

    version: str
    commit: str = ""
    """Of the checkout; "" where there is none."""
    dirty: bool = False
    """The checkout has changes that no commit has."""
    catalogue: Sha256
    lock: Sha256
    packs: Sha256
    states: Mapping[str, Sha256] = Field(default_factory=dict)
    """By stack: of the state as it was read, and empty without one."""


class Calls(Record):
    """How AWS and the clusters were asked."""

    by_operation: Mapping[str, int]
    """"kms:ListKeys" -> how often."""
    throttled: int = 0
    denied: Mapping[str, int] = Field(default_factory=dict)
    clock_skew_s: float = 0.0
    """Largest difference between the server's date and ours; over 5 s it is a finding."""


class Audit(Record):
    """One audit."""

    schema_version: int = SCHEMA_VERSION
    id: str
    """Time of the start and scope in words: name of the evidence bundle."""
    started: Time
    ended: Time
    scope: Scope
    tool: Tool
    thresholds: Mapping[str, int | float | str]
    """Numbers that were in force, by name: "KEY-03.MAX_ROTATION_DAYS" -> 365."""
    controls: tuple[ControlEntry, ...]
    answers: tuple[Answer, ...]
    populations: tuple[Population, ...]
    exceptions: tuple[AcceptedException, ...] = ()
    refused_exceptions: tuple[RefusedException, ...] = ()
    attestations: tuple[Attestation, ...] = ()
    recoveries: tuple[Recovery, ...] = ()
    """Movements and drills of the audited cells, the newest first."""
    calls: Calls
    unaccounted: tuple[str, ...] = ()
    """Sentences about what the audit itself could not do: a region without rights, a type over its limit."""
    previous: str = ""
    """Digest of the head of the audit before; "" for the first."""

    def of(self, status: Status) -> Iterator[Answer]:
        """Answers with a status."""
        return (answer for answer in self.answers if answer.status is status)

    @property
    def deviations(self) -> tuple[Answer, ...]:
        """Failures, accepted ones among them, worst severity first."""
        rank = {entry.id: list(Severity).index(entry.severity) for entry in self.controls}
        return tuple(sorted(self.of(Status.FAIL), key=lambda one: (-rank[one.control], one.control, one.resource.key)))

    @property
    def counts(self) -> Mapping[Status, int]:
        """Answers by status, every status."""
        counted = Counter(answer.status for answer in self.answers)
        return {status: counted[status] for status in Status}

    def control(self, control_id: str) -> ControlEntry:
        """The entry of a control. Raises KeyError."""
        for entry in self.controls:
            if entry.id == control_id:
                return entry
        raise KeyError(control_id)


def schema() -> dict[str, Any]:
    """JSON schema of ``cell audit --report json=FILE`` (JSON Schema draft 2020-12)."""
    return Audit.model_json_schema()
