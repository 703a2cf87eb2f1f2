"""Operation over time: what the evidence bundles of a period say together."""

import json
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from audit_samples import HOSTILE, answer, audit
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from typer.testing import CliRunner, Result

from operations.audit.command import app
from operations.audit.evidence.bundle import AUDIT, HEAD, RECORDS, write
from operations.audit.evidence.canonical import digest
from operations.audit.evidence.history import latest_head
from operations.audit.evidence.signing import LocalSigner
from operations.audit.period import exit_code, period
from operations.audit.period_command import between, interval
from operations.audit.period_result import Interval, Period, schema
from operations.audit.report.periods import lasting, render, render_json
from operations.audit.result import Answer, Audit, Calls, Place, Population, ResourceRef
from operations.audit.spans import Between, Seen, spans
from operations.audit.tracks import Look, Track
from operations.errors import CellError, ExitCode
from policies.control import Severity, Status

ROOT = Path(__file__).parents[2]

START = datetime(2024, 1, 1, tzinfo=UTC)
"""Long enough ago that records may be gone."""

DAY = timedelta(days=1)
JANUARY = Between(START, START + 31 * DAY)
WEEK = Between(START, START + 7 * DAY)

PASS, FAIL, LOST = Status.PASS, Status.FAIL, Status.NOT_OBSERVED

KEYS = Population(type="aws:kms/key:Key", account="123456789012", region="eu-west-1", listed=9, source="kms:ListKeys")


def text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def on(day: float, *answers: Answer, **given: Any) -> Audit:
    """An audit of a day of January, at six."""
    began = START + DAY * day + timedelta(hours=6)
    scope = {"partial": False, **given.pop("scope", {})}
    sample = audit()
    about: dict[str, Any] = {
        "id": f"{began:%Y%m%dT%H%M%SZ}-{'-'.join(scope.get('stacks', sample.scope.stacks))}",
        "started": text(began),
        "ended": text(began + timedelta(minutes=2)),
        "scope": sample.scope.model_copy(update=scope),
        "answers": tuple(_bare(one) for one in answers),
        "populations": (KEYS,),
        "exceptions": (),
        "refused_exceptions": (),
        "attestations": (),
        "calls": Calls(by_operation={}),
    }
    return audit(**{**about, **given})


def _bare(one: Answer) -> Answer:
    """These bundles have no records to rest on."""
    return one.model_copy(
        update={"observed": tuple(place.model_copy(update={"evidence": ()}) for place in one.observed)}
    )


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> LocalSigner:
    return LocalSigner(tmp_path_factory.mktemp("key") / "key.pem")


class Folder:
    """Bundles, each of which names the one before."""

    def __init__(self, path: Path, signer: LocalSigner) -> None:
        self.path, self.signer = path, signer

    def hold(self, *audits: Audit) -> "Folder":
        for one in audits:
            write(self.path, one.model_copy(update={"previous": latest_head(self.path)}), (), self.signer)
        return self

    def told(self, *stacks: str, every: timedelta = DAY, times: Between = JANUARY) -> Period:
        return period(self.path, [self.signer.public_key()], times, every, stacks)

    def only(self) -> Interval:
        (one,) = self.told().failures
        return one

    def bundle(self, number: int) -> Path:
        return sorted(self.path.glob("2*/"))[number]


@pytest.fixture
def folder(tmp_path: Path, signer: LocalSigner) -> Folder:
    return Folder(tmp_path / "evidence", signer)


# Intervals of failure


