"""The dashboards of a cell: one for the whole, one a shard, one a consumer."""

from collections.abc import Sequence
from dataclasses import replace

import pulumi

from components.alarms import DAY_S, Series, Watched, own_series, series
from components.dashboards import AlarmStatus, Board, Graph, Search
from contracts.metrics import Subject, metric

BY = {
    Subject.CALLER_CLASS: "class",
    Subject.MARKET: "market",
    Subject.BANK: "bank",
    Subject.PATH_SHARD: "shard",
}
"""What payments are split by."""

DEAD_LETTERS = "-dlq"
"""Ending of a dead-letter queue's key."""


def consumers(watched: Watched) -> Sequence[str]:
    """Keys of the consumers' queues."""
    return [key for key in watched[Subject.QUEUE] if not key.endswith(DEAD_LETTERS)]


def cell_board(
    cell: str, watched: Watched, pages: Sequence[pulumi.Input[str]], tickets: Sequence[pulumi.Input[str]]
) -> Board:
    """What somebody opens first: alarms, the edge, then what stands behind it."""

    def every(subject: Subject, *names: str) -> list[Series]:
        return [series(watched, subject, name, key) for name in names for key in watched[subject]]

    def by_shard(name: str) -> Search:
        return Search(series(watched, Subject.STREAM_SHARD, name), "ShardId")

    def by(subject: Subject, name: str) -> Search:
        about = metric(subject, name)
        (dimension,) = about.dimensions
        return Search(own_series(about, cell), dimension)

    def path(name: str) -> Series:
        return own_series(metric(Subject.PATH, name), cell)

    shares = ("ChargesFailed", "ChargesSlow", "FailedOpen", "EventsLate")
    edge = ("RequestCount", "HTTPCode_ELB_5XX_Count", "HTTPCode_Target_5XX_Count", "RejectedConnectionCount")
    hot = ("WriteProvisionedThroughputExceeded", "IteratorAgeMilliseconds")
    control_plane = ("scheduler_pending_pods", "apiserver_request_total_5XX")
    return Board(
        cell,
        [
            AlarmStatus("Pages", pages),
            AlarmStatus("Tickets", tickets),
            Graph("Requests and failures", every(Subject.LOAD_BALANCER, *edge)),
            Graph("Latency, p99", every(Subject.LOAD_BALANCER, "TargetResponseTime")),
            Graph("Healthy gateways", every(Subject.TARGET_GROUP, "HealthyHostCount")),
            Graph("Blocked by the web ACL", every(Subject.WEB_ACL_RULE, "BlockedRequests")),
            Graph("Against the objectives", [path(name) for name in shares]),
            *(
                Graph(f"{name} by {word}", [by(subject, name)])
                for subject, word in BY.items()
                for name in ("Requests", "Errors", "Duration")
            ),
            Graph("Refusals by reason", [by(Subject.REFUSAL, "Refusals")]),
            Graph("Fail-open decisions by class", [by(Subject.CALLER_CLASS, "FailOpenDecisions")]),
            Graph(
                "Lag of events", [own_series(metric(Subject.PATH, name), cell) for name in ("RelayLag", "ArchiveLag")]
            ),
            Graph("Writers' CPU", every(Subject.SHARD_WRITER, "CPUUtilization")),
            Graph("Commits", every(Subject.SHARD_WRITER, "CommitLatency")),
            Graph("Oldest message", every(Subject.QUEUE, "ApproximateAgeOfOldestMessage")),
            Graph("Stream", every(Subject.STREAM, "IncomingRecords")),
            Graph("Stream by shard", [by_shard("IncomingRecords")]),
            Graph("Hot shards and late readers", [by_shard(name) for name in hot]),
            Graph("Kubernetes", every(Subject.CLUSTER, *control_plane)),
            Graph("Outgoing bytes", every(Subject.NAT_GATEWAY, "BytesOutToDestination")),
            Graph("Days of the certificate", every(Subject.CERTIFICATE, "DaysToExpiry"), period_s=DAY_S),
        ],
    )


def shard_board(cell: str, watched: Watched, shard: str, logins: Series) -> Board:
    """One shard: its writer, readers, proxy and refused logins."""
    writer = ("CPUUtilization", "CommitLatency", "DatabaseConnections", "MaximumUsedTransactionIDs")
    proxy = ("ClientConnections", "DatabaseConnectionsBorrowLatency")
    graphs = [Graph(name, [series(watched, Subject.SHARD_WRITER, name, shard)]) for name in writer]
    graphs += [Graph(f"Proxy: {name}", [series(watched, Subject.PROXY, name, shard)]) for name in proxy]
    for name in ("Requests", "Errors", "Duration", "RelayLag"):
        line = replace(own_series(metric(Subject.PATH_SHARD, name), cell), dimensions={"Shard": shard})
        graphs.append(Graph(f"Payments: {name}", [line]))
    if shard in watched[Subject.SHARD_READERS]:
        graphs.append(Graph("Replica lag", [series(watched, Subject.SHARD_READERS, "AuroraReplicaLag", shard)]))
    return Board(f"{cell}-shard-{shard}", [*graphs, Graph("Refused logins", [logins])])


def consumer_board(cell: str, watched: Watched, consumer: str) -> Board:
    """One consumer: its queue, its dead letters, and the pipe or rule that feeds it."""
    visible = "ApproximateNumberOfMessagesVisible"
    graphs = [
        Graph("Oldest message", [series(watched, Subject.QUEUE, "ApproximateAgeOfOldestMessage", consumer)]),
        Graph("Waiting", [series(watched, Subject.QUEUE, visible, consumer)]),
        Graph("Dead letters", [series(watched, Subject.QUEUE, visible, f"{consumer}{DEAD_LETTERS}")]),
    ]
    if consumer in watched[Subject.PIPE]:
        feeder, names = Subject.PIPE, ("EventCount", "ExecutionFailed")
    else:
        feeder, names = Subject.RULE, ("Invocations", "FailedInvocations")
    graphs += [Graph(name, [series(watched, feeder, name, consumer)]) for name in names]
    return Board(f"{cell}-consumer-{consumer}", graphs)
