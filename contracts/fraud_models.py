"""Which models score: the pointer object of the model store, and how an account finds its model.

    models/<sha256>.onnx      a model, named by its content
    reports/<sha256>.json     how it was judged, and on what
    monitor.json              what the scheduled monitor saw last
    pointer.json              which of them serves, watches, or takes a share of the accounts

Only the standard library is used.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any, Final

from contracts.fraud import FraudError

POINTER: Final = "pointer.json"
MONITOR: Final = "monitor.json"
"""Object of the last look at drift and decisions."""
METRICS: Final = "PaymentCell/Fraud"
"""Namespace of what the monitor tells CloudWatch, by `DIMENSION`: two series a cell."""
DIMENSION: Final = "DecisionStream"
MODEL_DRIFT: Final = "ModelDrift"
"""The largest population stability index of the last day's signals."""
MODEL_BLOCKED: Final = "ModelBlockedPercent"
"""Percentage of the last hour's payments that the newest model blocked."""
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def digest_of(content: bytes) -> str:
    """Name of a model: what it contains."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def model_key(digest: str) -> str:
    """Object of a model in the store."""
    return f"models/{digest.removeprefix('sha256:')}.onnx"


def report_key(digest: str) -> str:
    """Object of a model's report in the store."""
    return f"reports/{digest.removeprefix('sha256:')}.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Pointer:
    """What serves. A model goes shadow -> canary -> full, and never skips a step."""

    version: int
    """Only grows."""
    serving: str
    previous: str | None = None
    """What served before: where a rollback goes."""
    shadow: str | None = None
    """Scores beside the serving model; its scores are kept and decide nothing."""
    canary: str | None = None
    canary_percent: int = 0
    """Share of the accounts whose payments the canary scores."""

    def __post_init__(self) -> None:
        for name in ("serving", "previous", "shadow", "canary"):
            digest = getattr(self, name)
            if digest is not None and not _DIGEST.fullmatch(digest):
                raise FraudError(f"pointer.{name}: {digest!r} is not sha256: and 64 hex digits")
        if not 0 <= self.canary_percent <= 99 or bool(self.canary) != bool(self.canary_percent):
            raise FraudError(
                f"pointer.canary_percent: {self.canary_percent}; 1..99 with a canary, 0 without (full is `serving`)"
            )

    def model_for(self, account: str) -> str:
        """Digest of the model that decides for the account. A larger share keeps the accounts of a smaller one."""
        if self.canary is not None and share_of(account) < self.canary_percent * 100:
            return self.canary
        return self.serving

    @property
    def models(self) -> tuple[str, ...]:
        """All that have to be loaded."""
        return tuple(dict.fromkeys(d for d in (self.serving, self.canary, self.shadow) if d))

    def to_json(self) -> str:
        """As it stands in the store."""
        names = ("version", "serving", "previous", "shadow", "canary", "canary_percent")
        return json.dumps({name: getattr(self, name) for name in names}, indent=2) + "\n"


def share_of(account: str) -> int:
    """0 to 9,999: where the account stands in every canary."""
    return int.from_bytes(hashlib.sha256(f"canary:{account}".encode()).digest()[:4]) % 10_000


def parse_pointer(text: str) -> Pointer:
    """Raises FraudError naming what is broken."""
    try:
        data: dict[str, Any] = json.loads(text)
        return Pointer(**data)
    except (json.JSONDecodeError, TypeError) as error:
        raise FraudError(f"{POINTER}: {error}") from None
