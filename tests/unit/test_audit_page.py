"""The page that an auditor reads."""

import re
from collections import Counter
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operations.audit.report import reading
from operations.audit.report.page import page
from operations.audit.result import Audit
from policies.control import Framework, Status
from policies.criteria import CRITERIA
from tests.unit.audit_samples import HOSTILE, answer, audit

VOID = {"meta", "br", "img", "link", "input", "hr"}


class Parsed(HTMLParser):
    """Elements with their attributes, the text, and whether every element is closed by its own end."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def of(self, *tags: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.elements if tag in tags]


@pytest.fixture(scope="module")
def found() -> Audit:
    return audit()


@pytest.fixture(scope="module")
def html(found: Audit) -> str:
    return page(found, (audit(id="before", started="2026-11-28T06:00:00Z", answers=()),))


def inert(parsed: Parsed) -> None:
    """Nothing runs, nothing is fetched."""
    assert not parsed.of("script", "img", "link", "iframe", "object", "embed", "base", "form")
    for _, attributes in parsed.elements:
        assert not [name for name in attributes if name.startswith("on") or name in ("src", "style")]
        assert (attributes.get("href") or "#").startswith("#")


def test_page_runs_nothing_and_fetches_nothing(html: str) -> None:
    parsed = Parsed(html)
    inert(parsed)
    assert "url(" not in html
    assert "@import" not in html
    policies = [one["content"] for one in parsed.of("meta") if one.get("http-equiv") == "Content-Security-Policy"]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'; img-src data:"]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_name_is_shown_and_is_text(html: str, name: str) -> None:
    assert reading.visible(name) in Parsed(html).text
    if "<" in name or reading.visible(name) != name:
        assert name not in html


def test_invisible_characters_are_shown_as_escapes() -> None:
    assert reading.visible("a\x1b\u202eb\u200d\U000e0001é😀") == "a\\x1b\\u202eb\\u200d\\U000e0001é😀"


@settings(deadline=None, max_examples=10)
@given(st.text(alphabet=st.characters(exclude_categories=("Cs",)), max_size=60))
def test_no_name_changes_the_page(name: str) -> None:
    def shape(one: str) -> list[str]:
        failing = (answer(Status.FAIL, one), answer(Status.NOT_OBSERVED, one))
        parsed = Parsed(page(audit(answers=failing, unaccounted=(one,))))
        inert(parsed)
        return [tag for tag, _ in parsed.elements]

    assert shape(name) == shape("plain")


def test_every_criterion_is_there_once(html: str) -> None:
    said = Counter(one["data-criterion"] for one in Parsed(html).of("tr") if "data-criterion" in one)
    assert {name: said[name] for name in said if str(name).startswith("SOC 2")} == {
        f"SOC 2 {one}": 1 for one in CRITERIA
    }
    assert set(said.values()) == {1}
    assert said["GDPR 44"] == 1


def test_criteria_without_a_control_say_so(found: Audit, html: str) -> None:
    silent = [row for row in reading.criteria(found) if not row.controls]
    assert "CC1.1" in {row.criterion for row in silent}
    assert Parsed(html).text.count("nothing here speaks about it") == len(silent)


def test_state_counts_for_design_and_live_for_operation(found: Audit) -> None:
    row = next(one for one in reading.criteria(found) if (one.framework, one.criterion) == (Framework.SOC2, "CC6.6"))
    assert dict(row.design) == {Status.FAIL: 1}
    assert dict(row.operation) == {Status.FAIL: 1}
    drifted = audit(answers=tuple(one for one in found.answers if one.resource.name == "drifted"))
    row = next(one for one in reading.criteria(drifted) if (one.framework, one.criterion) == (Framework.SOC2, "CC6.1"))
    assert dict(row.design) == {Status.PASS: 1}
    assert dict(row.operation) == {Status.FAIL: 1}


def test_deviations_stand_before_what_is_open_and_what_passed(html: str) -> None:
    order = [
        html.index(f'<h2 id="{one}">') for one in ("scope", "deviations", "open", "attestations", "criteria", "passes")
    ]
    assert order == sorted(order)


def test_worst_deviations_come_first(found: Audit) -> None:
    assert [group.control.id for group in reading.deviations(found)] == ["NET-01", "KEY-03"]


def test_deviation_says_how_to_ask_again(html: str) -> None:
    text = Parsed(html).text
    assert "cell audit eu-west-1 --control NET-01 --observe state,live" in text
    assert "aws kms list-keys --region eu-west-1" in text
    assert "records 1, 2" in text


def test_accepted_failure_stays_a_deviation_and_names_who_accepted(html: str) -> None:
    text = Parsed(html).text
    accepted = text[text.index("accepted until 2026-12-31T00:00:00Z") :]
    assert "grace@example.com (security)" in accepted
    assert f"{len(audit().deviations)} failures by severity" in " ".join(text.split())


def test_refused_exceptions_and_attestations_are_shown(html: str) -> None:
    text = Parsed(html).text
    assert "expired on 2026-10-01" in text
    assert "covers nothing: valid until 2026-09-30" in text


def test_ids_are_unique_and_links_lead_to_them(html: str) -> None:
    parsed = Parsed(html)
    ids = Counter(one["id"] for _, one in parsed.elements if "id" in one)
    assert set(ids.values()) == {1}
    assert {str(one["href"])[1:] for one in parsed.of("a")} <= set(ids)
    assert {one["aria-labelledby"] for _, one in parsed.elements if "aria-labelledby" in one} <= set(ids)


def test_headings_skip_no_level(html: str) -> None:
    levels = [int(tag[1]) for tag, _ in Parsed(html).elements if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_every_table_has_a_caption_and_scoped_headings(html: str) -> None:
    parsed = Parsed(html)
    tags = [tag for tag, _ in parsed.elements]
    assert all(tags[at + 1] == "caption" for at, tag in enumerate(tags) if tag == "table")
    assert all(one.get("scope") for one in parsed.of("th"))


def test_emulated_is_on_top_and_on_every_printed_page() -> None:
    banner = "EMULATED: the endpoint is not AWS"
    emulated, real = audit(), audit()
    real = real.model_copy(update={"scope": real.scope.model_copy(update={"emulated": False})})
    html = page(emulated)
    assert html.index(banner, html.index("<body>")) < html.index("<h1>")
    assert re.search(r"@top-center \{ content: \"EMULATED", html)
    assert "EMULATED" not in page(real)


def test_clock_skew_over_five_seconds_is_a_finding(found: Audit) -> None:
    def skewed(seconds: float) -> str:
        return page(audit(calls=found.calls.model_copy(update={"clock_skew_s": seconds})))

    assert "finding: more than 5 s" in skewed(5.1)
    assert "finding: more than 5 s" not in skewed(5.0)


def test_trend_counts_new_and_fixed_failures() -> None:
    def at(day: int, *names: str, **given: Any) -> Audit:
        answers = tuple(answer(Status.FAIL, name) for name in names)
        return audit(id=f"day-{day}", started=f"2026-11-{day}T06:00:00Z", answers=answers, **given)

    rows = reading.trend(at(12, "a", "c"), (at(11, "a", "b"), at(10)))
    assert [(row.failing, row.new, row.fixed) for row in rows] == [(0, None, None), (2, 2, 0), (2, 1, 1)]
    assert all(row.same_scope for row in rows)


def test_audit_without_answers_is_a_page() -> None:
    text = Parsed(page(audit(answers=(), populations=(), exceptions=(), attestations=()))).text
    assert "None: no clause failed where it was asked." in text
