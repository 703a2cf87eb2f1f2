"""Log lines of the cell's programs: one log group, and how an add-on of the cluster ships what pods write to stdout.
Their spans go to the same add-on's agent (`components/trace_agent.py`).

Each line arrives as Fluent Bit gives it: `log_processed` has the fields of the program's JSON, `kubernetes` says whose
line it is. Metric filters read both (`components/path_metrics.py`).

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/install-CloudWatch-Observability-EKS-addon.html
"""

from collections.abc import Mapping, Sequence
from typing import Final

import pulumi

from components import trace_agent
from components.iam import allow, policy

ADD_ON: Final = "amazon-cloudwatch-observability"
NAMESPACE: Final = trace_agent.NAMESPACE
"""What EKS installs the add-on into."""
SERVICE_ACCOUNT: Final = "cloudwatch-agent"
"""Of the agent and of Fluent Bit
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Container-Insights-setup-EKS-addon.html)."""

PROGRAM_NAMESPACES: Final[Sequence[str]] = ("consumers", "egress", "fraud", "gateway", "payments")
"""Whose pods are read. Controllers and EKS's own pods write no line that a metric is made of."""

BUFFER_MB: Final = 50
"""Lines in memory of a node whose CloudWatch does not answer; what is more waits on the node's disk."""

_READ = """\
[INPUT]
  Name tail
  Tag application.*
  Path {paths}
  multiline.parser docker, cri
  DB /var/fluent-bit/state/flb_programs.db
  Mem_Buf_Limit {buffer}MB
  storage.type filesystem
  Skip_Long_Lines On
  Read_from_Head On
"""

_NAME = """\
[FILTER]
  Name kubernetes
  Match application.*
  Kube_Tag_Prefix application.var.log.containers.
  Merge_Log On
  Merge_Log_Key log_processed
  Keep_Log Off
  Labels Off
  Annotations Off
  Use_Kubelet On
  Kubelet_Port 10250
  Buffer_Size 0
"""
"""Options of the filter: https://docs.fluentbit.io/manual/pipeline/filters/kubernetes"""

_SEND = """\
[OUTPUT]
  Name cloudwatch_logs
  Match application.*
  region ${{AWS_REGION}}
  log_group_name {group}
  log_stream_prefix ${{HOST_NAME}}-
  auto_create_group false
"""
"""A group that Fluent Bit makes has neither retention nor key."""


def group_name(cell: str) -> str:
    """The log group of a cell's programs."""
    return f"/payment-cell/{cell}/programs"


def settings(cell: str) -> Mapping[str, object]:
    """Configuration of the add-on: container logs of the programs to their group, spans to X-Ray, and nothing else.

    The names are those of the add-on's chart (https://github.com/aws-observability/helm-charts, release 4.10).
    """
    paths = ", ".join(f"/var/log/containers/*_{namespace}_*.log" for namespace in PROGRAM_NAMESPACES)
    whole = "\n".join((_READ.format(paths=paths, buffer=BUFFER_MB), _NAME, _SEND.format(group=group_name(cell))))
    files = {"application-log.conf": whole, "dataplane-log.conf": "", "host-log.conf": ""}
    return {
        "containerLogs": {"enabled": True, "fluentBit": {"config": {"extraFiles": files}}},
        "agent": {"config": {"traces": trace_agent.TAKES}},
        # In Auto Mode the first node is of AWS's own pool, which is tainted.
        "manager": {"tolerations": [{"key": "CriticalAddonsOnly", "operator": "Exists"}]},
    }


def write_policy(region: str, account_id: str, cell: str) -> pulumi.Output[str]:
    """What the add-on's role may do: streams and lines of the one group, which is made before, and spans."""
    group = f"arn:aws:logs:{region}:{account_id}:log-group:{group_name(cell)}:*"
    lines = allow("WriteLines", ["logs:CreateLogStream", "logs:PutLogEvents"], [group])
    return policy(lines, trace_agent.hands_on())
