"""What was found: observations, risks, and a finding for each objective that a resource answered."""

from collections.abc import Sequence

from operations.audit.report.oscal.common import (
    NAMESPACE,
    PLAN,
    Document,
    asked,
    assets,
    cell_component,
    cells,
    filled,
    hostile,
    metadata,
    objective_id,
    props,
    reviewed,
    stable_uuid,
    words,
)
from operations.audit.report.oscal.gaps import populations, unlisted_of, unlisted_uuid, without_answer
from operations.audit.report.oscal.observations import Alike, alike, inventory, observation, origin
from operations.audit.report.oscal.recoveries import recoveries
from operations.audit.report.oscal.risks import risk_uuid, risks, unlisted_risk_uuid
from operations.audit.result import Attestation, Audit, Place
from policies.control import Status


def assessment_results(audit: Audit, version: str) -> Document:
    """One result: this audit."""
    groups = alike(audit)
    result = {
        "uuid": stable_uuid("result", audit.id),
        "title": words(f"Audit {audit.id}"),
        "description": "Answers of every clause that was asked. Subjects of observations with a property answer are "
        "counted once each.",
        "start": audit.started,
        "end": audit.ended,
        "local-definitions": filled(
            {
                "components": [cell_component(cell) for cell in cells(audit)],
                "inventory-items": inventory(audit.answers),
                "assessment-assets": assets(audit),
            }
        ),
        "reviewed-controls": reviewed(asked(audit)),
        "attestations": [_attestation(one) for one in audit.attestations],
        "observations": [
            *(observation(audit, one) for one in groups),
            *without_answer(audit),
            *populations(audit),
            *recoveries(audit),
        ],
        "risks": risks(audit),
        "findings": _findings(audit, groups),
        "remarks": "\n\n".join(map(hostile, audit.unaccounted)),
    }
    return {
        "uuid": stable_uuid("results", audit.id),
        "metadata": metadata(audit, f"Results of audit {hostile(audit.id)}", version),
        "import-ap": {"href": PLAN},
        "results": [filled(result)],
    }


def _findings(audit: Audit, groups: Sequence[Alike]) -> list[Document]:
    by_clause: dict[tuple[str, str], list[Alike]] = {}
    for group in groups:
        by_clause.setdefault((group.control, group.clause), []).append(group)
    return [
        _finding(audit, control, clause, found)
        for (control, clause), found in sorted(by_clause.items())
        if any(group.status is not Status.NOT_APPLICABLE for group in found)
    ]


def _finding(audit: Audit, control: str, clause: str, groups: Sequence[Alike]) -> Document:
    """Satisfied where something passes, nothing fails, is undetermined or is not observed, and every list of what is
    asked answered. An exception changes nothing here: it is a risk that somebody accepted."""
    statuses = {group.status for group in groups}
    silent = unlisted_of(audit, groups)
    satisfied = statuses <= {Status.PASS, Status.NOT_APPLICABLE} and not silent
    reason = "pass" if satisfied else "fail" if Status.FAIL in statuses else "other"
    counted = {one: sum(len(group.answers) for group in groups if group.status is one) for one in Status}
    said = ", ".join(f"{number} {status}" for status, number in counted.items() if number)
    unknown = f" Lists that did not answer: {len(silent)}." if silent else ""
    observed = [group.uuid(audit) for group in groups] + [unlisted_uuid(audit, one) for one in silent]
    linked = dict.fromkeys(uuid for group in groups if (uuid := risk_uuid(audit, group)))
    linked |= dict.fromkeys(unlisted_risk_uuid(audit, one) for one in silent)
    passed_at = {place for group in groups for place, status in group.places if status is Status.PASS}
    shows = (["design"] if passed_at - {Place.LIVE} else []) + (["operation"] if Place.LIVE in passed_at else [])
    return filled(
        {
            "uuid": stable_uuid("finding", audit.id, control, clause),
            "title": words(f"{control} {clause}"),
            "description": words(audit.control(control).title),
            "props": props({"shows": " and ".join(shows)}) if satisfied else [],
            "origins": [origin(audit)],
            "target": {
                "type": "objective-id",
                "target-id": objective_id(control, clause),
                "status": {
                    "state": "satisfied" if satisfied else "not-satisfied",
                    "reason": reason,
                    "remarks": f"Answers: {said}.{unknown}",
                },
            },
            "related-observations": [{"observation-uuid": uuid} for uuid in observed],
            "related-risks": [{"risk-uuid": uuid} for uuid in linked],
        }
    )


def _attestation(attestation: Attestation) -> Document:
    one = attestation
    return {
        "parts": [
            {
                "uuid": stable_uuid("attestation", one.file, one.control, one.artefact_sha256),
                "name": "attestation",
                "ns": NAMESPACE,
                "title": f"{hostile(one.control)}: {hostile(one.file)}",
                "props": props(
                    {
                        "control": one.control,
                        "covers": "yes" if one.accepted else "no",
                        "problem": one.problem,
                        "performer": one.performer,
                        "reviewer": one.reviewer,
                        "period-from": one.period_from,
                        "period-to": one.period_to,
                        "valid-until": one.valid_until,
                        "population": one.population,
                        "sample": one.sample,
                        "artefact": one.artefact,
                        "artefact-sha256": one.artefact_sha256,
                    }
                ),
                "prose": hostile(one.statement),
            }
        ]
    }
