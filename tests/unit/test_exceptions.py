"""Exceptions: who may accept that a control fails, for how long, and what makes an entry accept nothing."""

import json
import re
import textwrap
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from audit_samples import answer
from exception_files import ADA, GRACE, RUTH, SIGNED, Person, signed, words, write
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from operations.audit.exceptions import applied, emergencies
from operations.engine import Engine
from operations.errors import ExitCode
from operations.exceptions import app
from operations.project import Project
from policies.approvers import person
from policies.catalogue import controls
from policies.control import Finding, Status, Verdict
from policies.exceptions import (
    NOT_PROTECTED,
    PROTECTED_BESIDE,
    VARIABLE,
    WORDS,
    Exceptions,
    Terms,
    drafts,
    from_environment,
    load,
    protected,
)
from policies.record import VARIABLE as ANSWERS
from policies.record import record

NOW = datetime(2026, 11, 15, 12, tzinfo=UTC)
URN = words()["resource"]
EMERGENCY = {"emergency": True, "granted": "2026-11-14T00:00:00Z", "expires": "2026-11-17T00:00:00Z"}
runner = CliRunner()


def loaded(folder: Path, *entries: dict[str, Any], now: datetime = NOW, **given: Any) -> Exceptions:
    return load([write(folder, *entries, **given)], now)


def problem(folder: Path, entry: dict[str, Any], **given: Any) -> str:
    """Why the only entry accepts nothing."""
    found = loaded(folder, entry, **given)
    assert found.accepted == ()
    assert found.of("KEY-03", URN) is None
    return found.refused[-1].problem


def test_an_approved_entry_accepts_its_control_on_its_resource_only(tmp_path: Path) -> None:
    found = loaded(tmp_path, signed())
    accepted = found.of("KEY-03", URN)
    assert accepted is not None
    assert str(accepted) == "failed, accepted by exception EX-1 until 2026-12-01T00:00:00Z"
    assert [(one.approver, one.role) for one in accepted.approvals] == [("grace@example.com", "security")]
    assert found.of("KEY-03", f"{URN}-2") is None
    assert found.of("KEY-04", URN) is None
    assert found.refused == ()


