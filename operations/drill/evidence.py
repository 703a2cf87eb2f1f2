"""What the databases and archives of both cells hold of a drill's payments, and what is kept of the old volumes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from contracts import archive, events
from contracts.metrics import REPLICATION_LAG
from operations.drill.comparison import copied
from operations.drill.losses import Row
from operations.drill.plan import DrillPlan
from operations.errors import CellError, ExitCode
from operations.preflight_aws import Clients
from operations.probe import sandbox
from operations.probe.evidence import READERS
from operations.probe.plan import ACCOUNT_PREFIX

PAYMENTS: Final = (
    "select json_build_object('id', id, 'account', account_id, 'key', key, 'status', status) from payments "
    f"where account_id like '{ACCOUNT_PREFIX}%'"
)

KEPT_S: Final = 300.0
"""Longest wait until the old writer's volume is kept and it follows the new one: it copies the whole database."""

LAG_PERIOD_S = 60
"""https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.AuroraMonitoring.Metrics.html"""

POLL_S = 2.0


@dataclass(frozen=True, kw_only=True, slots=True)
class PairEvidence:
    """Where to look. Only regions that live are asked."""

    plan: DrillPlan
    shards: Sequence[str]
    buckets: dict[str, str]
    """Stack -> its archive."""
    clients: Clients

    def rows_of(self, cell: str) -> list[Row]:
        """The payments in all shards of the cell that writes. Raises CellError where one does not answer."""
        return self._of_shards(cell, lambda query: ("-c", copied(query)))

    def kept_rows(self, since: datetime) -> list[Row]:
        """The payments in the volumes that are kept of the old cell's shards since the fault. Raises CellError."""
        self._wait_for_volumes(since)
        return self._of_shards(self.plan.origin, lambda query: ("--kept", query))

    def _of_shards(self, cell: str, how: Callable[[str], tuple[str, str]]) -> list[Row]:
        def ask(shard: str) -> str:
            return sandbox.ask(f"{cell} {shard}: the shard does not answer", "sql", cell, shard, *how(PAYMENTS))

        with ThreadPoolExecutor(READERS) as pool:
            texts = list(pool.map(ask, self.shards))
        return [row_of(line) for text in texts for line in text.splitlines() if line]

    def _wait_for_volumes(self, since: datetime) -> None:
        """AWS takes a snapshot of a former writer's volume before it becomes a secondary."""
        rds = self.clients.get("rds", self.plan.origin_region)
        waiting = {f"{self.plan.origin}-{shard}" for shard in self.shards}
        deadline = time.monotonic() + KEPT_S
        while waiting:
            found = rds.describe_db_cluster_snapshots(SnapshotType="automated")["DBClusterSnapshots"]
            waiting -= {
                one["DBClusterIdentifier"]
                for one in found
                if one["DBClusterSnapshotIdentifier"].startswith("rds:unplanned-global-failover-")
                and one["SnapshotCreateTime"] >= since.replace(microsecond=0)
            }
            if waiting and time.monotonic() > deadline:
                missing = ", ".join(sorted(waiting))
                raise CellError(f"{missing}: no volume is kept after {KEPT_S:.0f} s", ExitCode.TIMEOUT)
            if waiting:
                time.sleep(POLL_S)

    def archived(self, cell: str) -> set[str]:
        """Payments that an event in a cell's archive tells of, in any version of its objects: older names have no
        stream, and two cells may have given one."""
        region = self.plan.origin_region if cell == self.plan.origin else self.plan.target_region
        s3 = self.clients.get("s3", region)
        with ThreadPoolExecutor(READERS) as pool:
            found = pool.map(lambda one: list(_payments(s3, self.buckets[cell], *one)), list(self._versions(s3, cell)))
            return {payment for some in found for payment in some}

    def _versions(self, s3: Any, cell: str) -> Iterator[tuple[str, str]]:
        bucket = self.buckets[cell]
        pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=archive.PREFIX)
        return ((one["Key"], one["VersionId"]) for page in pages for one in page.get("Versions", ()))

    def lag_s(self) -> float | None:
        """How far the worst shard of the target is behind, as CloudWatch says last; None where it says nothing."""
        cloudwatch = self.clients.get("cloudwatch", self.plan.target_region)
        now = datetime.now(UTC)
        found = []
        for shard in self.shards:
            points = cloudwatch.get_metric_statistics(
                Namespace="AWS/RDS",
                MetricName=REPLICATION_LAG,
                Dimensions=[{"Name": "DBClusterIdentifier", "Value": f"{self.plan.target}-{shard}"}],
                StartTime=now - timedelta(seconds=3 * LAG_PERIOD_S),
                EndTime=now + timedelta(seconds=LAG_PERIOD_S),
                Period=LAG_PERIOD_S,
                Statistics=["Maximum"],
                Unit="Milliseconds",
            )["Datapoints"]
            if points:
                found.append(max(points, key=lambda point: point["Timestamp"])["Maximum"] / 1000)
        return max(found, default=None)


def row_of(line: str) -> Row:
    """A line that PAYMENTS answers."""
    found = json.loads(line)
    return Row(payment_id=found["id"], account=found["account"], key=found["key"], status=found["status"])


def _payments(s3: Any, bucket: str, key: str, version: str) -> Iterator[str]:
    found = s3.get_object(Bucket=bucket, Key=key, VersionId=version)
    for event in map(events.parse, archive.decode(found["Body"].read(), found["Metadata"])):
        if event.account.startswith(ACCOUNT_PREFIX):
            yield str(event.data.get("payment") or event.data.get("id"))
