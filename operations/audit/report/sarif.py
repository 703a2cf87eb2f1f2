"""An audit as SARIF 2.1.0 (OASIS, errata 01): a rule a control, a result an answer.

Resources are logical locations: they are in no file. What was not observed and what is undetermined is ``open``, which
SARIF means by "could not be decided"; an accepted failure stays ``fail`` and carries a suppression.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from operations.audit.report.escape import markdown, sarif, terminal
from operations.audit.report.json_ import pretty
from operations.audit.result import AcceptedException, Answer, Audit, ControlEntry
from policies.control import Severity, Status

SCHEMA_URI = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

KINDS = {
    Status.PASS: "pass",
    Status.FAIL: "fail",
    Status.NOT_APPLICABLE: "notApplicable",
    Status.UNDETERMINED: "open",
    Status.NOT_OBSERVED: "open",
}

LEVELS = {Severity.LOW: "note", Severity.MEDIUM: "warning", Severity.HIGH: "error", Severity.CRITICAL: "error"}

SECURITY_SEVERITY = {Severity.LOW: "2.0", Severity.MEDIUM: "5.5", Severity.HIGH: "8.0", Severity.CRITICAL: "9.5"}
"""Middle of GitHub's bands (GitHub Docs, "SARIF support for code scanning"): low to 3.9, medium to 6.9, high to 8.9."""

FINGERPRINT = "clauseAndResource/v1"


def render(audit: Audit) -> bytes:
    """One run."""
    return pretty({"$schema": SCHEMA_URI, "version": "2.1.0", "runs": [_run(audit)]}).encode()


def _run(audit: Audit) -> dict[str, Any]:
    index = {entry.id: number for number, entry in enumerate(audit.controls)}
    accepted = {exception.id: exception for exception in audit.exceptions}
    return {
        "tool": {"driver": _driver(audit)},
        "automationDetails": {"id": terminal(f"cell-audit/{'+'.join(audit.scope.stacks)}/{audit.id}")},
        "invocations": [_invocation(audit)],
        "results": [
            _result(answer, index[answer.control], audit.controls[index[answer.control]], accepted)
            for answer in audit.answers
        ],
        "properties": {
            "emulated": audit.scope.emulated,
            "audit": audit.id,
            "scope": audit.scope.model_dump(mode="json"),
            "thresholds": dict(audit.thresholds),
            "counts": {status.value: number for status, number in audit.counts.items()},
        },
    }


def _driver(audit: Audit) -> dict[str, Any]:
    return {
        "name": "cell audit",
        "fullName": "cell audit (EMULATED: the endpoint is not AWS)" if audit.scope.emulated else "cell audit",
        "version": audit.tool.version,
        "rules": [_rule(entry) for entry in audit.controls],
        "properties": audit.tool.model_dump(mode="json"),
    }


def _rule(entry: ControlEntry) -> dict[str, Any]:
    criteria = [f"{one.framework} {one.criterion}" for one in entry.maps_to]
    help_ = f"Risk: {entry.risk} Remediation: {entry.remediation}"
    return {
        "id": entry.id,
        "shortDescription": {"text": sarif(entry.title)},
        "fullDescription": {"text": sarif(f"{entry.title}. {entry.risk}")},
        "help": {
            "text": sarif(help_),
            "markdown": f"**Risk** {markdown(entry.risk)}\n\n**Remediation** {markdown(entry.remediation)}",
        },
        "defaultConfiguration": {"level": LEVELS[entry.severity]},
        "properties": {
            "tags": ["security", *criteria],
            "security-severity": SECURITY_SEVERITY[entry.severity],
            "severity": entry.severity.value,
            "mappings": [one.model_dump(mode="json") for one in entry.maps_to],
            "clauses": {clause.name: clause.question for clause in entry.clauses},
        },
    }


def _result(
    answer: Answer, index: int, entry: ControlEntry, accepted: Mapping[str, AcceptedException]
) -> dict[str, Any]:
    failed = answer.status is Status.FAIL
    about = answer.reason or answer.status.value
    return {
        "ruleId": answer.control,
        "ruleIndex": index,
        "kind": KINDS[answer.status],
        # Section 3.27.10: a result that is no failure has no level.
        "level": LEVELS[entry.severity] if failed else "none",
        "message": {"text": sarif(f"{answer.resource.name}: {about}")},
        "locations": [{"logicalLocations": [_location(answer)]}],
        "partialFingerprints": {FINGERPRINT: fingerprint(answer)},
        # Section 3.27.23: on all results of a run or on none; empty says "not suppressed".
        "suppressions": [_suppression(answer.exception, accepted)] if answer.exception else [],
        "properties": {
            "clause": answer.clause,
            "status": answer.status.value,
            "reconciled": answer.reconciled.value,
            "stack": answer.stack,
            "resource": answer.resource.model_dump(mode="json"),
            "observed": [one.model_dump(mode="json") for one in answer.observed],
        },
    }


def fingerprint(answer: Answer) -> str:
    """The same for the same clause and resource in every run, whatever is answered."""
    return hashlib.sha256(f"{answer.control}|{answer.clause}|{answer.resource.key}".encode()).hexdigest()


def _location(answer: Answer) -> dict[str, Any]:
    resource = answer.resource
    return {
        "name": terminal(resource.name),
        "fullyQualifiedName": terminal(resource.urn or resource.key),
        "kind": "resource",
    }


def _suppression(number: str, accepted: Mapping[str, AcceptedException]) -> dict[str, Any]:
    exception = accepted[number]
    return {
        "kind": "external",
        "status": "accepted",
        "justification": terminal(f"{number}: {exception.reason}"),
        "properties": exception.model_dump(mode="json"),
    }


def _invocation(audit: Audit) -> dict[str, Any]:
    """How the audit ran, and what it could not do or was not given."""
    said = [("error", f"{one.file}:{one.line} {one.id}: {one.problem}") for one in audit.refused_exceptions]
    said += [("error", f"{one.file} {one.control}: {one.problem}") for one in audit.attestations if not one.accepted]
    said += [
        ("warning", f"{one.type} {one.account} {one.region}: not listed: {one.reason}")
        for one in audit.populations
        if one.listed is None
    ]
    said += [("warning", sentence) for sentence in audit.unaccounted]
    said += [
        ("note", f"{one.what} {one.cells} {one.started}: {one.outcome}, {one.found}; supports {one.supports}")
        for one in audit.recoveries
    ]
    if audit.scope.emulated:
        said.insert(0, ("warning", "EMULATED: the endpoint is not AWS; nothing here speaks of an account of AWS"))
    return {
        "executionSuccessful": True,
        "startTimeUtc": audit.started,
        "endTimeUtc": audit.ended,
        "toolExecutionNotifications": [{"level": level, "message": {"text": sarif(text)}} for level, text in said],
        "properties": {
            "caller": audit.scope.caller,
            "endpoint": audit.scope.endpoint,
            "emulated": audit.scope.emulated,
        },
    }
