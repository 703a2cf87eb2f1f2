"""Movements of the writer and drills as observations that no finding rests on: they support criteria beside it."""

from operations.audit.report.oscal.common import Document, cells, filled, hostile, props, stable_uuid, words
from operations.audit.report.oscal.observations import origin
from operations.audit.result import Audit, Recovery


def recoveries(audit: Audit) -> list[Document]:
    """An observation each. Their subjects are the cells of this audit that took part."""
    return [_observation(audit, one) for one in audit.recoveries]


def _observation(audit: Audit, one: Recovery) -> Document:
    steps = ", ".join(f"{step.name} {step.state} {step.seconds:.0f} s" for step in one.steps)
    return filled(
        {
            "uuid": stable_uuid("recovery", audit.id, one.id, one.file),
            "title": f"{hostile(one.what)}: {hostile(one.outcome)}",
            "description": f"{hostile(one.found)}. Steps: {hostile(steps or 'none')}.",
            "props": props(
                {
                    "recovery": one.id,
                    "what": one.what,
                    "outcome": one.outcome,
                    "origin": one.origin,
                    "target": one.target,
                    "started": one.started,
                    "ended": one.ended or "",
                    "started-by": one.by,
                    "approved-by": ", ".join(one.approved_by),
                    "supports": ", ".join(f"{of.framework} {of.criterion}" for of in one.maps_to),
                    "supports-nothing": one.note,
                    "emulated": "yes" if one.emulated else "no",
                }
            ),
            "methods": ["EXAMINE"],
            "types": ["recovery"],
            "origins": [origin(audit)],
            "subjects": [
                {"subject-uuid": cell.uuid, "type": "component", "title": hostile(cell.name)}
                for cell in cells(audit)
                if cell.stack in {one.origin, one.target}
            ],
            "relevant-evidence": [
                {
                    "description": words(f"The file {one.file} that this was read from."),
                    "props": props({"file": one.file, "file-sha256": one.sha256}),
                }
            ],
            "collected": audit.ended,
        }
    )
