"""The programs that move a cell's events: relay (outboxes to stream), archiver (stream to archive), and a program for
each ordered consumer (queue to whatever it keeps). What each may do in AWS is in `components/event_path_roles.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi

from components import trace_agent
from components.base import type_token
from components.payments import CA_FILE, FILES, FOLDERS, SHARDS, epoch_environment
from components.reachability import Party
from components.workload import Probe, Workload, WorkloadArgs

RELAY, ARCHIVER = "relay", "archiver"
PAYMENTS, CONSUMERS = "payments", "consumers"
"""Namespaces: relay and archiver beside the payments API, consumers by themselves."""

HEALTH_PORT = 8082
HEALTHY: Final = Probe(path="/healthz", port=HEALTH_PORT)


@dataclass(frozen=True, kw_only=True, slots=True)
class EventPathArgs:
    """What the programs of one cell need to know."""

    cell: str
    region: str
    image: str
    """Of `workloads/relay`, by digest; it holds all three programs."""
    stream: pulumi.Input[str]
    """Name of the stream."""
    archive_bucket: pulumi.Input[str]
    queue_urls: Mapping[str, pulumi.Input[str]]
    """Ordered consumer -> URL of its queue."""
    parties: Mapping[str, Party]
    """Has `aws` and `database`, and `telemetry` where spans are sent."""
    otlp_endpoint: str | None = None
    """http://host:port that takes the relay's spans; None: they go nowhere."""
    pair_primary: str | None = None
    """Stack of the primary of the cell's pair, whose epoch store says who writes. None: it is of no pair."""
    relays: int = 2
    """Pods of the relay: one leads a shard, the others stand by."""
    archive_after_s: float = 5.0
    """Seconds that an event waits for others to share an object with: fewer seconds, more and smaller objects."""

    def __post_init__(self) -> None:
        if not 0.1 <= self.archive_after_s <= 60:
            raise ValueError(f"event_path.archive_after_s: {self.archive_after_s} is outside 0.1..60 s")
        if taken := sorted({RELAY, ARCHIVER} & self.queue_urls.keys()):
            raise ValueError(f"event_path.queue_urls: {taken[0]!r} is another program's name; rename the consumer")


def workloads(args: EventPathArgs) -> dict[str, WorkloadArgs]:
    """The programs as workloads, for the matrix as well as for the cluster."""
    common = {"CELL": args.cell, "AWS_REGION": args.region}
    log = {**common, "EVENT_STREAM": args.stream, "ARCHIVE_BUCKET": args.archive_bucket}
    relay = _workload(
        args,
        RELAY,
        namespace=PAYMENTS,
        replicas=args.relays,
        arguments=["relay", f"--shards={FOLDERS[SHARDS]}/{FILES[SHARDS]}"],
        environment={
            **log,
            "DATABASE_CA_FILE": CA_FILE,
            **trace_agent.environment(args.otlp_endpoint),
            **epoch_environment(args.pair_primary),
        },
        needs=("aws", "database", *trace_agent.needs(args.otlp_endpoint)),
        config_maps={SHARDS: FOLDERS[SHARDS]},
    )
    # One archiver: two would write every event twice. It remembers nothing, so another pod goes on where one ended.
    archiver = _workload(
        args,
        ARCHIVER,
        namespace=PAYMENTS,
        replicas=1,
        arguments=["archive", f"--flush-s={args.archive_after_s:g}"],
        environment=log,
        needs=("aws",),
    )
    # One pod a consumer, because the reference handler keeps its state in memory.
    consumers = {
        name: _workload(
            args,
            name,
            namespace=CONSUMERS,
            replicas=1,
            arguments=["consume"],
            environment={**common, "CONSUMER": name, "QUEUE_URL": url},
            needs=("aws",),
        )
        for name, url in args.queue_urls.items()
    }
    return {RELAY: relay, ARCHIVER: archiver, **consumers}


def _workload(
    args: EventPathArgs,
    name: str,
    *,
    namespace: str,
    replicas: int,
    arguments: Sequence[str],
    environment: Mapping[str, pulumi.Input[str]],
    needs: Sequence[str],
    config_maps: Mapping[str, str] | None = None,
) -> WorkloadArgs:
    return WorkloadArgs(
        cell=args.cell,
        name=name,
        namespace=namespace,
        image=args.image,
        replicas=replicas,
        cpu="250m",
        memory="512Mi",
        priority="payment-standard",
        probe=HEALTHY,
        arguments=arguments,
        environment=environment,
        needs=needs,
        config_maps=config_maps or {},
    )


class EventPath(pulumi.ComponentResource):
    """A workload for each program. Creation: one rollout. The relay reads the ConfigMap of the shards that
    `components.payments` declares in the same namespace."""

    def __init__(
        self,
        name: str,
        args: EventPathArgs,
        namespaces: Mapping[str, pulumi.Input[str]],
        opts: pulumi.ResourceOptions | None = None,
        *,
        after: Sequence[pulumi.Resource] = (),
    ) -> None:
        """`namespaces`: `Workloads.namespaces`, with `payments` and `consumers`. `after`: what the programs wait for,
        such as whoever declares the shards and makes the tables."""
        super().__init__(type_token(type(self)), name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        for program, declared in workloads(args).items():
            Workload(
                f"{name}-{program}",
                declared,
                args.parties,
                child,
                namespace=namespaces[declared.namespace],
                after=after,
            )
        self.register_outputs({"consumers": sorted(args.queue_urls)})
