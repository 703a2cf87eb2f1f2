"""What the documents share: names of files, identifiers that are the same for the same audit, text made safe for
OSCAL's data types, and who assesses what.

Documents are built with OSCAL's own JSON names (model 1.2.1, NIST), so that they read like its reference.
"""

import hashlib
import json
import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from operations.audit.report.escape import markdown, terminal
from operations.audit.result import Answer, Audit, ControlEntry, Place

Document = dict[str, Any]

NAMESPACE = "https://payment-cell.example/ns/audit"
"""Of the properties that are ours: OSCAL wants an absolute URI that names, and need not resolve."""

CATALOG = "catalog.json"
SOC2_CRITERIA = "soc2-criteria.json"
GDPR_ARTICLES = "gdpr-articles.json"
MAPPING = "mapping-collection.json"
COMPONENT = "component-definition.json"
PLAN = "assessment-plan.json"
RESULTS = "assessment-results.json"
POAM = "poam.json"

_UUIDS = uuid.uuid5(uuid.NAMESPACE_URL, NAMESPACE)
_TOKEN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_ENDS = re.compile(r"^\s+|\s+$")
_MARKUP = re.compile(r"[\\`*_{}\[\]<>&^~|#]")
_METHODS = {Place.PREVIEW: "EXAMINE", Place.STATE: "EXAMINE", Place.LIVE: "TEST"}


def stable_uuid(*key: str) -> str:
    """The same for the same key, in every audit (UUID version 5, which OSCAL accepts beside version 4)."""
    return str(uuid.uuid5(_UUIDS, json.dumps(key)))


def token(text: str) -> str:
    """An identifier of OSCAL's type "token": unchanged where it is one, else made one that no other text shares."""
    if _TOKEN.fullmatch(text):
        return text
    return f"_{re.sub('[^A-Za-z0-9_.-]', '_', text)[:60]}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def string(text: str) -> str:
    """OSCAL's type "string": one line that neither starts nor ends with white space. Not markup."""
    return _ENDS.sub(lambda found: "".join(f"\\u{ord(one):04x}" for one in found[0]), terminal(text)) or "(empty)"


def hostile(text: str) -> str:
    """OSCAL's markup of what others wrote: shown as it stands, whatever it holds."""
    return markdown(text) or "(empty)"


def words(text: str) -> str:
    """OSCAL's markup of our own words: only what would act as markup is escaped."""
    return _MARKUP.sub(r"\\\g<0>", terminal(text)) or "(empty)"


def prop(name: str, value: str) -> Document:
    """A property of ours."""
    return {"name": name, "ns": NAMESPACE, "value": string(value)}


def props(values: Mapping[str, str]) -> list[Document]:
    """Properties of ours, without the empty ones."""
    return [prop(name, value) for name, value in values.items() if value]


def filled(document: Document) -> Document:
    """Without empty lists, maps and texts: OSCAL leaves such fields out."""
    return {name: value for name, value in document.items() if value not in ([], {}, "", None)}


def title(audit: Audit, text: str) -> str:
    """Title of a document (markup already), which says whether it speaks of AWS at all."""
    return f"Emulated, not AWS: {text}" if audit.scope.emulated else text


def metadata(audit: Audit, text: str, version: str) -> Document:
    """Head of a document; ``version`` is OSCAL's."""
    emulated = "The endpoint was not AWS: nothing here speaks of an account of AWS."
    return filled(
        {
            "title": title(audit, text),
            "last-modified": audit.ended,
            "version": string(audit.tool.version),
            "oscal-version": version,
            "props": props(
                {
                    "emulated": "yes" if audit.scope.emulated else "no",
                    "audit": audit.id,
                    "endpoint": audit.scope.endpoint,
                    "tool-commit": audit.tool.commit,
                    "tool-dirty": "yes" if audit.tool.dirty else "",
                    "catalogue-sha256": audit.tool.catalogue,
                    "lock-sha256": audit.tool.lock,
                    "packs-sha256": audit.tool.packs,
                    "previous-audit-head": audit.previous,
                }
            ),
            "remarks": emulated if audit.scope.emulated else "",
        }
    )


