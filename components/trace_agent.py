"""Where a cell's programs send their spans: the CloudWatch agent that the add-on `amazon-cloudwatch-observability` runs
on every node, and who that is to a network policy.

The agent is told to take OTLP and hands spans to X-Ray
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-Agent-OpenTelemetry-metrics.html). The
add-on's operator opens what it is told as ports of the agent's Service. From version 8.0.0 on the add-on takes OTLP by
itself, at the same ports, and wants Transaction Search for it
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/eks-observability-addon-otlp-endpoint.html).
"""

from collections.abc import Mapping
from typing import Final

from components.iam import Statement, allow
from components.reachability import Party, Pods, Port

TELEMETRY: Final = "telemetry"
"""The party's name, in `needs`."""

NAMESPACE, PORT = "amazon-cloudwatch", 4318
ENDPOINT: Final = f"http://cloudwatch-agent.{NAMESPACE}.svc.cluster.local:{PORT}"
VARIABLE: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
"""Environment variable by which a program learns of it
(https://opentelemetry.io/docs/specs/otel/protocol/exporter/)."""

AGENT: Final = Party(
    name=TELEMETRY,
    # What the add-on's operator selects the agent's pods and its Service by
    # (https://github.com/aws/amazon-cloudwatch-agent-operator, internal/manifests/manifestutils/labels.go): the VPC
    # CNI's policy controller lets the Service's address through where a rule selects as the Service does.
    place=Pods(namespace=NAMESPACE, labels={"app.kubernetes.io/instance": f"{NAMESPACE}.cloudwatch-agent"}),
    ports=(Port(number=PORT),),
)


TAKES: Final[Mapping[str, object]] = {
    "traces_collected": {"otlp": {"http_endpoint": f"0.0.0.0:{PORT}", "grpc_endpoint": "127.0.0.1:4317"}}
}
"""Section `traces` of the agent's configuration. gRPC is used by nobody, and open to nobody."""


def hands_on() -> Statement:
    """What the agent's role may do with spans. X-Ray takes these actions on no narrower resource
    (https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html)."""
    return allow("WriteSpans", ["xray:PutTelemetryRecords", "xray:PutTraceSegments"], ["*"])


def needs(endpoint: str | None) -> tuple[str, ...]:
    """What a program that sends spans needs beside the rest."""
    return () if endpoint is None else (TELEMETRY,)


def environment(endpoint: str | None) -> Mapping[str, str]:
    """What it is told."""
    return {} if endpoint is None else {VARIABLE: endpoint}
