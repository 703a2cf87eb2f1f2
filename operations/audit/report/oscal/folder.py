"""The documents as files of one folder, and the count of answers that a reader of these files gets."""

import importlib
import json
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from operations.audit.report.oscal import common
from operations.audit.report.oscal.catalog import catalog
from operations.audit.report.oscal.component import component_definition
from operations.audit.report.oscal.criteria import gdpr_articles, soc2_criteria
from operations.audit.report.oscal.mapping import mapping_collection
from operations.audit.report.oscal.observations import ANSWER
from operations.audit.report.oscal.plan import assessment_plan
from operations.audit.report.oscal.poam import plan_of_action
from operations.audit.report.oscal.profile import profile
from operations.audit.report.oscal.results import assessment_results
from operations.audit.result import Audit
from policies.control import Status


def write(audit: Audit, folder: Path) -> None:
    """Writes every document into ``folder``, made where it is missing, readable by the owner only; the same audit gives
    the same bytes. Nothing of an earlier audit's is changed before all documents are made, validated and counted.

    Raises ValueError where a document is not OSCAL, or where the files do not count what the audit counts; OSError.
    """
    # The library takes half a second to import and is in the extra "audit": other commands do without it.
    version = importlib.import_module("trestle.oscal").OSCAL_VERSION
    documents = {
        common.CATALOG: ("catalog", "Catalog", catalog(audit, version)),
        common.SOC2_CRITERIA: ("catalog", "Catalog", soc2_criteria(audit, version)),
        common.GDPR_ARTICLES: ("catalog", "Catalog", gdpr_articles(audit, version)),
        common.MAPPING: ("mapping", "MappingCollection", mapping_collection(audit, version)),
        common.COMPONENT: ("component", "ComponentDefinition", component_definition(audit, version)),
        common.PLAN: ("assessment_plan", "AssessmentPlan", assessment_plan(audit, version)),
        common.RESULTS: ("assessment_results", "AssessmentResults", assessment_results(audit, version)),
        **{cell.profile: ("profile", "Profile", profile(audit, cell, version)) for cell in common.cells(audit)},
    }
    if (actions := plan_of_action(audit, version)) is not None:
        documents[common.POAM] = ("poam", "PlanOfActionAndMilestones", actions)
    files = {name: _bytes(*document) for name, document in documents.items()}
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".oscal.", dir=folder) as made:
        for name, content in files.items():
            (Path(made) / name).write_bytes(content)
            (Path(made) / name).chmod(0o600)
        if (counted := read_counts(Path(made))) != audit.counts:
            raise ValueError(f"{folder}: the files count {counted}, the audit {audit.counts}; a bug, please report it")
        (folder / common.POAM).unlink(missing_ok=True)
        for name in files:
            (Path(made) / name).replace(folder / name)


def read_counts(folder: Path) -> Mapping[Status, int]:
    """Answers by status, counted from the assessment results as any reader of OSCAL would."""
    document = json.loads((folder / common.RESULTS).read_bytes())["assessment-results"]
    counted: Counter[Status] = Counter()
    for result in document["results"]:
        for observation in result.get("observations", []):
            for one in observation.get("props", []):
                if (one.get("ns"), one["name"]) == (common.NAMESPACE, ANSWER):
                    counted[Status(one["value"])] += len(observation["subjects"])
    return {status: counted[status] for status in Status}


def _bytes(module: str, model: str, document: common.Document) -> bytes:
    """The document as its model writes it."""
    made: Any = getattr(importlib.import_module(f"trestle.oscal.{module}"), model)
    written: bytes = made.model_validate(document).oscal_serialize_json_bytes(pretty=True)
    return written + b"\n"
