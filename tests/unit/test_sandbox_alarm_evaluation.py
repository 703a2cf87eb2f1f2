"""Alarms of the sandbox turn by the values of their metric, as CloudWatch documents it."""

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from sandbox.aws.extensions.cloudwatch.evaluation import Rule, datapoints, evaluate
from sandbox.aws.extensions.cloudwatch.minutes import KEPT, Minutes, key_of
from sandbox.aws.extensions.log_metrics import Datum

NOW = datetime(2026, 11, 28, 12, 10, 30)
KEY = key_of("Path", "Failures", {})


def minutes(values: dict[int, list[float]]) -> Minutes:
    """Minutes before now -> the values of that minute."""
    made = Minutes()
    for ago, found in values.items():
        for value in found:
            datum = Datum(namespace="Path", name="Failures", value=value, dimensions={}, unit="Percent")
            made.add(datum, NOW - timedelta(minutes=ago))
    return made


def alarm(**changes: Any) -> Any:
    settings = {
        "name": "a",
        "namespace": "Path",
        "metric_name": "Failures",
        "dimensions": [],
        "statistic": "Average",
        "period": 60,
        "evaluation_periods": 3,
        "datapoints_to_alarm": None,
        "comparison_operator": "GreaterThanThreshold",
        "threshold": 1.0,
        "treat_missing_data": "notBreaching",
        "state_value": "OK",
        **changes,
    }
    return SimpleNamespace(**settings)


def turned(values: dict[int, list[float]], **changes: Any) -> str:
    """The state of an alarm after it was looked at."""
    one = alarm(**changes)

    def set_alarm_state(_name: str, _reason: str, _data: str, state: str) -> None:
        one.state_value = state

    evaluate(SimpleNamespace(alarms={"a": one}, minutes=minutes(values), set_alarm_state=set_alarm_state), NOW)
    return str(one.state_value)


@pytest.mark.parametrize(
    ("missing", "points", "state"),
    [
        ("notBreaching", [2, 2, 2], "ALARM"),
        ("notBreaching", [2, None, 2], "OK"),
        ("breaching", [2, None, 2], "ALARM"),
        ("breaching", [None, None, None], "ALARM"),
        ("notBreaching", [None, None, None], "OK"),
        ("missing", [None, None, None], "INSUFFICIENT_DATA"),
        ("missing", [None, None, 0], "OK"),
        ("ignore", [None, None, None], None),
    ],
)
def test_missing_data_is_treated_as_the_alarm_says(missing: str, points: list[float | None], state: str | None) -> None:
    rule = Rule(comparison="GreaterThanThreshold", threshold=1, to_alarm=3, missing=missing)
    assert rule.judge(points) == state


def test_as_many_datapoints_as_told_turn_the_alarm() -> None:
    assert turned({3: [2], 2: [0], 1: [2]}, datapoints_to_alarm=2) == "ALARM"
    assert turned({3: [2], 2: [0], 1: [2]}) == "OK"


def test_a_datapoint_is_the_statistic_of_its_period() -> None:
    values = {2: [0, 100], 1: [0, 0, 100]}
    for statistic, expected in (
        ("Sum", [100, 100]),
        ("SampleCount", [2, 3]),
        ("Average", [50, pytest.approx(100 / 3)]),
        ("Minimum", [0, 0]),
        ("Maximum", [100, 100]),
    ):
        assert datapoints(minutes(values), alarm(statistic=statistic, evaluation_periods=2), NOW) == expected
    assert datapoints(minutes(values), alarm(period=300, evaluation_periods=1), NOW) == [40]


def test_a_minute_that_is_not_over_is_not_looked_at() -> None:
    assert turned({0: [100]}, evaluation_periods=1) == "OK"
    assert turned({1: [100]}, evaluation_periods=1) == "ALARM"


def test_an_alarm_goes_back_when_the_values_are_well_again() -> None:
    assert turned({1: [0]}, evaluation_periods=1, state_value="ALARM") == "OK"


def test_a_metric_that_never_was_turns_no_alarm() -> None:
    """Load balancers and databases publish nothing here: their silence is no trouble."""
    assert turned({}, treat_missing_data="breaching", state_value="INSUFFICIENT_DATA") == "INSUFFICIENT_DATA"


def test_alarms_on_percentiles_and_bands_are_left_alone() -> None:
    assert turned({3: [9], 2: [9], 1: [9]}, statistic=None) == "OK"
    assert turned({3: [9], 2: [9], 1: [9]}, comparison_operator="GreaterThanUpperThreshold") == "OK"


def test_minutes_are_forgotten_after_a_while() -> None:
    made = minutes({int(KEPT.total_seconds() // 60) + 1: [1], 0: [1]})
    assert [one.timestamp for one in made.all()] == [NOW.replace(second=0)]
    assert made.has(KEY)
