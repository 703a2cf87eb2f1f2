"""What the controls are mapped to, by number: every Trust Services Criterion, and the articles of the GDPR that a
control names. No text of the criteria is here: it is copyright of the AICPA."""

from operations.audit.report.oscal.common import Document, metadata, prop, stable_uuid, token, words
from operations.audit.result import Audit
from policies.control import Framework
from policies.criteria import CRITERIA, category

GDPR_URI = "http://data.europa.eu/eli/reg/2016/679/oj"
"""European Legislation Identifier of Regulation (EU) 2016/679."""


def criterion_id(framework: Framework, criterion: str) -> str:
    """``CC6.1`` as it is, ``32(1)(a)`` as ``art-32.1.a``."""
    if framework is Framework.SOC2:
        return token(criterion)
    return token("art-" + criterion.replace(")(", ".").replace("(", ".").replace(")", ""))


def soc2_criteria(audit: Audit, version: str) -> Document:
    """All 61, so that the ones without a control show as a gap."""
    series: dict[str, list[Document]] = {}
    for criterion in CRITERIA:
        where = "The criterion's text is in the AICPA's Trust Services Criteria (2017, points of focus of 2022)."
        control = _numbered(criterion_id(Framework.SOC2, criterion), criterion, where)
        series.setdefault(category(criterion), []).append(control)
    return {
        "uuid": stable_uuid("criteria", "soc2", audit.id),
        "metadata": metadata(audit, "Trust Services Criteria by number", version),
        "groups": [
            {"id": token(name), "class": "category", "title": words(name), "controls": found}
            for name, found in series.items()
        ],
    }


def gdpr_articles(audit: Audit, version: str) -> Document:
    """The articles that a control of this audit is mapped to."""
    resource = stable_uuid("regulation", audit.id)
    articles = sorted(
        {one.criterion for entry in audit.controls for one in entry.maps_to if one.framework is Framework.GDPR},
        key=lambda one: (int(one.partition("(")[0]), one),
    )
    link = {"href": f"#{resource}", "rel": "reference"}
    found = [
        {
            **_numbered(criterion_id(Framework.GDPR, one), one, f"Article {words(one)} of the Regulation."),
            "links": [link],
        }
        for one in articles
    ]
    return {
        "uuid": stable_uuid("criteria", "gdpr", audit.id),
        "metadata": metadata(audit, "Articles of the GDPR by number", version),
        **({"controls": found} if found else {}),
        "back-matter": {
            "resources": [
                {
                    "uuid": resource,
                    "title": "Regulation (EU) 2016/679",
                    "props": [{"name": "type", "value": "law"}],
                    "rlinks": [{"href": GDPR_URI}],
                }
            ]
        },
    }


def _numbered(control_id: str, number: str, where: str) -> Document:
    return {
        "id": control_id,
        "class": "criterion",
        "title": words(number),
        "props": [{"name": "label", "value": number}, prop("text", "not reproduced")],
        "parts": [{"id": f"{control_id}_smt", "name": "statement", "prose": where}],
    }
