"""Lines of a real pod become CloudWatch metrics, by the declared add-on, role and filters."""

# ruff: noqa: F811 - fixtures are imported by name
import http.client
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from eks import CLUSTER, Eks, eks, make_namespace, wait  # noqa: F401
from test_kubelet import RESTRICTED, STATIC, Space, bootstrap, clusters, deployment, listeners, policy, service
from used_actions import unused, used

from components import program_logs
from components.gateway_tracing import FIELDS
from components.path_metrics import filters
from conftest import DEFAULT_REGION, PRODUCTION_ACCOUNT
from contracts.metrics import own_namespace

pytestmark = pytest.mark.dataplane

WITHIN_S = 60.0
GROUP = program_logs.group_name(CLUSTER)
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": [f"arn:aws:logs:{DEFAULT_REGION}:{PRODUCTION_ACCOUNT}:log-group:{GROUP}:*"],
        }
    ],
}
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "pods.eks.amazonaws.com"},
            "Action": ["sts:AssumeRole", "sts:TagSession"],
        }
    ],
}


def refusing() -> dict[str, Any]:
    """An Envoy that refuses what is below /refused, and writes lines as the gateway does."""
    found = listeners("well")
    manager = found["resources"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    refused = {
        "match": {"prefix": "/refused"},
        "direct_response": {"status": 503},
        "response_headers_to_add": [{"header": {"key": "x-refused", "value": "shed"}}],
    }
    manager["route_config"]["virtual_hosts"][0]["routes"].insert(0, refused)
    log_format = {"json_format": FIELDS, "omit_empty_values": True}
    log = {"@type": f"{STATIC}extensions.access_loggers.stream.v3.StdoutAccessLog", "log_format": log_format}
    manager["access_log"] = [{"name": "envoy.access_loggers.stdout", "typed_config": log}]
    return found


@pytest.fixture
def gateway(eks: Eks) -> Space:
    """A pod of the namespace whose lines are shipped."""
    make_namespace(eks.client, "gateway", **RESTRICTED)
    space = Space(eks, "gateway")
    data = {
        "bootstrap.json": bootstrap(),
        "lds.json": refusing(),
        "cds.json": clusters("back.gateway.svc.cluster.local"),
    }
    config = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "gateway"},
        "data": {key: json.dumps(value) for key, value in data.items()},
    }
    space.apply(service("gateway"), policy("gateway", None), config, deployment("gateway"))
    wait(lambda: space.fetch("gateway")[0] == 200, WITHIN_S, f"a pod; see {eks.sandbox.home}/logs")
    return space


def declare(eks: Eks) -> str:
    """Log group, filters and add-on; returns the ARN of its role."""
    logs, iam = eks.sandbox.client("logs"), eks.sandbox.client("iam")
    logs.create_log_group(logGroupName=GROUP)
    for each in filters():
        fields = {"Class": "class", "Market": "market", "Bank": "bank", "Shard": "shard", "Reason": "refused"}
        dimensions = {one: f"$.log_processed.{fields[one]}" for one in each.of.dimensions}
        into = {
            "metricNamespace": own_namespace(each.of, CLUSTER),
            "metricName": each.of.name,
            "metricValue": each.value,
            "unit": each.of.unit,
            **({"dimensions": dimensions} if dimensions else {}),
        }
        logs.put_metric_filter(
            logGroupName=GROUP, filterName=each.key, filterPattern=each.pattern, metricTransformations=[into]
        )
    role = iam.create_role(RoleName="lines", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    iam.put_role_policy(RoleName="lines", PolicyName="lines", PolicyDocument=json.dumps(POLICY))
    eks.sandbox.client("eks").create_addon(
        clusterName=CLUSTER,
        addonName=program_logs.ADD_ON,
        configurationValues=json.dumps(program_logs.settings(CLUSTER)),
        podIdentityAssociations=[{"serviceAccount": program_logs.SERVICE_ACCOUNT, "roleArn": role}],
    )
    return str(role)


def ask(space: Space, path: str) -> int:
    """A call of a live caller who creates a payment."""
    hosts = json.loads((space.eks.sandbox.home / "dataplane" / "hosts.json").read_text())
    connection = http.client.HTTPConnection(hosts[f"{CLUSTER}/gateway.gateway.svc.cluster.local:8080"], timeout=5)
    try:
        connection.request("GET", path, headers={"x-caller-class": "live", "x-endpoint-class": "create"})
        return connection.getresponse().status
    finally:
        connection.close()


def total(eks: Eks, name: str, statistic: str, **dimensions: str) -> float | None:
    """Of the last minutes; None where there is nothing."""
    now = datetime.now(UTC)
    found = eks.sandbox.client("cloudwatch").get_metric_statistics(
        Namespace=f"PaymentCell/Path/{CLUSTER}",
        MetricName=name,
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        StartTime=now - timedelta(minutes=10),
        EndTime=now + timedelta(minutes=10),
        Period=3600,
        Statistics=[statistic],
    )
    return sum(point[statistic] for point in found["Datapoints"]) if found["Datapoints"] else None


def test_lines_of_a_pod_become_metrics(gateway: Space) -> None:
    eks = gateway.eks
    assert [ask(gateway, path) for path in ("/refused", "/", "/refused", "/refused")] == [503, 200, 503, 503]
    role = declare(eks)
    wait(lambda: total(eks, "Refusals", "Sum", Reason="shed") == 3, WITHIN_S, "refusals by reason")
    assert total(eks, "ChargesFailed", "SampleCount") == 3
    assert total(eks, "ChargesFailed", "Average") == 100
    assert unused(POLICY, used(eks.sandbox)[role]) == []
    streams = eks.sandbox.client("logs").describe_log_streams(logGroupName=GROUP)["logStreams"]
    (name,) = [stream["logStreamName"] for stream in streams]
    events = eks.sandbox.client("logs").get_log_events(logGroupName=GROUP, logStreamName=name)["events"]
    lines = [json.loads(event["message"]) for event in events]
    assert {line["kubernetes"]["container_name"] for line in lines} == {"gateway"}
    assert any(line.get("log_processed", {}).get("refused") == "shed" for line in lines)
    assert any("log" in line for line in lines), "what Envoy says about itself is no JSON"
