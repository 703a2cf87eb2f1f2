"""One region as readers ask it."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from threading import Thread
from typing import Any

import pytest
from recorded import Refusal, region

from operations.audit.live.kms import LIST
from operations.audit.live.question import QUESTIONS, Question, TooLarge, kept
from operations.audit.live.region import meta
from policies.resources import NotObservedError

SENT = datetime(2026, 11, 29, 7, 0, 0, 900_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ahead", "skew"),
    [(timedelta(0), 0.0), (timedelta(seconds=-61), -60), (timedelta(days=1), 86_400)],
)
def test_a_slow_answer_is_no_skew_and_another_clock_is(ahead: timedelta, skew: float) -> None:
    """Asked an hour ago, answered now, with a date of when it was asked or of another clock."""
    sent = datetime.now(UTC) - timedelta(hours=1)
    said = sent + ahead if ahead <= timedelta(0) else datetime.now(UTC) + ahead
    found = meta({"ResponseMetadata": {"HTTPHeaders": {"date": format_datetime(said, usegmt=True)}}}, sent)
    assert found["skew_s"] == pytest.approx(skew, abs=2)


def test_an_answer_without_a_date_tells_no_skew() -> None:
    assert meta({}, SENT)["skew_s"] == 0.0


def test_nothing_is_asked_twice_not_by_threads_either() -> None:
    asked: list[int] = []

    def answer(**_: Any) -> dict[str, Any]:
        asked.append(1)
        return {"Keys": []}

    where = region({"kms.list_keys": answer})
    threads = [Thread(target=where.pages, args=(LIST,)) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert asked == [1]


def test_a_refusal_is_remembered_as_one() -> None:
    where = region({"kms.list_keys": Refusal("AccessDeniedException")})
    for _ in range(2):
        with pytest.raises(NotObservedError, match="kms:ListKeys: AccessDeniedException"):
            where.pages(LIST)


def test_an_operation_is_declared_once() -> None:
    with pytest.raises(ValueError, match="kms:ListKeys is declared twice"):
        Question(service="kms", operation="list_keys", keep=("Truncated",))


def test_only_what_is_kept_leaves_an_answer() -> None:
    raw = {"Keys": [{"KeyId": "a", "Secret": "s"}], "Other": 1}
    question = Question(service="test", operation="list_things", keep=("Keys.KeyId",))
    try:
        assert kept(question, raw) == {"Keys": [{"KeyId": "a"}]}
    finally:
        del QUESTIONS["test", "list_things"]


def test_an_answer_without_end_is_not_believed() -> None:
    deep: Any = "x"
    for _ in range(40):
        deep = {"a": deep}
    with pytest.raises(TooLarge, match="levels"):
        kept(LIST, {"Keys": [deep]})
    with pytest.raises(TooLarge, match="members"):
        kept(LIST, {"Keys": ["x"] * 100_001})