def test_red_on_tuesday_and_green_on_friday_is_a_deviation(folder: Folder) -> None:
    days = {0: PASS, 1: FAIL, 2: FAIL, 3: FAIL, 4: PASS, 5: PASS}
    folder.hold(*(on(day, answer(status)) for day, status in days.items()))
    one = folder.only()
    assert (one.after, one.first) == ("2024-01-01T06:00:00Z", "2024-01-02T06:00:00Z")
    assert (one.last, one.until) == ("2024-01-04T06:00:00Z", "2024-01-05T06:00:00Z")
    assert (one.at_least_s, one.at_most_s) == (2 * 86_400, 4 * 86_400)
    assert (one.control, one.resource.name, one.accepted) == ("KEY-03", "payments", False)
    assert exit_code(folder.told(), Severity.MEDIUM, strict=False) is ExitCode.POLICY_VIOLATION
    assert exit_code(folder.told(every=31 * DAY), Severity.HIGH, strict=False) is ExitCode.OK


def test_what_failed_before_the_period_and_holds_before_it_is_not_told(folder: Folder) -> None:
    folder.hold(on(0, answer(FAIL)), on(2, answer(PASS)), on(5, answer(FAIL)), on(8, answer(PASS)))
    later = Between(START + 3 * DAY, START + 31 * DAY)
    assert [one.first for one in folder.told(times=later).failures] == ["2024-01-06T06:00:00Z"]


def test_what_failed_before_the_period_and_in_it_is_told_with_its_beginning(folder: Folder) -> None:
    folder.hold(on(0, answer(PASS)), on(2, answer(FAIL)), on(5, answer(FAIL)), on(40, answer(PASS)))
    (one,) = folder.told(times=Between(START + 3 * DAY, START + 31 * DAY)).failures
    assert (one.first, one.until) == ("2024-01-03T06:00:00Z", None), "what later audits say is of another period"


def test_a_failure_that_can_no_longer_be_observed_stays_open_and_is_not_known_meanwhile(folder: Folder) -> None:
    folder.hold(on(0, answer(FAIL)), on(1, answer(LOST)), on(2, answer(FAIL)), on(3, answer(LOST)))
    assert folder.only().until is None
    assert [one.until for one in folder.told().unknown] == ["2024-01-03T06:00:00Z", None]


def test_a_resource_that_is_gone_fails_no_longer_one_that_was_not_listed_may(folder: Folder) -> None:
    folder.hold(on(0, answer(FAIL)), on(1, populations=()))
    assert folder.only().until is None
    folder.hold(on(2))
    assert folder.only().until == "2024-01-03T06:00:00Z"


def test_a_resource_that_an_audit_would_have_seen_was_not_there_before(folder: Folder) -> None:
    others = (on(1, scope={"controls": ("NET-01",), "partial": True}), on(2, scope={"stacks": ("us-east-1",)}))
    folder.hold(on(0), *others, on(3, answer(FAIL)))
    assert folder.only().after == "2024-01-01T06:00:00Z", "those in between did not ask"


def test_of_a_resource_whose_type_was_not_listed_before_nobody_knows_since_when(folder: Folder) -> None:
    folder.hold(on(0, populations=()), on(2, answer(FAIL)))
    assert (folder.only().after, folder.only().at_most_s) == (None, None)


def test_a_resource_that_was_replaced_goes_on_failing_under_its_urn(folder: Folder) -> None:
    first = answer(FAIL)
    second = first.model_copy(update={"resource": first.resource.model_copy(update={"id": "its-successor"})})
    folder.hold(on(0, first), on(1, second))
    one = folder.only()
    assert (one.first, one.last, one.resource.id) == ("2024-01-01T06:00:00Z", "2024-01-02T06:00:00Z", "its-successor")


def test_a_successor_that_fails_beside_its_predecessor_is_a_failure_of_its_own(folder: Folder) -> None:
    first = answer(PASS)
    second = answer(FAIL).model_copy(update={"resource": first.resource.model_copy(update={"id": "its-successor"})})
    folder.hold(on(0, first), on(1, first, second), on(2, second))
    one = folder.only()
    assert (one.after, one.first) == ("2024-01-01T06:00:00Z", "2024-01-02T06:00:00Z")
    assert one.resource.id == "its-successor"


