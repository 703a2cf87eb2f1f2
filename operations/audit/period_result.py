"""What the bundles of a period say together, as data. ``schema()`` is the published JSON schema. Names and reasons are
hostile input, as in ``result.py``.
"""

from typing import Any

from operations.audit.result import Record, ResourceRef, Time
from policies.control import Severity

SCHEMA_VERSION = 1


class Run(Record):
    """One evidence bundle."""

    name: str
    """Of its folder."""
    audit: str = ""
    started: Time | None = None
    """None, and what follows empty, where it is broken: nothing in it is believed."""
    ended: Time | None = None
    stacks: tuple[str, ...] = ()
    verdict: str
    """As `cell audit verify` says it."""
    problem: str = ""
    """The first thing that is not as it was written."""
    counts: bool = False
    """Every control was asked, of a live account too: one of the runs that were due."""
    emulated: bool = False
    findings: tuple[str, ...] = ()
    """What an intact bundle makes its reader doubt."""


class Gap(Record):
    """A time without an audit that is longer than it may be."""

    stack: str
    after: str
    """Id of the audit before it; "" where there was none."""
    start: Time
    end: Time
    seconds: int


class Coverage(Record):
    """The audits of one stack."""

    stack: str
    expected: int
    """How often the longest allowed time goes into the period."""
    held: int
    """Whole audits that began in the period."""
    partial: int
    """Others, of some controls or of no live account: they do not count."""
    first: Time | None
    last: Time | None
    gaps: tuple[Gap, ...]


class Interval(Record):
    """A time in which one clause failed on one resource, or could not be observed."""

    control: str
    clause: str
    severity: Severity
    """The highest that the control had meanwhile."""
    stack: str
    resource: ResourceRef
    after: Time | None
    """The last audit before that saw it otherwise; None without one: it may have been so for ever."""
    first: Time
    """The first audit that saw it so."""
    last: Time
    """The last audit that saw it so."""
    until: Time | None
    """The first audit that saw it otherwise again; None where it is still so."""
    at_least_s: int
    """What the audits prove."""
    at_most_s: int | None
    """What they leave possible; None without a look before."""
    reason: str
    """In the last audit that saw it."""
    exceptions: tuple[str, ...] = ()
    """That accepted it at one time at least, emergencies too."""
    accepted: bool = False
    """Each time that an audit saw it an exception accepted it, and none was an emergency."""


class InForce(Record):
    """An exception of the period. A renewed one is another: its terms are signed anew."""

    id: str
    control: str
    resource: str
    granted: Time
    expires: Time
    in_force_s: int
    """In this period."""
    renewal: int
    emergency: bool
    approvers: tuple[str, ...]
    seen_first: Time
    """By the first audit that found it in use."""
    seen_last: Time


class Changed(Record):
    """A rule that was another in the audit before."""

    audit: str
    about: str
    before: str
    after: str


class Period(Record):
    """What the bundles say."""

    schema_version: int = SCHEMA_VERSION
    start: Time
    end: Time
    """Not in the period."""
    every_s: int
    """Longest allowed time between two audits."""
    stacks: tuple[str, ...]
    emulated: bool
    """An endpoint of one audit at least was not AWS."""
    unproven: bool
    """Of one bundle at least no given key proves who signed it."""
    runs: tuple[Run, ...]
    """By time; broken ones last, whenever they were."""
    elsewhere: int
    """Intact bundles of other stacks or other times, of which nothing is told here."""
    coverage: tuple[Coverage, ...]
    chain: tuple[str, ...]
    """Audits of the period that are not where the others say: left out, begun anew, overlapping."""
    failures: tuple[Interval, ...]
    """Not accepted ones first, then worst severity first."""
    unknown: tuple[Interval, ...]
    exceptions: tuple[InForce, ...]
    changed: tuple[Changed, ...]

    @property
    def broken(self) -> tuple[Run, ...]:
        return tuple(one for one in self.runs if one.problem)

    @property
    def gaps(self) -> tuple[Gap, ...]:
        return tuple(gap for one in self.coverage for gap in one.gaps)

    @property
    def deviations(self) -> tuple[Interval, ...]:
        return tuple(one for one in self.failures if not one.accepted)


def schema() -> dict[str, Any]:
    """JSON schema of ``cell audit period -o json`` (JSON Schema draft 2020-12)."""
    described = Period.model_json_schema()
    described["properties"]["schema_version"] |= {"const": SCHEMA_VERSION}
    return {**described, "$schema": "https://json-schema.org/draft/2020-12/schema", "title": "cell audit period"}
