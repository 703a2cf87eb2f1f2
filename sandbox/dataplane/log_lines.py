"""What a container wrote, read line by line, and the shape in which Fluent Bit sends it.

https://docs.fluentbit.io/manual/pipeline/filters/kubernetes (Merge_Log, Merge_Log_Key, Keep_Log)
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

NODE_FOLDER = "/var/log/containers"

READ_BYTES = 128 * 1024
BATCH_LINES = 1_000
"""Of one call: with what is said of the pod in each line well below the 1 MiB and the 10,000 events that it may have
(https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html)."""

MAX_BEHIND_BYTES = 16 * 1024 * 1024
"""Of one container. The file is the buffer; lines that are further back when there is somebody again are dropped."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """Whose lines they are."""

    namespace: str
    pod: str
    uid: str
    container: str
    image: str
    node: str

    @property
    def path(self) -> str:
        """The container's log on a node: the add-on's configuration chooses by it."""
        return f"{NODE_FOLDER}/{self.pod}_{self.namespace}_{self.container}-{self.uid}.log"

    @property
    def stream(self) -> str:
        """Fluent Bit's prefix and tag."""
        return f"{self.node}-application{self.path.replace('/', '.')}"


@dataclass(kw_only=True)
class Tail:
    """A log file and how far of it was sent."""

    source: Source
    file: Path
    offset: int = 0
    dropped: int = 0
    """Lines that were never sent: too far behind, or longer than what is read at a time."""
    ended: bool = False
    """The pod is gone; what is left is sent."""

    def read(self) -> tuple[list[str], int]:
        """The next whole lines, and the offset behind them; they count as sent when the offset is set."""
        try:
            with self.file.open("rb") as file:
                self._catch_up(file)
                file.seek(self.offset)
                data = file.read(READ_BYTES)
        except FileNotFoundError:
            return [], self.offset
        *lines, rest = data.split(b"\n")
        if not lines and len(rest) == READ_BYTES:
            self._skip_line()
            return [], self.offset
        taken = lines[:BATCH_LINES]
        text = [line.decode("utf-8", "replace") for line in taken]
        return text, self.offset + sum(len(line) + 1 for line in taken)

    def _catch_up(self, file: Any) -> None:
        end = file.seek(0, 2)
        while end - self.offset > MAX_BEHIND_BYTES:
            file.seek(self.offset)
            data = file.read(min(READ_BYTES, end - MAX_BEHIND_BYTES - self.offset)) + file.readline()
            self.dropped += data.count(b"\n")
            self.offset += len(data)

    def _skip_line(self) -> None:
        """A line without an end yet is skipped when it has one."""
        with self.file.open("rb") as file:
            file.seek(self.offset)
            size = 0
            while part := file.readline(READ_BYTES):
                size += len(part)
                if part.endswith(b"\n"):
                    self.offset += size
                    self.dropped += 1
                    return


def shaped(lines: Sequence[str], source: Source, now_s: float) -> list[dict[str, Any]]:
    """Events of PutLogEvents."""
    time = datetime.fromtimestamp(now_s, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    about = {
        "pod_name": source.pod,
        "namespace_name": source.namespace,
        "pod_id": source.uid,
        "host": source.node,
        "container_name": source.container,
        "container_image": source.image,
    }
    whole = ({"time": time, "stream": "stdout", "_p": "F", **_merged(line), "kubernetes": about} for line in lines)
    return [{"timestamp": int(now_s * 1000), "message": json.dumps(event)} for event in whole]


def _merged(line: str) -> Mapping[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    return {"log_processed": found} if isinstance(found, dict) else {"log": line}