def test_an_audit_of_declarations_mends_no_failure_of_an_account(folder: Folder) -> None:
    folder.hold(on(0, answer(FAIL)), on(1, answer(PASS), scope={"places": (Place.STATE,)}))
    assert folder.only().until is None


def test_an_audit_of_other_controls_or_stacks_says_nothing_of_a_failure(folder: Folder) -> None:
    folder.hold(
        on(0, answer(FAIL)),
        on(1, scope={"controls": ("NET-01",), "partial": True}),
        on(2, scope={"stacks": ("us-east-1",)}),
    )
    assert folder.only().until is None


def test_only_resources_of_the_chosen_stacks_and_of_none_are_told(folder: Folder) -> None:
    both = {"stacks": ("eu-west-1", "us-east-1")}
    folder.hold(on(0, answer(FAIL, "a"), answer(FAIL, "b", stack="us-east-1"), answer(FAIL, "c", stack=""), scope=both))
    assert {one.resource.name for one in folder.told("us-east-1").failures} == {"b", "c"}
    assert {one.resource.name for one in folder.told().failures} == {"a", "b", "c"}


def test_an_audit_of_the_account_alone_takes_no_resource_from_its_stack(folder: Folder) -> None:
    managed = answer(FAIL)
    bare = managed.resource.model_copy(update={"urn": "", "name": "id-payments"})
    alone = managed.model_copy(update={"resource": bare, "stack": ""})
    folder.hold(on(0, managed), on(1, alone, scope={"stacks": ()}), on(2))
    one = folder.only()
    assert (one.stack, one.resource.name, one.last) == ("eu-west-1", "payments", "2024-01-02T06:00:00Z")
    assert one.until == "2024-01-03T06:00:00Z"


def attested(status: Status, file: str) -> Answer:
    resource = ResourceRef(type="attestation", name="access_was_reviewed", id=file)
    return answer(status, of=("IAM-08", "access_was_reviewed"), stack="", resource=resource, reason="")


def test_a_question_is_known_once_a_file_attests_it(folder: Folder) -> None:
    folder.hold(on(0, attested(LOST, "IAM-08 access_was_reviewed")), on(1, attested(PASS, "attestations/review.yaml")))
    (one,) = folder.told().unknown
    assert one.until == "2024-01-02T06:00:00Z"


# Exceptions


def excepted(day: float, exception: str = "EX-1", **terms: Any) -> Audit:
    (sample,) = audit().exceptions
    accepted = sample.model_copy(
        update={"granted": text(START + DAY), "expires": text(START + 5 * DAY), **terms, "id": "EX-1"}
    )
    return on(day, answer(FAIL, exception=exception), exceptions=(accepted,))


def test_a_failure_is_accepted_where_it_was_so_each_time(folder: Folder) -> None:
    folder.hold(excepted(1), excepted(2), on(3, answer(PASS)))
    assert (folder.only().accepted, folder.only().exceptions) == (True, ("EX-1",))
    assert exit_code(folder.told(every=31 * DAY), Severity.LOW, strict=False) is ExitCode.OK
    folder.hold(on(4, answer(FAIL)), excepted(4.5))
    late = folder.told().failures[0]
    assert (late.accepted, late.exceptions) == (False, ("EX-1",))
    assert "no, for a part only by EX-1" in render(folder.told(), width=400)


def test_an_emergency_accepts_nothing(folder: Folder) -> None:
    folder.hold(excepted(1, emergency=True))
    assert (folder.only().accepted, folder.only().exceptions) == (False, ("EX-1",))


def test_an_exception_is_in_force_from_its_grant_to_its_end_in_the_period(folder: Folder) -> None:
    folder.hold(excepted(1), excepted(2))
    (one,) = folder.told().exceptions
    assert (one.in_force_s, one.seen_first, one.seen_last) == (
        4 * 86_400,
        "2024-01-02T06:00:00Z",
        "2024-01-03T06:00:00Z",
    )
    assert one.approvers == ("grace@example.com",)
    (one,) = folder.told(times=Between(START + 4 * DAY, START + 31 * DAY)).exceptions
    assert one.in_force_s == 86_400
    assert folder.told(times=Between(START + 5 * DAY, START + 31 * DAY)).exceptions == ()


