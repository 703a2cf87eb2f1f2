"""The catalogue of controls refuses what is not whole, and says where to mend it."""

from pathlib import Path

import pytest

from policies import catalogue
from policies.catalogue import controls
from policies.control import GDPR, SOC2, Asked, Control, Mapping_, Severity, Source, Strength
from policies.criteria import CRITERIA, is_article

WHOLE = controls()
QUESTION = Asked(name="it_holds", statement="it holds", source=Source.ATTESTATION, max_age_days=31)


def claiming(*mappings: Mapping_) -> Control:
    return Control(
        id="ABC-01",
        title="It holds",
        severity=Severity.LOW,
        maps_to=mappings,
        risk="It does not.",
        remediation="Make it hold.",
        asked=(QUESTION,),
    )


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout without any test; the controls are those of this one."""
    monkeypatch.setattr(catalogue, "CHECKOUT", tmp_path)
    monkeypatch.setattr(catalogue, "controls", controls.__wrapped__)
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "tests" / "unit").mkdir(parents=True)
    return tmp_path


def test_a_control_without_tests_is_refused_with_its_file_and_what_to_write(checkout: Path) -> None:
    message = r"policies/controls/adm_01.py: ADM-01 has no tests, .* write tests/unit/test_adm_01.py \(docs/policies.md"
    with pytest.raises(ValueError, match=message):
        catalogue.controls()
    (checkout / "tests" / "unit" / "test_adm_01.py").touch()
    with pytest.raises(ValueError, match="BCK-01 has no tests"):
        catalogue.controls()


def test_with_a_test_file_each_the_catalogue_loads(checkout: Path) -> None:
    for control in WHOLE:
        (checkout / "tests" / "unit" / f"test_{control.id.lower().replace('-', '_')}.py").touch()
    assert catalogue.controls() == WHOLE


@pytest.mark.parametrize("missing", ["tests", "pyproject.toml"])
def test_an_installed_copy_has_no_tests_to_check_against(checkout: Path, missing: str) -> None:
    """Beside an installed copy there may be a package `tests` of somebody else, but no project file."""
    if missing == "tests":
        (checkout / "tests" / "unit").rmdir()
    else:
        (checkout / missing).unlink()
    assert catalogue.controls() == WHOLE


@pytest.mark.parametrize("criterion", ["CC6.9", "CC0.1", "A1", "P9.1", "PI1.6", "cc6.1", ""])
def test_a_claim_on_what_is_no_criterion_is_refused(criterion: str) -> None:
    with pytest.raises(ValueError, match=rf"ABC-01: maps_to: SOC 2 has no {criterion}; .* 61 criteria"):
        claiming(SOC2("CC6.1", Strength.PARTIAL), SOC2(criterion, Strength.PARTIAL))


@pytest.mark.parametrize("article", ["0", "100", "32(1)(aa)", "32a", "32 (1)", "Article 32", ""])
def test_a_claim_on_what_is_no_article_is_refused(article: str) -> None:
    with pytest.raises(ValueError, match=r"ABC-01: maps_to: GDPR has no "):
        claiming(GDPR(article, Strength.PARTIAL))


def test_all_criteria_and_the_articles_that_are_claimed_exist() -> None:
    assert len(CRITERIA) == len(set(CRITERIA)) == 61
    claiming(*(SOC2(one, Strength.PARTIAL) for one in CRITERIA))
    assert all(map(is_article, ["1", "99", "5(2)", "32(1)(a)"]))
