"""An audit as JUnit XML, for what shows tests: a suite a control, a case for each clause of each resource.

Elements and attributes are those of Jenkins' schema (``junit-10.xsd`` of jenkinsci/xunit-plugin), which other CI
servers read too; Ant's has no totals on ``testsuites``. A failure that is accepted fails as well; what is undetermined
or was not observed is an error, since nobody knows.
"""

import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from operations.audit.report.escape import xml_text
from operations.audit.result import AcceptedException, Answer, Audit
from policies.control import Status

AUDIT_SUITE = "audit"
"""Suite of what the audit says about itself."""

_ELEMENTS = {
    Status.FAIL: "failure",
    Status.UNDETERMINED: "error",
    Status.NOT_OBSERVED: "error",
    Status.NOT_APPLICABLE: "skipped",
}


def render(audit: Audit) -> bytes:
    """Suites in the order of the catalogue, and last what the audit itself could not do."""
    took_s = (datetime.fromisoformat(audit.ended) - datetime.fromisoformat(audit.started)).total_seconds()
    root = ET.Element("testsuites")
    accepted = {exception.id: exception for exception in audit.exceptions}
    answers: dict[str, list[Answer]] = {entry.id: [] for entry in audit.controls}
    for answer in audit.answers:
        answers[answer.control].append(answer)
    for entry in audit.controls:
        cases = [_case(answer, accepted, entry.severity, entry.remediation) for answer in answers[entry.id]]
        if cases:
            root.append(_suite(audit, f"{entry.id} {entry.title}", cases))
    if itself := _itself(audit):
        root.append(_suite(audit, AUDIT_SUITE, itself))
    totals = Counter(child.tag for case in root.iter("testcase") for child in case)
    counts = _counts(totals, len(list(root.iter("testcase"))))
    del counts["skipped"]  # Jenkins' schema has it for a suite only.
    _set(root, {"name": _name(audit), **counts, "time": f"{took_s:.3f}"})
    ET.indent(root)
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written + b"\n"


def _name(audit: Audit) -> str:
    return f"cell audit {audit.id}" + (" EMULATED" if audit.scope.emulated else "")


def _suite(audit: Audit, name: str, cases: Sequence[ET.Element]) -> ET.Element:
    counts = Counter(child.tag for case in cases for child in case)
    # A time has no zone here (Ant's schema), and a suite the time that it took: the audit knows only its own.
    about = {"name": name, "timestamp": audit.started[:19], "hostname": audit.scope.endpoint or "aws", "time": "0.000"}
    suite = _set(ET.Element("testsuite"), {**about, **_counts(counts, len(cases))})
    properties = ET.SubElement(suite, "properties")
    known = {
        "emulated": str(audit.scope.emulated).lower(),
        "audit": audit.id,
        "caller": audit.scope.caller,
        "catalogue": audit.tool.catalogue,
        "version": audit.tool.version,
    }
    for key, value in known.items():
        _set(ET.SubElement(properties, "property"), {"name": key, "value": value})
    suite.extend(cases)
    return suite


def _case(answer: Answer, accepted: Mapping[str, AcceptedException], severity: str, remediation: str) -> ET.Element:
    resource = answer.resource
    where = " ".join(part for part in (resource.account, resource.region) if part)
    about = {"classname": f"{answer.control}.{answer.clause}", "name": f"{resource.type} {resource.name}"}
    case = _set(ET.Element("testcase"), {**about, "time": "0.000"})
    if answer.status is Status.PASS:
        return case
    lines = [answer.reason, f"id: {resource.id}", f"urn: {resource.urn or 'in no state'}", f"where: {where}"]
    lines += [f"{one.place}: {one.status}{f' ({one.reason})' if one.reason else ''}" for one in answer.observed]
    lines += [f"places: {answer.reconciled}"]
    if answer.exception:
        lines.append(_acceptance(accepted[answer.exception]))
    if answer.status is Status.FAIL:
        lines.append(f"remediation: {remediation}")
    kind = severity if answer.status is Status.FAIL else answer.status.value
    message = f"{answer.reason} (accepted: {answer.exception})" if answer.exception else answer.reason
    child = _set(ET.SubElement(case, _ELEMENTS[answer.status]), {"type": kind, "message": message})
    child.text = "\n".join(xml_text(line) for line in lines)
    return case


def _acceptance(exception: AcceptedException) -> str:
    approvers = ", ".join(one.approver for one in exception.approvals)
    until = f"{exception.id} until {exception.expires} by {approvers} ({exception.ticket})"
    return f"failed, accepted: {until}: {exception.reason}"


def _itself(audit: Audit) -> list[ET.Element]:
    """A case for each exception that was refused, each population that is not known, each thing left undone."""
    said = [
        ("exceptions", "failure", f"{one.file}:{one.line} {one.id}", one.problem) for one in audit.refused_exceptions
    ]
    said += [
        ("attestations", "failure", f"{one.control} {one.file}", one.problem)
        for one in audit.attestations
        if not one.accepted
    ]
    said += [
        ("populations", "error", f"{one.type} {one.account} {one.region}", f"{one.source}: {one.reason}")
        for one in audit.populations
        if one.listed is None
    ]
    said += [("scope", "error", sentence, sentence) for sentence in audit.unaccounted]
    cases = []
    for about, element, name, problem in said:
        case = _set(ET.Element("testcase"), {"classname": f"audit.{about}", "name": name, "time": "0.000"})
        kind = "refused" if element == "failure" else Status.NOT_OBSERVED.value
        _set(ET.SubElement(case, element), {"type": kind, "message": problem}).text = xml_text(problem)
        cases.append(case)
    return cases


def _counts(children: Counter[str], tests: int) -> dict[str, str]:
    counted = {"tests": tests, "failures": children["failure"], "errors": children["error"]}
    return {name: str(number) for name, number in {**counted, "skipped": children["skipped"]}.items()}


def _set(element: ET.Element, attributes: Mapping[str, str]) -> ET.Element:
    for name, value in attributes.items():
        element.set(name, xml_text(value))
    return element
