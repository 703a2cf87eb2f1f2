"""What a control is: a rule written once, mapped to the criteria that it supports.

A control has one or more clauses; a clause is one predicate with one of five answers. Clause functions are pure: the
policy packs, an audit and the documentation call the same ones. They read properties through a mapping that raises
``pulumi_policy.UnknownValueError`` where a value is not known during preview; ``answers`` turns that into
``UNDETERMINED``, so that an unknown value never becomes a pass and never hides what another clause knows.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pulumi_policy.proxy import UnknownValueError

from policies.criteria import CRITERIA, is_article
from policies.resources import NotObservedError, Resource, Stack
from policies.stores import DATA_CLASSES, data_class


class Status(StrEnum):
    """The five answers. An exception would leave ``FAIL`` standing, failed but accepted."""

    PASS = "pass"
    FAIL = "fail"
    NOT_APPLICABLE = "not applicable"
    UNDETERMINED = "undetermined"
    """The value is not known (yet)."""
    NOT_OBSERVED = "not observed"
    """The question could not be asked."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """An answer and, unless it is a pass, its reason. Reasons name properties; they never repeat a secret's value."""

    status: Status
    reason: str = ""


def passed() -> Verdict:
    """The predicate holds."""
    return Verdict(Status.PASS)


def failed(reason: str) -> Verdict:
    """The predicate is known not to hold."""
    return Verdict(Status.FAIL, reason)


def not_applicable(reason: str) -> Verdict:
    """The predicate does not speak about this resource."""
    return Verdict(Status.NOT_APPLICABLE, reason)


def undetermined(reason: str) -> Verdict:
    """What the predicate asks is not known here."""
    return Verdict(Status.UNDETERMINED, reason)


def not_observed(reason: str) -> Verdict:
    """No declaration says what the predicate asks, known values or not: it is asked elsewhere."""
    return Verdict(Status.NOT_OBSERVED, reason)


class Severity(StrEnum):
    """How urgent a failure is; the words of ``pulumi_policy.Severity``."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Strength(StrEnum):
    """How much of a criterion a control shows."""

    DIRECT = "direct"
    PARTIAL = "partial"
    SUPPORTS = "supports"


class Framework(StrEnum):
    """Where a criterion comes from."""

    GDPR = "GDPR"
    SOC2 = "SOC 2"


@dataclass(frozen=True, slots=True)
class Mapping_:
    """A control's claim on one criterion: its number only, the texts of the Trust Services Criteria are copyright."""

    framework: Framework
    criterion: str
    strength: Strength

    @property
    def exists(self) -> bool:
        """Whether the framework has such a criterion."""
        return is_article(self.criterion) if self.framework is Framework.GDPR else self.criterion in CRITERIA

    def __str__(self) -> str:
        return f"{self.framework} {self.criterion} ({self.strength})"


def GDPR(article: str, strength: Strength) -> Mapping_:
    """A mapping to an article of Regulation (EU) 2016/679, for example ``"32(1)(a)"``."""
    return Mapping_(Framework.GDPR, article, strength)


def SOC2(criterion: str, strength: Strength) -> Mapping_:
    """A mapping to a Trust Services Criterion of 2017 (points of focus of 2022), for example ``"CC6.1"``."""
    return Mapping_(Framework.SOC2, criterion, strength)


SAFEGUARDS = (GDPR("32(1)(b)", Strength.SUPPORTS), GDPR("5(1)(f)", Strength.SUPPORTS))
"""What every network, transport, access, cluster, backup and event control also supports."""


SYNTHETIC = "synthetic"
"""Value of the ``payment-cell:data-origin`` tag: made up, of no real person and no real payment. A missing tag means
real data, the strict case."""


class Environment(StrEnum):
    """Values of the ``payment-cell:environment`` tag. A missing tag means production, the strict case."""

    PRODUCTION = "production"
    STAGING = "staging"
    DEVELOPMENT = "development"