def test_no_file_is_no_exception(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load([tmp_path / "exceptions" / "dev.yaml"], NOW) == Exceptions()
    monkeypatch.delenv(VARIABLE, raising=False)
    assert from_environment(NOW) == Exceptions()
    monkeypatch.setenv(VARIABLE, str(write(tmp_path, signed())))
    assert len(from_environment(NOW).accepted) == 1


@pytest.mark.parametrize(
    ("now", "holds"),
    [
        ("2026-10-31T23:59:59Z", False),
        (SIGNED, True),
        ("2026-11-30T23:59:59Z", True),
        ("2026-12-01T00:00:00Z", False),
    ],
)
def test_an_exception_holds_from_granted_until_just_before_it_expires(tmp_path: Path, now: str, holds: bool) -> None:
    assert bool(loaded(tmp_path, signed(), now=datetime.fromisoformat(now)).accepted) is holds


@pytest.mark.parametrize(("days", "holds"), [(90, True), (91, False)])
def test_an_exception_lives_ninety_days_at_most(tmp_path: Path, days: int, holds: bool) -> None:
    expires = (datetime(2026, 11, 1, tzinfo=UTC) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert bool(loaded(tmp_path, signed(expires=expires)).accepted) is holds


@given(
    word=st.sampled_from([*WORDS, "stack", "renewal", "emergency"]),
    text=st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
)
def test_any_changed_word_breaks_the_approval(word: str, text: str) -> None:
    terms = Terms(stack="eu-west-1", **words())
    value: Any = {"renewal": 1, "emergency": True}.get(word, text)
    changed = Terms(**{**{name: getattr(terms, name) for name in Terms.__dataclass_fields__}, word: value})
    assert (changed.digest == terms.digest) is (changed == terms)


@given(text=st.text(st.characters(exclude_categories=["Cs"])), renewal=st.integers(0, 999), emergency=st.booleans())
def test_the_digest_is_over_the_canonical_form_of_rfc_8785(text: str, renewal: int, emergency: bool) -> None:
    terms = Terms(stack="dev", **words(reason=text, renewal=renewal, emergency=emergency))
    assert terms.canonical == rfc8785.dumps(json.loads(terms.canonical))


@pytest.mark.parametrize(
    "change",
    [
        {"reason": "because"},
        {"ticket": "SEC-13"},
        {"expires": "2026-12-02T00:00:00Z"},
        {"compensating_control": "none"},
        {"renewal": 1},
        {"requester": "eve@example.com"},
        {"resource": f"{URN}-2"},
        {"control": "NET-05"},
    ],
)
def test_an_entry_that_was_changed_after_its_approval_accepts_nothing(tmp_path: Path, change: dict[str, Any]) -> None:
    found = loaded(tmp_path, {**signed(), **change})
    assert found.accepted == ()
    assert "the signature is not grace@example.com's over this entry" in found.refused[0].problem


def test_an_approval_holds_in_the_file_of_its_stack_only(tmp_path: Path) -> None:
    entry = signed(resource="i-0123", stack="dev")
    assert loaded(tmp_path, entry, stack="dev").accepted
    assert "the signature is not" in problem(tmp_path, entry)


def test_time_and_name_of_an_approval_are_signed_too(tmp_path: Path) -> None:
    entry = signed()
    [approval] = entry["approvals"]
    later = {**entry, "approvals": [{**approval, "signed": "2026-11-02T10:00:00Z"}]}
    assert "the signature is not" in problem(tmp_path, later)
    other = {**entry, "approvals": [{**approval, "approver": RUTH.name}]}
    assert "the signature is not ruth@example.com's" in problem(tmp_path, other)


WRONG: dict[str, Callable[[], dict[str, Any]]] = {
    "0 of 1": lambda: signed(by=()),
    "KEY-99 is no control": lambda: signed(control="KEY-99"),
    "is a pattern": lambda: signed(resource="urn:pulumi:eu-west-1::payment-cell::*"),
    "is of another stack than eu-west-1": lambda: signed(resource="urn:pulumi:dev::p::aws:kms/key:Key::k"),
    "ada@example.com asked for it": lambda: signed(by=[Person(" ADA+work@Example.com ")]),
    "eve@example.com is not in approvers.yaml": lambda: signed(by=[Person("eve@example.com")]),
    "one person has approved twice": lambda: signed(by=[GRACE, GRACE]),
    "reason: is missing or empty": lambda: {**signed(), "reason": None},
    "why: is no word of an exception": lambda: {**signed(), "why": "so"},
    "renewal: -1 is no count": lambda: signed(renewal=-1),
    "emergency: maybe is neither": lambda: signed(emergency="maybe"),
    "expires: is not a time in UTC": lambda: signed(expires="2026-12-01"),
    "is not after granted": lambda: signed(expires="2026-11-01T00:00:00Z"),
    "requester: is not an e-mail address": lambda: signed(requester="\u0430da@example.com"),
    "only approvals is a list": lambda: {**signed(), "approvals": "yes"},
    "which is still to come": lambda: {
        **words(),
        "approvals": [GRACE.approval("eu-west-1", words(), "2026-11-15T12:00:01Z")],
    },
}


@pytest.mark.parametrize("says", WRONG)
def test_an_entry_with_something_wrong_accepts_nothing_and_says_so(tmp_path: Path, says: str) -> None:
    assert says in problem(tmp_path, WRONG[says]())


def test_a_wrong_entry_leaves_the_others_as_they_are(tmp_path: Path) -> None:
    other = f"{URN}-2"
    found = loaded(tmp_path, {**signed(), "ticket": ""}, signed(id="EX-2", resource=other))
    assert [one.terms.id for one in found.accepted] == ["EX-2"]
    [refused] = found.refused
    assert str(refused) == (
        "exception EX-1 accepts nothing: ticket: is missing or empty; correct the entry (exceptions/eu-west-1.yaml:6)"
    )


@pytest.mark.parametrize(
    "second", [{"resource": f"{URN}-2"}, {"id": "EX-2"}], ids=["two of one id", "two of one subject"]
)
def test_of_two_entries_alike_neither_accepts_anything(tmp_path: Path, second: dict[str, Any]) -> None:
    found = loaded(tmp_path, signed(), signed(**second))
    assert found.accepted == ()
    assert len(found.refused) == 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("- id: [", "is not YAML"),
        ("id: EX-1", "is not a list of entries"),
        ("- EX-1", "is not an entry"),
        ("- id: a\n  id: b", "stands twice"),
        ("- &a\n  id: EX-1\n- *a", "YAML alias"),
        ("- id: \udce9", "is not YAML: UnicodeDecodeError"),
        ("# " + "x" * 300_000, "more than 262,144"),
    ],
)
def test_a_malformed_file_accepts_nothing(tmp_path: Path, text: str, says: str) -> None:
    path = write(tmp_path)
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    found = load([path], NOW)
    assert found.accepted == ()
    assert says in found.refused[0].problem