def test_a_renewed_exception_is_another(folder: Folder) -> None:
    folder.hold(excepted(1), excepted(2, digest="cd" * 32, renewal=1, expires=text(START + 9 * DAY)))
    assert [one.renewal for one in folder.told().exceptions] == [0, 1]


# Runs that were due


def test_an_audit_a_day_leaves_no_gap_though_one_begins_late(folder: Folder) -> None:
    folder.hold(*(on(day + (0.03 if day == 4 else 0)) for day in range(7)))
    (one,) = folder.told(times=WEEK).coverage
    assert (one.expected, one.held, one.gaps) == (7, 7, ())


def test_a_day_without_an_audit_is_a_gap_and_a_deviation(folder: Folder) -> None:
    folder.hold(*(on(day) for day in range(7) if day != 3))
    told = folder.told(times=WEEK)
    (one,) = told.coverage
    (gap,) = one.gaps
    assert (one.held, gap.start, gap.end) == (6, "2024-01-03T06:00:00Z", "2024-01-05T06:00:00Z")
    assert gap.after == "20240103T060000Z-eu-west-1"
    assert told.chain == (), "the audit did not run: no head names it"
    assert exit_code(told, Severity.MEDIUM, strict=False) is ExitCode.POLICY_VIOLATION
    assert exit_code(told, Severity.HIGH, strict=False) is ExitCode.OK, "MON-01 is of medium severity"


def test_a_bundle_that_was_taken_away_shows_in_the_chain_whatever_the_schedule(folder: Folder) -> None:
    folder.hold(*(on(day) for day in range(5)))
    shutil.rmtree(folder.bundle(2))
    (problem,) = folder.told(every=31 * DAY).chain
    assert problem.startswith("20240104T060000Z-eu-west-1: the audit before it, ")
    assert exit_code(folder.told(every=31 * DAY), Severity.LOW, strict=False) is ExitCode.POLICY_VIOLATION
    assert folder.told(every=31 * DAY, times=Between(START + 4 * DAY, START + 6 * DAY)).chain == ()


def test_a_stack_without_an_audit_has_none(folder: Folder) -> None:
    folder.hold(on(40))
    (one,) = folder.told().coverage
    assert (one.expected, one.held, one.first, [gap.after for gap in one.gaps]) == (31, 0, None, [""])


def test_the_audit_before_the_period_counts_for_its_beginning(folder: Folder) -> None:
    folder.hold(on(0), on(20))
    times = Between(START + 10 * DAY, START + 30 * DAY)
    assert folder.told(every=25 * DAY, times=times).gaps == ()
    assert [gap.start for gap in folder.told(every=15 * DAY, times=times).gaps] == ["2024-01-01T06:00:00Z"]


def test_an_audit_of_some_controls_or_of_no_account_is_none_that_was_due(folder: Folder) -> None:
    folder.hold(on(1, scope={"partial": True}), on(2, scope={"places": (Place.STATE,)}), on(3))
    (one,) = folder.told().coverage
    assert (one.held, one.partial) == (1, 2)
    assert [run.counts for run in folder.told().runs] == [False, False, True]


def test_each_stack_has_its_own_audits(folder: Folder) -> None:
    folder.hold(on(1), on(2, scope={"stacks": ("us-east-1",)}), on(3, scope={"stacks": ()}))
    assert {one.stack: one.held for one in folder.told().coverage} == {"eu-west-1": 1, "us-east-1": 1, "(no stack)": 1}
    told = folder.told("us-east-1")
    assert ([one.stack for one in told.coverage], told.elsewhere) == (["us-east-1"], 2)


