"""How the controls relate to criteria of SOC 2 and articles of the GDPR."""

from operations.audit.report.oscal.common import (
    CATALOG,
    GDPR_ARTICLES,
    SOC2_CRITERIA,
    Document,
    filled,
    metadata,
    prop,
    stable_uuid,
    token,
    words,
)
from operations.audit.report.oscal.criteria import criterion_id
from operations.audit.result import Audit, ControlEntry, Mapped
from policies.control import Framework, Strength
from policies.criteria import CRITERIA

_RELATIONSHIPS = {
    Strength.DIRECT: "subset-of",
    Strength.PARTIAL: "intersects-with",
    Strength.SUPPORTS: "intersects-with",
}
"""Set relations of NIST IR 8477 as OSCAL names them. Never "equal-to": configuration alone covers no criterion."""

_RATIONALE = {
    Strength.DIRECT: "What the control asks is asked by the criterion, which asks more than configuration can show.",
    Strength.PARTIAL: "The control shows a part of what the criterion asks.",
    Strength.SUPPORTS: "The control helps other evidence for the criterion; alone it shows none of it.",
}

_TARGETS = {Framework.SOC2: SOC2_CRITERIA, Framework.GDPR: GDPR_ARTICLES}


def mapping_collection(audit: Audit, version: str) -> Document:
    """A mapping for each framework that a control names."""
    frameworks = [one for one in Framework if any(_claims(entry, one) for entry in audit.controls)]
    return {
        "uuid": stable_uuid("mapping-collection", audit.id),
        "metadata": metadata(audit, "Controls of payment cells mapped to SOC 2 and the GDPR", version),
        "provenance": {
            "method": "human",
            "matching-rationale": "functional",
            "status": "not-complete",
            "mapping-description": "Our own claims, by number: ours to defend, endorsed by nobody. A criterion is "
            "covered by no control alone; the gaps name what has no control at all.",
        },
        "mappings": [_mapping(audit, framework) for framework in frameworks],
    }


def _claims(entry: ControlEntry, framework: Framework) -> tuple[Mapped, ...]:
    return tuple(one for one in entry.maps_to if one.framework is framework)


def _mapping(audit: Audit, framework: Framework) -> Document:
    claims = [(entry, one) for entry in audit.controls for one in _claims(entry, framework)]
    claimed = {one.criterion for _, one in claims}
    gaps = [one for one in CRITERIA if one not in claimed] if framework is Framework.SOC2 else []
    summary = {
        "uuid": stable_uuid("gaps", framework, audit.id),
        "unmapped-controls": [{"with-ids": [criterion_id(framework, one) for one in gaps]}],
    }
    return filled(
        {
            "uuid": stable_uuid("mapping", framework, audit.id),
            "source-resource": {"type": "catalog", "href": CATALOG},
            "target-resource": {"type": "catalog", "href": _TARGETS[framework]},
            "maps": [_map(entry, one) for entry, one in claims],
            "target-gap-summary": summary if gaps else None,
        }
    )


def _map(entry: ControlEntry, claim: Mapped) -> Document:
    return {
        "uuid": stable_uuid("map", entry.id, claim.framework, claim.criterion),
        "relationship": _RELATIONSHIPS[claim.strength],
        "sources": [{"type": "control", "id-ref": token(entry.id)}],
        "targets": [{"type": "control", "id-ref": criterion_id(claim.framework, claim.criterion)}],
        "props": [prop("strength", claim.strength), prop("criterion", claim.criterion)],
        "remarks": words(_RATIONALE[claim.strength]),
    }
