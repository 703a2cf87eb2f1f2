"""Populations that are frozen before anybody chooses from them, and samples that anybody can repeat."""

import hashlib
import json
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recorded import Answers, Refusal, region
from typer.testing import CliRunner, Result

from operations.audit.attestations import Attested, Read
from operations.audit.command import app
from operations.audit.live.event_history import EVENTS, HISTORY
from operations.audit.population import Frozen, Header, Kind, Source, freeze, in_order, read
from operations.audit.populations import observed, sources
from operations.audit.registers import attested, register
from operations.audit.rights import audit_policy
from operations.audit.sample import rank, sample
from operations.audit.sample_command import check, period_of
from operations.audit.spans import Between
from operations.errors import CellError, ExitCode
from policies.resources import NotObservedError

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
WEEK = Between(NOW - 7 * DAY, NOW)
NOVEMBER = Between(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))

IDS = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=12)


def header(**given: Any) -> Header:
    about: dict[str, Any] = {
        "population": Kind.CHANGES,
        "start": "2026-11-01T00:00:00Z",
        "end": "2026-12-01T00:00:00Z",
        "frozen": "2026-12-02T08:00:00Z",
        "sources": (Source(what="cloudtrail:LookupEvents", account="123456789012", region="eu-west-1", pages=2),),
        "count": 0,
    }
    return Header(**{**about, **given})


def frozen(path: Path, *ids: str) -> Frozen:
    return freeze(path, header(), [{"id": one, "at": "2026-11-05"} for one in ids])


TEN = tuple(f"event-{number}" for number in range(10))


# The file


def test_a_population_is_read_as_it_was_frozen_and_its_digest_is_repeated_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "changes.ndjson"
    made = frozen(path, *reversed(TEN))
    assert read(path) == made
    assert [one["id"] for one in made.records] == list(TEN)
    assert made.header.count == 10
    assert path.stat().st_mode & 0o777 == 0o600
    said = subprocess.run(f"head -n -1 {path} | sha256sum", shell=True, capture_output=True, text=True, check=True)
    assert said.stdout.split()[0] == made.sha256


def test_a_population_is_frozen_once(tmp_path: Path) -> None:
    frozen(tmp_path / "changes.ndjson", *TEN)
    with pytest.raises(CellError, match="exists; a population is frozen once"):
        frozen(tmp_path / "changes.ndjson", *TEN[:5])
    assert read(tmp_path / "changes.ndjson").header.count == 10
    with pytest.raises(CellError, match="No such file"):
        frozen(tmp_path / "none" / "changes.ndjson")


def test_an_empty_population_keeps_its_query(tmp_path: Path) -> None:
    path = tmp_path / "changes.ndjson"
    frozen(path)
    found = read(path)
    assert (found.header.count, list(found.records)) == (0, [])
    assert [one.what for one in found.header.sources] == ["cloudtrail:LookupEvents"]
    drawn = sample(found, 5, "seed")
    assert (drawn.count, drawn.whole, drawn.records) == (0, True, ())


@given(st.data())
def test_any_flipped_bit_of_a_population_is_found(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("population") / "changes.ndjson"
    frozen(path, *TEN)
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    with pytest.raises(CellError, match="changed, or no population") as refused:
        read(path)
    assert str(refused.value).isprintable()


def _anew(lines: list[bytes]) -> bytes:
    """The file with a digest that fits."""
    body = b"".join(line + b"\n" for line in lines[:-1])
    return body + json.dumps({"sha256": hashlib.sha256(body).hexdigest()}, separators=(",", ":")).encode() + b"\n"


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: lines.pop(3),
        lambda lines: lines.insert(3, lines[3]),
        lambda lines: lines.insert(3, lines.pop(4)),
        lambda lines: lines.insert(3, b'{"at":"2026-11-05"}'),
        lambda lines: lines.insert(3, b"[]"),
        lambda lines: lines.insert(3, b'{ "id":"x"}'),
        lambda lines: lines.__setitem__(0, b"{}"),
        lambda lines: lines.clear() or lines.append(b"{}"),
    ],
)
def test_what_is_no_population_is_refused_though_its_digest_fits(tmp_path: Path, change: Any) -> None:
    path = tmp_path / "changes.ndjson"
    frozen(path, *TEN)
    lines = path.read_bytes().splitlines()
    change(lines)
    path.write_bytes(_anew(lines))
    with pytest.raises(CellError, match="changed, or no population"):
        read(path)


