"""Decisions on their way to the decision stream: in batches, beside the answers, never before them."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Mapping
from typing import Any, Final

from contracts.fraud import DecisionRecord
from workloads.logs import Log
from workloads.scorer import metrics

BATCH: Final = 500
"""Records of one PutRecords (Kinesis API reference)."""
WAITING: Final = 50_000
"""Records that wait; beyond it the oldest are given up and counted."""
_log = Log("decisions")


class DecisionStream:
    """Collects records, and writes them until Kinesis has taken each."""

    def __init__(self, client: Any, stream: str) -> None:
        """`client`: boto3's kinesis client."""
        self._client, self._stream = client, stream
        self._waiting: deque[tuple[str, str]] = deque()

    def put(self, record: DecisionRecord) -> None:
        """Never blocks, never fails."""
        self._add(record.account, record.to_json())

    def put_entry(self, account: str, entry: Mapping[str, Any]) -> None:
        """A review or contest, on the same stream: it belongs to what is learnt from."""
        self._add(account, json.dumps(entry, sort_keys=True, separators=(",", ":")))

    def _add(self, key: str, text: str) -> None:
        if len(self._waiting) >= WAITING:
            self._waiting.popleft()
            metrics.WRITES_LOST.add(destination="stream")
        self._waiting.append((key, text))

    async def flush(self) -> None:
        """Writes one batch after the other until nothing waits or Kinesis refuses. A refused record may come after
        later ones: decisions have no order, and readers count each id once."""
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            refused = batch
            try:
                refused = await asyncio.get_running_loop().run_in_executor(None, self._send, batch)
            except Exception as error:  # whatever the stream does, decisions go on
                _log.warning("decisions put off", count=len(batch), error=type(error).__name__)
            metrics.WRITES.add(len(batch) - len(refused), destination="stream")
            self._waiting.extendleft(reversed(refused))
            if refused:
                return

    def _send(self, batch: list[tuple[str, str]]) -> list[tuple[str, str]]:
        records = [{"PartitionKey": key, "Data": text.encode()} for key, text in batch]
        answer = self._client.put_records(StreamName=self._stream, Records=records)
        results = zip(batch, answer["Records"], strict=True)
        return [record for record, result in results if result.get("ErrorCode")]
