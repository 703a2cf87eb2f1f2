"""The catalogue as OSCAL: our controls in our words, a statement and an objective for each clause."""

from collections.abc import Sequence

from operations.audit.report.oscal.common import (
    Document,
    clauses,
    filled,
    metadata,
    objective_id,
    prop,
    stable_uuid,
    statement_id,
    token,
    words,
)
from operations.audit.result import Audit, ClauseEntry, ControlEntry


def catalog(audit: Audit, version: str) -> Document:
    """Controls in groups by the letters of their id. Thresholds are parameters; the profile has their values."""
    families: dict[str, list[Document]] = {}
    for entry in audit.controls:
        families.setdefault(entry.id.rpartition("-")[0] or entry.id, []).append(_control(audit, entry))
    known = {entry.id for entry in audit.controls}
    loose = [_parameter(name) for name in sorted(audit.thresholds) if name.partition(".")[0] not in known]
    return filled(
        {
            "uuid": stable_uuid("catalog", audit.id),
            "metadata": metadata(audit, "Control catalogue of payment cells", version),
            "params": loose,
            "groups": [
                {"id": token(f"family-{family}"), "class": "family", "title": words(family), "controls": controls}
                for family, controls in families.items()
            ],
        }
    )


def _parameter(name: str) -> Document:
    return {"id": token(name), "label": words(name.rpartition(".")[2])}


def _control(audit: Audit, entry: ControlEntry) -> Document:
    thresholds = sorted(name for name in audit.thresholds if name.partition(".")[0] == entry.id)
    items = [
        {
            "id": statement_id(entry.id, name),
            "name": "item",
            "props": [prop("clause", name)],
            "prose": words(question),
        }
        for name, question in sorted(clauses(entry).items())
    ]
    in_force = [
        {
            "id": token(f"{entry.id}_prm.{name.partition('.')[2]}"),
            "name": "item",
            "prose": f"{words(name.rpartition('.')[2])} is {{{{ insert: param, {token(name)} }}}}.",
        }
        for name in thresholds
    ]
    return filled(
        {
            "id": token(entry.id),
            "class": "control",
            "title": words(entry.title),
            "params": [_parameter(name) for name in thresholds],
            "props": [{"name": "label", "value": entry.id}, prop("severity", entry.severity)],
            "parts": [
                filled(
                    {
                        "id": statement_id(entry.id),
                        "name": "statement",
                        "prose": words(entry.title),
                        "parts": items + in_force,
                    }
                ),
                {"id": token(f"{entry.id}_risk"), "name": "guidance", "title": "Risk", "prose": words(entry.risk)},
                {
                    "id": token(f"{entry.id}_fix"),
                    "name": "guidance",
                    "title": "Remediation",
                    "prose": words(entry.remediation),
                },
                *(_objective(entry, name, question) for name, question in sorted(clauses(entry).items())),
            ],
        }
    )


def _scope(named: Sequence[ClauseEntry]) -> list[Document]:
    """Environments and data classes that clauses of one name apply to together."""
    lists = {
        "environments": [word for clause in named for word in clause.environments],
        "data-classes": [word for clause in named for word in clause.data_classes],
    }
    return [prop(name, ", ".join(dict.fromkeys(found))) for name, found in lists.items() if found]


def _objective(entry: ControlEntry, name: str, question: str) -> Document:
    why = [clause for clause in entry.clauses if clause.name == name]
    unseen = [prop("not-live", clause.not_live) for clause in why if clause.not_live][:1]
    unseen += [prop("not-declared", clause.not_declared) for clause in why if clause.not_declared][:1]
    return {
        "id": objective_id(entry.id, name),
        "name": "assessment-objective",
        "props": [prop("clause", name), *unseen, *_scope(why)],
        "links": [{"href": f"#{statement_id(entry.id, name)}", "rel": "assessment-for"}],
        "prose": words(question),
    }
