"""Rules of composite alarms, as CloudWatch reads them."""

import pytest

from sandbox.aws.extensions.cloudwatch.rule import MAX_LENGTH, RuleError, parse

STATES = {"a": "ALARM", "b": "OK", "lag of consumer (ledger)": "ALARM", "d": "INSUFFICIENT_DATA"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("TRUE", True),
        ("FALSE", False),
        ('ALARM("a")', True),
        ("ALARM(a)", True),
        ('OK("a")', False),
        ("INSUFFICIENT_DATA(d)", True),
        ('ALARM("lag of consumer (ledger)")', True),
        ("NOT ALARM(a)", False),
        ("ALARM(a) AND ALARM(b)", False),
        ("ALARM(a) OR ALARM(b) AND FALSE", True),
        ("(ALARM(a) OR ALARM(b)) AND FALSE", False),
        ("NOT (ALARM(b) OR OK(a))", True),
        ("  ALARM( a )\n OR\tOK(b) ", True),
    ],
)
def test_a_rule_is_true_when_its_alarms_are_in_the_named_states(text: str, expected: bool) -> None:
    assert parse(text).holds(lambda name: STATES[name]) is expected


def test_a_rule_names_each_alarm_it_refers_to_once() -> None:
    arn = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:c"
    assert parse(f'ALARM(a) AND NOT OK(a) OR ALARM("{arn}")').alarms == ("a", arn)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ALARM",
        "ALARM()",
        "ALARM(a",
        'ALARM("a',
        "a",
        "alarm(a)",
        "ALARM(a) XOR ALARM(b)",
        "ALARM(a) OK(b)",
        "NOT",
        "(TRUE",
    ],
)
def test_a_rule_that_cloudwatch_refuses_is_refused_with_a_reason(text: str) -> None:
    with pytest.raises(RuleError, match="AlarmRule"):
        parse(text)


def test_a_rule_has_a_longest_length() -> None:
    with pytest.raises(RuleError, match=str(MAX_LENGTH)):
        parse("TRUE OR " * 2000 + "TRUE")