# Bundles that are not as they should be


def test_a_broken_bundle_is_named_and_counts_for_nothing(folder: Folder) -> None:
    folder.hold(on(1, answer(PASS)), on(2, answer(FAIL)), on(3, answer(PASS)))
    bundle = folder.bundle(1)
    (bundle / AUDIT).write_bytes((bundle / AUDIT).read_bytes().replace(b'"fail"', b'"pass"'))
    told = folder.told(every=31 * DAY)
    (run,) = told.broken
    assert (run.name, run.verdict, run.problem) == (bundle.name, "broken", "audit.json: is not the one in head.json")
    assert (told.coverage[0].held, told.failures) == (2, ())
    assert exit_code(told, Severity.CRITICAL, strict=False) is ExitCode.POLICY_VIOLATION


@pytest.mark.parametrize("left", [b"", b"{}", b"[]", b'{"audit":"x"}'])
def test_a_folder_without_a_head_that_can_be_read_is_a_broken_bundle(folder: Folder, left: bytes) -> None:
    folder.hold(on(1), on(2))
    (folder.bundle(0) / HEAD).write_bytes(left)
    assert [run.problem.partition(":")[0] for run in folder.told().broken] == [HEAD]


def test_a_folder_where_a_head_should_be_is_a_broken_bundle(folder: Folder) -> None:
    folder.hold(on(1), on(2))
    (folder.bundle(0) / HEAD).unlink()
    (folder.bundle(0) / HEAD).mkdir()
    assert [run.problem for run in folder.told().broken] == [f"{HEAD}: no plain file"]


def test_a_bundle_that_a_stranger_signed_is_broken(folder: Folder, tmp_path: Path) -> None:
    stranger = Folder(folder.path, LocalSigner(tmp_path / "stranger" / "key.pem"))
    folder.hold(on(1))
    stranger.hold(on(2))
    (run,) = folder.told().broken
    assert run.problem.startswith("head.sig: made by none of the given keys")


def test_without_a_key_the_author_is_unproven_and_said_to_be(folder: Folder) -> None:
    folder.hold(*(on(day, scope={"emulated": False}) for day in range(2)))
    found = period(folder.path, [], JANUARY)
    assert {run.verdict for run in found.runs} == {"intact, author unproven"}
    assert render(found).startswith("AUTHOR UNPROVEN: no --key says who signed.")
    assert exit_code(found, Severity.LOW, strict=False) is ExitCode.OK
    assert exit_code(found, Severity.LOW, strict=True) is ExitCode.POLICY_VIOLATION
    assert exit_code(folder.told(every=31 * DAY), Severity.LOW, strict=True) is ExitCode.OK


def test_records_that_were_removed_after_their_time_change_nothing_but_are_told(folder: Folder) -> None:
    folder.hold(on(1, answer(FAIL)), on(2, answer(PASS)))
    before = folder.told()
    (folder.bundle(0) / RECORDS).unlink()
    after = folder.told()
    assert (after.failures, after.coverage, after.broken) == (before.failures, before.coverage, ())
    assert any("removed after its time" in finding for finding in after.runs[0].findings)


def test_a_copy_of_a_bundle_counts_once(folder: Folder) -> None:
    folder.hold(on(1), on(2))
    shutil.copytree(folder.bundle(0), folder.path / "20240102T060000Z-eu-west-1-copy")
    told = folder.told()
    assert told.coverage[0].held == 2
    (run,) = told.broken
    assert run.problem == "20240102T060000Z-eu-west-1-copy: is a copy of 20240102T060000Z-eu-west-1"


def test_audits_that_overlap_are_told(folder: Folder) -> None:
    folder.hold(on(1), on(1.001))
    assert "began before 20240102T060000Z-eu-west-1 had ended, of the same stacks" in folder.told().chain[0]
    assert exit_code(folder.told(every=31 * DAY), Severity.LOW, strict=False) is ExitCode.POLICY_VIOLATION