@pytest.mark.parametrize("name", ["", "none.ndjson"])
def test_a_folder_or_no_file_is_no_population(tmp_path: Path, name: str) -> None:
    with pytest.raises(CellError, match="changed, or no population"):
        read(tmp_path / name)


def test_records_without_an_id_of_their_own_are_refused() -> None:
    for records, problem in (
        ([{"at": "x"}], "record 1: its id is None"),
        ([{"id": ""}], "record 1: its id is ''"),
        ([{"id": "a\nb"}], r"record 1: its id is 'a\nb'"),
        ([{"id": "a"}, {"id": "a"}], "record 2: 'a' is the id of another one too"),
    ):
        with pytest.raises(CellError) as refused:
            in_order(records)
        assert problem in str(refused.value)


# The sample


def test_a_sample_is_repeated_with_sha256sum(tmp_path: Path) -> None:
    made = frozen(tmp_path / "changes.ndjson", *TEN)
    drawn = sample(made, 3, "7 of clubs")
    ranked = []
    for one in TEN:
        shell = ["sh", "-c", "printf '%s\\n' \"$@\" | sha256sum", "sh", "7 of clubs", made.sha256, one]
        ranked.append((subprocess.run(shell, capture_output=True, text=True, check=True).stdout.split()[0], one))
    assert [(one.rank, one.id) for one in drawn.records] == sorted(ranked)[:3]
    assert [one.position for one in drawn.records] == [1, 2, 3]
    assert drawn.records[0].record == {"id": drawn.records[0].id, "at": "2026-11-05"}
    assert (drawn.population_sha256, drawn.count, drawn.whole) == (made.sha256, 10, False)


def of(ids: Sequence[str]) -> Frozen:
    return Frozen(header=header(count=len(ids)), records=[{"id": one} for one in ids], sha256="ab" * 32)


@given(st.lists(IDS, unique=True, max_size=30), st.integers(1, 40), IDS, st.randoms())
def test_a_sample_depends_on_nothing_but_seed_population_and_size(
    ids: list[str], size: int, seed: str, random: Any
) -> None:
    drawn = sample(of(ids), size, seed)
    chosen = [one.id for one in drawn.records]
    shuffled = list(ids)
    random.shuffle(shuffled)
    assert [one.id for one in sample(of(shuffled), size, seed).records] == chosen
    assert len(chosen) == len(set(chosen)) == min(size, len(ids))
    assert set(chosen) <= set(ids)
    assert drawn.whole is (size >= len(ids))
    assert [one.id for one in sample(of(ids), size + 1, seed).records][:size] == chosen, "a larger one goes on from it"


def test_another_seed_and_another_population_choose_otherwise() -> None:
    many = of([f"event-{number}" for number in range(1000)])
    changed = Frozen(header=many.header, records=many.records, sha256="cd" * 32)
    drawn = [
        {one.id for one in sample(population, 100, seed).records}
        for population, seed in ((many, "a"), (many, "b"), (changed, "a"))
    ]
    assert all(len(one & other) < 50 for one, other in ((drawn[0], drawn[1]), (drawn[0], drawn[2])))


def test_parts_of_a_rank_cannot_be_moved_into_each_other() -> None:
    assert rank("ab", "c", "d") != rank("a", "bc", "d")


@pytest.mark.parametrize("size", [0, -1])
def test_a_sample_of_none_is_refused(size: int) -> None:
    with pytest.raises(CellError, match="give 1 or more"):
        sample(of(TEN), size, "seed")


@pytest.mark.parametrize("seed", ["", "  ", "a\nb", "x" * 201, "\x1b[2J"])
def test_a_seed_is_one_line_of_text(seed: str) -> None:
    with pytest.raises(CellError, match="give a text of one line") as refused:
        sample(of(TEN), 1, seed)
    assert str(refused.value).isprintable()


def test_a_population_of_another_digest_than_was_told_is_refused() -> None:
    assert sample(of(TEN), 1, "seed", "AB" * 32).count == 10
    with pytest.raises(CellError, match="it is another than the one that was frozen"):
        sample(of(TEN), 1, "seed", "cd" * 32)


# Changes and access


