"""The page that an auditor reads."""

import re
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest
from audit_outputs import Page, page_problems
from audit_samples import HOSTILE, answer, audit
from hypothesis import given, settings
from hypothesis import strategies as st

from operations.audit.report import reading
from operations.audit.report.page import page
from operations.audit.result import Audit, Population
from policies.control import Framework, Status
from policies.criteria import CRITERIA


@pytest.fixture(scope="module")
def found() -> Audit:
    return audit()


@pytest.fixture(scope="module")
def html(found: Audit) -> str:
    return page(found, (audit(id="before", started="2026-11-28T06:00:00Z", answers=()),))


def test_page_runs_nothing_and_fetches_nothing(html: str) -> None:
    assert list(page_problems(html)) == []
    policies = [one["content"] for one in Page(html).of("meta") if one.get("http-equiv") == "Content-Security-Policy"]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'; img-src data:"]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_name_is_shown_and_is_text(html: str, name: str) -> None:
    assert reading.visible(name) in Page(html).text
    if "<" in name or reading.visible(name) != name:
        assert name not in html


def test_invisible_characters_are_shown_as_escapes() -> None:
    assert reading.visible("a\x1b\u202eb\u200d\U000e0001é😀") == "a\\x1b\\u202eb\\u200d\\U000e0001é😀"


@settings(deadline=None, max_examples=10)
@given(st.text(alphabet=st.characters(exclude_categories=("Cs",)), max_size=60))
def test_no_name_changes_the_page(name: str) -> None:
    def shape(one: str) -> list[str]:
        failing = (answer(Status.FAIL, one), answer(Status.NOT_OBSERVED, one))
        html = page(audit(answers=failing, unaccounted=(one,)))
        assert list(page_problems(html)) == []
        return [tag for tag, _ in Page(html).elements]

    assert shape(name) == shape("plain")


def test_every_criterion_is_there_once(html: str) -> None:
    said = Counter(one["data-criterion"] for one in Page(html).of("tr") if "data-criterion" in one)
    assert {name: said[name] for name in said if str(name).startswith("SOC 2")} == {
        f"SOC 2 {one}": 1 for one in CRITERIA
    }
    assert set(said.values()) == {1}
    assert said["GDPR 44"] == 1


def test_criteria_without_a_control_say_so(found: Audit, html: str) -> None:
    silent = [row for row in reading.criteria(found) if not row.controls]
    assert "CC1.1" in {row.criterion for row in silent}
    assert Page(html).text.count("nothing here speaks about it") == len(silent)


def test_state_counts_for_design_and_live_for_operation(found: Audit) -> None:
    row = next(one for one in reading.criteria(found) if (one.framework, one.criterion) == (Framework.SOC2, "CC6.6"))
    assert dict(row.design) == {Status.FAIL: 1}
    assert dict(row.operation) == {Status.FAIL: 1}
    drifted = audit(answers=tuple(one for one in found.answers if one.resource.name == "drifted"))
    row = next(one for one in reading.criteria(drifted) if (one.framework, one.criterion) == (Framework.SOC2, "CC6.1"))
    assert dict(row.design) == {Status.PASS: 1}
    assert dict(row.operation) == {Status.FAIL: 1}


def test_deviations_stand_before_what_is_open_and_what_passed(html: str) -> None:
    wanted = (
        "deviations",
        "open",
        "attestations",
        "criteria",
        "exceptions",
        "populations",
        "aws",
        "trend",
        "verify",
        "passes",
    )
    order = [html.index(f'<h2 id="{one}">') for one in wanted]
    assert order == sorted(order)


def test_the_head_of_the_page_says_what_was_looked_at_and_what_changed(html: str) -> None:
    head = " ".join(Page(html[: html.index("<nav")] + "</body></html>").text.split())
    assert "1 account: 123456789012 · 2 regions: eu-west-1, eu-central-1 · state, live" in head
    assert f"Since the audit of 2026-11-28T06:00:00Z: {len(audit().deviations)} new failures, 0 fixed" in head
    assert "Since the audit" not in page(audit())