def test_a_chain_against_the_order_of_time_is_told(folder: Folder) -> None:
    folder.hold(on(3))
    folder.hold(on(1))
    told = "20240102T060000Z-eu-west-1: names 20240104T060000Z-eu-west-1 as the audit before it, which began later"
    assert told in folder.told().chain


def test_an_audit_that_ends_before_it_begins_is_none(folder: Folder) -> None:
    folder.hold(on(1, ended=text(START)))
    assert "is no time of an audit" in folder.told().broken[0].problem


def test_rules_that_were_changed_between_two_audits_are_named(folder: Folder) -> None:
    weaker = audit().tool.model_copy(update={"catalogue": "cd" * 32})
    folder.hold(on(0), on(1, tool=weaker, thresholds={"KEY-03.MAX_ROTATION_DAYS": 900}), on(2, tool=weaker))
    changed = {(one.about, one.before, one.after) for one in folder.told().changed if one.audit.startswith("20240102")}
    assert changed == {
        ("catalogue", "ab" * 32, "cd" * 32),
        ("KEY-03.MAX_ROTATION_DAYS", "365", "900"),
        ("LOG-06.MIN_DAYS", "365", "none"),
    }


# Options


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2024-01-01", "2024-01-31", JANUARY),
        ("2024-01-01T00:00:00Z", "2024-02-01T00:00:00Z", JANUARY),
        ("2024-01-01T00:00", "2024-02-01T01:00:00+01:00", JANUARY),
        ("2024-01-31", "2024-01-31", Between(START + 30 * DAY, START + 31 * DAY)),
        ("2024-02-10", "2024-02-10", Between(START + 40 * DAY, START + 40.5 * DAY)),
    ],
)
def test_days_are_of_utc_the_last_one_is_in_the_period_and_today_ends_now(
    start: str, end: str, expected: Between
) -> None:
    assert between(start, end, START + 40.5 * DAY) == expected


@pytest.mark.parametrize(
    ("start", "end", "problem"),
    [
        ("2024-01-31", "2024-01-01", "the period ends before it begins"),
        ("2024-01-01T06:00", "2024-01-01T06:00", "the period ends before it begins"),
        ("2024-03-01", "2024-03-02", "--from 2024-03-01: is in the future: it is 2024-02-01T00:00:00Z"),
        ("2024-01-01", "2024-03-02", "--to 2024-03-02: is in the future"),
        ("yesterday", "2024-01-01", "--from yesterday: give a date, 2026-11-01, or a time"),
        ("2024-01-01", "2024-02-30", "--to 2024-02-30: give a date"),
        ("2024-01-01\x1b[2J", "2024-01-02", r"--from 2024-01-01\x1b[2J: give a date"),
        ("0001-01-01T00:00+10:00", "2024-01-02", "give a date"),
    ],
)
def test_times_that_make_no_period_are_refused(start: str, end: str, problem: str) -> None:
    with pytest.raises(CellError) as refused:
        between(start, end, START + 31 * DAY)
    assert refused.value.code is ExitCode.CONFIGURATION
    assert problem in str(refused.value)


def test_the_longest_time_between_two_audits_is_a_number_of_hours_days_or_weeks() -> None:
    assert [interval(every) for every in ("12h", "1d", "4w", None)] == [DAY / 2, DAY, 28 * DAY, 31 * DAY]
    for every in ("0d", "1", "d", "1.5d", "1 d", "-1d", "99999d"):
        with pytest.raises(CellError, match="give hours, days or weeks"):
            interval(every)


def test_a_folder_without_bundles_and_bundles_of_other_stacks_are_refused(folder: Folder) -> None:
    with pytest.raises(CellError, match="no evidence bundle; --evidence FOLDER has them"):
        folder.told()
    folder.hold(on(1))
    with pytest.raises(CellError, match="no intact bundle is of mars; there are bundles of eu-west-1") as refused:
        folder.told("mars")
    assert refused.value.code is ExitCode.CONFIGURATION