def event(name: str, at: datetime, **more: Any) -> dict[str, Any]:
    whole = {
        "userIdentity": {"arn": "arn:aws:sts::123456789012:assumed-role/deploy/ada"},
        "requestParameters": {"secret": "s3cr3t"},
        **more,
    }
    return {
        "EventId": name,
        "EventName": "PutKeyPolicy",
        "EventSource": "kms.amazonaws.com",
        "EventTime": at,
        "Username": "ada",
        "ReadOnly": "false",
        "Resources": [{"ResourceType": "AWS::KMS::Key", "ResourceName": "k"}],
        "CloudTrailEvent": json.dumps(whole),
    }


def history(*events: Mapping[str, Any]) -> Answers:
    return {"cloudtrail.lookup_events": {"Events": list(events)}}


def changes(answers: Answers, period: Between = WEEK) -> list[Mapping[str, Any]]:
    return observed(Kind.CHANGES, [[region(answers)]], period)


def test_changes_are_calls_that_were_not_read_only_with_who_made_them() -> None:
    asked: list[dict[str, Any]] = []

    def answer(**parameters: Any) -> dict[str, Any]:
        asked.append(parameters)
        return {"Events": [event("e1", NOW - DAY), event("e2", NOW - 2 * DAY, errorCode="AccessDenied")]}

    first, second = changes({"cloudtrail.lookup_events": answer})
    assert asked == [
        {
            "LookupAttributes": [{"AttributeKey": "ReadOnly", "AttributeValue": "false"}],
            "StartTime": WEEK.start,
            "EndTime": WEEK.end,
        }
    ]
    assert (first["id"], first["call"], first["region"]) == ("e1", "kms.amazonaws.com:PutKeyPolicy", "eu-west-1")
    assert first["arn"] == "arn:aws:sts::123456789012:assumed-role/deploy/ada"
    assert (first["resources"], first["error"], second["error"]) == (["k"], "", "AccessDenied")
    assert "s3cr3t" not in json.dumps([first, second], default=str)


def test_an_event_at_the_end_of_a_period_belongs_to_the_next() -> None:
    edges = history(event("first", WEEK.start), event("next", WEEK.end))
    assert [one["id"] for one in changes(edges)] == ["first"]


def test_a_refused_question_is_never_an_empty_population() -> None:
    with pytest.raises(NotObservedError, match="cloudtrail:LookupEvents: AccessDeniedException"):
        changes({"cloudtrail.lookup_events": Refusal("AccessDeniedException")})
    with pytest.raises(NotObservedError, match="an answer of another shape"):
        changes(history({**event("e", NOW - DAY), "CloudTrailEvent": "no json"}))
    assert changes(history()) == []


def test_what_the_event_history_no_longer_has_is_refused() -> None:
    with pytest.raises(CellError, match="the event history has 90 days; give the trail's own events"):
        changes(history(), Between(NOW - HISTORY - DAY, NOW))


def test_the_auditors_policy_allows_what_changes_are_asked_with() -> None:
    allowed = {action for one in audit_policy()["Statement"] for action in one["Action"] if one["Effect"] == "Allow"}
    assert EVENTS.permission in allowed


def test_queries_are_kept_with_the_pages_of_their_answers() -> None:
    asked = region(history(event("e1", NOW - DAY)))
    observed(Kind.CHANGES, [[asked]], WEEK)
    (source,) = sources(asked._recorder.calls)
    assert (source.what, source.account, source.region) == ("cloudtrail:LookupEvents", "123456789012", "eu-west-1")
    assert (source.pages, source.request_ids) == (1, ("r",))
    assert source.parameters["StartTime"] == WEEK.start.isoformat().replace("+00:00", "Z")


KEY = "AKIAEXAMPLE000000"

IAM = {
    "iam.get_account_authorization_details": {
        "RoleDetailList": [
            {"RoleName": "deploy", "Arn": "arn:aws:iam::1:role/deploy", "Path": "/", "AssumeRolePolicyDocument": "{}"}
        ],
        "UserDetailList": [{"UserName": "ada", "Arn": "arn:aws:iam::1:user/ada", "Path": "/"}],
    },
    "iam.list_access_keys": {"AccessKeyMetadata": [{"UserName": "ada", "AccessKeyId": KEY, "Status": "Active"}]},
    "eks.list_clusters": {"clusters": ["cell"]},
    "eks.describe_cluster": {"cluster": {"name": "cell"}},
    "eks.list_access_entries": {"accessEntries": ["arn:aws:iam::1:role/deploy"]},
    "eks.describe_access_entry": {
        "accessEntry": {"principalArn": "arn:aws:iam::1:role/deploy", "type": "STANDARD", "clusterName": "cell"}
    },
}


