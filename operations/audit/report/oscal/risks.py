"""What may be wrong: open failures, accepted ones with their deadline, and what nobody could see."""

from operations.audit.report.oscal.common import (
    NAMESPACE,
    Document,
    filled,
    hostile,
    props,
    stable_uuid,
    words,
)
from operations.audit.report.oscal.gaps import unanswered_uuid, unlisted, unlisted_uuid, unseen
from operations.audit.report.oscal.observations import Alike, alike, exception_uuid, origin
from operations.audit.result import AcceptedException, Audit, ControlEntry, Population
from policies.control import Status

_UNSEEN = {
    Status.UNDETERMINED: "The value is not known, so that nobody knows whether this holds.",
    Status.NOT_OBSERVED: "The question could not be asked, so that nobody knows whether this holds.",
}


def risk_uuid(audit: Audit, group: Alike) -> str | None:
    """The risk that a group of answers belongs to: its exception's, its clause's, or none for a pass."""
    if group.exception is not None:
        return exception_uuid(group.exception)
    if group.status is Status.FAIL or group.status in _UNSEEN:
        return _clause_uuid(audit, group.control, group.clause, group.status)
    return None


def _clause_uuid(audit: Audit, control: str, clause: str, status: Status) -> str:
    return stable_uuid("risk", _scope(audit), control, clause, status)


def risks(audit: Audit) -> list[Document]:
    """A risk an exception, a clause that fails, a clause that nobody could see, and a population that is unknown."""
    found = {exception_uuid(one): _accepted(audit, one) for one in audit.exceptions}
    for group in alike(audit):
        uuid = risk_uuid(audit, group)
        if uuid is None:
            continue
        if uuid not in found:
            entry = audit.control(group.control)
            found[uuid] = (
                _failing(audit, uuid, entry, group.clause)
                if group.status is Status.FAIL
                else _unseen(audit, uuid, entry, group.clause, group.status)
            )
        found[uuid].setdefault("related-observations", []).append({"observation-uuid": group.uuid(audit)})
    for gap in unseen(audit):
        uuid = _clause_uuid(audit, gap[0].id, gap[1], Status.NOT_OBSERVED)
        found[uuid] = _unseen(audit, uuid, *gap, Status.NOT_OBSERVED)
        found[uuid]["related-observations"] = [{"observation-uuid": unanswered_uuid(audit, gap)}]
    return [*found.values(), *(_unlisted(audit, population) for population in unlisted(audit))]


def _scope(audit: Audit) -> str:
    return ",".join(audit.scope.stacks or audit.scope.accounts)


def _characterized(audit: Audit, entry: ControlEntry) -> list[Document]:
    severity = {"name": "severity", "system": NAMESPACE, "value": entry.severity}
    return [{"origin": origin(audit), "facets": [severity]}]


def _failing(audit: Audit, uuid: str, entry: ControlEntry, clause: str) -> Document:
    return {
        "uuid": uuid,
        "title": words(f"{entry.id} {clause} fails"),
        "description": words(entry.title),
        "statement": words(entry.risk),
        "props": props({"control": entry.id, "clause": clause}),
        "status": "open",
        "origins": [origin(audit)],
        "characterizations": _characterized(audit, entry),
        "remediations": [
            {
                "uuid": stable_uuid("remediation", uuid),
                "lifecycle": "recommendation",
                "title": words(f"Remediation of {entry.id}"),
                "description": words(entry.remediation),
            }
        ],
    }


def _unseen(audit: Audit, uuid: str, entry: ControlEntry, clause: str, status: Status) -> Document:
    return {
        "uuid": uuid,
        "title": words(f"{entry.id} {clause} is {status}"),
        "description": _UNSEEN[status],
        "statement": words(entry.risk),
        "props": props({"control": entry.id, "clause": clause, "answer": status}),
        "status": "open",
        "origins": [origin(audit)],
        "characterizations": _characterized(audit, entry),
    }


def unlisted_risk_uuid(audit: Audit, population: Population) -> str:
    return stable_uuid("risk", _scope(audit), population.type, population.account, population.region)


def _unlisted(audit: Audit, population: Population) -> Document:
    return {
        "uuid": unlisted_risk_uuid(audit, population),
        "title": f"Not listed: {hostile(population.type)} in {hostile(population.region or 'no region')}",
        "description": "The list call did not answer: resources of this type may exist that no clause was asked of.",
        "statement": f"{hostile(population.source)}: {hostile(population.reason)}",
        "status": "open",
        "origins": [origin(audit)],
        "related-observations": [{"observation-uuid": unlisted_uuid(audit, population)}],
    }


def _accepted(audit: Audit, exception: AcceptedException) -> Document:
    uuid = exception_uuid(exception)
    # An audit of some controls still lists the exceptions of the others.
    entry = next((one for one in audit.controls if one.id == exception.control), None)
    accepted = {
        "uuid": uuid,
        "title": f"{hostile(exception.control)} fails and is accepted: {hostile(exception.id)}",
        "description": hostile(exception.reason),
        "statement": words(entry.risk) if entry else "The control was not asked.",
        "props": props(
            {
                "exception": exception.id,
                "control": exception.control,
                "resource": exception.resource,
                "requester": exception.requester,
                "ticket": exception.ticket,
                "granted": exception.granted,
                "renewal": str(exception.renewal),
                "emergency": "yes" if exception.emergency else "no",
                "exception-sha256": exception.digest,
            }
        ),
        "status": "deviation-approved",
        "origins": [origin(audit)],
        "characterizations": _characterized(audit, entry) if entry else [],
        "mitigating-factors": [
            {"uuid": stable_uuid("mitigation", uuid), "description": hostile(exception.compensating_control)}
        ],
        "deadline": exception.expires,
        "risk-log": {"entries": _approvals(exception)} if exception.approvals else None,
    }
    return filled(accepted)


def _approvals(exception: AcceptedException) -> list[Document]:
    return [
        {
            "uuid": stable_uuid("approval", exception_uuid(exception), str(number), one.approver, one.signed),
            "title": f"Approved by {hostile(one.approver)}",
            "start": one.signed,
            "props": [
                {"name": "type", "value": "dr-approved"},
                *props({"approver": one.approver, "role": one.role, "key-sha256": one.key}),
            ],
            "status-change": "deviation-approved",
        }
        for number, one in enumerate(exception.approvals)
    ]
