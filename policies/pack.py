"""Builds a Pulumi policy pack from the catalogue: one policy a control, each with its own enforcement level.

Resource controls are checked before each resource is created, stack controls in preview and after an update. A value
that a preview cannot know is reported as advisory and never as a pass.
"""

import gc
from collections.abc import Mapping, Sequence
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
from policies.record import record
from policies.resources import Resource, Stack


def build(name: str, framework: Framework) -> PolicyPack:
    """The pack of all controls that claim a criterion of ``framework``. Starts serving: call it once a process."""
    gc.disable()  # A pack lives as long as one update, and keeps what it reads.
    return PolicyPack(
        name=name,
        enforcement_level=EnforcementLevel.MANDATORY,
        policies=[
            _policy(control, framework) for control in controls() if control.clauses and control.mapped(framework)
        ],
    )


def _policy(control: Control, framework: Framework) -> Policy:
    mapped = control.mapped(framework)
    about: dict[str, Any] = {
        "name": control.id,
        "description": f"{control.title} [{', '.join(map(str, mapped))}]",
        "severity": PolicySeverity(control.severity.value),
        "remediation_steps": control.remediation,
        "framework": ComplianceFramework(name=framework, version="", reference=mapped[0].criterion, specification=""),
    }
    if control.needs_stack:

        def validate_stack(args: StackValidationArgs, report: ReportViolation) -> None:
            stack = Stack(tuple(map(_resource, args.resources)))
            found = list(answers(control, stack))
            if not found:
                args.not_applicable("no resource of the types that this control speaks about")
            _report(control, found, report)

        return StackValidationPolicy(validate=validate_stack, **about)

    types = frozenset().union(*(clause.resource_types for clause in control.clauses))

    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        if args.resource_type not in types:
            args.not_applicable("not a resource type that this control speaks about")
        resource = _resource(args)
        _report(control, list(answers(control, Stack((resource,)), [resource])), report)

    return ResourceValidationPolicy(validate=validate, **about)


def _report(control: Control, found: Sequence[Finding], report: ReportViolation) -> None:
    record(found)
    unknown: list[str] = []
    for finding in found:
        if finding.verdict.status is Status.FAIL:
            report(f"{control.id} {finding.clause}: {finding.verdict.reason}. {control.remediation}", finding.urn)
        elif finding.verdict.status is Status.UNDETERMINED:
            unknown.append(f"{finding.urn.rpartition('::')[2]} {finding.clause}: {finding.verdict.reason}")
    if unknown:
        raise _Undetermined(unknown)


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
