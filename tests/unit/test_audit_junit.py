"""An audit as test results of a CI server."""

import xml.etree.ElementTree as ET
from collections.abc import Callable

import pytest
from audit_outputs import junit_problems
from audit_samples import HOSTILE, answer, audit
from hypothesis import given
from hypothesis import strategies as st

from operations.audit.report.escape import terminal
from operations.audit.report.junit import render
from operations.audit.result import Audit
from policies.control import Status


def case(root: ET.Element, name: str) -> ET.Element:
    (found,) = [case for case in root.iter("testcase") if case.get("name") == f"aws:kms/key:Key {name}"]
    return found


def parsed(of: Audit) -> ET.Element:
    return ET.fromstring(render(of))


@pytest.fixture(scope="module")
def root() -> ET.Element:
    return parsed(audit())


def test_a_suite_is_a_control_and_a_case_one_clause_of_one_resource(root: ET.Element) -> None:
    names = [suite.get("name", "").split()[0] for suite in root]
    assert names == ["KEY-03", "LOG-04", "NET-01", "audit"]
    assert case(root, "payments").get("classname") == "KEY-03.rotates_within_a_year"
    cases = [case for suite in root if suite.get("name") != "audit" for case in suite.iter("testcase")]
    assert len(cases) == len(audit().answers)


@pytest.mark.parametrize(
    ("name", "element", "kind"),
    [
        ("drifted", "failure", "medium"),
        ("denied", "error", "not observed"),
        ("unknown", "error", "undetermined"),
        ("asymmetric", "skipped", "not applicable"),
    ],
)
def test_each_answer_has_its_element(root: ET.Element, name: str, element: str, kind: str) -> None:
    (child,) = case(root, name)
    assert (child.tag, child.get("type")) == (element, kind)
    assert child.get("message") == next(one.reason for one in audit().answers if one.resource.name == name)


def test_a_pass_has_none(root: ET.Element) -> None:
    assert len(case(root, "payments")) == 0


def test_a_failure_says_what_each_place_answered_and_what_to_do(root: ET.Element) -> None:
    text = case(root, "drifted")[0].text or ""
    assert "state: pass" in text.splitlines()
    assert "places: drifted" in text.splitlines()
    assert f"remediation: {audit().control('KEY-03').remediation}" in text.splitlines()


def test_an_accepted_failure_fails_with_its_exception_in_the_text(root: ET.Element) -> None:
    (child,) = case(root, "accepted")
    assert child.tag == "failure"
    assert "accepted: EX-1" in child.get("message", "")
    assert "EX-1 until 2026-12-31T00:00:00Z by grace@example.com (SEC-12)" in (child.text or "")


def test_refused_exceptions_overdue_attestations_and_unlisted_populations_are_red() -> None:
    root = parsed(audit(unaccounted=("no rights in sa-east-1",)))
    (itself,) = [suite for suite in root if suite.get("name") == "audit"]
    assert [(one.get("classname"), one[0].tag, one[0].get("message")) for one in itself.iter("testcase")] == [
        ("audit.exceptions", "failure", "expired on 2026-10-01"),
        ("audit.attestations", "failure", "valid until 2026-09-30"),
        ("audit.populations", "error", "kms:ListKeys: AccessDenied"),
        ("audit.scope", "error", "no rights in sa-east-1"),
    ]


def test_the_counts_are_those_of_the_cases(root: ET.Element) -> None:
    for element in (root, *root):
        for attribute, tag in {"failures": "failure", "errors": "error"}.items():
            assert element.get(attribute) == str(len(list(element.iter(tag))))
        assert element.get("tests") == str(len(list(element.iter("testcase"))))
    assert [suite.get("skipped") for suite in root] == [str(len(list(suite.iter("skipped")))) for suite in root]
    assert root.get("time") == "90.000"


def test_the_structure_is_the_one_that_jenkins_schema_asks_for(root: ET.Element) -> None:
    assert list(junit_problems(root)) == []
    for suite in root:
        assert [child.tag for child in suite] == ["properties"] + ["testcase"] * (len(suite) - 1)
        assert (suite.get("timestamp"), suite.tag) == ("2026-11-29T06:00:00", "testsuite")
    assert all(len(case) <= 1 for case in root.iter("testcase"))


def spoilt(where: str, change: Callable[[ET.Element], object]) -> list[str]:
    root = parsed(audit())
    change(next(root.iter(where)))
    return list(junit_problems(root))


@pytest.mark.parametrize(
    ("where", "change", "problem"),
    [
        ("testsuites", lambda one: one.set("skipped", "1"), "testsuites: skipped"),
        ("testsuite", lambda one: one.attrib.pop("tests"), "testsuite: no tests"),
        ("testsuite", lambda one: one.set("time", "1 min"), "testsuite: time"),
        ("testsuite", lambda one: one.append(ET.Element("failure")), "testsuite: failure"),
        ("testcase", lambda one: one.attrib.pop("name"), "testcase: no name"),
        ("testcase", lambda one: setattr(one, "text", "said"), "testcase: text"),
        ("property", lambda one: one.attrib.pop("value"), "property: no value"),
        ("failure", lambda one: one.append(ET.Element("property", name="a", value="b")), "failure: property"),
        ("failure", lambda one: one.set("severity", "high"), "failure: severity"),
    ],
)
def test_what_the_schema_refuses_is_seen(where: str, change: Callable[[ET.Element], object], problem: str) -> None:
    assert problem in spoilt(where, change)


def test_every_suite_says_that_it_is_emulated(root: ET.Element) -> None:
    assert (root.get("name") or "").endswith("EMULATED")
    assert {one.get("value") for one in root.iter("property") if one.get("name") == "emulated"} == {"true"}
    real = parsed(audit(scope=audit().scope.model_copy(update={"emulated": False})))
    assert "EMULATED" not in (real.get("name") or "")


def test_hostile_names_stay_text(root: ET.Element) -> None:
    for name in HOSTILE:
        assert case(root, terminal(name))[0].tag == "failure"


@given(st.text(max_size=30))
def test_any_name_is_valid_xml(name: str) -> None:
    assert not list(junit_problems(parsed(audit(answers=(answer(Status.FAIL, name),)))))
    assert case(parsed(audit(answers=(answer(Status.FAIL, name),))), terminal(name))[0].tag == "failure"
