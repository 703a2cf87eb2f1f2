"""Two audits: what is new, fixed, still open, changed; and two cells."""

import json
from typing import Any

import pytest
from audit_samples import HOSTILE, answer, audit
from hypothesis import given
from hypothesis import strategies as st

from operations.audit.compare import Change, Comparison, Kind, compare
from operations.audit.report.compared import render, render_json
from operations.audit.result import Answer, Audit, Place, Population, ResourceRef
from policies.control import Status

LISTED = Population(type="aws:kms/key:Key", account="123456789012", region="eu-west-1", listed=9, source="kms:ListKeys")
UNLISTED = LISTED.model_copy(update={"listed": None})

PASS, FAIL, LOST = Status.PASS, Status.FAIL, Status.NOT_OBSERVED


def holding(*answers: Answer, **given: Any) -> Audit:
    return audit(answers=answers, **{"populations": (LISTED,), **given})


def only(comparison: Comparison) -> Change:
    (change,) = comparison.changes
    return change


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        (PASS, FAIL, Kind.NEW),
        (LOST, FAIL, Kind.NEW),
        (FAIL, PASS, Kind.FIXED),
        (FAIL, Status.NOT_APPLICABLE, Kind.FIXED),
        (FAIL, FAIL, Kind.OPEN),
        (FAIL, LOST, Kind.CHANGED),
        (FAIL, Status.UNDETERMINED, Kind.CHANGED),
        (PASS, LOST, Kind.CHANGED),
    ],
)
def test_each_pair_of_answers_has_its_kind(before: Status, after: Status, kind: Kind) -> None:
    change = only(compare(holding(answer(before)), holding(answer(after))))
    assert (change.kind, change.before, change.after) == (kind, before, after)
    assert (change.control, change.clause, change.resource.name) == ("KEY-03", "rotates_within_a_year", "payments")


@given(st.sampled_from(Status))
def test_an_audit_compared_with_itself_has_nothing_but_what_is_open(status: Status) -> None:
    comparison = compare(holding(answer(status)), holding(answer(status)))
    assert [change.kind for change in comparison.changes] == ([Kind.OPEN] if status is FAIL else [])
    assert comparison.differences == ()


def test_a_resource_that_is_new_and_fails_is_new_and_one_that_is_gone_is_fixed() -> None:
    assert only(compare(holding(), holding(answer(FAIL)))).kind is Kind.NEW
    gone = only(compare(holding(answer(FAIL)), holding()))
    assert (gone.kind, gone.after, gone.reason) == (Kind.FIXED, None, "the resource is gone")
    assert compare(holding(answer(PASS)), holding()).changes == ()


def _scope(**given: Any) -> dict[str, Any]:
    return {"scope": audit().scope.model_copy(update=given)}


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (_scope(controls=("NET-01",)), "KEY-03 was not asked"),
        (_scope(accounts=("999999999999",)), "account 123456789012 was not audited"),
        (_scope(regions=("eu-central-1",)), "region eu-west-1 was not audited"),
        (_scope(stacks=("other", "one-more")), "stack eu-west-1 was not audited"),
        ({"populations": (UNLISTED,)}, "aws:kms/key:Key was not listed"),
        ({"populations": ()}, "aws:kms/key:Key was not listed"),
    ],
)
def test_a_failure_that_was_not_asked_again_is_not_fixed(given: dict[str, Any], reason: str) -> None:
    change = only(compare(holding(answer(FAIL)), holding(**given)))
    assert (change.kind, change.reason) == (Kind.CHANGED, reason)


def thing(type_: str, region: str, **given: Any) -> Answer:
    ref = ResourceRef(type=type_, name="x", id="x", account=given.pop("account", "123456789012"), region=region)
    return answer(FAIL, resource=ref, stack="", **given)


def listing(type_: str, *regions: str) -> tuple[Population, ...]:
    return tuple(LISTED.model_copy(update={"type": type_, "region": region}) for region in regions)


@pytest.mark.parametrize(
    ("failed", "populations"),
    [
        (thing("aws:iam/role:Role", ""), listing("aws:iam/role:Role", "us-east-1")),
        (thing("aws:s3/bucket:Bucket", "eu-west-1"), listing("aws:s3/bucket:Bucket", "us-east-1")),
        (thing("aws:kms/keyPolicy:KeyPolicy", "eu-west-1"), (LISTED,)),
        (thing("kubernetes:core/v1:Pod", "name-of-a-cluster"), listing("kubernetes:core/v1:Pod", "eu-west-1")),
        (thing("audit", "", account=""), ()),
    ],
)
def test_what_is_not_in_the_list_that_would_have_it_is_gone(
    failed: Answer, populations: tuple[Population, ...]
) -> None:
    change = only(compare(holding(failed), holding(populations=populations)))
    assert (change.kind, change.reason) == (Kind.FIXED, "the resource is gone")