@dataclass(frozen=True, slots=True)
class Cell:
    """What the profile and the component are of: a stack, or an account that is audited without one."""

    name: str
    stack: str = ""
    account: str = ""

    def has(self, answer: Answer) -> bool:
        """Whether an answer is about a resource of this cell. What an account holds beside its stack is of no cell."""
        return answer.stack == self.stack and (not self.account or answer.resource.account == self.account)

    @property
    def uuid(self) -> str:
        return stable_uuid("cell", self.name)

    @property
    def profile(self) -> str:
        """File of its profile. One name is never two files on a file system that folds case."""
        plain = re.fullmatch(r"[a-z0-9][a-z0-9.-]{0,80}", self.name)
        return f"profile-{self.name if plain else hashlib.sha256(self.name.encode()).hexdigest()[:16]}.json"


def cells(audit: Audit) -> tuple[Cell, ...]:
    """The stacks of an audit; its accounts where there is no stack; what was declared where there is neither."""
    if audit.scope.stacks:
        return tuple(Cell(stack, stack=stack) for stack in audit.scope.stacks)
    accounts = tuple(Cell(f"account-{account}", account=account) for account in audit.scope.accounts)
    return accounts or (Cell("declarations"),)


def cell_component(cell: Cell) -> Document:
    """The cell where OSCAL wants a component of a system that runs."""
    return {
        "uuid": cell.uuid,
        "type": "service",
        "title": hostile(cell.name),
        "description": f"The payment cell {hostile(cell.name)}.",
        "status": {"state": "operational"},
    }


def asked(audit: Audit) -> tuple[ControlEntry, ...]:
    """The controls that the audit asked."""
    return tuple(entry for entry in audit.controls if entry.id in audit.scope.controls)


def clauses(entry: ControlEntry) -> Mapping[str, str]:
    """Name -> question of each clause. Clauses of one name ask the same of several types."""
    return {clause.name: clause.question for clause in reversed(entry.clauses)}


def may_be_asked(entry: ControlEntry, place: Place, name: str) -> bool:
    """Whether a place can show what the clauses of a name ask."""
    named = [clause for clause in entry.clauses if clause.name == name]
    return any(not (clause.not_live if place is Place.LIVE else clause.not_declared) for clause in named)


def statement_id(control: str, clause: str = "") -> str:
    return token(f"{control}_smt.{clause}" if clause else f"{control}_smt")


def objective_id(control: str, clause: str) -> str:
    """What a finding is about: one clause."""
    return token(f"{control}_obj.{clause}")


def reviewed(entries: Iterable[ControlEntry]) -> Document:
    """The controls and objectives that plan and results are about."""
    chosen = tuple(entries)
    objectives = [{"objective-id": objective_id(one.id, name)} for one in chosen for name in sorted(clauses(one))]
    return filled(
        {
            "control-selections": [{"include-controls": [{"control-id": token(one.id)} for one in chosen]}],
            "control-objective-selections": [{"include-objectives": objectives}] if objectives else [],
        }
    )


def places(audit: Audit) -> tuple[Place, ...]:
    """Where something was asked."""
    answered = {one.place for answer in audit.answers for one in answer.observed}
    return tuple(place for place in Place if place in answered or place in audit.scope.places)


def method(place: Place) -> str:
    """What is declared is examined; an account is tested."""
    return _METHODS[place]


def task_uuid(audit: Audit, place: Place) -> str:
    return stable_uuid("task", audit.id, place)


def tool_uuid(audit: Audit) -> str:
    return stable_uuid("tool", audit.tool.version, audit.tool.commit)


def assets(audit: Audit) -> Document:
    """The tool that asks."""
    return {
        "components": [
            {
                "uuid": tool_uuid(audit),
                "type": "software",
                "title": "cell audit",
                "description": "Asks each clause of each control of previews, states and live accounts.",
                "props": props({"version": audit.tool.version, "commit": audit.tool.commit}),
                "status": {"state": "operational"},
            }
        ],
        "assessment-platforms": [
            {
                "uuid": stable_uuid("platform", audit.id),
                "title": "cell audit",
                "props": props({"caller": audit.scope.caller, "endpoint": audit.scope.endpoint}),
                "uses-components": [{"component-uuid": tool_uuid(audit)}],
            }
        ],
    }


def system_resource(audit: Audit) -> Document:
    """What stands where OSCAL imports a system security plan: nobody wrote one, the component definition describes
    the system."""
    return {
        "uuid": stable_uuid("system", audit.id),
        "title": "The audited system",
        "description": "No system security plan is kept as OSCAL. The component definition describes the cells.",
        "rlinks": [{"href": COMPONENT, "media-type": "application/json"}],
    }


def import_system(audit: Audit) -> Document:
    """Import of a system security plan, by way of ``system_resource`` in the document's back matter."""
    return {"href": f"#{stable_uuid('system', audit.id)}"}
