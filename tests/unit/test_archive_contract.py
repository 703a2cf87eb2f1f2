"""Names and contents of archive objects: what one program writes another reads, and nothing else is read."""

import gzip
import hashlib
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import archive
from contracts.archive import ArchiveError, Line, Range

TEXTS = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=40)
LINES = st.lists(
    st.builds(
        Line,
        sequence_number=st.integers(1, 10**56),
        text=TEXTS.map(lambda text: "{" + text),
        account=st.sampled_from(["acct_aaaa", "acct_bbbb"]),
        sequence=st.integers(1, 10**6),
    ),
    min_size=1,
    max_size=20,
)


def line(number: int, text: str = "{}", account: str = "acct_aaaa", sequence: int = 1) -> Line:
    return Line(sequence_number=number, text=text, account=account, sequence=sequence)


@given(LINES)
def test_what_is_encoded_is_decoded_and_the_bytes_are_the_same_each_time(lines: list[Line]) -> None:
    made = archive.encode(lines)
    assert archive.decode(made.body, made.metadata) == [one.text for one in lines]
    assert archive.encode(lines) == made


@given(st.integers(1, 10**56), st.integers(0, 10**9))
def test_a_name_says_the_range_it_was_made_of(first: int, more: int) -> None:
    made = Range(folder="shardId-000000000001", day="2026/11/28", first=first, last=first + more)
    assert archive.parse_key(made.key) == made


@pytest.mark.parametrize(
    "key", ["events/s/2026/11/28/1.jsonl.gz", "quarantine/relay/s00/1.json", "events/s/2026/11/28/9-3.jsonl.gz"]
)
def test_a_name_that_is_no_range_of_events_is_refused(key: str) -> None:
    with pytest.raises(ArchiveError):
        archive.parse_key(key)


def test_the_day_is_counted_in_utc() -> None:
    late = datetime(2026, 11, 29, 0, 30, tzinfo=timezone(timedelta(hours=2)))
    assert archive.day_of(late) == "2026/11/28" == archive.day_of(datetime(2026, 11, 28, tzinfo=UTC))


def test_the_metadata_counts_and_names_the_accounts_ranges() -> None:
    made = archive.encode([line(7, sequence=3), line(9, account="acct_bbbb", sequence=1), line(12, sequence=4)])
    assert made.metadata | {"sha256": ""} == {
        "count": "3",
        "first": "7",
        "last": "12",
        "sha256": "",
        "accounts": "acct_aaaa:3-4,acct_bbbb:1-1",
    }


def test_many_accounts_are_not_named_because_metadata_is_small() -> None:
    many = [line(number, account=f"acct_{number:040d}") for number in range(1, archive.METADATA_ACCOUNTS + 2)]
    assert "accounts" not in archive.encode(many).metadata
    full = archive.encode(many[:-1]).metadata
    assert sum(len(key) + len(value) for key, value in full.items()) < 2048


@pytest.mark.parametrize("change", ["content", "count", "cut", "behind", "plain"])
def test_an_object_that_was_changed_is_not_read(change: str) -> None:
    made = archive.encode([line(1, '{"a":1}'), line(2, '{"a":2}')])
    body, metadata = made.body, dict(made.metadata)
    if change == "content":
        body = gzip.compress(b'{"a":1}\n{"a":3}\n')
    elif change == "count":
        metadata["count"] = "3"
    elif change == "cut":
        body = body[:-4]
    elif change == "behind":
        body += b"x"
    else:
        body = b'{"a":1}\n{"a":2}\n'
        metadata["sha256"] = hashlib.sha256(body).hexdigest()
    with pytest.raises(ArchiveError):
        archive.decode(body, metadata)


def test_a_line_break_within_a_record_is_refused() -> None:
    with pytest.raises(ArchiveError, match="line break"):
        archive.encode([line(1, '{\n"a": 1}')])


def test_the_checkpoint_is_the_highest_last_number_even_where_objects_overlap() -> None:
    ranges = [Range(folder="s", day="2026/11/28", first=low, last=high) for low, high in ((1, 5), (4, 9), (6, 7))]
    assert archive.last_archived(ranges) == 9
    assert archive.last_archived([]) is None
