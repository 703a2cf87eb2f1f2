"""What people see and hear of a cell: dashboards, alarms that page or open tickets, the health of its name.

    leaf alarms (tell nobody) --- composite alarms ---> page topic, ticket topic
         |
         `--- plain ones ---> Route 53 health checks ---> calculated check

The parts of the cell say what they declared (`Watched`), `contracts/metrics.py` says which metrics that has. Alarms of
the event flow stand beside its queues and pipes (`components/event_log.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import cloudwatch

from components import path_metrics
from components.alarms import DAY_S, Alarms, Series, Watch, Watched, any_of, own_series, series
from components.base import type_token
from components.boards import cell_board, consumer_board, consumers, shard_board
from components.burn_rate import Topics, edge_alarms
from components.dns_health import DnsHealth, DnsHealthArgs
from components.path_alarms import path_alarms
from contracts.metrics import LOGINS_REFUSED, Subject

MIN_SLO_PERCENT = 95.0
"""Below it 14.4 times the budget is most of all requests, and the alarm would say nothing."""

CPU_PERCENT = 90
"""of a shard's writer, for a quarter of an hour: above it commits queue. Errs towards late: bursts pass."""

TRANSACTION_IDS = 1_000_000_000
"""Unfrozen transaction ids of a shard; PostgreSQL stops writing at 2.1 thousand million, autovacuum begins to freeze at
200 million (https://www.postgresql.org/docs/17/routine-vacuuming.html#VACUUM-FOR-WRAPAROUND)."""

REPLICA_LAG_MS = 1_000
"""Aurora's readers are usually well under 100 ms behind; at a second reads are stale and a failover waits."""

REFUSED_LOGINS = 20
"""Refused IAM logins of a shard in five minutes: a wrong role, or somebody who tries. Not: one expired token."""

CERTIFICATE_DAYS = 30
"""ACM renews 60 days before the end; half of that has passed without success
(https://docs.aws.amazon.com/acm/latest/userguide/managed-renewal.html)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TelemetryArgs:
    """What the telemetry of one cell needs to know."""

    region: str
    domain_name: str
    health_path: str
    """What a gateway answers 200 on when it can serve."""
    slo_percent: float
    """Share of requests that must not end in 5xx, and of charges that must not fail, over 30 days."""
    watched: Watched
    login_logs: Mapping[str, pulumi.Input[str]]
    """Shard -> log group of its refused IAM logins."""
    program_log_group: pulumi.Input[str]
    """Of the cell's programs."""
    page_topic_arn: pulumi.Input[str]
    """Wakes somebody."""
    ticket_topic_arn: pulumi.Input[str]
    """Is read in working hours."""
    flow_alarm_arns: Sequence[pulumi.Input[str]] = ()
    """Paging composites of other parts, for the cell's dashboard."""

    def __post_init__(self) -> None:
        if not MIN_SLO_PERCENT <= self.slo_percent < 100:
            raise ValueError(
                f"telemetry.slo_percent: {self.slo_percent:g} is outside {MIN_SLO_PERCENT:g} to below 100 percent"
            )


