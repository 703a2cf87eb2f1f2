"""The audit as OSCAL: valid, connected, countable, and never kinder than the audit."""

import json
import re
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from audit_outputs import oscal_problems
from audit_samples import DIGEST, HOSTILE, answer, audit
from hypothesis import example, given
from hypothesis import strategies as st
from trestle.core.profile_resolver import ProfileResolver
from trestle.oscal import OSCAL_VERSION

from operations.audit.report.escape import markdown
from operations.audit.report.oscal import folder, read_counts, write
from operations.audit.report.oscal.common import NAMESPACE, stable_uuid, string, token
from operations.audit.result import Audit, Place, Population, Reconciled
from operations.audit.run import entries
from policies.catalogue import controls
from policies.control import Status
from policies.criteria import CRITERIA

EVERY_DOCUMENT = {
    "assessment-plan.json",
    "assessment-results.json",
    "catalog.json",
    "component-definition.json",
    "gdpr-articles.json",
    "mapping-collection.json",
    "poam.json",
    "profile-eu-west-1.json",
    "soc2-criteria.json",
}

CLAUSE = ("KEY-03", "rotates_within_a_year")


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample with every kind of answer, written."""
    made = tmp_path_factory.mktemp("oscal")
    write(audit(), made)
    return made


def written(found: Audit, where: Path) -> Path:
    write(found, where)
    return where


def document(where: Path, name: str) -> dict[str, Any]:
    """What is under the only key of a file."""
    (content,) = json.loads((where / name).read_bytes()).values()
    assert isinstance(content, dict)
    return content


def result(where: Path) -> dict[str, Any]:
    (only,) = document(where, "assessment-results.json")["results"]
    assert isinstance(only, dict)
    return only


def ours(holder: dict[str, Any]) -> dict[str, str]:
    """Properties in our namespace."""
    return {one["name"]: one["value"] for one in holder.get("props", []) if one.get("ns") == NAMESPACE}


def values(content: Any, *names: str) -> Iterator[Any]:
    """What stands under some names, at any depth."""
    if isinstance(content, dict):
        for name, value in content.items():
            if name in names:
                yield value
            yield from values(value, *names)
    elif isinstance(content, list):
        for one in content:
            yield from values(one, *names)


def texts(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, dict):
        for value in content.values():
            yield from texts(value)
    elif isinstance(content, list):
        for one in content:
            yield from texts(one)


def state(where: Path, control: str, clause: str) -> str | None:
    """State of the finding about a clause; None without a finding."""
    for one in result(where).get("findings", []):
        if one["target"]["target-id"] == f"{control}_obj.{clause}":
            found: str = one["target"]["status"]["state"]
            return found
    return None


def test_there_is_a_file_for_each_document(sample: Path) -> None:
    assert {path.name for path in sample.iterdir()} == EVERY_DOCUMENT


@pytest.mark.parametrize("name", sorted(EVERY_DOCUMENT))
def test_every_document_passes_every_validator_of_trestle(sample: Path, name: str) -> None:
    assert list(oscal_problems(sample / name)) == []


def test_an_audit_of_some_controls_is_valid_too(tmp_path: Path) -> None:
    some = ("KEY-05", "NET-01")
    found = audit()
    scope = found.scope.model_copy(update={"partial": True, "controls": some})
    chosen = tuple(one for one in found.controls if one.id in some)
    answers = tuple(one for one in found.answers if one.control in some)
    for path in written(audit(scope=scope, controls=chosen, answers=answers), tmp_path).iterdir():
        assert list(oscal_problems(path)) == []
    assert set(values(document(tmp_path, "assessment-plan.json"), "control-id")) == set(some)


def test_the_catalogue_as_an_audit_lists_it_is_valid(tmp_path: Path) -> None:
    for path in written(audit(controls=entries(controls())), tmp_path).iterdir():
        assert list(oscal_problems(path)) == []
    catalog = document(tmp_path, "catalog.json")
    assert {one["id"] for found in values(catalog, "controls") for one in found} == {one.id for one in controls()}


def test_exceptions_of_two_stacks_with_one_id_stay_two(tmp_path: Path) -> None:
    first = audit().exceptions[0]
    second = first.model_copy(update={"resource": "id-other", "expires": "2026-12-01T00:00:00Z"})
    answers = tuple(answer(Status.FAIL, name, exception="EX-1") for name in ("accepted", "other"))
    for path in written(audit(answers=answers, exceptions=(first, second)), tmp_path).iterdir():
        assert list(oscal_problems(path)) == []
    risks = {one["deadline"]: one for one in result(tmp_path)["risks"] if "deadline" in one}
    assert len(risks) == 2
    assert all(len(one["related-observations"]) == 1 for one in risks.values())


def test_every_document_says_that_it_is_oscal_1_2_1_and_its_models_are(sample: Path) -> None:
    said = {document(sample, path.name)["metadata"]["oscal-version"] for path in sample.iterdir()}
    assert said == {"1.2.1"} == {OSCAL_VERSION}


def test_the_import_chain_resolves_file_by_file(sample: Path) -> None:
    results, plan = document(sample, "assessment-results.json"), document(sample, "assessment-plan.json")
    assert results["import-ap"]["href"] == "assessment-plan.json"
    for importing in (plan, document(sample, "poam.json")):
        resources = {f"#{one['uuid']}": one for one in importing["back-matter"]["resources"]}
        (system,) = resources[importing["import-ssp"]["href"]]["rlinks"]
        assert system["href"] == "component-definition.json"
    for component in document(sample, "component-definition.json")["components"]:
        for implementation in component["control-implementations"]:
            profile = document(sample, implementation["source"])
            assert [one["href"] for one in profile["imports"]] == ["catalog.json"]
    for mapping in document(sample, "mapping-collection.json")["mappings"]:
        assert mapping["source-resource"]["href"] == "catalog.json"
        assert document(sample, mapping["target-resource"]["href"])["uuid"]


def test_every_control_statement_and_objective_that_is_named_is_in_the_catalogue(sample: Path) -> None:
    catalog = document(sample, "catalog.json")
    controls = {control["id"]: control for found in values(catalog, "controls") for control in found}
    parts = {part["id"] for found in values(catalog, "parts") for part in found}
    for name in (
        "profile-eu-west-1.json",
        "component-definition.json",
        "assessment-plan.json",
        "assessment-results.json",
    ):
        content = document(sample, name)
        assert set(values(content, "control-id")) <= set(controls), name
        assert {one for found in values(content, "with-ids") for one in found} <= set(controls), name
        assert set(values(content, "statement-id", "objective-id", "target-id")) <= parts, name
    parameters = {one["id"] for found in values(catalog, "params") for one in found}
    assert set(values(document(sample, "profile-eu-west-1.json"), "param-id")) == parameters != set()


def test_every_uuid_that_is_named_is_there(sample: Path) -> None:
    plan = set(values(document(sample, "assessment-plan.json"), "uuid"))
    results, actions = document(sample, "assessment-results.json"), document(sample, "poam.json")
    here = ("observation-uuid", "risk-uuid", "subject-uuid", "actor-uuid", "component-uuid")
    for content in (results, actions):
        named = set(values(content, *here))
        assert named
        assert named <= set(values(content, "uuid"))
    assert set(values(results, "task-uuid")) <= plan
    assert set(values(document(sample, "assessment-plan.json"), "activity-uuid")) <= plan


def test_every_mapping_names_a_control_and_a_criterion(sample: Path) -> None:
    for mapping in document(sample, "mapping-collection.json")["mappings"]:
        for side, resource in (("sources", "source-resource"), ("targets", "target-resource")):
            catalog = document(sample, mapping[resource]["href"])
            known = {control["id"] for found in values(catalog, "controls") for control in found}
            named = {one["id-ref"] for entry in mapping["maps"] for one in entry[side]}
            assert named
            assert named <= known


def test_the_profile_resolves_to_the_controls_with_their_thresholds(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("catalog.json", "profile-eu-west-1.json"):
        (tmp_path / name).write_bytes((sample / name).read_bytes())
    (tmp_path / ".trestle").mkdir()
    monkeypatch.chdir(tmp_path)
    resolved = ProfileResolver.get_resolved_profile_catalog(tmp_path, str(tmp_path / "profile-eu-west-1.json"))
    content = json.loads(resolved.oscal_serialize_json())
    found = {control["id"]: control for controls in values(content, "controls") for control in controls}
    assert set(found) == set(audit().scope.controls)
    (parameter,) = found["KEY-03"]["params"]
    assert (parameter["id"], parameter["values"]) == ("KEY-03.MAX_ROTATION_DAYS", ["365"])


def test_a_reader_of_the_files_counts_what_the_audit_counts(sample: Path) -> None:
    assert read_counts(sample) == audit().counts
    assert all(read_counts(sample).values()), "the sample has every answer"


def test_answers_that_are_alike_are_one_observation_and_still_counted_each(tmp_path: Path) -> None:
    found = audit(answers=tuple(answer(Status.PASS, f"key-{number}") for number in range(300)), populations=())
    observed = result(written(found, tmp_path))["observations"]
    (held,) = [one for one in observed if "subjects" in one]
    assert len(held["subjects"]) == 300
    assert read_counts(tmp_path)[Status.PASS] == 300


def test_the_same_resource_answered_twice_is_counted_twice(tmp_path: Path) -> None:
    found = audit(answers=(answer(Status.FAIL), answer(Status.FAIL)))
    assert read_counts(written(found, tmp_path))[Status.FAIL] == 2


def test_files_that_count_otherwise_than_the_audit_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    less = audit(answers=audit().answers[1:])
    monkeypatch.setattr(folder, "assessment_results", lambda _audit, version: folder_results(less, version))
    with pytest.raises(ValueError, match="the files count"):
        write(audit(), tmp_path)
    assert not list(tmp_path.iterdir())


folder_results = folder.assessment_results


def test_an_answer_to_what_nobody_asked_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="KEY-03: never_asked: answered, and no clause"):
        write(audit(answers=(answer(Status.PASS, of=("KEY-03", "never_asked")),)), tmp_path)


def test_a_pass_is_satisfied_and_says_what_it_shows(tmp_path: Path) -> None:
    passed = answer(Status.PASS, places={Place.STATE: Status.PASS})
    where = written(audit(answers=(passed,), populations=()), tmp_path)
    assert state(where, *CLAUSE) == "satisfied"
    (finding,) = result(where)["findings"]
    assert ours(finding) == {"shows": "design"}


def test_a_pass_in_a_live_account_shows_operation(tmp_path: Path) -> None:
    (finding,) = result(written(audit(answers=(answer(Status.PASS),), populations=()), tmp_path))["findings"]
    assert ours(finding) == {"shows": "design and operation"}


def test_passes_satisfy_nothing_while_a_list_of_their_type_did_not_answer(tmp_path: Path) -> None:
    where = written(audit(answers=(answer(Status.PASS),)), tmp_path)
    assert [one.region for one in audit().populations if one.listed is None] == ["eu-central-1"]
    assert state(where, *CLAUSE) == "not-satisfied"
    (finding,) = result(where)["findings"]
    assert finding["target"]["status"]["remarks"] == "Answers: 1 pass. Lists that did not answer: 1."
    assert len(finding["related-risks"]) == 1


def test_an_exception_is_an_approved_risk_with_its_deadline_and_still_not_satisfied(tmp_path: Path) -> None:
    answers = (answer(Status.PASS), answer(Status.FAIL, "accepted", exception="EX-1"))
    where = written(audit(answers=answers, populations=()), tmp_path)
    assert state(where, *CLAUSE) == "not-satisfied"
    (risk,) = [one for one in result(where)["risks"] if one["status"] == "deviation-approved"]
    assert risk["deadline"] == "2026-12-31T00:00:00+00:00"
    assert ours(risk)["ticket"] == "SEC-12"
    assert [entry["props"][0]["value"] for entry in risk["risk-log"]["entries"]] == ["dr-approved"]
    (finding,) = result(where)["findings"]
    assert {"risk-uuid": risk["uuid"]} in finding["related-risks"]


def test_a_failure_under_an_exception_that_is_not_there_stays_open(tmp_path: Path) -> None:
    where = written(audit(answers=(answer(Status.FAIL, exception="EX-9"),), exceptions=()), tmp_path)
    assert "open" in {one["status"] for one in result(where)["risks"]}
    assert next(one["title"] for one in document(where, "poam.json")["poam-items"]) == "KEY-03 fails: payments"


@pytest.mark.parametrize("unseen", [Status.NOT_OBSERVED, Status.UNDETERMINED])
def test_what_was_not_seen_is_an_observation_and_a_risk_and_never_satisfied(tmp_path: Path, unseen: Status) -> None:
    where = written(audit(answers=(answer(Status.PASS), answer(unseen, "dark")), populations=()), tmp_path)
    assert state(where, *CLAUSE) == "not-satisfied"
    (finding,) = result(where)["findings"]
    assert finding["target"]["status"]["reason"] == "other"
    (observed,) = [one for one in result(where)["observations"] if ours(one).get("answer") == unseen]
    (risk,) = [one for one in result(where)["risks"] if ours(one).get("answer") == unseen]
    assert risk["status"] == "open"
    assert risk["related-observations"] == [{"observation-uuid": observed["uuid"]}]


def test_a_live_failure_counts_though_the_state_passes(tmp_path: Path) -> None:
    drift = {Place.STATE: Status.PASS, Place.LIVE: Status.FAIL}
    where = written(audit(answers=(answer(Status.FAIL, places=drift, reconciled=Reconciled.DRIFTED),)), tmp_path)
    assert state(where, *CLAUSE) == "not-satisfied"
    (observed,) = [one for one in result(where)["observations"] if "answer" in ours(one)]
    said = ours(observed)
    assert (said["answer-state"], said["answer-live"], said["reconciled"]) == ("pass", "fail", "drifted")


def test_what_is_only_not_applicable_has_an_observation_and_no_finding(tmp_path: Path) -> None:
    where = written(audit(answers=(answer(Status.NOT_APPLICABLE),)), tmp_path)
    assert state(where, *CLAUSE) is None
    assert [one for one in result(where)["observations"] if ours(one).get("answer") == "not applicable"]


def test_a_clause_without_resources_has_an_observation_and_no_finding(tmp_path: Path) -> None:
    where = written(audit(answers=(), populations=()), tmp_path)
    assert "findings" not in result(where)
    observed = result(where)["observations"]
    assert {ours(one)["rows"] for one in observed} == {"0"}
    assert {ours(one)["control"] for one in observed} == {one.id for one in audit().controls if one.clauses}
    assert {one["remarks"].partition(":")[0] for one in observed} == {"Not applicable"}


def test_an_objective_names_environments_and_data_classes(tmp_path: Path) -> None:
    where = written(audit(controls=entries(controls()), answers=(), populations=(), exceptions=()), tmp_path)
    parts = [part for found in values(document(where, "catalog.json"), "parts") for part in found]
    objectives = {ours(part)["clause"]: ours(part) for part in parts if part["name"] == "assessment-objective"}
    assert objectives["can_forget_a_person"]["data-classes"] == "personal, payments"
    assert objectives["database_has_two_instances"]["environments"] == "production, staging"
    assert "data-classes" not in objectives["a_restore_succeeded"]


def test_a_question_that_neither_audit_nor_attestation_answered_is_a_risk_and_not_inapplicable(tmp_path: Path) -> None:
    where = written(audit(controls=entries(controls()), answers=(), populations=(), exceptions=()), tmp_path)
    asked = {(one.id, question.name) for one in controls() for question in one.asked}
    rows = {(ours(one)["control"], ours(one)["clause"]): one for one in result(where)["observations"]}
    assert asked
    assert {key for key, one in rows.items() if one["remarks"].startswith("Not observed: an attestation")} == asked
    assert {(ours(one)["control"], ours(one)["clause"]) for one in result(where)["risks"]} == asked


def test_what_no_place_of_the_audit_can_show_is_a_risk_and_not_inapplicable(tmp_path: Path) -> None:
    key_03 = audit().control("KEY-03")
    hidden = tuple(clause.model_copy(update={"not_live": "only a state has it"}) for clause in key_03.clauses)
    asked = (key_03.model_copy(update={"clauses": hidden}), audit().control("NET-01"))
    scope = audit().scope.model_copy(update={"places": (Place.LIVE,)})
    where = written(audit(controls=asked, answers=(), populations=(), exceptions=(), scope=scope), tmp_path)
    said = {ours(one)["control"]: one["remarks"].partition(":")[0] for one in result(where)["observations"]}
    assert said == {"KEY-03": "Not observed", "NET-01": "Not applicable"}
    (risk,) = result(where)["risks"]
    assert ours(risk) == {"control": "KEY-03", "clause": "rotates_within_a_year", "answer": "not observed"}
    step, _ = (one for found in values(document(where, "assessment-plan.json"), "steps") for one in found)
    assert step["remarks"] == "Not asked live: only a state has it"


def test_without_every_list_zero_rows_are_not_taken_for_not_applicable(sample: Path) -> None:
    rows = [one for one in result(sample)["observations"] if ours(one).get("rows") == "0"]
    assert {one["remarks"].partition(":")[0] for one in rows} == {"Resources may exist"}


def test_a_population_that_was_not_listed_is_a_risk(tmp_path: Path) -> None:
    dark = Population(type="aws:kms/key:Key", account="1", region="eu-west-1", listed=None, source="kms:ListKeys")
    risks = result(written(audit(populations=(dark,)), tmp_path))["risks"]
    assert [one["status"] for one in risks if one["title"].startswith("Not listed")] == ["open"]


def test_an_attestation_says_whether_it_covers_anything(sample: Path) -> None:
    ((part,),) = [one["parts"] for one in result(sample)["attestations"]]
    assert (ours(part)["covers"], ours(part)["problem"]) == ("no", "valid until 2026-09-30")
    assert ours(part)["artefact-sha256"] == DIGEST


def test_each_exception_and_each_open_failure_is_an_item_of_the_plan_of_action(sample: Path) -> None:
    items = document(sample, "poam.json")["poam-items"]
    failing = [one for one in audit().deviations if not one.exception]
    said = [ours(one) for one in items]
    assert [one["deadline"] for one in said if "deadline" in one] == ["2026-12-31T00:00:00Z"]
    assert sum("clause" in one for one in said) == len(failing) > 0
    assert [one["line"] for one in said if "file" in one] == ["12"], "the refused exception"
    assert len(items) == 1 + len(failing) + 1


def test_an_audit_with_nothing_left_to_do_leaves_no_plan_of_action(tmp_path: Path) -> None:
    write(audit(), tmp_path)
    write(audit(answers=(answer(Status.PASS),), exceptions=(), refused_exceptions=()), tmp_path)
    assert not (tmp_path / "poam.json").exists()


def test_all_61_criteria_are_targets_and_those_without_a_control_are_the_gap(sample: Path) -> None:
    target = document(sample, "soc2-criteria.json")
    assert [one["id"] for found in values(target, "controls") for one in found] == list(CRITERIA)
    assert len(CRITERIA) == 61
    (mapping,) = [
        one
        for one in document(sample, "mapping-collection.json")["mappings"]
        if one["target-resource"]["href"] == "soc2-criteria.json"
    ]
    mapped = {one["id-ref"] for entry in mapping["maps"] for one in entry["targets"]}
    (unmapped,) = values(mapping["target-gap-summary"], "with-ids")
    assert mapped.isdisjoint(unmapped)
    assert mapped | set(unmapped) == set(CRITERIA)


def test_a_mapping_has_its_strength_and_claims_no_equality(sample: Path) -> None:
    claims = {
        (source["id-ref"], ours(one)["criterion"]): (ours(one)["strength"], one["relationship"])
        for mapping in document(sample, "mapping-collection.json")["mappings"]
        for one in mapping["maps"]
        for source in one["sources"]
    }
    assert claims["LOG-04", "CC7.2"] == ("direct", "subset-of")
    assert claims["KEY-03", "32(1)(a)"] == ("supports", "intersects-with")
    assert {relationship for _, relationship in claims.values()} == {"subset-of", "intersects-with"}


def test_files_are_readable_by_their_owner_only(sample: Path) -> None:
    assert {path.stat().st_mode & 0o777 for path in sample.iterdir()} == {0o600}


def test_the_same_audit_gives_the_same_bytes(sample: Path, tmp_path: Path) -> None:
    write(audit(), tmp_path)
    for path in sample.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name


def test_a_failure_keeps_its_item_and_its_risk_from_audit_to_audit(sample: Path, tmp_path: Path) -> None:
    write(audit(id="20261130T060000Z-eu-west-1"), tmp_path)
    for name in ("poam-items", "risks"):
        before, after = ({one["uuid"] for one in document(where, "poam.json")[name]} for where in (sample, tmp_path))
        assert before == after
    assert document(sample, "poam.json")["uuid"] != document(tmp_path, "poam.json")["uuid"]


def test_every_document_and_title_says_that_the_endpoint_is_no_aws(sample: Path) -> None:
    for path in sample.iterdir():
        head = document(sample, path.name)["metadata"]
        assert ours(head)["emulated"] == "yes"
        assert head["title"].startswith("Emulated, not AWS: ")


def test_an_audit_of_aws_is_not_called_emulated(tmp_path: Path) -> None:
    real = audit().scope.model_copy(update={"emulated": False, "endpoint": ""})
    for path in written(audit(scope=real), tmp_path).iterdir():
        head = document(tmp_path, path.name)["metadata"]
        assert ours(head)["emulated"] == "no"
        assert "mulated" not in head["title"]


def test_each_cell_has_a_profile_and_a_component(tmp_path: Path) -> None:
    scope = audit().scope.model_copy(update={"stacks": ("eu-west-1", "../Eu West")})
    where = written(audit(scope=scope), tmp_path)
    components = document(where, "component-definition.json")["components"]
    sources = [one["source"] for component in components for one in component["control-implementations"]]
    assert len(set(sources)) == 2
    assert all(re.fullmatch(r"profile-[a-z0-9-]+\.json", one) and (where / one).is_file() for one in sources)


def test_an_account_without_a_state_is_a_cell(tmp_path: Path) -> None:
    scope = audit().scope.model_copy(update={"stacks": ()})
    assert (written(audit(scope=scope), tmp_path) / "profile-account-123456789012.json").is_file()


def test_hostile_names_are_shown_as_they_stand_in_markup(sample: Path) -> None:
    titles = [one["title"] for observed in result(sample)["observations"] for one in observed.get("subjects", [])]
    for name in HOSTILE:
        assert markdown(name) in titles


def test_nothing_that_acts_instead_of_showing_is_in_any_document(sample: Path) -> None:
    acting = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    for path in sample.iterdir():
        for text in texts(document(sample, path.name)):
            assert not acting & {unicodedata.category(one) for one in text.replace("\n", "")}, (path.name, text)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_of_everything_still_validate_and_count(tmp_path: Path, name: str) -> None:
    found = audit()
    scope = found.scope.model_copy(update={"stacks": (name,), "accounts": (name,), "regions": (name,), "caller": name})
    accepted = found.exceptions[0].model_copy(update={"reason": name, "ticket": name, "requester": name})
    hostile = audit(
        id=name,
        scope=scope,
        exceptions=(accepted,),
        unaccounted=(name,),
        thresholds={name: name},
        attestations=(found.attestations[0].model_copy(update={"file": name, "control": name, "statement": name}),),
    )
    assert read_counts(written(hostile, tmp_path)) == hostile.counts


@given(st.text(max_size=60))
@example(" leads and trails ")
@example("\u00a0")
@example("")
@example("a\nb")
def test_any_text_is_a_string_of_oscal(text: str) -> None:
    assert re.fullmatch(r"\S(.*\S)?", string(text))


@given(st.text(max_size=60), st.text(max_size=60))
@example("a b", "a_b")
@example("9", "_9")
def test_any_text_is_a_token_of_oscal_and_two_texts_are_two_tokens(one: str, other: str) -> None:
    assert re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]*", token(one))
    assert (token(one) == token(other)) == (one == other)


def test_parts_of_a_key_do_not_run_into_each_other() -> None:
    assert stable_uuid("a", "b,c") != stable_uuid("a,b", "c")


def test_other_commands_do_without_trestle() -> None:
    script = "import sys, operations.audit.report.oscal; sys.exit('trestle' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