@pytest.mark.parametrize(
    "given",
    [
        {"valid_until": "2026-11-15T12:00:00Z"},
        {"valid_from": "2026-11-01T10:00:01Z"},
    ],
    ids=["retired since", "not in force when it signed"],
)
def test_a_key_signs_while_it_is_valid_and_its_approvals_end_with_it(tmp_path: Path, given: dict[str, str]) -> None:
    assert "retired, or not yet in force" in problem(tmp_path, signed(), approvers=[GRACE.entry(**given)])


def test_a_person_with_a_new_key_stands_twice(tmp_path: Path) -> None:
    new = Person(GRACE.name)
    approvers = [GRACE.entry(valid_until="2026-11-10T00:00:00Z"), new.entry(valid_from="2026-11-10T00:00:00Z")]
    entry = words()
    approved = {**entry, "approvals": [new.approval("eu-west-1", entry, "2026-11-11T00:00:00Z")]}
    assert loaded(tmp_path, approved, approvers=approvers).accepted


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"role": "boss"}, "role: boss is none of security, risk, ciso"),
        ({"key": "AAAA"}, "key: is not an Ed25519 public key"),
        ({"name": "Grace"}, "name: is not an e-mail address"),
        ({"valid_until": "2026-01-01T00:00:00Z"}, "valid_until: is not after valid_from"),
        ({"phone": "1"}, "phone: an approver has"),
    ],
)
def test_a_wrong_approver_approves_nothing(tmp_path: Path, given: dict[str, str], says: str) -> None:
    found = loaded(tmp_path, signed(), approvers=[GRACE.entry(**given)])
    assert found.accepted == ()
    assert says in found.refused[0].problem
    assert found.refused[0].file == "exceptions/approvers.yaml"


def test_one_key_under_two_names_is_nobodys(tmp_path: Path) -> None:
    found = loaded(tmp_path, signed(), approvers=[GRACE.entry(), GRACE.entry(name="g2@example.com")])
    assert found.accepted == ()
    assert "is the key of another person" in found.refused[0].problem


@pytest.mark.parametrize(
    ("renewal", "by", "holds"),
    [(2, (GRACE,), True), (3, (GRACE,), False), (3, (RUTH,), True), (4, (GRACE, RUTH), True)],
)
def test_a_third_renewal_needs_a_higher_role(tmp_path: Path, renewal: int, by: tuple[Person, ...], holds: bool) -> None:
    assert bool(loaded(tmp_path, signed(by, renewal=renewal)).accepted) is holds


@given(
    tag=st.text(st.characters(codec="ascii", categories=["L", "N"])),
    upper=st.booleans(),
    before=st.sampled_from(["", " ", "\t", "\u200b", "\u00a0"]),
    wide=st.booleans(),
)
def test_a_person_is_the_same_however_the_address_is_written(tag: str, upper: bool, before: str, wide: bool) -> None:
    written = f"{before}ada+{tag}@example.com{before}"
    if upper:
        written = written.upper()
    if wide:
        written = written.replace("d", "\uff44").replace("@", "\uff20")
    assert person(written) == ADA


