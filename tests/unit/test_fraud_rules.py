"""Rules as data: what a file may say, what a mistake is told, and what a change would have done."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.fraud import SIGNALS, Decision, DecisionRecord, FraudError, Mode, decision_id, moment, parse_decision
from contracts.fraud_rules import load_rules

STARTING = Path(__file__).parents[2] / "stacks" / "fraud_rules.yaml"
CALM = {signal.name: signal.missing for signal in SIGNALS}
BASE = """
thresholds: {block: 75, review: 65}
lists:
  bad: [NG]
rules:
  - id: testing
    when: [{signal: account_small_1h, at_least: 5}]
    action: block
  - id: abroad
    when: [{fact: payer_country, in: bad}]
    action: authenticate
  - id: friend
    when: [{fact: account, in: bad}]
    action: allow
"""


def record(**changes: object) -> DecisionRecord:
    import datetime

    now = datetime.datetime(2026, 11, 28, tzinfo=datetime.UTC)
    found = DecisionRecord(
        id=decision_id(now),
        account="acct_shop1",
        score=70,
        decision=Decision.REVIEW,
        reasons=("score-review",),
        rules=(),
        model="sha256:" + "0" * 64,
        mode=Mode.SCORED,
        time=moment(now),
        signals=CALM,
    )
    return replace(found, **changes)  # type: ignore[arg-type]


def test_a_record_survives_its_json_form() -> None:
    first = record(payment="pay_1", facts={"card": "ab"}, shadow={"sha256:" + "1" * 64: 3})
    assert parse_decision(first.to_json()) == first


@pytest.mark.parametrize(
    "text", ["no", "[]", '{"type": "other"}', record().to_json().replace('"score":70', '"score":100')]
)
def test_a_broken_record_is_refused_by_name(text: str) -> None:
    with pytest.raises(FraudError, match="decision"):
        parse_decision(text)


def test_thresholds_decide_where_no_rule_does() -> None:
    rules = load_rules(BASE)
    decisions = [rules.judge(score, CALM, {}).decision for score in (64, 65, 74, 75)]
    assert decisions == [Decision.ALLOW, Decision.REVIEW, Decision.REVIEW, Decision.BLOCK]


def test_the_strictest_rule_holds_and_each_that_matched_is_named() -> None:
    verdict = load_rules(BASE).judge(10, {**CALM, "account_small_1h": 6}, {"payer_country": "NG"})
    assert (verdict.decision, verdict.rules) == (Decision.BLOCK, ("testing", "abroad"))


def test_a_rule_that_allows_is_stronger_than_the_score_but_not_than_a_rule_that_blocks() -> None:
    rules = load_rules(BASE)
    assert rules.judge(99, CALM, {"account": "NG"}).decision is Decision.ALLOW
    assert rules.judge(0, {**CALM, "account_small_1h": 6}, {"account": "NG"}).decision is Decision.BLOCK


def test_a_fact_that_is_not_there_matches_no_list() -> None:
    rules = load_rules(BASE.replace("in: bad}]\n    action: auth", "not_in: bad}]\n    action: auth"))
    assert rules.judge(0, CALM, {}).rules == ()
    assert rules.judge(0, CALM, {"payer_country": "DE"}).rules == ("abroad",)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("action: block", "action: stop"), "f.yaml:8: rules[0].action: 'stop' is unknown; choose from allow"),
        (("account_small_1h", "smalls"), "f.yaml:7: rules[0].when[0].signal: 'smalls'; choose from amount_log"),
        (("at_least: 5", "above: 5"), "f.yaml:7: rules[0].when[0].above: unknown; choose from signal"),
        (("at_least: 5", "at_least: five"), "f.yaml:7: rules[0].when[0].at_least: 'five' is not a number"),
        (("in: bad}]\n    action: auth", "in: no}]\n    action: auth"), "in: 'no' is not a text; put it in quotes"),
        (("in: bad}]\n    action: auth", "in: worse}]\n    action: auth"), "list 'worse' is not under `lists`"),
        (("id: abroad", "id: testing"), "f.yaml:9: rules[1].id: 'testing' is another rule's"),
        (("review: 65", "review: 80"), "f.yaml:2: thresholds: review 80 is above block 75"),
        (("block: 75", "block: 175"), "f.yaml:2: thresholds.block: 175 is outside 1..99"),
        (("[{signal: account_small_1h, at_least: 5}]", "[]"), "f.yaml:7: rules[0].when: no condition"),
        (("bad: [NG]", "bad: [NO]"), "f.yaml:4: lists.bad: 'NO' is not a text; put it in quotes"),
        (("lists:", "lists: ]"), "f.yaml:3: no YAML"),
    ],
)  # fmt: skip
def test_a_mistake_names_file_line_key_rule_and_fix(change: tuple[str, str], message: str) -> None:
    with pytest.raises(FraudError) as caught:
        load_rules(BASE.replace(*change, 1), "f.yaml")
    assert message in str(caught.value)


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(FraudError) as caught:
        load_rules(BASE.replace("action: block", "action: stop").replace("review: 65", "review: 80"))
    assert len(str(caught.value).splitlines()) == 2


@given(st.text(max_size=200))
def test_any_text_is_rules_or_a_fraud_error(text: str) -> None:
    problem = ""
    try:
        load_rules(text)
    except FraudError as error:
        problem = str(error)
    assert not problem or problem.startswith("rules.yaml:")


def test_the_starting_rules_are_valid_and_calm_payments_pass() -> None:
    rules = load_rules(STARTING.read_text(), str(STARTING))
    assert rules.judge(0, {**CALM, "device_missing": 0.0}, {}).decision is Decision.ALLOW
    assert {rule.action for rule in rules.rules} == set(Decision)


def test_a_dry_run_says_which_past_decisions_would_be_others() -> None:
    from contracts.fraud_rules import dry_run

    old = load_rules(BASE)
    new = load_rules(BASE.replace("block: 75", "block: 70"))
    past = [record(), record(score=60), record(score=80), record(model="none", score=0), record(signals={})]
    found = dry_run(old, new, past)
    assert (found.total, found.by_change) == (4, {"review -> block": 1})
    assert found.changed[0].id == past[0].id
