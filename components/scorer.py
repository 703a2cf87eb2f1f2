"""The scorer in the cluster: beside the gateway, in the same zone, with its rules in a ConfigMap.

scorer = workloads(args)["scorer"]                 for the matrix
Scorer("eu-west-1", args, namespace)               ConfigMap and workload
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_kubernetes import core

from components import payments
from components.base import type_token
from components.reachability import Party
from components.scaling import CpuScaling
from components.trace_agent import environment, needs
from components.workload import Probe, Workload, WorkloadArgs
from contracts.fraud import FraudError
from contracts.fraud_rules import load_rules

NAME: Final = "scorer"
NAMESPACE: Final = "fraud"
GRPC_PORT, HTTP_PORT = 9001, 9002
RULES: Final = "fraud-rules"
"""ConfigMap of the rules."""
FOLDER: Final = "/etc/payment-cell/fraud-rules"
FILE: Final = "rules.yaml"

PAYMENTS_URL: Final = f"http://{payments.PAYMENTS}.{payments.NAMESPACE}.svc.cluster.local:{payments.API_PORT}"
"""Where the scorer tells what a person decided on a held payment."""

HOP_MS: Final = 10
"""Of the gateway's deadline, for the way to the scorer and back: same zone, so a millisecond; errs towards early
answers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ScorerArgs:
    """What the scorer of one cell needs to know."""

    cell: str
    region: str
    image: str
    """Of the cell's registry, by digest."""
    rules: str
    """Text of rules.yaml; checked here, before anything is declared."""
    parties: Mapping[str, Party]
    """Has `aws`, `gateway` and `payments`, and `telemetry` where spans are sent."""
    feature_table: pulumi.Input[str]
    decision_stream: pulumi.Input[str]
    model_bucket: pulumi.Input[str]
    pseudonym_secret_arn: pulumi.Input[str]
    subject_keys_table: pulumi.Input[str]
    subjects_key_arn: pulumi.Input[str]
    """Of what rescoring opens: signals that were sealed for fraud."""
    rescore_queue_url: pulumi.Input[str] | None = None
    """Of the bus's consumer `fraud`; None: payments that passed unscored stay unscored, and outcomes unheard."""
    pair_primary: str | None = None
    """Stack of the primary of the cell's pair, whose epoch store says who writes. None: it is of no pair."""
    deadline_ms: int = 50
    """The gateway's, for the whole decision."""
    replicas: int = 3
    maximum: int = 30
    node_group: str | None = None
    otlp_endpoint: str | None = None
    """http://host:port that takes spans; None: they go nowhere."""

    def __post_init__(self) -> None:
        if not 20 <= self.deadline_ms <= 1_000:
            raise ValueError(f"scorer.deadline_ms: {self.deadline_ms} is outside 20..1000 ms: {HOP_MS} ms are the way")
        try:
            load_rules(self.rules, FILE)
        except FraudError as error:
            raise ValueError(f"scorer.rules: {error}") from None


def workloads(args: ScorerArgs) -> dict[str, WorkloadArgs]:
    """The scorer as a workload, for the matrix as well as for the cluster."""
    told: dict[str, pulumi.Input[str]] = {
        "AWS_REGION": args.region,
        "CELL": args.cell,
        "FEATURE_TABLE": args.feature_table,
        "DECISION_STREAM": args.decision_stream,
        "MODEL_BUCKET": args.model_bucket,
        "PAYMENTS_URL": PAYMENTS_URL,
        "PSEUDONYM_SECRET_ARN": args.pseudonym_secret_arn,
        "SUBJECTS_KEY_ARN": args.subjects_key_arn,
        "SUBJECT_KEYS_TABLE": args.subject_keys_table,
        "RULES_FILE": f"{FOLDER}/{FILE}",
        "BUDGET_MS": str(args.deadline_ms - HOP_MS),
        "FEATURE_READ_MS": str((args.deadline_ms - HOP_MS) // 4),
        **({"RESCORE_QUEUE_URL": args.rescore_queue_url} if args.rescore_queue_url is not None else {}),
        **payments.epoch_environment(args.pair_primary),
        **environment(args.otlp_endpoint),
    }
    return {
        NAME: WorkloadArgs(
            cell=args.cell,
            name=NAME,
            namespace=NAMESPACE,
            image=args.image,
            replicas=args.replicas,
            cpu="500m",
            memory="512Mi",
            priority="payment-critical",
            probe=Probe(path="/healthz", port=HTTP_PORT),
            ports={"grpc": GRPC_PORT, "http": HTTP_PORT},
            needs=("aws", payments.PAYMENTS, *needs(args.otlp_endpoint)),
            serves=("gateway",),
            scaling=CpuScaling(maximum=args.maximum, percent=50),
            node_group=args.node_group,
            environment=told,
            config_maps={RULES: FOLDER},
        )
    }


class Scorer(pulumi.ComponentResource):
    """Rules and workload. Creation: one rollout. A change of the rules reaches running pods within a minute."""

    def __init__(
        self, name: str, args: ScorerArgs, namespace: pulumi.Input[str], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """`namespace`: `Workloads.namespaces["fraud"]`."""
        super().__init__(type_token(type(self)), name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        rules = core.v1.ConfigMap(
            f"{name}-{RULES}",
            metadata={"name": RULES, "namespace": namespace, "labels": {"payment-cell/cell": args.cell}},
            data={FILE: args.rules},
            opts=child,
        )
        Workload(f"{name}-{NAME}", workloads(args)[NAME], args.parties, child, namespace=namespace, after=[rules])
        self.register_outputs({"namespace": NAMESPACE})