@pytest.mark.parametrize("written", ["ada", "ada@localhost", "@example.com", "\u0430da@example.com", "a b@c@d.e", ""])
def test_what_is_no_address_is_nobody(written: str) -> None:
    with pytest.raises(ValueError, match="e-mail address"):
        person(written)


def test_residency_encryption_and_audit_trail_are_protected() -> None:
    ids = {control.id for control in controls()}
    assert {*NOT_PROTECTED, *PROTECTED_BESIDE} <= ids
    assert {"RES-01", "KEY-01", "KEY-02", "KEY-06", "KEY-08", "TLS-01", "TLS-03", "LOG-01", "LOG-03", "IAM-05"} <= {
        one for one in ids if protected(one)
    }
    assert not {"KEY-03", "NET-01", "BCK-01", "K8S-02", "LOG-07"} & {one for one in ids if protected(one)}
    assert protected("RES-99"), "a new control of a family is protected until somebody says why not"


def test_what_is_protected_is_accepted_in_an_emergency_only(tmp_path: Path) -> None:
    assert "in an emergency only" in problem(tmp_path, signed((GRACE, RUTH), control="TLS-01"))
    found = loaded(tmp_path, signed((GRACE, RUTH), control="TLS-01", **EMERGENCY))
    accepted = found.of("TLS-01", URN)
    assert str(accepted).startswith("EMERGENCY: failed, accepted by exception EX-1")


@pytest.mark.parametrize(
    ("by", "given", "says"),
    [
        ((GRACE,), {}, "1 of 2"),
        ((GRACE, RUTH), {"expires": "2026-11-17T00:00:01Z"}, "more than 72 hours"),
        ((GRACE, RUTH), {"renewal": 1}, "an emergency is not renewed"),
        ((GRACE, Person("Grace+2@example.com", key=GRACE.key)), {}, "one person has approved twice"),
    ],
)
def test_an_emergency_needs_two_people_and_ends_after_three_days(
    tmp_path: Path, by: tuple[Person, ...], given: dict[str, Any], says: str
) -> None:
    assert says in problem(tmp_path, signed(by, control="TLS-01", **{**EMERGENCY, **given}))


def test_what_a_pack_records_says_that_a_failure_is_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ANSWERS, str(tmp_path / "answers"))
    findings = [
        Finding("KEY-03", "c", URN, Verdict(Status.FAIL, "no")),
        Finding("KEY-03", "d", URN, Verdict(Status.PASS)),
    ]
    record(findings, loaded(tmp_path, signed()))
    failed, passed = map(json.loads, (tmp_path / "answers").read_text().splitlines())
    assert (failed["status"], failed["exception"], failed["accepted_until"], failed["emergency"]) == (
        "fail",
        "EX-1",
        "2026-12-01T00:00:00Z",
        False,
    )
    assert "exception" not in passed


def of_key(name: str) -> str:
    return f"urn:pulumi:eu-west-1::payment-cell::aws:kms/key:Key::{name}"


def test_an_audit_keeps_an_accepted_failure_failed(tmp_path: Path) -> None:
    answers = [answer(Status.FAIL, "imported"), answer(Status.FAIL, "other"), answer(Status.PASS, "healthy")]
    marked, accepted, refused = applied(answers, loaded(tmp_path, signed()), {"KEY-03"})
    assert [(one.status, one.exception) for one in marked] == [
        (Status.FAIL, "eu-west-1/EX-1"),
        (Status.FAIL, ""),
        (Status.PASS, ""),
    ]
    assert [(one.id, one.approvals[0].role) for one in accepted] == [("eu-west-1/EX-1", "security")]
    assert refused == ()
    assert emergencies(accepted) == frozenset()


