"""One thing broken in a healthy cell is seen by its clause and by no unrelated one."""

from pathlib import Path

import broken_audits
import pytest
from broken_audits import Question, unpassed
from mutations import Mutation, seen
from policy_matrix import MUTATIONS, PAGE, clauses, page, questions

from policies.control import Status


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda one: f"{one.sees}: {one.stack}: {one.type} {one.name}")
def test_a_mutation_is_seen_by_its_clause_and_by_no_unrelated_one(mutation: Mutation) -> None:
    found = seen(mutation)
    assert not found.unhealthy
    assert found.failing == {mutation.sees} | mutation.also
    assert found.before == {None if mutation.planted else Status.PASS}, "the healthy one did not pass"


def test_a_healthy_project_passes_every_question(tmp_path: Path) -> None:
    assert unpassed(tmp_path, broken_audits.HEALTHY) == set()


@pytest.mark.parametrize("question", broken_audits.MUTATIONS, ids=lambda one: one.sees)
def test_what_is_broken_of_an_audit_is_seen_by_its_question_alone(tmp_path: Path, question: Question) -> None:
    assert unpassed(tmp_path, question.broken) == {question.sees}


def test_every_clause_and_question_has_a_mutation_and_the_page_shows_all() -> None:
    assert {mutation.sees for mutation in MUTATIONS} == clauses()
    assert {mutation.sees for mutation in broken_audits.MUTATIONS} == questions()
    told = {mutation: frozenset({mutation.sees}) | mutation.also for mutation in MUTATIONS}
    assert PAGE.read_text(encoding="utf-8") == page(told), "docs/policy-matrix.md is old; run make docs"
