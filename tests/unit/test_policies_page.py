"""The page about policies says what the catalogue says."""

from policies_page import PAGE, page

from policies.catalogue import controls


def test_the_page_about_policies_is_as_the_catalogue_is() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text == page(text), "docs/policies.md is old; run make docs"


def test_no_clause_of_a_control_has_the_name_of_another_ones() -> None:
    """An answer is known by control and clause."""
    for control in controls():
        names = [(clause.check.__name__, type_) for clause in control.clauses for type_ in clause.resource_types]
        assert len(names) == len(set(names)), control.id
