"""The payments API, its settler and its migrator in a cell's cluster (`workloads/payments/`)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

import pulumi
from pulumi_kubernetes import core

from components.base import type_token
from components.reachability import Party
from components.scaling import CpuScaling
from components.shard import DATABASE, MASTER_USER, PORT
from components.trace_agent import environment, needs
from components.workload import Probe, Workload, WorkloadArgs
from components.workloads import SHARD_MAP, SHARD_MAP_FILE
from contracts.epoch import epoch_table

NAMESPACE = "payments"
PAYMENTS, SETTLER, MIGRATOR = "payments", "settler", "migrator"

USER = "payments"
"""Database user of API and settler; the migrator makes it."""

API_PORT, HEALTH_PORT = 8080, 8081
SHARDS, MARKETS = "shards", "markets"
FOLDER = "/etc/payment-cell"
CA_FILE = "/etc/ssl/certs/rds.pem"
"""AWS's certificate authorities, in the image (workloads/payments/Dockerfile)."""

FOLDERS: Final[Mapping[str, str]] = {name: f"{FOLDER}/{name}" for name in (SHARDS, SHARD_MAP, MARKETS)}
"""ConfigMap -> where it is mounted."""

FILES: Final[Mapping[str, str]] = {SHARDS: "shards.json", SHARD_MAP: SHARD_MAP_FILE, MARKETS: "markets.json"}
"""ConfigMap -> its file."""

CLASSES = ("live", "test", "platform", "batch")
MODES = ("allow", "review", "block")

ACCOUNT_CONCURRENCY: Final[Mapping[str, int]] = MappingProxyType({"live": 50, "test": 10, "platform": 50, "batch": 10})
"""Caller class -> requests of one account that a pod works on at a time. A live account's 100 payments a second
(`gateway_settings.ACCOUNT_RATES`) take half of it or less while banks answer within 0.25 s; one whose bank hangs is
stopped here, before it holds the gateway's places."""

DRAIN_S = 30
"""Seconds for payments under way: longer than a bank may take (15) and the writes after it."""

MIGRATION_S = 600
"""Seconds for the first answer of the migrator: a shard's first connection waits for its proxy."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PaymentsArgs:
    """What the programs of one cell need to know."""

    cell: str
    region: str
    image: str
    """Of the repository `payments`, by digest."""
    shards: Mapping[str, pulumi.Input[str]]
    """Shard id -> host name of its proxy."""
    markets: pulumi.Input[str]
    """markets.json: market -> currency, egress, banks (`workloads/payments/markets.py` reads it)."""
    egress: Sequence[str]
    """Workloads that reach the banks: `egress-<group>`; none while no market names the cell."""
    parties: Mapping[str, Party]
    """Has `database`, `aws`, `gateway` and each of `egress`, and `telemetry` where spans are sent."""
    fraud_fail_mode: Mapping[str, str]
    """Caller class -> what happens without a fraud decision."""
    account_concurrency: Mapping[str, int] = field(default_factory=lambda: ACCOUNT_CONCURRENCY)
    """Caller class -> requests of one account that a pod works on at a time."""
    subject_keys_table: pulumi.Input[str]
    subjects_key_arn: pulumi.Input[str]
    api_keys_secret_arn: pulumi.Input[str]
    otlp_endpoint: str | None = None
    """http://host:port that takes spans; None: they go nowhere."""
    pair_primary: str | None = None
    """Stack of the primary of the cell's pair, whose epoch store says who writes. None: it is of no pair."""
    replicas: int = 3
    maximum: int = 12
    """Pods of the API at most; each keeps up to 20 connections to a shard's proxy."""

    def __post_init__(self) -> None:
        if sorted(self.fraud_fail_mode) != sorted(CLASSES):
            raise ValueError(f"payments.fraud_fail_mode: name each of {', '.join(CLASSES)}, and nothing else")
        if wrong := sorted(set(self.fraud_fail_mode.values()) - set(MODES)):
            raise ValueError(f"payments.fraud_fail_mode: {wrong[0]!r} is not one of {', '.join(MODES)}")
        if sorted(self.account_concurrency) != sorted(CLASSES) or min(self.account_concurrency.values()) < 1:
            raise ValueError(f"payments.account_concurrency: give 1 or more requests to each of {', '.join(CLASSES)}")


def workloads(args: PaymentsArgs) -> dict[str, WorkloadArgs]:
    """API, settler and migrator, for the matrix as well as for the cluster."""
    return {workload.name: workload for workload in (_payments(args), _settler(args), _migrator(args))}


