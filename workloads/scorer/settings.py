"""What the environment says. Every variable is in `components/scorer.py`, which declares it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

GRPC_PORT, HTTP_PORT = 9001, 9002
RULES = "/etc/payment-cell/fraud-rules/rules.yaml"


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The environment, checked."""

    host: str
    feature_table: str
    decision_stream: str
    model_bucket: str
    pseudonym_secret: str
    """ARN."""
    subject_keys_table: str
    subjects_key: str
    """ARN: unwraps data keys of what was sealed for fraud."""
    rescore_queue: str | None
    """URL; None: this process rescores nothing."""
    payments_url: str
    """Of the payments API, which is told what people decided on payments that it holds."""
    rules: Path
    addresses: Path | None
    """A geolocation provider's table; None: the bundled one of documentation ranges."""
    budget_ms: float
    """From request to answer. The gateway's own deadline is longer by the way there and back."""
    read_ms: float
    """Of that, for features that are not in memory."""


def read(environment: Mapping[str, str]) -> Settings:
    """Raises ValueError naming a variable that is missing or out of range."""

    def needed(name: str) -> str:
        if not environment.get(name):
            raise ValueError(f"{name}: not set; components/scorer.py declares it")
        return environment[name]

    budget_ms, read_ms = (float(environment.get(n, d)) for n, d in (("BUDGET_MS", "40"), ("FEATURE_READ_MS", "10")))
    if not 0 < read_ms < budget_ms <= 1_000:
        raise ValueError(f"FEATURE_READ_MS: {read_ms:g} has to be below BUDGET_MS {budget_ms:g}, at most 1,000 ms")
    addresses = environment.get("ADDRESS_TABLE")
    return Settings(
        host=environment.get("POD_IP", "0.0.0.0"),
        feature_table=needed("FEATURE_TABLE"),
        decision_stream=needed("DECISION_STREAM"),
        model_bucket=needed("MODEL_BUCKET"),
        pseudonym_secret=needed("PSEUDONYM_SECRET_ARN"),
        payments_url=needed("PAYMENTS_URL"),
        subject_keys_table=needed("SUBJECT_KEYS_TABLE"),
        subjects_key=needed("SUBJECTS_KEY_ARN"),
        rescore_queue=environment.get("RESCORE_QUEUE_URL"),
        rules=Path(environment.get("RULES_FILE", RULES)),
        addresses=Path(addresses) if addresses else None,
        budget_ms=budget_ms,
        read_ms=read_ms,
    )