@dataclass(frozen=True, kw_only=True, slots=True)
class Clause:
    """One predicate over one resource: ``check(properties) -> Verdict``."""

    resource_types: frozenset[str]
    check: Callable[[Mapping[str, Any]], Verdict]
    environments: frozenset[Environment] = frozenset(Environment)
    """Elsewhere synthetic data is spared, and only that; production is always among them."""
    data_classes: frozenset[str] = frozenset(DATA_CLASSES)
    """Of the resources that it speaks about (``policies.stores``)."""
    not_live: str = ""
    """Why a live account cannot show it, for the list of what an audit does not ask there; "" where it can."""
    not_declared: str = ""
    """Why no declaration shows it: only an audit of the live account asks; "" where one does."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StackClause:
    """One predicate over a resource among all others of its stack: ``check(resource, stack) -> Verdict``."""

    resource_types: frozenset[str]
    check: Callable[[Resource, Stack], Verdict]
    environments: frozenset[Environment] = frozenset(Environment)
    """Elsewhere synthetic data is spared, and only that; production is always among them."""
    data_classes: frozenset[str] = frozenset(DATA_CLASSES)
    """Of the resources that it speaks about (``policies.stores``)."""
    not_live: str = ""
    """Why a live account cannot show it, for the list of what an audit does not ask there; "" where it can."""
    not_declared: str = ""
    """Why no declaration shows it: only an audit of the live account asks; "" where one does."""


def scope(clause: Clause | StackClause) -> str:
    """What a clause applies to, for people; "" where it is everything."""
    classes = ", ".join(word for word in DATA_CLASSES if word in clause.data_classes)
    spared = ", ".join(word for word in Environment if word not in clause.environments)
    parts = (
        classes if len(clause.data_classes) < len(DATA_CLASSES) else "",
        f"no synthetic data in {spared}" if spared else "",
    )
    return "; ".join(filter(None, parts))


class Source(StrEnum):
    """Who answers what no predicate over resources can ask."""

    ATTESTATION = "attestation"
    """A person, by a signed file with an artefact and an end."""
    AUDIT = "audit"
    """The audit, of what it found itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """A question without a predicate: policy packs leave it out, an audit answers it."""

    name: str
    statement: str
    """What holds where the answer is a pass."""
    source: Source
    max_age_days: int = 0
    """Longest time since the end of the period that an attestation speaks of; 0 for what an audit finds itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Control:
    """A rule with what an auditor asks of it. Raises ValueError where something is missing."""

    id: str
    title: str
    severity: Severity
    maps_to: tuple[Mapping_, ...]
    risk: str
    remediation: str
    clauses: tuple[Clause | StackClause, ...] = ()
    asked: tuple[Asked, ...] = ()

    def __post_init__(self) -> None:
        for name in ("title", "maps_to", "risk", "remediation"):
            if not getattr(self, name):
                raise ValueError(f"{self.id}: {name} is empty; a control needs one")
        if not self.clauses and not self.asked:
            raise ValueError(f"{self.id}: clauses is empty; a control needs one")
        for mapping in self.maps_to:
            if not mapping.exists:
                raise ValueError(
                    f"{self.id}: maps_to: {mapping.framework} has no {mapping.criterion}; name an article as 32(1)(a) "
                    f"or one of the {len(CRITERIA)} criteria of policies/criteria.py"
                )

    @property
    def needs_stack(self) -> bool:
        """Whether the control can only be judged with all resources of the stack at hand."""
        return any(isinstance(clause, StackClause) for clause in self.clauses)

    def mapped(self, framework: Framework) -> tuple[Mapping_, ...]:
        """This control's claims on one framework."""
        return tuple(mapping for mapping in self.maps_to if mapping.framework is framework)


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer of one clause about one resource."""

    control: str
    clause: str
    urn: str
    verdict: Verdict


def answers(
    control: Control, stack: Stack, resources: Iterable[Resource] | None = None, *, live: bool = False
) -> Iterator[Finding]:
    """Every answer of a control about ``resources`` (default: all of the stack), read from what is declared or, with
    ``live``, from an account and its clusters. Clauses that cannot be asked there are left out."""
    asked = [clause for clause in control.clauses if not (clause.not_live if live else clause.not_declared)]
    for resource in stack.resources if resources is None else resources:
        for clause in asked:
            if resource.type in clause.resource_types:
                verdict = _answer(clause, resource, stack)
                yield Finding(control.id, clause.check.__name__, resource.urn, verdict)


def _answer(clause: Clause | StackClause, resource: Resource, stack: Stack) -> Verdict:
    try:
        environment = _environment(resource)
        if environment not in clause.environments and resource.tag("payment-cell:data-origin") == SYNTHETIC:
            return not_applicable(f"does not apply to synthetic data in environment {environment}")
        if (held := data_class(resource)) not in clause.data_classes:
            return not_applicable(f"data class {held}")
        if isinstance(clause, StackClause):
            return clause.check(resource, stack)
        return clause.check(resource.props)
    except UnknownValueError as unknown:
        return undetermined(unknown.message)
    except NotObservedError as unread:
        return not_observed(str(unread))


def _environment(resource: Resource) -> Environment:
    word = resource.tag("payment-cell:environment")
    return Environment(word) if word in set(Environment) else Environment.PRODUCTION
