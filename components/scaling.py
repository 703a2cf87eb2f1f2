"""How a workload follows its load: by processor use (HorizontalPodAutoscaler) or by how long its queue's oldest message
waits (KEDA ScaledObject: its type is in `components/custom_types.py`, KEDA's operator is not part of a cell)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_kubernetes import apiextensions, apps, autoscaling

KEDA = "keda.sh/v1alpha1"

CALM_S = 300
"""Seconds of lower load before pods are taken away: a lull between two rushes is no reason."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CpuScaling:
    """For what answers requests."""

    maximum: int
    percent: int = 60
    """Mean use of the requested CPU that is aimed at."""

    def __post_init__(self) -> None:
        if not 10 <= self.percent <= 90:
            raise ValueError(f"scaling.percent: {self.percent} is outside 10..90; above that a rush has no room")


@dataclass(frozen=True, kw_only=True, slots=True)
class QueueScaling:
    """For what empties a queue. Its length says nothing: what counts is how long a message waits."""

    maximum: int
    region: str
    queue_name: pulumi.Input[str]
    age_s: int
    """Seconds that the oldest message may wait; twice as long doubles the pods."""

    def __post_init__(self) -> None:
        if self.age_s < 1:
            raise ValueError(f"scaling.age_s: {self.age_s} s; give 1 or more")


def scale(
    name: str,
    scaling: CpuScaling | QueueScaling,
    metadata: Mapping[str, Any],
    deployment: apps.v1.Deployment,
    *,
    minimum: int,
    opts: pulumi.ResourceOptions,
) -> None:
    """Declares what scales `deployment` between `minimum` and the scaling's maximum."""
    target = deployment.metadata.name
    if isinstance(scaling, QueueScaling):
        apiextensions.CustomResource(
            name,
            api_version=KEDA,
            kind="ScaledObject",
            metadata=dict(metadata),
            spec=queue_spec(scaling, target, minimum),
            opts=opts,
        )
        return
    autoscaling.v2.HorizontalPodAutoscaler(
        name,
        metadata=dict(metadata),
        spec={
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": target},
            "minReplicas": minimum,
            "maxReplicas": scaling.maximum,
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {
                        "name": "cpu",
                        "target": {"type": "Utilization", "averageUtilization": scaling.percent},
                    },
                }
            ],
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": CALM_S}},
        },
        opts=opts,
    )


def queue_spec(scaling: QueueScaling, target: pulumi.Input[str], minimum: int) -> dict[str, Any]:
    """A ScaledObject on CloudWatch's ApproximateAgeOfOldestMessage, read with the operator's own role
    (https://keda.sh/docs/2.18/scalers/aws-cloudwatch/)."""
    return {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": target},
        "minReplicaCount": minimum,
        "maxReplicaCount": scaling.maximum,
        "pollingInterval": 30,
        "cooldownPeriod": CALM_S,
        "triggers": [
            {
                "type": "aws-cloudwatch",
                # The age as it is, not divided by the pods there are.
                "metricType": "Value",
                "metadata": {
                    "awsRegion": scaling.region,
                    "namespace": "AWS/SQS",
                    "dimensionName": "QueueName",
                    "dimensionValue": scaling.queue_name,
                    "metricName": "ApproximateAgeOfOldestMessage",
                    "metricStat": "Maximum",
                    "metricStatPeriod": "60",
                    "metricCollectionTime": "300",
                    "minMetricValue": "0",
                    "targetMetricValue": str(scaling.age_s),
                    "identityOwner": "operator",
                },
            }
        ],
    }