def test_deviations_are_counted_by_clause_and_lead_to_their_resources(html: str) -> None:
    start = html.rindex("<div", 0, html.index('aria-label="Deviations by clause"'))
    table = Page(html[start : html.index("<article")])
    assert [one["href"] for one in table.of("a")] == ["#deviation-1", "#deviation-2"]
    assert table.text.split("\n")[-3:-1] == ["mediumKEY-03 rotates within a year151", ""], (
        "15 failed, 1 of them accepted"
    )


def test_worst_deviations_come_first(found: Audit) -> None:
    assert [group.control.id for group in reading.deviations(found)] == ["NET-01", "KEY-03"]


def test_deviation_says_how_to_ask_again(html: str) -> None:
    text = Page(html).text
    assert "cell audit eu-west-1 --control NET-01 --observe state,live" in text
    assert "aws kms list-keys --region eu-west-1" in text
    assert "records 1-2" in text


def test_places_that_say_the_same_are_one_line_with_all_records(found: Audit) -> None:
    by_name = {one.resource.name: reading.said(one) for one in found.answers}
    ((places, said),) = by_name["sg"]
    assert (places, said.status, said.evidence) == ("state, live", Status.FAIL, (1, 2))
    assert [(places, said.status) for places, said in by_name["drifted"]] == [
        ("state", Status.PASS),
        ("live", Status.FAIL),
    ]


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ((), ""),
        ((7,), "7"),
        ((3, 1, 2, 2), "1-3"),
        ((1, 2, 4, 8, 9), "1-2, 4, 8-9"),
        (range(0, 12, 2), "0, 2, 4, 6, 8, 10"),
        (range(0, 14, 2), "0, 2, 4, 6, 8, 10 and others, 7 in all"),
    ],
)
def test_record_numbers_are_ranges_and_never_cut_unsaid(numbers: Iterable[int], text: str) -> None:
    assert reading.ranges(numbers) == text


def population(region: str, listed: int | None, second: int | None = None, **given: Any) -> Population:
    about: dict[str, Any] = {"type": "aws:kms/key:Key", "account": "123456789012", "source": "kms:ListKeys"}
    about["second_source"] = "" if second is None else "tag:GetResources"
    return Population(region=region, listed=listed, second=second, **{**about, **given})


def test_a_population_is_a_row_over_its_regions_and_hides_none_that_differs_or_is_unknown() -> None:
    regions = [
        population("eu-west-1", 3, 4, owned_by_aws=1, evidence=(4, 5)),
        population("eu-central-1", 1, 0, evidence=(6,)),
        population("eu-north-1", None, reason="AccessDenied"),
        population("eu-south-1", 0, 0),
        population("eu-west-1", 0, type="aws:sqs/queue:Queue"),
    ]
    of = audit(populations=tuple(regions))
    (row,) = reading.populations(of)
    assert (row.listed, row.owned_by_aws, row.second, row.evidence) == (4, 1, 4, (4, 5, 6))
    assert row.regions == (("eu-west-1", 3), ("eu-central-1", 1))
    assert row.differences == (("eu-west-1", 1), ("eu-central-1", -1)), "what cancels out in the sum is told"
    assert row.unlisted == (("eu-north-1", "AccessDenied"),)
    assert reading.empty(of) == {"aws:sqs/queue:Queue": 1}
    text = " ".join(Page(page(of)).text.split())
    assert "123456789012: 3 in eu-west-1; 1 in eu-central-1" in text
    assert "+1 by the second source in eu-west-1" in text
    assert "-1 by the second source in eu-central-1" in text
    assert "not listed in eu-north-1: AccessDenied" in text


def test_regions_with_the_same_number_stand_together(found: Audit) -> None:
    everywhere = tuple(population(region, 2) for region in found.scope.regions)
    assert "123456789012: 2 each in every region" in " ".join(Page(page(audit(populations=everywhere))).text.split())
    assert reading.by_number((("a", 1), ("b", 2), ("c", 2))) == ((2, ("b", "c")), (1, ("a",)))


