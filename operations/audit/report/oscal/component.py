"""The cells as components: what each was found to do for each control that it is held to."""

from collections import Counter
from collections.abc import Mapping

from operations.audit.report.oscal.common import (
    RESULTS,
    Cell,
    Document,
    asked,
    cells,
    clauses,
    filled,
    hostile,
    metadata,
    props,
    stable_uuid,
    statement_id,
    token,
    words,
)
from operations.audit.result import Audit, ControlEntry
from policies.control import Status

Found = Mapping[tuple[str, str], Counter[Status]]
"""Control and clause -> how often each answer was given."""


def component_definition(audit: Audit, version: str) -> Document:
    """A component a cell. What is in no state belongs to no cell and is in the results only."""
    return {
        "uuid": stable_uuid("component-definition", audit.id),
        "metadata": metadata(audit, "Payment cells as components", version),
        "components": [_component(audit, cell) for cell in cells(audit)],
    }


def _component(audit: Audit, cell: Cell) -> Document:
    found: dict[tuple[str, str], Counter[Status]] = {}
    for answer in audit.answers:
        if cell.has(answer):
            found.setdefault((answer.control, answer.clause), Counter())[answer.status] += 1
    return {
        "uuid": cell.uuid,
        "type": "service",
        "title": hostile(cell.name),
        "description": f"The payment cell {hostile(cell.name)}.",
        "props": props(
            {
                "accounts": ", ".join(audit.scope.accounts),
                "regions": ", ".join(audit.scope.regions),
                "state-sha256": audit.tool.states.get(cell.stack, ""),
            }
        ),
        "control-implementations": [
            {
                "uuid": stable_uuid("implementation", cell.name),
                "source": cell.profile,
                "description": f"As found by audit {hostile(audit.id)}; {RESULTS} has resources and evidence.",
                "implemented-requirements": [_requirement(cell, entry, found) for entry in asked(audit)],
            }
        ],
    }


def _requirement(cell: Cell, entry: ControlEntry, found: Found) -> Document:
    statements = [
        {
            "statement-id": statement_id(entry.id, name),
            "uuid": stable_uuid("statement", cell.name, entry.id, name),
            "description": _counted(found.get((entry.id, name), Counter())),
        }
        for name in sorted(clauses(entry))
    ]
    return filled(
        {
            "uuid": stable_uuid("requirement", cell.name, entry.id),
            "control-id": token(entry.id),
            "description": words(entry.title),
            "statements": statements,
        }
    )


def _counted(answers: Counter[Status]) -> str:
    if not answers:
        return "No resource of the cell was asked this."
    return f"Answers: {', '.join(f'{answers[status]} {status}' for status in Status if answers[status])}."
