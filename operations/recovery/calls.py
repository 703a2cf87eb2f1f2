"""Every call to AWS that a movement makes: what `cell failover --explain` shows, and a test holds all steps to it.

None of them creates anything. All go to the region of the cell that is to write; the old cell is looked at by its
clients' name, which is no call to AWS.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final


class Plane(StrEnum):
    """Data planes are made to outlive their control planes
    (https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/control-planes-and-data-planes.html).
    """

    DATA = "data"
    CONTROL = "control"


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One kind of call."""

    service: str
    action: str
    plane: Plane
    steps: str
    when_down: str
    """What happens where it is not answered."""


_STOPS = "the run stops there and is gone on with by the same command"
_NO_STORE = "nothing moves: a writer that is not fenced may go on. The store answers while two of its regions do"
_PROMOTION = f"{_STOPS}; meanwhile nobody writes. By hand: promote the cluster with the console of the region"

CALLS: Final = (
    Call(service="sts", action="GetCallerIdentity", plane=Plane.DATA, steps="record", when_down="nothing begins"),
    Call(service="sts", action="AssumeRole", plane=Plane.DATA, steps="record", when_down="nothing begins"),
    Call(service="dynamodb", action="GetItem", plane=Plane.DATA, steps="all", when_down=_NO_STORE),
    Call(service="dynamodb", action="PutItem", plane=Plane.DATA, steps="all", when_down=_NO_STORE),
    Call(service="dynamodb", action="Scan", plane=Plane.DATA, steps="record", when_down=_NO_STORE),
    Call(
        service="cloudwatch",
        action="GetMetricData",
        plane=Plane.DATA,
        steps="record, lag, rebuilt",
        when_down="the lag is unknown: a failover needs --accept-data-loss, the others are refused",
    ),
    Call(
        service="rds",
        action="DescribeGlobalClusters",
        plane=Plane.CONTROL,
        steps="record, promote, rebuilt",
        when_down=_PROMOTION,
    ),
    Call(
        service="rds",
        action="DescribeDBClusters",
        plane=Plane.CONTROL,
        steps="promote, rebuilt",
        when_down=_PROMOTION,
    ),
    Call(service="rds", action="FailoverGlobalCluster", plane=Plane.CONTROL, steps="promote", when_down=_PROMOTION),
    Call(service="rds", action="SwitchoverGlobalCluster", plane=Plane.CONTROL, steps="promote", when_down=_PROMOTION),
    Call(
        service="s3",
        action="ListBuckets",
        plane=Plane.CONTROL,
        steps="grant, missing",
        when_down="all of the outbox is sent again; the report says that it could not read the archive",
    ),
    Call(
        service="s3",
        action="ListObjectVersions",
        plane=Plane.DATA,
        steps="grant, missing",
        when_down="as ListBuckets",
    ),
    Call(service="s3", action="HeadObject", plane=Plane.DATA, steps="grant, missing", when_down="as ListBuckets"),
    Call(service="s3", action="GetObject", plane=Plane.DATA, steps="missing", when_down="the report says so"),
    Call(service="sqs", action="GetQueueUrl", plane=Plane.CONTROL, steps="redrive", when_down="noted, passed"),
    Call(service="sqs", action="GetQueueAttributes", plane=Plane.CONTROL, steps="redrive", when_down="noted, passed"),
    Call(service="sqs", action="StartMessageMoveTask", plane=Plane.CONTROL, steps="redrive", when_down="noted, passed"),
    Call(
        service="eks",
        action="ListNodegroups",
        plane=Plane.CONTROL,
        steps="scale",
        when_down="noted, passed: the autoscaler follows the pods that wait",
    ),
    Call(service="eks", action="DescribeNodegroup", plane=Plane.CONTROL, steps="scale", when_down="as ListNodegroups"),
    Call(
        service="eks", action="UpdateNodegroupConfig", plane=Plane.CONTROL, steps="scale", when_down="as ListNodegroups"
    ),
    Call(
        service="secretsmanager",
        action="ListSecrets",
        plane=Plane.CONTROL,
        steps="verify",
        when_down="noted: no synthetic payments are made",
    ),
    Call(
        service="secretsmanager",
        action="GetSecretValue",
        plane=Plane.DATA,
        steps="verify",
        when_down="noted: no synthetic payments are made",
    ),
)
"""In the order of the steps. Traffic needs none: health checks of the clients' name follow the record by themselves."""


def explained(region: str) -> list[dict[str, Any]]:
    """The table, with the region that is called."""
    return [{"region": region, **asdict(call)} for call in CALLS]
