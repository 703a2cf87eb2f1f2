"""What is sent together: never two events of one account in one call, because PutRecords writes each record for itself
and one may fail while a later one does not
(https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html)."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable

from workloads.relay.outbox import Row

WAVE_RECORDS = 500
"""Most records of a PutRecords call."""

WAVE_BYTES = 4 * 1024 * 1024
"""Most bytes of a call, partition keys included; Kinesis took 5 MiB before it took 10."""


class Waves:
    """Events in line, account by account."""

    def __init__(self, rows: Iterable[Row]) -> None:
        """`rows`: in the order of each account."""
        self._lines: dict[str, deque[Row]] = {}
        for row in rows:
            self._lines.setdefault(row.account, deque()).append(row)

    def __bool__(self) -> bool:
        return bool(self._lines)

    def heads(self) -> list[Row]:
        """The first event of as many accounts as one call takes, the oldest first. The same ones again until `done`."""
        wave: list[Row] = []
        size = 0
        for row in sorted((line[0] for line in self._lines.values()), key=lambda row: row.position):
            size += len(row.envelope.encode()) + len(row.account)
            if len(wave) == WAVE_RECORDS or (wave and size > WAVE_BYTES):
                break
            wave.append(row)
        return wave

    def done(self, rows: Collection[Row]) -> None:
        """Takes heads that the stream has out of their lines."""
        for row in rows:
            line = self._lines[row.account]
            line.popleft()
            if not line:
                del self._lines[row.account]