def test_access_is_everybody_who_can_enter() -> None:
    found = observed(Kind.ACCESS, [[region(IAM)]], None)
    assert {(one["type"].rpartition(":")[2], one["name"]) for one in found} == {
        ("Role", "deploy"),
        ("User", "ada"),
        ("AccessKey", KEY),
        ("AccessEntry", "cell:arn:aws:iam::1:role/deploy"),
        ("iam/root", "root"),
    }
    assert len({one["id"] for one in found}) == 5


@pytest.mark.parametrize("operation", ["iam.get_account_authorization_details", "eks.list_access_entries"])
def test_access_that_was_not_seen_whole_is_none(operation: str) -> None:
    with pytest.raises(NotObservedError, match="AccessDenied"):
        observed(Kind.ACCESS, [[region({**IAM, operation: Refusal("AccessDenied")})]], None)


# Registers

ROWS = [
    {"id": "R-1", "at": "2026-11-01", "kind": "erasure"},
    {"id": "R-2", "at": "2026-11-30T23:59:59Z", "kind": "Erasure"},
    {"id": "R-3", "at": "2026-12-01", "kind": "erasure"},
    {"id": "R-4", "at": "2026-10-31T23:30:00-02:00", "kind": "access"},
]


def written(path: Path, rows: Any) -> Path:
    if path.suffix == ".csv":
        lines = [",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]
        path.write_text("\n".join(lines))
    else:
        path.write_text(json.dumps(rows))
    return path


@pytest.mark.parametrize("suffix", [".csv", ".json", ".yaml"])
def test_a_register_gives_the_rows_of_the_period_and_its_own_digest(tmp_path: Path, suffix: str) -> None:
    path = written(tmp_path / f"requests{suffix}", ROWS)
    found = register(path, Kind.INCIDENTS, NOVEMBER)
    assert [one["id"] for one in found.records] == ["R-1", "R-2", "R-4"]
    assert (found.source.what, found.source.rows) == (path.name, 4)
    assert found.source.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert [one["id"] for one in register(path, Kind.ERASURES, NOVEMBER).records] == ["R-1", "R-2"]
    assert len(register(path, Kind.ACCESS, None).records) == 4


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("r.json", "{}", "is no list of rows"),
        ("r.json", "[1]", "is no list of rows"),
        ("r.json", "[", "Expecting value"),
        ("r.json", '[{"at": "2026-11-01"}]', "row 1: has no id"),
        ("r.json", '[{"id": "a"}]', "row 1: at: give a date or time"),
        ("r.csv", "id,at\na,yesterday", "row 1: at: give a date or time"),
        ("r.csv", "id,at\na,2026-11-01\nb", "row 2: has more or fewer cells"),
        ("r.csv", "id,at\na,2026-11-01,c", "row 1: has more or fewer cells"),
        ("r.yaml", "- id: [", "while parsing"),
        ("r.xlsx", "", "give one of .csv, .json, .yaml, .yml"),
        ("r.csv", "\udce9", "decode"),
    ],
)
def test_what_is_no_register_is_refused_with_its_row(tmp_path: Path, name: str, content: str, problem: str) -> None:
    path = tmp_path / name
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(CellError, match=problem) as refused:
        register(path, Kind.INCIDENTS, NOVEMBER)
    assert refused.value.code is ExitCode.CONFIGURATION


def test_a_register_that_is_not_there_and_a_request_without_its_kind_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CellError, match="No such file"):
        register(tmp_path / "none.csv", Kind.INCIDENTS, NOVEMBER)
    path = written(tmp_path / "r.json", [{"id": "a", "at": "2026-11-01"}])
    with pytest.raises(CellError, match="row 1: has no kind: which right is asked for, such as erasure"):
        register(path, Kind.ERASURES, NOVEMBER)


