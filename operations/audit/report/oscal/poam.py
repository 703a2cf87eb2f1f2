"""What is left to do: an item for each accepted exception, each open failure and each refused exception."""

from operations.audit.report.oscal.common import (
    NAMESPACE,
    RESULTS,
    Document,
    assets,
    cell_component,
    cells,
    filled,
    hostile,
    import_system,
    metadata,
    props,
    stable_uuid,
    string,
    system_resource,
    words,
)
from operations.audit.report.oscal.observations import Alike, alike, exception_uuid, inventory, observation, origin
from operations.audit.report.oscal.risks import risk_uuid, risks
from operations.audit.result import AcceptedException, Answer, Audit, RefusedException
from policies.control import Status


def plan_of_action(audit: Audit, version: str) -> Document | None:
    """None where nothing is left to do: OSCAL has no such plan without an item."""
    failing = [group for group in alike(audit) if group.status is Status.FAIL]
    items = [_exception(audit, one, failing) for one in audit.exceptions]
    items += _open(audit, failing)
    items += [_refused(number, one) for number, one in enumerate(audit.refused_exceptions)]
    if not items:
        return None
    observed = [{**observation(audit, group), "origins": [origin(audit)]} for group in failing]
    subjects = [answer for group in failing for answer in group.answers]
    related = {item["risk-uuid"] for one in items for item in one.get("related-risks", [])}
    head = metadata(audit, "Plan of action and milestones", version)
    return filled(
        {
            "uuid": stable_uuid("poam", audit.id),
            "metadata": {**head, "links": [{"href": RESULTS, "rel": "assessment-results"}]},
            "import-ssp": import_system(audit),
            "system-id": {"identifier-type": NAMESPACE, "id": string(", ".join(cell.name for cell in cells(audit)))},
            "local-definitions": filled(
                {
                    "components": [cell_component(cell) for cell in cells(audit)],
                    "inventory-items": inventory(subjects),
                    "assessment-assets": assets(audit),
                }
            ),
            "observations": observed,
            "risks": [one for one in risks(audit) if one["uuid"] in related],
            "poam-items": items,
            "back-matter": {"resources": [system_resource(audit)]},
        }
    )


def _exception(audit: Audit, exception: AcceptedException, failing: list[Alike]) -> Document:
    observed = [group.uuid(audit) for group in failing if group.exception == exception]
    return filled(
        {
            "uuid": stable_uuid("poam-item", exception_uuid(exception)),
            "title": f"{hostile(exception.control)} is accepted until {exception.expires}: {hostile(exception.id)}",
            "description": hostile(exception.reason),
            "props": props({"exception": exception.id, "resource": exception.resource, "deadline": exception.expires}),
            "related-observations": [{"observation-uuid": uuid} for uuid in observed],
            "related-risks": [{"risk-uuid": exception_uuid(exception)}],
        }
    )


def _open(audit: Audit, failing: list[Alike]) -> list[Document]:
    items: dict[str, Document] = {}
    for group in failing:
        if group.exception is not None:
            continue
        for answer in group.answers:
            key = (answer.control, answer.clause, answer.stack, answer.resource.key)
            uuid = stable_uuid("poam-item", *key)
            items[uuid] = _deviation(audit, uuid, group, answer)
    return list(items.values())


def _deviation(audit: Audit, uuid: str, group: Alike, answer: Answer) -> Document:
    return {
        "uuid": uuid,
        "title": f"{words(answer.control)} fails: {hostile(answer.resource.name)}",
        "description": hostile(answer.reason),
        "props": props(
            {
                "control": answer.control,
                "clause": answer.clause,
                "severity": audit.control(answer.control).severity,
                "resource": answer.resource.urn or answer.resource.id,
                "reconciled": answer.reconciled,
            }
        ),
        "related-observations": [{"observation-uuid": group.uuid(audit)}],
        "related-risks": [{"risk-uuid": risk_uuid(audit, group)}],
    }


def _refused(number: int, refused: RefusedException) -> Document:
    return {
        "uuid": stable_uuid("poam-item", "refused", refused.file, str(refused.line), refused.id, str(number)),
        "title": f"Exception {hostile(refused.id)} accepts nothing",
        "description": hostile(refused.problem),
        "props": props({"exception": refused.id, "file": refused.file, "line": str(refused.line)}),
    }