def test_what_another_region_lists_says_nothing_of_this_one() -> None:
    lists = listing("aws:kms/key:Key", "eu-central-1", "us-east-1")
    assert only(compare(holding(answer(FAIL)), holding(populations=lists))).kind is Kind.CHANGED


def clause_of(**given: str) -> dict[str, Any]:
    entries = [
        entry.model_copy(update={"clauses": tuple(one.model_copy(update=given) for one in entry.clauses)})
        for entry in audit().controls
    ]
    return {"controls": tuple(entries)}


@pytest.mark.parametrize(
    ("places", "given", "reason"),
    [
        ((Place.STATE,), clause_of(not_declared="x"), "rotates_within_a_year is asked of a live account only"),
        ((Place.LIVE,), clause_of(not_live="x"), "rotates_within_a_year is asked of a declaration only"),
    ],
)
def test_a_clause_that_was_asked_in_no_place_that_shows_it_is_not_fixed(
    places: tuple[Place, ...], given: dict[str, Any], reason: str
) -> None:
    change = only(compare(holding(answer(FAIL)), holding(**given, **_scope(places=places))))
    assert (change.kind, change.reason) == (Kind.CHANGED, reason)


def test_a_failure_in_no_state_is_not_fixed_by_an_audit_of_states() -> None:
    unmanaged = answer(FAIL, stack="")
    change = only(compare(holding(unmanaged), holding(**_scope(places=(Place.STATE,)))))
    assert (change.kind, change.reason) == (Kind.CHANGED, "its account was not read")


def test_a_failure_of_a_clause_that_was_taken_out_is_not_fixed() -> None:
    entries = tuple(
        entry.model_copy(update={"clauses": ()}) if entry.id == "KEY-03" else entry for entry in audit().controls
    )
    change = only(compare(holding(answer(FAIL)), holding(controls=entries)))
    assert (change.kind, change.reason) == (Kind.CHANGED, "KEY-03 has no clause rotates_within_a_year any more")


def test_a_resource_that_was_replaced_is_the_same_by_its_urn() -> None:
    first = answer(FAIL)
    second = first.model_copy(update={"resource": first.resource.model_copy(update={"id": "id-of-its-successor"})})
    change = only(compare(holding(first), holding(second)))
    assert (change.kind, change.resource.id) == (Kind.OPEN, "id-of-its-successor")


def test_a_failure_that_was_accepted_in_between_stays_open_and_says_so() -> None:
    change = only(compare(holding(answer(FAIL)), holding(answer(FAIL, exception="EX-1"))))
    assert (change.kind, change.exception_before, change.exception_after) == (Kind.OPEN, "", "EX-1")


def test_the_worst_come_first() -> None:
    worse = answer(FAIL, "sg", of=("NET-01", "opens_nothing_to_the_world"))
    comparison = compare(holding(), holding(answer(FAIL), worse))
    assert [change.control for change in comparison.changes] == ["NET-01", "KEY-03"]


def of_cell(cell: str, name: str, status: Status, key: str) -> Answer:
    resource = ResourceRef(
        type="aws:kms/key:Key", name=name, id=key, account="1", region=cell, urn=f"urn:pulumi:{cell}::x::y::{name}"
    )
    return answer(status, stack=cell, resource=resource, reason="")


def cell(name: str, *answers: Answer) -> Audit:
    scope = audit().scope.model_copy(update={"stacks": ("account", name, f"{name}-workloads"), "regions": (name,)})
    return holding(*answers, scope=scope)


def test_resources_of_two_cells_are_matched_by_name_without_the_cells() -> None:
    ireland = cell(
        "eu-west-1",
        of_cell("eu-west-1", "eu-west-1-payments", FAIL, "a"),
        of_cell("eu-west-1", "eu-west-1-events", PASS, "b"),
        of_cell("eu-west-1", "eu-west-1", PASS, "c"),
    )
    virginia = cell(
        "us-east-1",
        of_cell("us-east-1", "us-east-1-payments", PASS, "d"),
        of_cell("us-east-1", "us-east-1-events", FAIL, "e"),
        of_cell("us-east-1", "us-east-1", PASS, "f"),
    )
    comparison = compare(ireland, virginia)
    assert comparison.cells == ("eu-west-1", "us-east-1")
    assert {(one.kind, one.resource.name) for one in comparison.changes} == {
        (Kind.FIXED, "us-east-1-payments"),
        (Kind.NEW, "us-east-1-events"),
    }


