"""What the audit asks and where: an activity a control with a step a clause, a task a place."""

from operations.audit.report.oscal.common import (
    Document,
    asked,
    assets,
    cell_component,
    cells,
    clauses,
    filled,
    hostile,
    import_system,
    may_be_asked,
    metadata,
    method,
    places,
    reviewed,
    stable_uuid,
    system_resource,
    task_uuid,
    token,
    words,
)
from operations.audit.result import Audit, ControlEntry, Place

_METHOD = """\
A clause is one predicate, asked of each resource of its types in each place. Preview and state are declarations and \
speak for design; only a live account speaks for operation. There are five answers: pass, fail, not applicable, \
undetermined (the value is not known) and not observed (the question could not be asked). An objective is satisfied \
where at least one answer is a pass, none is a fail, undetermined or not observed, and every list of the resources \
that it is asked of answered. An exception leaves it not satisfied."""

_SUBJECTS = [{"type": "inventory-item", "include-all": {}}]


def assessment_plan(audit: Audit, version: str) -> Document:
    """The plan that the results import."""
    scope = audit.scope
    where = [*map(hostile, scope.stacks), *map(hostile, scope.accounts), *map(hostile, scope.regions)]
    return {
        "uuid": stable_uuid("plan", audit.id),
        "metadata": metadata(audit, f"Plan of audit {hostile(audit.id)}", version),
        "import-ssp": import_system(audit),
        "local-definitions": {
            "components": [cell_component(cell) for cell in cells(audit)],
            "activities": [_activity(entry) for entry in asked(audit)],
        },
        "terms-and-conditions": {
            "parts": [
                {"uuid": stable_uuid("method", audit.id), "name": "methodology", "title": "Answers", "prose": _METHOD}
            ]
        },
        "reviewed-controls": {
            **reviewed(asked(audit)),
            "description": "A part of the catalogue." if scope.partial else "The whole catalogue.",
        },
        "assessment-subjects": [{**_SUBJECTS[0], "description": f"Every resource of {', '.join(where)}."}],
        "assessment-assets": assets(audit),
        "tasks": [_task(audit, place) for place in places(audit)],
        "back-matter": {"resources": [system_resource(audit)]},
    }


def _activity_uuid(entry: ControlEntry) -> str:
    return stable_uuid("activity", entry.id)


def _activity(entry: ControlEntry) -> Document:
    control = [{"include-controls": [{"control-id": token(entry.id)}]}]
    return filled(
        {
            "uuid": _activity_uuid(entry),
            "title": words(f"{entry.id}: {entry.title}"),
            "description": words(entry.title),
            "props": [{"name": "method", "value": "TEST"}],
            "steps": [_step(entry, name, question) for name, question in sorted(clauses(entry).items())],
            "related-controls": {"control-selections": control},
        }
    )


def _step(entry: ControlEntry, name: str, question: str) -> Document:
    return filled(
        {
            "uuid": stable_uuid("step", entry.id, name),
            "title": words(name),
            "description": words(question),
            "remarks": _not_asked(entry, name),
        }
    )


def _not_asked(entry: ControlEntry, name: str) -> str:
    named = [clause for clause in entry.clauses if clause.name == name]
    live = [f"Not asked live: {words(clause.not_live)}" for clause in named if clause.not_live]
    declared = [f"Not asked of declarations: {words(clause.not_declared)}" for clause in named if clause.not_declared]
    return "\n\n".join(dict.fromkeys(live + declared))


def _task(audit: Audit, place: Place) -> Document:
    return filled(
        {
            "uuid": task_uuid(audit, place),
            "type": "action",
            "title": f"Ask {place}",
            "description": f"Ask each clause of {place}: {method(place)}.",
            "timing": {"within-date-range": {"start": audit.started, "end": audit.ended}},
            "associated-activities": [
                {"activity-uuid": _activity_uuid(entry), "subjects": _SUBJECTS}
                for entry in asked(audit)
                if any(may_be_asked(entry, place, name) for name in clauses(entry))
            ],
        }
    )