class Telemetry(pulumi.ComponentResource):
    """Alarms, dashboards, metric filters and health checks of one cell. Creation: seconds. Monthly cost: by alarm,
    dashboard and check."""

    health_check_id: pulumi.Output[str]
    paging_alarms: Sequence[pulumi.Output[str]]
    """ARNs of the composites that page."""

    def __init__(self, name: str, args: TelemetryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(type_token(type(self)), name, {}, opts)
        self._prefix, self._args, self._watched = name, args, args.watched
        self._child = pulumi.ResourceOptions(parent=self)
        self._alarms = Alarms(name, args.region, self._child)
        self._shards = list(args.watched[Subject.SHARD_WRITER])
        logins = {shard: self._login_filter(shard) for shard in self._shards}
        no_target, refused = self._edge_alarms()
        pages = [
            self._page("edge-down", [no_target, refused], "Clients cannot reach the cell: no gateway takes requests."),
            self._page("database-full", self._cpu_alarms(), "A shard's writer is at its limit: payments queue."),
        ]
        tickets = [self._upkeep(), self._unusual(), *(self._shard_ticket(shard, logins) for shard in self._shards)]
        topics = Topics(page=args.page_topic_arn, ticket=args.ticket_topic_arn)
        edge = edge_alarms(self._alarms, args.watched, args.slo_percent, topics)
        path_metrics.declare(name, args.region, args.program_log_group, self._child)
        path = path_alarms(self._alarms, name, args.slo_percent, topics)
        pages += [*edge.pages, *path.pages]
        tickets += [*edge.tickets, *path.tickets]
        self.paging_alarms = [alarm.arn for alarm in pages]
        self._boards([*self.paging_alarms, *args.flow_alarm_arns], [alarm.arn for alarm in tickets], logins)
        plain = {"no-target": no_target.name, "refused": refused.name, **path.plain}
        self.health_check_id = DnsHealth(name, self._dns(plain), self._child).health_check_id
        self.register_outputs({"healthCheckId": self.health_check_id, "pagingAlarms": self.paging_alarms})

    def _series(self, subject: Subject, name: str, key: str | None = None) -> Series:
        return series(self._watched, subject, name, key)

    def _page(self, key: str, leaves: Sequence[cloudwatch.MetricAlarm], why: str) -> cloudwatch.CompositeAlarm:
        return self._alarms.composite(key, any_of(leaves), why, self._args.page_topic_arn)

    def _ticket(self, key: str, leaves: Sequence[cloudwatch.MetricAlarm], why: str) -> cloudwatch.CompositeAlarm:
        return self._alarms.composite(key, any_of(leaves), why, self._args.ticket_topic_arn)

    def _login_filter(self, shard: str) -> Series:
        """Every line of the log is one refused login (an empty pattern takes all lines)."""
        emitted = own_series(LOGINS_REFUSED, f"{self._prefix}-{shard}")
        cloudwatch.LogMetricFilter(
            f"{self._prefix}-{shard}-logins",
            region=self._args.region,
            name=f"{self._prefix}-{shard}-logins",
            log_group_name=self._args.login_logs[shard],
            pattern="",
            metric_transformation={
                "namespace": emitted.namespace,
                "name": emitted.metric.name,
                "value": "1",
                "default_value": "0",
                "unit": emitted.metric.unit,
            },
            opts=self._child,
        )
        return emitted

    def _edge_alarms(self) -> tuple[cloudwatch.MetricAlarm, cloudwatch.MetricAlarm]:
        no_target = Watch(
            series=self._series(Subject.TARGET_GROUP, "HealthyHostCount"),
            threshold=1,
            comparison="LessThanThreshold",
            # A group without registered targets publishes nothing: nobody serves the cell's name.
            missing="breaching",
            why="No gateway is healthy behind the load balancer.",
        )
        refused = Watch(
            series=self._series(Subject.LOAD_BALANCER, "RejectedConnectionCount"),
            threshold=0,
            why="The load balancer is at its most connections and refuses new ones.",
        )
        return self._alarms.leaf("no-target", no_target), self._alarms.leaf("refused", refused)

    def _cpu_alarms(self) -> Sequence[cloudwatch.MetricAlarm]:
        return [
            self._alarms.leaf(
                f"{shard}-cpu",
                Watch(
                    series=self._series(Subject.SHARD_WRITER, "CPUUtilization", shard),
                    threshold=CPU_PERCENT,
                    periods=15,
                    why=f"Writer of shard {shard}: over {CPU_PERCENT} % for 15 minutes. Move slots or enlarge.",
                ),
            )
            for shard in self._shards
        ]

    def _shard_ticket(self, shard: str, logins: Mapping[str, Series]) -> cloudwatch.CompositeAlarm:
        watches = {
            "transactions": Watch(
                series=self._series(Subject.SHARD_WRITER, "MaximumUsedTransactionIDs", shard),
                threshold=TRANSACTION_IDS,
                period_s=300,
                why=f"Shard {shard} does not freeze transaction ids: look for old transactions and replication slots.",
            ),
            "logins": Watch(
                series=logins[shard],
                threshold=REFUSED_LOGINS,
                period_s=300,
                periods=1,
                why=f"Shard {shard} refuses IAM logins: a wrong role, or somebody who tries.",
            ),
        }
        if shard in self._watched[Subject.SHARD_READERS]:
            watches["lag"] = Watch(
                series=self._series(Subject.SHARD_READERS, "AuroraReplicaLag", shard),
                threshold=REPLICA_LAG_MS,
                periods=5,
                why=f"Readers of shard {shard} are over {REPLICA_LAG_MS} ms behind.",
            )
        leaves = [self._alarms.leaf(f"{shard}-{key}", watch) for key, watch in watches.items()]
        return self._ticket(f"{shard}-review", leaves, f"Shard {shard} wants a look in working hours.")

    def _upkeep(self) -> cloudwatch.CompositeAlarm:
        """What gets worse slowly and by itself."""
        leaves = [
            self._alarms.leaf(
                "certificate",
                Watch(
                    series=self._series(Subject.CERTIFICATE, "DaysToExpiry"),
                    threshold=CERTIFICATE_DAYS,
                    comparison="LessThanThreshold",
                    period_s=DAY_S,
                    periods=1,
                    why="ACM did not renew the certificate: is its validation record still there?",
                ),
            )
        ]
        leaves += [
            self._alarms.leaf(
                f"nat-{zone}",
                Watch(
                    series=self._series(Subject.NAT_GATEWAY, "ErrorPortAllocation", zone),
                    threshold=0,
                    why=f"NAT of zone {zone} has no port left for a destination: add addresses, or reuse connections.",
                ),
            )
            for zone in self._watched[Subject.NAT_GATEWAY]
        ]
        return self._ticket("upkeep", leaves, "Certificate or outgoing ports run out.")

    def _unusual(self) -> cloudwatch.CompositeAlarm:
        """What no fixed number describes: it follows the hours of the day."""
        leaves = [
            self._alarms.band(
                "requests-unusual",
                self._series(Subject.LOAD_BALANCER, "RequestCount"),
                "Requests are far from what this hour usually has.",
                # The health checkers always ask: silence is the most unusual of all.
                missing="breaching",
            ),
            self._alarms.band(
                "stream-unusual",
                self._series(Subject.STREAM, "GetRecords.IteratorAgeMilliseconds"),
                "Readers of the stream are further behind than usual.",
                both=False,
            ),
        ]
        return self._ticket("unusual", leaves, "Traffic is unlike the same hour of other days.")

    def _boards(
        self,
        pages: Sequence[pulumi.Input[str]],
        tickets: Sequence[pulumi.Input[str]],
        logins: Mapping[str, Series],
    ) -> None:
        whole = cell_board(self._prefix, self._watched, pages, tickets)
        shards = [shard_board(self._prefix, self._watched, shard, logins[shard]) for shard in self._shards]
        queues = [consumer_board(self._prefix, self._watched, one) for one in consumers(self._watched)]
        for board in (whole, *shards, *queues):
            board.declare(self._args.region, self._child)

    def _dns(self, plain: Mapping[str, pulumi.Input[str]]) -> DnsHealthArgs:
        args = self._args
        return DnsHealthArgs(
            region=args.region, domain_name=args.domain_name, health_path=args.health_path, alarms=plain
        )
