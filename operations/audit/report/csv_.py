"""An audit as CSV: a row an answer (RFC 4180, UTF-8). Every cell is quoted and none is a formula."""

import csv
import io

from operations.audit.report.escape import csv_cell
from operations.audit.result import Answer, Audit, Place

COLUMNS = (
    "emulated",
    "audit",
    "started",
    "stack",
    "account",
    "region",
    "type",
    "name",
    "id",
    "urn",
    "control",
    "severity",
    "title",
    "clause",
    "criteria",
    "status",
    "reason",
    "reconciled",
    "exception",
    "exception_expires",
    *(column for place in Place for column in (place.value, f"{place.value}_reason")),
    "evidence",
)


def render(audit: Audit) -> bytes:
    """Answers in the order of the audit."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    entries = {entry.id: entry for entry in audit.controls}
    expires = {exception.id: exception.expires for exception in audit.exceptions}
    for answer in audit.answers:
        entry = entries[answer.control]
        cells = {
            "emulated": str(audit.scope.emulated).lower(),
            "audit": audit.id,
            "started": audit.started,
            "control": entry.id,
            "severity": entry.severity,
            "title": entry.title,
            "criteria": "; ".join(f"{one.framework} {one.criterion} ({one.strength})" for one in entry.maps_to),
            "exception_expires": expires.get(answer.exception, ""),
            **_answer(answer),
        }
        writer.writerow([csv_cell(cells[column]) for column in COLUMNS])
    return text.getvalue().encode()


def _answer(answer: Answer) -> dict[str, str]:
    resource = answer.resource
    observed = {one.place: one for one in answer.observed}
    cells = {
        "stack": answer.stack,
        "account": resource.account,
        "region": resource.region,
        "type": resource.type,
        "name": resource.name,
        "id": resource.id,
        "urn": resource.urn,
        "clause": answer.clause,
        "status": answer.status,
        "reason": answer.reason,
        "reconciled": answer.reconciled,
        "exception": answer.exception,
        "evidence": " ".join(str(number) for number in sorted({n for one in answer.observed for n in one.evidence})),
    }
    for place in Place:
        cells[place] = observed[place].status if place in observed else ""
        cells[f"{place}_reason"] = observed[place].reason if place in observed else ""
    return cells
