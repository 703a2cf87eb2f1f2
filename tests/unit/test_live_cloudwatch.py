"""Live alarms in the words of the provider."""

from recorded import Refusal, read

METRIC, COMPOSITE = "aws:cloudwatch/metricAlarm:MetricAlarm", "aws:cloudwatch/compositeAlarm:CompositeAlarm"
RECORDED = {
    "cloudwatch.describe_alarms": {
        "MetricAlarms": [
            {
                "AlarmName": "dead",
                "AlarmArn": "arn:dead",
                "Namespace": "AWS/SQS",
                "MetricName": "ApproximateNumberOfMessagesVisible",
                "Dimensions": [{"Name": "QueueName", "Value": "q"}],
                "AlarmActions": ["arn:topic"],
                "ActionsEnabled": False,
            },
            {"AlarmName": "query", "AlarmArn": "arn:query", "Metrics": [{"Id": "m", "Expression": "1"}]},
        ],
        "CompositeAlarms": [{"AlarmName": "all", "AlarmArn": "arn:all", "AlarmRule": 'ALARM("dead")'}],
    }
}


def test_metric_alarms_are_read_with_what_they_watch_and_do() -> None:
    dead, query = read(METRIC, RECORDED).found
    props = dead.resource.props
    assert (dead.identity, props["arn"], props["namespace"]) == (("dead",), "arn:dead", "AWS/SQS")
    assert (dict(props["dimensions"]), props["alarmActions"]) == ({"QueueName": "q"}, ["arn:topic"])
    assert props["actionsEnabled"] is False
    assert "metricName" not in query.resource.props


def test_composite_alarms_are_read_with_their_rule() -> None:
    (found,) = read(COMPOSITE, RECORDED).found
    assert (found.identity, found.resource.props["alarmRule"]) == (("all",), 'ALARM("dead")')


def test_alarms_that_cannot_be_listed_are_not_observed() -> None:
    for type_ in (METRIC, COMPOSITE):
        assert list(read(type_, {"cloudwatch.describe_alarms": Refusal("AccessDenied")}).unobserved) == [type_]
