"""What a clause applies to: data classes, environments, and synthetic data outside of production."""

import pytest
from judged import status

from policies.catalogue import control, controls
from policies.control import Environment, Status, answers, scope
from policies.resources import Stack
from policies.stores import DATA_CLASSES, and_above
from policies.testing import resource

CLUSTER = "aws:rds/cluster:Cluster"


@pytest.mark.parametrize(
    ("environment", "origin", "expected"),
    [
        ("development", "synthetic", Status.NOT_APPLICABLE),
        ("development", None, Status.FAIL),
        ("development", "a word", Status.FAIL),
        ("staging", "synthetic", Status.FAIL),
        ("production", "synthetic", Status.FAIL),
    ],
)
def test_synthetic_data_alone_is_spared_and_only_where_the_clause_does_not_name_the_environment(
    environment: str, origin: str | None, expected: Status
) -> None:
    tags = {"payment-cell:environment": environment, **({"payment-cell:data-origin": origin} if origin else {})}
    assert status("BCK-05", resource(CLUSTER, "c", tags=tags), clause="is_protected_against_deletion") is expected


def test_no_clause_spares_production_or_a_class_without_sparing_those_below() -> None:
    for clause in (clause for one in controls() for clause in one.clauses):
        assert Environment.PRODUCTION in clause.environments
        assert clause.data_classes in {and_above(least) for least in DATA_CLASSES}


def test_a_class_that_a_clause_does_not_speak_about_is_not_applicable_with_its_name() -> None:
    tags = {"payment-cell:data-class": "internal"}
    found = next(answers(control("BCK-02"), Stack((resource(CLUSTER, "c", tags=tags),))))
    assert (found.verdict.status, found.verdict.reason) == (Status.NOT_APPLICABLE, "data class internal")


def test_what_a_clause_applies_to_can_be_said_in_words() -> None:
    clause = {clause.check.__name__: clause for one in controls() for clause in one.clauses}
    assert scope(clause["rotates_within_a_year"]) == ""
    assert scope(clause["can_forget_a_person"]) == "personal, payments"
    assert scope(clause["leaves_a_final_snapshot"]) == "no synthetic data in development"
    both = "confidential, personal, payments; no synthetic data in development"
    assert scope(clause["database_has_two_instances"]) == both