def test_zones_of_two_cells_are_matched_by_their_order() -> None:
    ireland = [of_cell("eu-west-1", f"eu-west-1-s00-euw1-az{n}", FAIL, f"a{n}") for n in (1, 2, 3)]
    virginia = [of_cell("us-east-1", f"us-east-1-s00-use1-az{n}", FAIL, f"b{n}") for n in (1, 2, 4)]
    comparison = compare(cell("eu-west-1", *ireland), cell("us-east-1", *virginia))
    assert [change.kind for change in comparison.changes] == [Kind.OPEN] * 3


def test_a_name_that_only_starts_like_a_cell_is_another_name() -> None:
    comparison = compare(
        cell("eu-west-1", of_cell("eu-west-1", "eu-west-10-x", FAIL, "a")),
        cell("us-east-1", of_cell("us-east-1", "us-east-1-x", FAIL, "b")),
    )
    assert [change.kind for change in comparison.changes] == [Kind.FIXED, Kind.NEW]


def test_one_cell_at_two_times_is_not_matched_by_name() -> None:
    assert compare(cell("eu-west-1"), cell("eu-west-1")).cells is None


def test_thresholds_tool_scope_and_populations_that_differ_are_named() -> None:
    before = holding()
    after = holding(
        populations=(UNLISTED,),
        thresholds={"KEY-03.MAX_ROTATION_DAYS": 400},
        tool=audit().tool.model_copy(update={"catalogue": "cd" * 32, "version": "0.2.0"}),
        **_scope(regions=("eu-west-1",), emulated=False),
    )
    assert {(one.about, one.before, one.after) for one in compare(before, after).differences} == {
        ("tool version", "0.1.0", "0.2.0"),
        ("tool catalogue", "ab" * 32, "cd" * 32),
        ("threshold KEY-03.MAX_ROTATION_DAYS", "365", "400"),
        ("threshold LOG-06.MIN_DAYS", "365", "none"),
        ("scope regions", "eu-central-1", "none"),
        ("scope emulated", "True", "False"),
        ("population aws:kms/key:Key 123456789012 eu-west-1", "9", "not listed"),
    }


def test_populations_of_two_cells_are_compared_by_type() -> None:
    def with_keys(name: str, *listed: int | None) -> Audit:
        each = [UNLISTED.model_copy(update={"region": f"{name}-{n}", "listed": of}) for n, of in enumerate(listed)]
        return cell(name).model_copy(update={"populations": tuple(each)})

    comparison = compare(with_keys("eu-west-1", 2, 3), with_keys("us-east-1", 4, None))
    (difference,) = [one for one in comparison.differences if one.about.startswith("population")]
    assert (difference.about, difference.before, difference.after) == ("population aws:kms/key:Key", "5", "4 or more")


def test_the_text_has_both_sides_every_kind_and_the_counts() -> None:
    before = holding(answer(FAIL, "kept"), answer(FAIL, "mended"), answer(PASS, "broken"), answer(PASS, "lost"))
    after = holding(answer(FAIL, "kept"), answer(PASS, "mended"), answer(FAIL, "broken"), answer(LOST, "lost"))
    shown = render(compare(before, after))
    assert shown.splitlines()[0].count("(EMULATED)") == 2
    assert shown.index("New: 1") < shown.index("Still open: 1") < shown.index("Changed: 1") < shown.index("Fixed: 1")
    assert shown.splitlines()[-1] == "1 new, 1 fixed, 1 still open, 1 changed; 0 other differences"


def test_the_json_has_all_of_it() -> None:
    comparison = compare(holding(answer(FAIL)), holding(answer(PASS)))
    data = json.loads(render_json(comparison))
    assert data["changes"][0]["kind"] == "fixed"
    assert data["before"]["emulated"] is True
    assert Comparison.model_validate_json(render_json(comparison)) == comparison


def test_hostile_names_act_on_no_terminal() -> None:
    shown = render(compare(holding(), audit()))
    assert all(character.isprintable() or character == "\n" for character in shown)
    assert len(compare(holding(), audit()).of(Kind.NEW)) == 4 + len(HOSTILE)