def test_accepted_failure_stays_a_deviation_and_names_who_accepted(html: str) -> None:
    text = Page(html).text
    accepted = text[text.index("accepted until 2026-12-31T00:00:00Z") :]
    assert "grace@example.com (security)" in accepted
    assert f"{len(audit().deviations)} failures by severity" in " ".join(text.split())


def test_refused_exceptions_and_attestations_are_shown(html: str) -> None:
    text = Page(html).text
    assert "expired on 2026-10-01" in text
    assert "covers nothing: valid until 2026-09-30" in text


def test_every_section_is_named_by_its_heading(html: str) -> None:
    parsed = Page(html)
    ids = {one["id"] for _, one in parsed.elements if "id" in one}
    assert {one["aria-labelledby"] for _, one in parsed.elements if "aria-labelledby" in one} <= ids


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ("</section>", "", "main ends where it is not open"),
        ("<ul>", "<p><ul>", "ul in p"),
        ("<tr>", "", "th in thead"),
        ("<h1>", "<h1 onclick='x()'>", "h1 onclick acts"),
        ("</header>", "<script></script></header>", "script acts"),
        ("<h1>", "<h1 id='main'>", "#main is there 2 times"),
        ('href="#main"', 'href="#nowhere"', "#nowhere leads nowhere"),
        ('href="#main"', 'href="https://example.com"', "https://example.com leads nowhere"),
        ("<h1>", "<h1 lang='a' lang='b'>", "h1 has an attribute twice"),
        ("<style>", "<style>@import 'x';", "@import fetches"),
        ("<!doctype html>", "", "no document type"),
    ],
)
def test_what_is_wrong_with_a_page_is_seen(html: str, before: str, after: str, problem: str) -> None:
    assert problem in page_problems(html.replace(before, after, 1))


def test_headings_skip_no_level(html: str) -> None:
    levels = [int(tag[1]) for tag, _ in Page(html).elements if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_every_table_has_a_caption_and_scoped_headings(html: str) -> None:
    parsed = Page(html)
    tags = [tag for tag, _ in parsed.elements]
    assert all(tags[at + 1] == "caption" for at, tag in enumerate(tags) if tag == "table")
    assert all(one.get("scope") for one in parsed.of("th"))


def test_whoever_reads_without_a_mouse_gets_everywhere(html: str) -> None:
    parsed = Page(html)
    assert parsed.of("html")[0]["lang"] == "en"
    assert parsed.of("a")[0] == {"class": "skip", "href": "#main"}
    scrolled = [one for one in parsed.of("div") if one.get("class") == "scroll"]
    assert len(scrolled) == len(parsed.of("table"))
    assert all(one["tabindex"] == "0" and one["role"] == "region" and one["aria-label"] for one in scrolled)


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2, https://www.w3.org/TR/WCAG22/#dfn-relative-luminance)."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * one for one in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts]
    return sum(share * one for share, one in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def schemes(html: str) -> dict[str, dict[str, str]]:
    """Light, dark and printed -> colour by name."""
    light, dark, printed = (
        dict(re.findall(r"--(\w+): (#\w+)", block)) for block in re.findall(r":root \{([^}]*)\}", html)
    )
    return {"light": light, "dark": {**light, **dark}, "printed": {**light, **printed}}


@pytest.mark.parametrize("scheme", ["light", "dark", "printed"])
def test_every_text_has_the_contrast_of_wcag_aa(html: str, scheme: str) -> None:
    colours = {name: luminance(colour) for name, colour in schemes(html)[scheme].items()}
    pairs = [(text, "paper") for text in ("ink", "soft", "link", "bad", "warn", "good")]
    for text, ground in [*pairs, ("ink", "tint"), ("warn", "warntint")]:
        brighter, darker = sorted((colours[text], colours[ground]), reverse=True)
        assert (brighter + 0.05) / (darker + 0.05) >= 4.5, f"{text} on {ground}"


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
    text = Page(page(audit(answers=(), populations=(), exceptions=(), attestations=()))).text
    assert "None: no clause failed where it was asked." in text
