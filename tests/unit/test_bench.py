"""A ratio that misses its goal says so, and the flat program refers to new resources instead of old values."""

import runpy
from pathlib import Path
from typing import Any

from bench.cell import own_resources
from bench.ratio import Ratio
from bench.recovery import ratios

FLAT = runpy.run_path(str(Path(__file__).resolve().parents[2] / "bench/flat/__main__.py"), run_name="flat")


def test_a_ratio_above_its_goal_is_missed() -> None:
    held = Ratio(what="up", this=11.5, that=10, unit="s", goal=1.15)
    missed = Ratio(what="up", this=11.6, that=10, unit="s", goal=1.15)
    assert held.holds
    assert held.row()[-1] == "ok"
    assert not missed.holds
    assert missed.row()[-1] == "missed"


def test_a_ratio_without_goal_is_only_shown() -> None:
    assert Ratio(what="second up", this=3, that=10, unit="s").row()[-2:] == ("-", "")


def test_the_longest_old_value_is_exchanged_first() -> None:
    names = {"vpc-1": "vpc-9", "arn:aws:ec2:::vpc/vpc-1": "arn:aws:ec2:::vpc/vpc-8"}
    assert FLAT["replaced"]({"a": ["arn:aws:ec2:::vpc/vpc-1", "in vpc-1"]}, names) == {
        "a": ["arn:aws:ec2:::vpc/vpc-8", "in vpc-9"]
    }


def test_an_output_is_found_under_the_sdks_spelling_of_its_key() -> None:
    options: list[dict[str, Any]] = [{"resource_record_name": "_a.example.com"}]
    assert FLAT["value_at"](options, (0, "resourceRecordName")) == "_a.example.com"


def test_what_the_engine_adds_is_no_input() -> None:
    assert FLAT["unsealed"]({"__defaults": [], "name": "a", "inner": {"__defaults": [], "size": 1}}) == {
        "name": "a",
        "inner": {"size": 1},
    }


def test_only_resources_in_aws_are_compared() -> None:
    rows = [
        {"urn": "urn:pulumi:dev::p::payment:Cell$aws:kms/key:Key::dev-logs", "type": "aws:kms/key:Key", "custom": True},
        {"urn": "urn:pulumi:dev::p::payment:Cell::dev", "type": "payment:Cell", "custom": False},
        {"urn": "urn:pulumi:dev::p::pulumi:providers:aws::a", "type": "pulumi:providers:aws", "custom": True},
    ]
    assert own_resources({"deployment": {"resources": rows}}) == {"aws:kms/key:Key::dev-logs"}


def test_losses_are_held_against_their_bound_and_times_against_those_without_lag() -> None:
    def drilled(lost: int, bound: int, first_s: float) -> dict[str, Any]:
        return {
            "losses": {"counts": {"lost": lost}},
            "bound": bound,
            "seconds": {"firstSuccess": first_s},
            "calls": {"eu-central-1 rds FailoverGlobalCluster": 8, "eu-central-1 dynamodb GetItem": 4},
        }

    found = ratios({0: drilled(0, 5, 20.0), 5: drilled(31, 30, 30.0)}, {"usd": 200.0, "replica": {"usd": 90.0}})
    assert [round(ratio.value, 2) for ratio in found] == [0.0, 1.0, 1.03, 1.5, 6.0, 0.45]
    assert [ratio.what for ratio in found if not ratio.holds] == [
        "acknowledged payments lost with a lag of 5 s / bound"
    ]
