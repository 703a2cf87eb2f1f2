"""Metric filters over log events, as CloudWatch Logs applies them."""

import json
from typing import Any

import pytest

from sandbox.aws.extensions.log_metrics import Datum, PatternError, data, matcher

EVENT = {"log_processed": {"class": "live", "status": 503, "ms": 12.5, "late": True}, "kubernetes": {"pod": "a-1"}}


@pytest.mark.parametrize(
    ("pattern", "taken"),
    [
        ("", True),
        ('{ $.log_processed.class = "live" }', True),
        ('{ $.log_processed.class = "li*" }', True),
        ('{ $.log_processed.class != "live" }', False),
        ("{ $.log_processed.status = 503 }", True),
        ("{ $.log_processed.status >= 500 }", True),
        ("{ $.log_processed.status > 503 }", False),
        ('{ ($.log_processed.class = "test") || ($.log_processed.status < 600) }', True),
        ('{ $.log_processed.class = "test" && $.log_processed.status < 600 }', False),
        ("{ $.log_processed.late IS TRUE }", True),
        ("{ $.log_processed.none NOT EXISTS }", True),
        ("{ $.log_processed.none = 1 }", False),
        ("{ $.log_processed.ms > 12 && ( $.kubernetes.pod = a-1 || $.kubernetes.pod = b-1 ) }", True),
    ],
)
def test_a_pattern_takes_the_events_it_describes(pattern: str, taken: bool) -> None:
    assert matcher(pattern)(EVENT) is taken


@pytest.mark.parametrize("pattern", ["ERROR", "[a, b]", "{ $.a }", "{ $.a = 1", "{ a = 1 }", "{ $.a = 1 } x", "{ ! }"])
def test_a_pattern_that_is_not_understood_is_refused(pattern: str) -> None:
    with pytest.raises(PatternError, match="filter pattern"):
        matcher(pattern)


def test_text_that_is_no_json_is_taken_by_the_empty_pattern_only() -> None:
    assert matcher("")(None)
    assert not matcher("{ $.a NOT EXISTS }")(None)


def into(**changes: Any) -> dict[str, Any]:
    one = {"metricNamespace": "N", "metricName": "M", "metricValue": "1", "unit": "Count"}
    return {"filterPattern": "{ $.log_processed.status >= 500 }", "metricTransformations": [{**one, **changes}]}


def test_an_event_adds_a_value_with_its_dimensions() -> None:
    filters = [into(dimensions={"Class": "$.log_processed.class"}), into(metricValue="$.log_processed.ms", unit="")]
    assert list(data(json.dumps(EVENT), filters)) == [
        Datum(namespace="N", name="M", value=1.0, dimensions={"Class": "live"}, unit="Count"),
        Datum(namespace="N", name="M", value=12.5, dimensions={}, unit="None"),
    ]


def test_nothing_is_added_without_a_number_or_a_dimension() -> None:
    filters = [into(metricValue="$.log_processed.class"), into(dimensions={"Bank": "$.log_processed.bank"})]
    assert list(data(json.dumps(EVENT), filters)) == []
