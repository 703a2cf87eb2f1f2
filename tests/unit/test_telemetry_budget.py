"""Alarms and time series of a cell, as the stack files alone decide them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from answers import answers
from config_files import ACCOUNT, cell, fleet, write
from market_texts import market_text
from mocks import run

from components.payment_cell import PaymentCell
from components.telemetry import Telemetry, TelemetryArgs
from contracts.metrics import WORKLOADS, Subject
from stacks.cell import AccountLogs, cell_args
from stacks.fleet import load_fleet
from stacks.market_files import load_markets
from stacks.problems import ConfigError
from stacks.telemetry import series_by_metric, subjects


def problem(folder: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load_fleet(folder)
    (found,) = caught.value.problems
    return str(found)


def test_a_production_cell_whose_alarms_reach_nobody_is_refused(tmp_path: Path) -> None:
    folder = fleet(tmp_path)
    assert load_fleet(folder).cells
    write(folder, "account", ACCOUNT.replace("    contactEmail: oncall@example.com\n", ""))
    said = problem(folder)
    assert "account: account has no contactEmail, so the alarms of production cell one would reach nobody" in said
    assert "add contactEmail to stacks/Pulumi.account.yaml" in said
    assert "Pulumi.one.yaml:5" in said


def test_a_development_cell_needs_nobody_to_wake(tmp_path: Path) -> None:
    folder = fleet(tmp_path)
    write(folder, "account", ACCOUNT.replace("    contactEmail: oncall@example.com\n", ""))
    write(folder, "one", cell(environment="development"))
    assert load_fleet(folder).cells


def test_more_series_than_the_budget_are_refused_with_the_largest_contributors(tmp_path: Path) -> None:
    folder = fleet(tmp_path)
    total = sum(series_by_metric(load_fleet(folder).plan("one"), ()).values())
    write(folder, "one", cell(seriesBudget=str(total)))
    assert load_fleet(folder).cells
    write(folder, "one", cell(seriesBudget=str(total - 1)))
    said = problem(folder)
    assert (
        f"seriesBudget: {total - 1} is below the {total:,} time series of the cell: 60 of PaymentCell/Path Refusals"
        in said
    )
    assert f"raise it to {total} or more" in said


def test_more_shards_are_more_series(tmp_path: Path) -> None:
    folder = fleet(tmp_path)

    def counted(shards: int) -> Mapping[str, int]:
        write(folder, "one", cell(shards=f"{{count: {shards}}}"))
        return series_by_metric(load_fleet(folder).plan("one"), ())

    two, four = counted(2), counted(4)
    assert four["AWS/RDS CPUUtilization"] - two["AWS/RDS CPUUtilization"] == 2
    assert four["AWS/SQS ApproximateAgeOfOldestMessage"] == two["AWS/SQS ApproximateAgeOfOldestMessage"]


@pytest.mark.parametrize("environment", ["production", "development"])
def test_the_counted_subjects_are_those_that_the_components_declare(
    environment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(
        fleet(tmp_path),
        "one",
        cell(environment=environment, administrators="{ops: 'arn:aws:iam::123456789012:role/ops'}"),
    )
    found = load_fleet(tmp_path)
    given: list[TelemetryArgs] = []
    made = Telemetry.__init__

    def seen(self: Telemetry, name: str, args: TelemetryArgs, *rest: Any) -> None:
        given.append(args)
        made(self, name, args, *rest)

    monkeypatch.setattr(Telemetry, "__init__", seen)
    plan = found.plan("one")
    key = "arn:aws:kms:eu-west-1:123456789012:key/audit"
    logs = AccountLogs(access_log_bucket="logs", data_event_bucket="data-events", audit_key_arn=key)
    run(lambda: PaymentCell("one", cell_args(plan, found.account_of("one"), logs)), outputs=answers)
    (args,) = given
    declared = {subject: len(keys) for subject, keys in args.watched.items()}
    declared[Subject.SHARD_LOGIN] = len(args.login_logs)
    # Kinesis names the shards of a stream; how many there are is an input of the stream.
    declared[Subject.STREAM_SHARD] = plan.stream_shards
    counted = dict(subjects(plan, ()))
    # What lines say: markets and banks come from their own files.
    said = {subject: counted.pop(subject) for subject in {metric.subject for metric in WORKLOADS}}
    assert declared == counted
    of_pairs = {Subject.REPLICATED_SHARD, Subject.ARCHIVE_REPLICATION}
    assert set(declared) | set(said) == set(Subject) - of_pairs
    assert said[Subject.PATH_SHARD] == len(plan.shards)


def test_banks_and_markets_of_the_cell_are_counted(tmp_path: Path) -> None:
    folder = fleet(tmp_path)
    before = sum(series_by_metric(load_fleet(folder).plan("one"), ()).values())
    (folder / "markets").mkdir()
    text = market_text("first", "second").replace("[eu-west-1, dev]", "[one]").replace("eu-west-1:", "one:")
    (folder / "markets" / "sandland.yaml").write_text(text)
    markets = load_markets(folder / "markets", ["one"]).of("one")
    banks = sum(len(each.banks) for each in markets)
    after = series_by_metric(load_fleet(folder).plan("one"), markets)
    assert (len(markets), banks) == (1, 2)
    assert sum(after.values()) == before + 3 * (len(markets) + banks), "requests, errors, duration of each"
    write(folder, "one", cell(seriesBudget=str(sum(after.values()) - 1)))
    assert f"{sum(after.values()):,} time series" in problem(folder)


@pytest.mark.parametrize("slo", ["100", "94.9", "high"])
def test_an_objective_that_leaves_no_budget_is_refused(tmp_path: Path, slo: str) -> None:
    write(fleet(tmp_path), "one", cell(slo=slo))
    assert "slo: " in problem(tmp_path)