def run(folder: Folder, *arguments: str) -> Result:
    given = ("--from", "2024-01-01", "--to", "2024-01-31", "--evidence", str(folder.path))
    return CliRunner().invoke(app, ["period", *given, *arguments])


def test_the_command_prints_json_that_the_schema_accepts_and_ends_with_the_audits_codes(
    folder: Folder, tmp_path: Path
) -> None:
    folder.hold(on(0, answer(FAIL)), on(1, answer(PASS)))
    key = tmp_path / "key.pub"
    key.write_bytes(folder.signer.public_key())
    found = run(folder, "--every", "4w", "--key", str(key), "-o", "json")
    assert found.exit_code == ExitCode.POLICY_VIOLATION
    data = json.loads(found.stdout)
    assert Draft202012Validator(schema()).is_valid(data)
    assert Period.model_validate(data).failures[0].control == "KEY-03"
    assert run(folder, "eu-west-1", "--fail-on", "critical").exit_code == ExitCode.OK
    assert "Failed in the period: 1, 1 not accepted" in run(folder).stdout


def test_the_committed_schema_is_the_models_own() -> None:
    committed = (ROOT / "docs/schema/audit-period.json").read_text()
    assert committed == json.dumps(schema(), indent=2) + "\n", "make docs"
    Draft202012Validator.check_schema(schema())


# Text


def test_hostile_names_act_on_no_terminal(folder: Folder) -> None:
    folder.hold(on(1, *(answer(FAIL, name) for name in HOSTILE)))
    shown = render(folder.told(), width=400)
    assert all(character.isprintable() or character == "\n" for character in shown)
    assert len(folder.told().failures) == len(HOSTILE)
    assert shown.startswith("EMULATED: ")
    assert render_json(folder.told()).isascii()


def test_a_terminal_gets_the_first_rows_and_the_number_of_the_others(folder: Folder) -> None:
    folder.hold(on(1, *(answer(FAIL, f"k{number}") for number in range(9))))
    assert "and 7 more" in render(folder.told(every=31 * DAY), rows=2)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59, "59 s"), (3_600, "1 h"), (86_460, "1 d"), (273_600, "3 d 4 h")],
)
def test_a_duration_is_told_in_its_two_largest_units(seconds: int, words: str) -> None:
    assert lasting(seconds) == words


LOOKS = st.lists(st.tuples(st.sampled_from(Seen), st.sampled_from(("", "EX-1"))), max_size=30)


def bounds(looks: Sequence[Look], so: Seen) -> list[tuple[Any, ...]]:
    return [
        (one.after, one.first, one.last, one.until, {look.exception for look in one.members})
        for one in spans(looks, so)
    ]


@given(LOOKS)
def test_looks_are_thinned_out_without_changing_what_they_say(history: list[tuple[Seen, str]]) -> None:
    looks = [
        Look(at=START + DAY * day, audit="a", seen=seen, severity=Severity.LOW, exception=exception)
        for day, (seen, exception) in enumerate(history)
    ]
    track = Track(answer=answer(PASS))
    for look in looks:
        track.add(look)
    assert [bounds(track.looks, so) for so in (Seen.FAILS, Seen.UNKNOWN)] == [
        bounds(looks, so) for so in (Seen.FAILS, Seen.UNKNOWN)
    ]
    kept = [(look.seen, look.exception) for look in track.looks]
    assert not [one for one in zip(kept, kept[1:], kept[2:], strict=False) if len(set(one)) == 1]


def test_the_digest_that_the_chain_names_is_of_the_head(folder: Folder) -> None:
    folder.hold(on(1), on(2))
    second = json.loads((folder.bundle(1) / HEAD).read_bytes())
    assert second["previous"] == digest((folder.bundle(0) / HEAD).read_bytes())
