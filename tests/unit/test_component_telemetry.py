"""What people see and hear of a cell: every metric has somebody who emits it, every page reaches somebody."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import jmespath
import pytest
from answers import answers
from mocks import Recorded, Registered, run
from test_component_payment_cell import ARGS

from components.alarms import MAX_CHILDREN, Watch, any_of, check_window, own_series
from components.burn_rate import BURN_RATES, ERROR_PERCENT, window
from components.dashboards import MAX_BOARD_METRICS, MAX_WIDGET_METRICS, MAX_WIDGETS, AlarmStatus, Board, Graph
from components.dns_health import DnsHealthArgs
from components.path_alarms import objectives
from components.payment_cell import PaymentCell
from components.telemetry import TelemetryArgs
from contracts.fraud_failures import FailOpenBudget
from contracts.metrics import (
    DIMENSIONS,
    LOGINS_REFUSED,
    METRICS,
    PATH_NAMESPACE,
    UNREAD,
    WORKLOADS,
    From,
    Metric,
    Subject,
    own_namespace,
)
from workloads.relay.lag import EVERY_S

ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
COMPOSITE = "aws:cloudwatch/compositeAlarm:CompositeAlarm"
DASHBOARD = "aws:cloudwatch/dashboard:Dashboard"
HEALTH = "aws:route53/healthCheck:HealthCheck"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:test"

OBJECTIVES = ("charges", "latency", "fail-open", "events-late")
"""First part of the alarms of each."""

Use = tuple[str, str, Mapping[str, str]]
"""(namespace, name, dimensions) of a metric that an alarm or a dashboard uses."""


def made() -> Registered:
    """The telemetry of a whole cell, which is what it watches."""
    inside: dict[str, Recorded] = {}
    for one in run(lambda: PaymentCell("test", ARGS), outputs=answers):
        if one.type == "payment-cell:components:Telemetry" or one.parent in inside:
            inside[one.urn] = replace(one, dependencies=one.dependencies & inside.keys())
    root = next(iter(inside.values()))
    return Registered(resources=[replace(root, parent=""), *list(inside.values())[1:]])


@pytest.fixture(scope="module")
def cell() -> Registered:
    return run(lambda: PaymentCell("test", ARGS), outputs=answers)


def used_by_alarms(cell: Registered) -> Iterator[Use]:
    for alarm in cell.of(ALARM).values():
        given = alarm.inputs
        if "metricName" in given:
            yield given["namespace"], given["metricName"], given.get("dimensions", {})
        for query in given.get("metricQueries", ()):
            if metric := query.get("metric"):
                yield metric["namespace"], metric["metricName"], metric["dimensions"]


def widgets(cell: Registered) -> Iterator[dict[str, Any]]:
    for dashboard in cell.of(DASHBOARD).values():
        yield from json.loads(dashboard.inputs["dashboardBody"])["widgets"]


def used_by_dashboards(cell: Registered) -> Iterator[Use]:
    for widget in widgets(cell):
        for row in widget["properties"].get("metrics", ()):
            if isinstance(row[0], str):
                namespace, name, *pairs, _options = row
                yield namespace, name, dict(zip(pairs[::2], pairs[1::2], strict=True))


def emitted(cell: Registered, subject: Subject) -> set[tuple[tuple[str, str], ...]]:
    """Dimensions of every series that declared resources have for a subject."""
    found: list[dict[str, str]] = [{}]
    for name, origin in DIMENSIONS[subject].items():
        values = {origin} if isinstance(origin, str) else set(values_of(cell, origin))
        found = [{**known, name: value} for known in found for value in values]
    return {tuple(sorted(one.items())) for one in found}


def values_of(cell: Registered, origin: From) -> Iterator[str]:
    for resource in cell.of(origin.resource_type).values():
        value = jmespath.search(origin.path, dict(resource.state))
        yield from value if isinstance(value, list) else [value]


def filtered(cell: Registered) -> list[dict[str, Any]]:
    """What metric filters emit."""
    filters = cell.of("aws:cloudwatch/logMetricFilter:LogMetricFilter").values()
    return [one.inputs["metricTransformation"] for one in filters]


def problems(cell: Registered, uses: Iterator[Use]) -> list[str]:
    """What of this nobody emits."""
    by_name: dict[tuple[str, str], list[Metric]] = {}
    for metric in (metric for metric in METRICS if metric.namespace.startswith("AWS/")):
        by_name.setdefault((metric.namespace, metric.name), []).append(metric)
    wrong = []
    for namespace, name, dimensions in uses:
        series = tuple(sorted(dimensions.items()))
        said = {(t["namespace"], t["name"], *sorted(t.get("dimensions", ()))) for t in filtered(cell)}
        if (namespace, name, *sorted(dimensions)) in said:
            continue  # lines say the values
        if not any(series in emitted(cell, metric.subject) for metric in by_name.get((namespace, name), ())):
            wrong.append(f"{namespace} {name} {dict(dimensions)}")
    return wrong


def test_every_metric_of_an_alarm_is_emitted_by_a_declared_resource(cell: Registered) -> None:
    assert problems(cell, used_by_alarms(cell)) == []
    assert len(list(used_by_alarms(cell))) >= 40


def test_every_metric_of_a_dashboard_is_emitted_by_a_declared_resource(cell: Registered) -> None:
    assert problems(cell, used_by_dashboards(cell)) == []
    assert len(list(used_by_dashboards(cell))) >= 40


@pytest.mark.parametrize(
    "use",
    [
        ("AWS/SQS", "ApproximateAgeOfOldestMessage", {"QueueName": "nobody"}),
        ("AWS/SQS", "ApproximateAgeOfOldestMassage", {"QueueName": "test-tax"}),
        ("AWS/RDS", "CPUUtilization", {"DBClusterIdentifier": "test-s00"}),
        ("PaymentCell/Gateway", "PaymentsRefused", {}),
        ("PaymentCell/Path/test", "RelayLag", {"Market": "eu-sepa"}),
        ("PaymentCell/Path", "RelayLag", {}),
    ],
    ids=["unknown queue", "misspelt", "dimension missing", "unknown", "dimension not of lines", "of no cell"],
)
def test_a_metric_that_nobody_emits_is_found(cell: Registered, use: Use) -> None:
    assert problems(cell, iter([use])) == [f"{use[0]} {use[1]} {dict(use[2])}"]


def test_searches_of_dashboards_name_metrics_of_the_contract(cell: Registered) -> None:
    rows = [row[0] for widget in widgets(cell) for row in widget["properties"].get("metrics", ())]
    searches = [row["expression"] for row in rows if isinstance(row, dict)]
    names = [m for m in METRICS if m.subject is Subject.STREAM_SHARD]
    stream = cell.one("aws:kinesis/stream:Stream", "test").state["name"]
    of_stream = [
        f"SEARCH('{{AWS/Kinesis,ShardId,StreamName}} MetricName=\"{m.name}\" StreamName=\"{stream}\"', '{m.stat}')"
        for m in names
    ]
    by_line = [
        f"SEARCH('{{\"{m.namespace}/test\",{m.dimensions[0]}}} MetricName=\"{m.name}\"', '{m.stat}')"
        for m in WORKLOADS
        # The lag of a shard is on the shard's own board.
        if m.dimensions and (m.subject, m.name) != (Subject.PATH_SHARD, "RelayLag")
    ]
    assert sorted(searches) == sorted(of_stream + by_line)
    declared = cell.one("aws:kinesis/stream:Stream", "test").inputs["shardLevelMetrics"]
    assert set(declared) == {metric.name for metric in names}


def test_every_metric_of_the_contract_is_used_and_says_who_publishes_it(cell: Registered) -> None:
    uses = {(namespace, name) for namespace, name, _ in [*used_by_alarms(cell), *used_by_dashboards(cell)]}
    for metric in METRICS:
        assert metric.source.startswith("https://docs.aws.amazon.com/")
        if metric.subject in {Subject.REPLICATED_SHARD, Subject.ARCHIVE_REPLICATION}:
            continue  # a pair's: test_component_cell_pair.py
        if metric is LOGINS_REFUSED:
            assert any(namespace.startswith(metric.namespace) for namespace, _ in uses)
        elif metric in WORKLOADS and not metric.dimensions:
            assert (own_namespace(metric, "test"), metric.name) in uses
        elif "*" not in DIMENSIONS[metric.subject].values():  # searches have a test of their own
            assert (metric.namespace, metric.name) in uses
    assert {metric.namespace for metric in METRICS} >= UNREAD


def test_refused_logins_are_counted_from_the_shards_own_log(cell: Registered) -> None:
    groups = {g.inputs["name"] for g in cell.of("aws:cloudwatch/logGroup:LogGroup").values()}
    filters = cell.of("aws:cloudwatch/logMetricFilter:LogMetricFilter")
    logins = [one for name, one in filters.items() if name in ("test-s00-logins", "test-s01-logins")]
    assert [one.inputs["metricTransformation"]["defaultValue"] for one in logins] == ["0", "0"]
    assert {one.inputs["logGroupName"] for one in filters.values()} <= groups


def test_metrics_of_the_path_are_made_of_the_programs_lines(cell: Registered) -> None:
    filters = cell.of("aws:cloudwatch/logMetricFilter:LogMetricFilter").values()
    own = [one for one in filters if one.inputs["metricTransformation"]["namespace"].startswith(PATH_NAMESPACE)]
    assert {one.inputs["logGroupName"] for one in own} == {"/payment-cell/test/programs"}
    assert {one.inputs["metricTransformation"]["name"] for one in own} == {metric.name for metric in WORKLOADS}


def test_every_log_group_of_the_cell_has_retention_and_key(cell: Registered) -> None:
    groups = cell.of("aws:cloudwatch/logGroup:LogGroup")
    assert len(groups) >= 8
    for group in groups.values():
        assert group.inputs["retentionInDays"] == 365, group.name
        assert group.inputs["kmsKeyId"] == "arn:aws:kms:eu-west-1:123456789012:test-logs", group.name


def test_only_composites_call_people(cell: Registered) -> None:
    for leaf in cell.of(ALARM).values():
        assert not {"alarmActions", "okActions", "insufficientDataActions"} & set(leaf.inputs), leaf.name
    for composite in cell.of(COMPOSITE).values():
        assert len(composite.inputs["alarmActions"]) == 1, composite.name


def called(cell: Registered, topic: str) -> set[str]:
    return {n for n, c in cell.of(COMPOSITE).items() if c.inputs["alarmActions"] == [f"{TOPIC}-{topic}"]}


def test_what_hurts_now_pages_and_what_can_wait_opens_a_ticket(cell: Registered) -> None:
    assert called(cell, "alarms") == {
        "test-edge-down",
        "test-database-full",
        "test-events-stuck",
        "test-burn-fast",
        "test-burn-medium",
        "test-charges-down",
        "test-events-silent",
        *(f"test-{key}-{rate}" for key in OBJECTIVES for rate in ("fast", "medium")),
    }
    assert called(cell, "tickets") == {
        "test-burn-slow",
        "test-upkeep",
        "test-unusual",
        "test-s00-review",
        "test-s01-review",
        *(f"test-{key}-slow" for key in OBJECTIVES),
    }


def test_every_leaf_is_heard_through_a_composite(cell: Registered) -> None:
    rules = " ".join(composite.inputs["alarmRule"] for composite in cell.of(COMPOSITE).values())
    for leaf in cell.of(ALARM).values():
        assert f'"{leaf.state["name"]}"' in rules or f'"{leaf.state["arn"]}"' in rules, leaf.name


def test_burn_rates_are_those_of_the_workbook() -> None:
    assert [(r.factor, r.long_s, r.short_s, r.pages) for r in BURN_RATES] == [
        (14.4, 3600, 300, True),
        (6, 21600, 1800, True),
        (1, 259200, 21600, False),
    ]
    # The share of a 30-day budget that is gone when the long window is full: 2, 5 and 10 percent.
    assert [round(r.factor * r.long_s / (30 * 86_400), 3) for r in BURN_RATES] == [0.02, 0.05, 0.1]


def test_burn_alarms_need_the_long_and_the_short_window(cell: Registered) -> None:
    for key in ("burn", *OBJECTIVES):
        for rate in BURN_RATES:
            rule = cell.one(COMPOSITE, f"test-{key}-{rate.key}").inputs["alarmRule"]
            names = [cell.one(ALARM, f"test-{key}-{rate.key}-{kind}").state["name"] for kind in ("long", "short")]
            assert rule == f'ALARM("{names[0]}") AND ALARM("{names[1]}")'


def test_objectives_of_the_path_are_averages_of_bad_shares(cell: Registered) -> None:
    promised = {"ChargesFailed": 99.95, "ChargesSlow": 99, "FailedOpen": 99.9, "EventsLate": 99}
    found = {}
    for key in OBJECTIVES:
        for rate in BURN_RATES:
            for kind, length_s in (("long", rate.long_s), ("short", rate.short_s)):
                alarm = cell.one(ALARM, f"test-{key}-{rate.key}-{kind}").inputs
                assert alarm["statistic"] == "Average"
                assert (alarm["period"], alarm["evaluationPeriods"]) == window(length_s)
                assert alarm["threshold"] == rate.error_percent(promised[alarm["metricName"]])
                found[alarm["metricName"]] = key
    assert found.keys() == promised.keys()


def test_the_budget_of_fail_open_decisions_is_that_of_their_ledger() -> None:
    assert objectives(99.95)["FailedOpen"].slo_percent == 100 * (1 - FailOpenBudget().share)


def test_a_relay_that_says_nothing_pages(cell: Registered) -> None:
    """Its share of late events would look well for ever."""
    for program, lag in (("relay", "RelayLag"), ("archiver", "ArchiveLag")):
        alarm = cell.one(ALARM, f"test-{program}-silent").inputs
        assert (alarm["metricName"], alarm["statistic"]) == (lag, "SampleCount")
        assert (alarm["comparisonOperator"], alarm["threshold"]) == ("LessThanThreshold", 1)
        assert alarm["treatMissingData"] == "breaching"
        assert alarm["period"] >= 4 * EVERY_S


def test_charges_that_fail_change_dns(cell: Registered) -> None:
    check = cell.one(HEALTH, "test-dns-charges-failed")
    alarm = cell.one(ALARM, "test-charges-failed")
    assert check.inputs["cloudwatchAlarmName"] == alarm.state["name"]
    assert (alarm.inputs["metricName"], alarm.inputs["threshold"]) == ("ChargesFailed", 50)
    assert (alarm.inputs["period"], alarm.inputs["evaluationPeriods"]) == (60, 3)
    assert alarm.inputs["treatMissingData"] == "notBreaching", "a cell that nobody pays in is not left"
    assert check.state["id"] in cell.one(HEALTH, "test-dns").inputs["childHealthchecks"]


@pytest.mark.parametrize(("slo", "thresholds"), [(99.95, (0.72, 0.3, 0.05)), (99.0, (14.4, 6, 1))])
def test_burn_thresholds_follow_the_objective(slo: float, thresholds: tuple[float, ...]) -> None:
    cell = run(lambda: PaymentCell("test", replace(ARGS, slo_percent=slo)), outputs=answers)
    for rate, above in zip(BURN_RATES, thresholds, strict=True):
        for kind in ("long", "short"):
            assert cell.one(ALARM, f"test-burn-{rate.key}-{kind}").inputs["threshold"] == above


def test_a_burn_alarm_divides_failures_by_requests_over_its_window(cell: Registered) -> None:
    alarm = cell.one(ALARM, "test-burn-medium-long").inputs
    *inputs, result = alarm["metricQueries"]
    assert {query["id"]: query["metric"]["metricName"] for query in inputs} == {
        "requests": "RequestCount",
        "balancer": "HTTPCode_ELB_5XX_Count",
        "target": "HTTPCode_Target_5XX_Count",
    }
    assert {query["metric"]["period"] for query in inputs} == {21600}
    assert (result["expression"], result["returnData"]) == (ERROR_PERCENT, True)
    assert [query["returnData"] for query in inputs] == [False] * 3


def evaluated(requests: float, balancer: float, target: float) -> float:
    """The expression, with numbers in place of series."""
    names = {"FILL": lambda value, _default: value, "requests": requests, "balancer": balancer, "target": target}
    return float(eval(ERROR_PERCENT, {"__builtins__": {}}, names))


def test_the_failed_share_is_never_too_high_and_at_most_half_too_low() -> None:
    assert evaluated(1000, 0, 7) == pytest.approx(0.7)
    assert evaluated(0, 500, 0) == 100  # refused before a target was chosen: not in RequestCount
    assert evaluated(500, 500, 0) == 50  # all chosen targets failed with 502
    assert evaluated(990, 10, 0) <= 1.0101


def test_three_days_are_three_periods_of_a_day() -> None:
    assert window(259_200) == (86_400, 3)
    assert window(3_600) == (3_600, 1)


def test_anomaly_bands_compare_a_series_with_its_own_past(cell: Registered) -> None:
    requests = cell.one(ALARM, "test-requests-unusual").inputs
    assert requests["thresholdMetricId"] == "band"
    assert requests["metricQueries"][1]["expression"] == "ANOMALY_DETECTION_BAND(observed, 3)"
    assert requests["comparisonOperator"] == "LessThanLowerOrGreaterThanUpperThreshold"
    assert "threshold" not in requests
    assert cell.one(ALARM, "test-stream-unusual").inputs["comparisonOperator"] == "GreaterThanUpperThreshold"


def test_a_gateway_that_was_never_there_is_as_bad_as_one_that_went(cell: Registered) -> None:
    assert cell.one(ALARM, "test-no-target").inputs["treatMissingData"] == "breaching"


def test_dashboards_of_cell_shards_and_consumers(cell: Registered) -> None:
    assert set(cell.of(DASHBOARD)) == {
        "test",
        "test-shard-s00",
        "test-shard-s01",
        "test-consumer-ledger",
        "test-consumer-tax",
    }
    for widget in widgets(cell):
        assert widget["type"] in ("metric", "alarm")
        assert widget["x"] + widget["width"] <= 24
        if widget["type"] == "metric":
            assert widget["properties"]["region"] == "eu-west-1"


def test_the_cells_dashboard_shows_every_composite(cell: Registered) -> None:
    shown = {arn for widget in widgets(cell) for arn in widget["properties"].get("alarms", ())}
    assert shown == {composite.state["arn"] for composite in cell.of(COMPOSITE).values()}


def test_dns_health_is_calculated_over_an_endpoint_and_plain_alarms(cell: Registered) -> None:
    checks = cell.of(HEALTH)
    endpoint = checks["test-dns-endpoint"].inputs
    assert (endpoint["type"], endpoint["fqdn"], endpoint["port"]) == ("HTTPS", "eu-west-1.pay.example.com", 443)
    assert endpoint["resourcePath"] == cell.one("aws:lb/targetGroup:TargetGroup").inputs["healthCheck"]["path"]
    by_alarm = [check.inputs for check in checks.values() if check.inputs["type"] == "CLOUDWATCH_METRIC"]
    plain = {alarm.state["name"]: alarm.inputs for alarm in cell.of(ALARM).values()}
    assert len(by_alarm) == 3
    for check in by_alarm:
        assert check["cloudwatchAlarmRegion"] == "eu-west-1"
        alarm = plain[check["cloudwatchAlarmName"]]
        assert alarm["statistic"] in ("Average", "Minimum", "Maximum", "Sum", "SampleCount")
        assert alarm["period"] % 60 == 0
        assert "metricQueries" not in alarm
    whole = checks["test-dns"].inputs
    assert whole["type"] == "CALCULATED"
    assert whole["childHealthThreshold"] == len(whole["childHealthchecks"]) == 4
    assert set(whole["childHealthchecks"]) == {
        check.state["id"] for name, check in checks.items() if name != "test-dns"
    }


def test_health_checks_have_no_region(cell: Registered) -> None:
    assert all("region" not in check.inputs for check in cell.of(HEALTH).values())


def key_statement(cell: Registered, topic: Recorded) -> dict[str, Any]:
    keys = {key.state["arn"]: key for key in cell.of("aws:kms/key:Key").values()}
    return keys[topic.inputs["kmsMasterKeyId"]].statement("DeliverCloudwatch")


def test_the_topics_key_lets_cloudwatch_publish(cell: Registered) -> None:
    topics = cell.of("aws:sns/topic:Topic")
    assert set(topics) == {"test-alarms", "test-tickets"}
    for topic in topics.values():
        statement = key_statement(cell, topic)
        assert statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
        assert {"kms:Decrypt", "kms:GenerateDataKey"} <= set(statement["Action"])


def test_a_subscriber_who_never_confirmed_is_named_in_the_outputs() -> None:
    args = replace(ARGS, alarm_subscribers={"oncall@example.com": "email"})
    cell = run(lambda: PaymentCell("test", args), outputs=answers)
    unconfirmed = cell.one("payment-cell:components:PaymentCell").outputs["unconfirmedAlarmSubscribers"]
    assert unconfirmed == ["oncall@example.com"]


def test_what_cloudwatch_would_refuse_is_refused_at_once() -> None:
    line = own_series(LOGINS_REFUSED, "c")
    graph = Graph("g", [line] * MAX_WIDGET_METRICS)
    for make, message in (
        (lambda: check_window(60, 1441), "1441 periods of 60 s"),
        (lambda: check_window(90, 1), "multiples of 60"),
        (lambda: Watch(series=line, threshold=0, why="", period_s=86_400, periods=8), "604800 s in all"),
        (lambda: any_of([]), f"1 to {MAX_CHILDREN}"),
        (lambda: Graph("g", [line] * (MAX_WIDGET_METRICS + 1)), "a graph takes 1 to 500"),
        (lambda: Board("b", [graph] * (MAX_BOARD_METRICS // MAX_WIDGET_METRICS + 1)), "3000 metrics in all"),
        (lambda: Board("b", [Graph("g", [line])] * (MAX_WIDGETS + 1)), "501 widgets"),
        (lambda: Board("a b", []), "letters, digits"),
        (lambda: AlarmStatus("a", ["arn"] * 101), "1 to 100"),
        (lambda: DnsHealthArgs(region="r", domain_name="d", health_path="ready", alarms={}), "does not begin with /"),
        (lambda: telemetry(slo_percent=100), "95 to below 100"),
    ):
        with pytest.raises(ValueError, match=message):
            make()


def telemetry(*, slo_percent: float) -> TelemetryArgs:
    return TelemetryArgs(
        region="eu-west-1",
        domain_name="d.example",
        health_path="/ready",
        slo_percent=slo_percent,
        watched={},
        login_logs={},
        program_log_group="/payment-cell/test/programs",
        page_topic_arn="p",
        ticket_topic_arn="t",
    )