def test_a_number_is_an_id_as_its_text(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text("- {id: 7, at: 2026-11-01}")
    assert register(path, Kind.RESTORES, NOVEMBER).records == [{"id": "7", "at": "2026-11-01"}]


def attestation(folder: Path, rows: Any, **given: Any) -> Attested:
    path = written(folder / "incidents.csv", rows)
    about: dict[str, Any] = {
        "control": "INC-01",
        "question": "incidents_are_recorded",
        "statement": "every incident is in the register",
        "performer": "ada@example.com",
        "role": "security",
        "period": {"from": "2026-11-01", "to": "2026-11-30"},
        "population": "3",
        "sample": "all",
        "exceptions": "none",
        "artefact": path.name,
        "artefact_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "reviewer": "grace@example.com",
        "valid_until": "2027-02-01",
    }
    return Attested.model_validate({**about, **given})


def test_an_attested_register_is_taken_with_its_attestation(tmp_path: Path) -> None:
    files = [Read(file="attestations/inc.yaml", attested=attestation(tmp_path, ROWS), problem="")]
    found = attested(tmp_path, files, Kind.INCIDENTS, NOVEMBER)
    assert len(found.records) == 3
    assert found.source.attestation == "attestations/inc.yaml"


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"period": {"from": "2026-11-02", "to": "2026-11-30"}}, ""),
        ({"period": {"from": "2026-11-01", "to": "2026-11-29"}}, ""),
        ({"question": "notification_was_exercised"}, ""),
        ({}, "is not signed"),
    ],
)
def test_without_an_attestation_of_the_whole_period_there_is_no_register(
    tmp_path: Path, given: dict[str, Any], problem: str
) -> None:
    files = [Read(file="attestations/inc.yaml", attested=attestation(tmp_path, ROWS, **given), problem=problem)]
    with pytest.raises(CellError, match="no attestation of INC-01 incidents_are_recorded covers the period"):
        attested(tmp_path, files, Kind.INCIDENTS, NOVEMBER)


def test_a_register_that_was_changed_after_it_was_attested_is_refused(tmp_path: Path) -> None:
    said = attestation(tmp_path, ROWS)
    written(tmp_path / "incidents.csv", ROWS[:1])
    with pytest.raises(CellError, match="has another digest than attestations/"):
        attested(tmp_path, [Read(file="attestations/inc.yaml", attested=said, problem="")], Kind.INCIDENTS, NOVEMBER)


# Options


def test_access_is_of_now_and_all_else_of_a_period() -> None:
    assert period_of(Kind.ACCESS, None, None, NOVEMBER.end) is None
    assert period_of(Kind.CHANGES, "2026-11-01", "2026-11-30", NOVEMBER.end) == NOVEMBER
    for kind, start, end, problem in (
        (Kind.ACCESS, "2026-11-01", None, "who can enter is asked now"),
        (Kind.CHANGES, "2026-11-01", None, "changes: give --from and --to"),
        (Kind.INCIDENTS, None, None, "incidents: give --from and --to"),
    ):
        with pytest.raises(CellError, match=problem):
            period_of(kind, start, end, NOVEMBER.end)


def test_accounts_are_named_only_where_they_are_asked() -> None:
    check(Kind.CHANGES, ["eu-west-1"], "auditor", None)
    for kind, file in ((Kind.INCIDENTS, None), (Kind.CHANGES, Path("events.json"))):
        with pytest.raises(CellError, match="asks no account"):
            check(kind, ["eu-west-1"], "", file)
        with pytest.raises(CellError, match="asks no account"):
            check(kind, [], "auditor", file)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)))


def test_the_commands_freeze_a_register_and_choose_from_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    requests, out = written(tmp_path / "requests.csv", ROWS), tmp_path / "erasures.ndjson"
    days = ("--from", "2026-10-30", "--to", "2026-11-15")
    told = json.loads(run("population", "erasures", *days, "--from-file", requests, "--out", out, "-o", "json").stdout)
    assert (told["records"], told["sha256"], told["file"]) == (1, read(out).sha256, str(out))
    drawn = run("sample", out, "--size", 5, "--seed", "41", "--sha256", told["sha256"], "-o", "json")
    data = json.loads(drawn.stdout)
    assert (data["whole"], data["size"], [one["id"] for one in data["records"]]) == (True, 5, ["R-1"])
    shown = run("sample", out, "--size", 5, "--seed", "41").stdout
    assert told["sha256"] in shown
    assert "R-1" in shown


def test_no_seed_is_taken_when_a_population_is_frozen(tmp_path: Path) -> None:
    requests, out = written(tmp_path / "requests.csv", ROWS), tmp_path / "out"
    days = ("--from", "2026-10-30", "--to", "2026-11-15", "--from-file", requests)
    refused = run("population", "erasures", *days, "--out", out, "--seed", "41")
    assert refused.exit_code == ExitCode.CONFIGURATION
    assert "No such option: --seed" in refused.output
    assert not out.exists()
