"""Files that a kubelet mounts and swaps: read again when they change, and never half.

shards = Mounted(Path("/etc/payment-cell/shards/shards.json"), parse)
shards.get()            what the file says now; what it said before while the new content is broken
"""

import os
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Generic, TypeVar

from workloads.logs import Log

Content = TypeVar("Content")

LOOK_S = 1.0
"""Seconds between two looks at a file: a kubelet brings a change within a minute."""


class Mounted(Generic[Content]):
    """One file and what it says."""

    def __init__(self, path: Path, parse: Callable[[str], Content], look_s: float = LOOK_S) -> None:
        """Raises what `parse` or reading raises: a program without its configuration does not start."""
        self._path, self._parse, self._look_s = path, parse, look_s
        self._stamp = self._seen()
        self._content = parse(path.read_text())
        self._looked = monotonic()

    def get(self) -> Content:
        """The content, at most `look_s` old. A broken successor is logged and the one before stays."""
        if monotonic() - self._looked >= self._look_s:
            self._looked = monotonic()
            self._look()
        return self._content

    def _seen(self) -> tuple[int, int, int]:
        found = os.stat(self._path)
        return found.st_ino, found.st_mtime_ns, found.st_size

    def _look(self) -> None:
        try:
            stamp = self._seen()
            if stamp != self._stamp:
                self._content, self._stamp = self._parse(self._path.read_text()), stamp
        except (OSError, ValueError) as error:
            Log("mounted").error("file not readable, the content before stays", error, file=self._path.name)