def test_an_audit_tells_what_accepts_nothing(tmp_path: Path) -> None:
    entries = (
        signed(resource=of_key("healthy")),
        signed(id="EX-2", resource=of_key("other"), expires="2026-11-02T00:00:00Z"),
    )
    answers = [answer(Status.PASS, "healthy"), answer(Status.FAIL, "other")]
    marked, accepted, refused = applied(answers, loaded(tmp_path, *entries), {"KEY-03"})
    assert {one.exception for one in marked} == {""}
    assert accepted == ()
    assert [(one.id, one.line) for one in refused] == [("eu-west-1/EX-2", 22), ("eu-west-1/EX-1", 1)]
    assert "is past" in refused[0].problem
    assert "matches nothing that fails" in refused[1].problem


def test_an_audit_says_nothing_of_exceptions_whose_control_it_did_not_ask(tmp_path: Path) -> None:
    assert applied([], loaded(tmp_path, signed()), {"NET-01"}) == ((), (), ())


def test_an_exception_is_kept_while_nobody_knows_whether_it_is_needed(tmp_path: Path) -> None:
    [one], accepted, refused = applied(
        [answer(Status.NOT_OBSERVED, "imported")], loaded(tmp_path, signed()), {"KEY-03"}
    )
    assert (one.exception, len(accepted), refused) == ("", 1, ())


def test_a_resource_in_no_state_is_named_by_an_id_of_its_own(tmp_path: Path) -> None:
    [one] = [answer(Status.FAIL, "stray")]
    stray = one.model_copy(update={"resource": one.resource.model_copy(update={"urn": ""})})
    found = loaded(tmp_path, signed(resource="id-stray"))
    assert applied([stray], found, {"KEY-03"})[0][0].exception == "eu-west-1/EX-1"
    # The id of a resource that a state has is no name for it: its URN is.
    assert applied([one], found, {"KEY-03"})[0][0].exception == ""
    elsewhere = stray.model_copy(update={"resource": stray.resource.model_copy(update={"region": "us-east-1"})})
    marked, accepted, refused = applied([stray, elsewhere], found, {"KEY-03"})
    assert ({one.exception for one in marked}, accepted) == ({""}, ())
    assert "is the id of several resources" in refused[0].problem


def test_an_emergency_keeps_the_audit_red(tmp_path: Path) -> None:
    exceptions = loaded(tmp_path, signed((GRACE, RUTH), control="TLS-01", **EMERGENCY))
    failing = answer(Status.FAIL, "imported", of=("TLS-01", "speaks_tls"))
    _, accepted, _ = applied([failing], exceptions, {"TLS-01"})
    assert emergencies(accepted) == {"eu-west-1/EX-1"}


HAND_WRITTEN = """\
# Exceptions of eu-west-1. docs/exceptions.md
- id: EX-1  # imported in March
  control: KEY-03
  resource: urn:pulumi:eu-west-1::payment-cell::aws:kms/key:Key::imported
  reason: >-
    imported material
    cannot rotate
  requester: ada@example.com
  ticket: SEC-12
  compensating_control: "rotated by hand each year"
  granted: {granted}
  expires: {expires}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one entry that nobody has approved; the working directory is its root."""
    (tmp_path / "Pulumi.yaml").write_text("name: payment-cell\n")
    monkeypatch.chdir(tmp_path)
    granted = datetime.now(UTC) - timedelta(hours=1)
    times = {"granted": granted, "expires": granted + timedelta(days=30)}
    path = write(tmp_path, approvers=[person_now(GRACE), person_now(RUTH)])
    path.write_text(HAND_WRITTEN.format(**{name: f"{time:%Y-%m-%dT%H:%M:%SZ}" for name, time in times.items()}))
    (tmp_path / "grace.pem").write_bytes(GRACE.pem())
    return path


def person_now(one: Person) -> dict[str, str]:
    return one.entry(valid_from="2020-01-01T00:00:00Z", valid_until="2100-01-01T00:00:00Z")


