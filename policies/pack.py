"""Builds a Pulumi policy pack from the catalogue: one policy a control, each with its own enforcement level.

Resource controls are checked before each resource is created, stack controls in preview and after an update. A value
that a preview cannot know is reported as advisory and never as a pass.
"""

import gc
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyPack,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy import PolicyComplianceFramework as ComplianceFramework
from pulumi_policy import Severity as PolicySeverity
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE, UnknownValueError

from policies.catalogue import controls
from policies.control import Control, Finding, Framework, Status, answers
from policies.exceptions import Exceptions, from_environment
from policies.record import record
from policies.resources import Resource, Stack

Tell = Callable[[Control, Sequence[Finding], ReportViolation], None]


def build(name: str, framework: Framework) -> PolicyPack:
    """The pack of all controls that claim a criterion of ``framework``. Starts serving: call it once a process.

    Exceptions are judged at the time of the start: one that ends during an update does not stop it halfway.
    """
    gc.disable()  # A pack lives as long as one update, and keeps what it reads.
    told = _Told(from_environment(datetime.now(UTC)))
    claimed = [control for control in controls() if control.clauses and control.mapped(framework)]
    policies = [_policy(control, framework, told.failures) for control in claimed]
    excepted = {one.terms.control for one in told.exceptions.accepted}
    for control in claimed:
        if control.id in excepted:
            about = {"name": f"{control.id}-accepted", "enforcement_level": EnforcementLevel.ADVISORY}
            policies.append(_policy(control, framework, told.accepted, **about))
    if told.exceptions.accepted or told.exceptions.refused:
        policies.append(_on_exceptions(told, frozenset(control.id for control in claimed)))
    return PolicyPack(name=name, enforcement_level=EnforcementLevel.MANDATORY, policies=policies)


class _Told:
    """Reports findings, with what is accepted kept apart."""

    def __init__(self, exceptions: Exceptions) -> None:
        self.exceptions = exceptions
        self.open: set[tuple[str, str]] = set()
        """(control, URN) of what failed or was not known."""

    def failures(self, control: Control, found: Sequence[Finding], report: ReportViolation) -> None:
        """What fails and is not accepted, and what is not known."""
        record(found, self.exceptions)
        unknown: list[str] = []
        for finding in found:
            if finding.verdict.status is Status.FAIL:
                self.open.add((control.id, finding.urn))
                if self.exceptions.of(control.id, finding.urn) is None:
                    hints = "".join(f" {one}." for one in self.exceptions.refused_of(control.id, finding.urn))
                    report(f"{_words(control, finding)}. {control.remediation}{hints}", finding.urn)
            elif finding.verdict.status is Status.UNDETERMINED:
                self.open.add((control.id, finding.urn))
                unknown.append(f"{finding.urn.rpartition('::')[2]} {finding.clause}: {finding.verdict.reason}")
        if unknown:
            raise _Undetermined(unknown)

    def accepted(self, control: Control, found: Sequence[Finding], report: ReportViolation) -> None:
        """What fails and is accepted."""
        for finding in found:
            exception = self.exceptions.of(control.id, finding.urn)
            if exception is not None and finding.verdict.status is Status.FAIL:
                self.open.add((control.id, finding.urn))  # The control itself may be switched off.
                report(f"{_words(control, finding)}. {exception}", finding.urn)


def _on_exceptions(told: _Told, claimed: frozenset[str]) -> Policy:
    """Tells exceptions that do not hold, and those that accept nothing of what there is. Runs last."""

    def validate(_args: StackValidationArgs, report: ReportViolation) -> None:
        for refused in told.exceptions.refused:
            report(str(refused), None)
        for one in told.exceptions.accepted:
            terms = one.terms
            judged = terms.control in claimed and terms.resource.startswith("urn:pulumi:")
            if judged and (terms.control, terms.resource) not in told.open:
                report(f"exception {terms.id} matches nothing that fails: remove it ({one.file}:{one.line})", None)

    return StackValidationPolicy(
        name="exceptions",
        description="Exceptions hold, and are needed",
        enforcement_level=EnforcementLevel.ADVISORY,
        validate=validate,
    )


def _policy(control: Control, framework: Framework, tell: Tell, **given: Any) -> Policy:
    mapped = control.mapped(framework)
    about: dict[str, Any] = {
        "name": control.id,
        "description": f"{control.title} [{', '.join(map(str, mapped))}]",
        "severity": PolicySeverity(control.severity.value),
        "remediation_steps": control.remediation,
        "framework": ComplianceFramework(name=framework, version="", reference=mapped[0].criterion, specification=""),
        **given,
    }
    if control.needs_stack:

        def validate_stack(args: StackValidationArgs, report: ReportViolation) -> None:
            stack = Stack(tuple(map(_resource, args.resources)))
            found = list(answers(control, stack))
            if not found:
                args.not_applicable("no resource of the types that this control speaks about")
            tell(control, found, report)

        return StackValidationPolicy(validate=validate_stack, **about)

    types = frozenset().union(*(clause.resource_types for clause in control.clauses))

    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        if args.resource_type not in types:
            args.not_applicable("not a resource type that this control speaks about")
        resource = _resource(args)
        tell(control, list(answers(control, Stack((resource,)), [resource])), report)

    return ResourceValidationPolicy(validate=validate, **about)


def _words(control: Control, finding: Finding) -> str:
    return f"{control.id} {finding.clause}: {finding.verdict.reason}"


class _Undetermined(UnknownValueError):
    """The SDK's way to say "not known": it reports this as advisory, whatever the enforcement level."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__(UNKNOWN_STRING_VALUE, [])
        self.message = "; ".join(reasons)


def _resource(source: PolicyResource | ResourceValidationArgs) -> Resource:
    references: Mapping[str, Any] = getattr(source, "property_dependencies", {})
    return Resource(
        type=source.resource_type,
        name=source.name,
        urn=source.urn,
        props=source.props,
        provider_props=source.provider.props if source.provider else {},
        references={name: tuple(found.urn for found in sources) for name, sources in references.items()},
    )