def _payments(args: PaymentsArgs) -> WorkloadArgs:
    return WorkloadArgs(
        name=PAYMENTS,
        **_common(args, "serve", (SHARDS, SHARD_MAP, MARKETS)),
        replicas=args.replicas,
        scaling=CpuScaling(maximum=args.maximum),
        cpu="500m",
        memory="512Mi",
        priority="payment-critical",
        probe=Probe(path="/healthz", port=API_PORT),
        ports={"http": API_PORT},
        needs=("aws", "database", *args.egress, *needs(args.otlp_endpoint)),
        serves=("gateway", "scorer"),
        environment={
            **_environment(args),
            **environment(args.otlp_endpoint),
            **epoch_environment(args.pair_primary),
            "ACCOUNT_CONCURRENCY": json.dumps(dict(args.account_concurrency), sort_keys=True),
            "API_KEYS_SECRET_ARN": args.api_keys_secret_arn,
            "FRAUD_FAIL_MODE": json.dumps(dict(args.fraud_fail_mode), sort_keys=True),
            "SUBJECTS_KEY_ARN": args.subjects_key_arn,
            "SUBJECT_KEYS_TABLE": args.subject_keys_table,
        },
        grace_s=DRAIN_S,
    )


def _settler(args: PaymentsArgs) -> WorkloadArgs:
    return WorkloadArgs(
        name=SETTLER,
        **_common(args, "settle", (SHARDS, SHARD_MAP, MARKETS)),
        replicas=2,
        cpu="100m",
        memory="256Mi",
        priority="payment-standard",
        probe=Probe(path="/healthz", port=HEALTH_PORT),
        needs=(*(("aws",) if args.pair_primary else ()), "database", *args.egress, *needs(args.otlp_endpoint)),
        environment={
            **_environment(args),
            **environment(args.otlp_endpoint),
            **epoch_environment(args.pair_primary),
        },
    )


def _migrator(args: PaymentsArgs) -> WorkloadArgs:
    return WorkloadArgs(
        name=MIGRATOR,
        **_common(args, "migrate", (SHARDS, SHARD_MAP)),
        replicas=1,
        cpu="50m",
        memory="192Mi",
        priority="payment-standard",
        probe=Probe(path="/healthz", port=HEALTH_PORT),
        needs=(*(("aws",) if args.pair_primary else ()), "database"),
        environment={**_environment(args), **epoch_environment(args.pair_primary)},
        start_s=MIGRATION_S,
    )


def _common(args: PaymentsArgs, program: str, mounted: Sequence[str]) -> dict[str, Any]:
    return {
        "cell": args.cell,
        "namespace": NAMESPACE,
        "image": args.image,
        "arguments": (program, *(f"--{name}={FOLDERS[name]}/{FILES[name]}" for name in mounted)),
        "config_maps": {name: FOLDERS[name] for name in mounted},
    }


def _environment(args: PaymentsArgs) -> dict[str, pulumi.Input[str]]:
    return {"CELL": args.cell, "AWS_REGION": args.region, "DATABASE_CA_FILE": CA_FILE}


def epoch_environment(primary: str | None) -> dict[str, pulumi.Input[str]]:
    """What a program that takes the writer's lease needs for it (`workloads/lease.py`)."""
    return {"EPOCH_TABLE": epoch_table(primary), "EPOCH_PRIMARY": primary} if primary is not None else {}


class Payments(pulumi.ComponentResource):
    """Where the shards and the banks are, and the three workloads. Creation: one rollout."""

    def __init__(
        self,
        name: str,
        args: PaymentsArgs,
        namespace: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """`namespace`: `Workloads.namespaces["payments"]`, which reads the shard map."""
        super().__init__(type_token(type(self)), name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        mounted = [
            core.v1.ConfigMap(
                f"{name}-{key}",
                metadata={"name": key, "namespace": namespace, "labels": {"payment-cell/cell": args.cell}},
                data={FILES[key]: content},
                opts=child,
            )
            for key, content in ((SHARDS, shards_json(args.region, args.shards)), (MARKETS, args.markets))
        ]
        programs = workloads(args)

        def run(program: str, after: Sequence[pulumi.Resource]) -> Workload:
            return Workload(
                f"{name}-{program}", programs[program], args.parties, child, namespace=namespace, after=after
            )

        # Ready once every shard has the tables that the others' statements are for, in an upgrade too.
        migrator = run(MIGRATOR, mounted)
        for program in (PAYMENTS, SETTLER):
            run(program, [*mounted, migrator])
        self.register_outputs({"workloads": sorted(workloads(args))})


def shards_json(region: str, shards: Mapping[str, pulumi.Input[str]]) -> pulumi.Output[str]:
    """shards.json: where programs find the shards. `name` is what certificate and token are for; `host`, where to
    connect to, is the same on AWS."""
    return pulumi.Output.json_dumps(
        {
            "database": DATABASE,
            "region": region,
            "shards": {shard: {"host": host, "name": host, "port": PORT} for shard, host in sorted(shards.items())},
        },
        sort_keys=True,
    )


DATABASE_USERS: Final[Mapping[str, str]] = {PAYMENTS: USER, SETTLER: USER, MIGRATOR: MASTER_USER}
"""Workload -> whom it signs in as."""