def test_an_entry_is_signed_listed_and_keeps_its_comments(project: Path) -> None:
    before = project.read_text()
    assert "0 of 1" in runner.invoke(app, ["list", "eu-west-1", "-o", "json"]).stdout

    done = runner.invoke(app, ["sign", "eu-west-1", "EX-1", "--key", "grace.pem", "--as", "Grace@Example.com"])

    assert done.exit_code == 0, done.output
    assert project.read_text().startswith(before.splitlines()[0])
    assert "# imported in March" in project.read_text()
    listed = runner.invoke(app, ["list", "eu-west-1", "-o", "json"])
    assert listed.exit_code == 0
    [row] = json.loads(listed.stdout)
    assert (row["status"], row["approved"]) == ("holds", "grace@example.com")


def test_a_table_shows_a_urn_as_it_is(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    assert words()["resource"] in sign(project).read_text()
    assert words()["resource"] in runner.invoke(app, ["list", "eu-west-1"]).stdout


def test_who_signs_again_replaces_the_own_approval(project: Path) -> None:
    project.write_text(sign(project).read_text().replace("SEC-12", "SEC-13"))
    assert runner.invoke(app, ["list", "eu-west-1"]).exit_code == ExitCode.CONFIGURATION
    sign(project)
    [accepted] = load([project], datetime.now(UTC)).accepted
    assert (accepted.terms.ticket, len(accepted.approvals)) == ("SEC-13", 1)


def test_the_documented_example_is_an_entry_with_the_documented_digest(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "exceptions.md").read_text()
    blocks = [textwrap.dedent(block) for block in re.findall(r"(?m)(?:^    .*\n)+", page)]
    [entry] = [block for block in blocks if block.startswith("- id:")]
    path = write(tmp_path)
    path.write_text(entry)
    [draft], _, refused = drafts(path)
    assert refused == []
    assert draft.terms.digest in page
    [approver] = [block for block in blocks if block.startswith("- name:")]
    path.with_name("approvers.yaml").write_text(approver)
    [known] = drafts(path)[1]
    assert known.person == GRACE.name


def test_digest_shows_what_is_signed(project: Path) -> None:
    shown = json.loads(runner.invoke(app, ["digest", "eu-west-1", "EX-1", "-o", "json"]).stdout)
    [accepted] = load([sign(project)], datetime.now(UTC)).accepted
    assert shown["digest"] == accepted.terms.digest
    assert json.loads(shown["canonical"])["reason"] == "imported material cannot rotate"
    assert shown["only in an emergency"] is False


def test_the_engine_is_told_the_file_of_the_stack_it_works_on(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    pulumi = tmp_path / "bin" / "pulumi"
    pulumi.write_text(f"#!/bin/sh\necho ${VARIABLE} > {tmp_path}/told\n")
    pulumi.chmod(0o755)
    monkeypatch.setenv("PATH", f"{pulumi.parent}:/bin:/usr/bin")
    monkeypatch.setenv(VARIABLE, "/of/another/stack.yaml")
    Engine(Project.find()).operate("preview", "eu-west-1")
    assert (tmp_path / "told").read_text().strip() == str(project)


def sign(path: Path) -> Path:
    assert runner.invoke(app, ["sign", path.stem, "EX-1", "--key", "grace.pem", "--as", GRACE.name]).exit_code == 0
    return path


@pytest.mark.parametrize(
    ("name", "approver", "says"),
    [
        ("EX-1", ADA, "somebody else has to approve"),
        ("EX-1", RUTH.name, "is not in exceptions/approvers.yaml"),
        ("EX-2", GRACE.name, "it has EX-1"),
        ("EX-1", "grace", "is not an e-mail address"),
    ],
)
def test_what_would_approve_nothing_is_not_signed(project: Path, name: str, approver: str, says: str) -> None:
    before = project.read_bytes()
    done = runner.invoke(app, ["sign", "eu-west-1", name, "--key", "grace.pem", "--as", approver])
    assert says in str(done.exception)
    assert project.read_bytes() == before
