"""The model store: a bucket of models by digest, their reports, and the pointer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from contracts.fraud import FraudError
from contracts.fraud_models import MONITOR, POINTER, Pointer, digest_of, model_key, parse_pointer, report_key
from operations.errors import CellError, ExitCode

BASELINE = Path(__file__).parents[2] / "workloads" / "scorer" / "baseline.onnx"
"""What serves while the store has no pointer: the model in the scorer's image."""


class ModelStore:
    """One cell's store."""

    def __init__(self, client: Any, bucket: str) -> None:
        """`client`: boto3's s3 client."""
        self._client, self._bucket = client, bucket

    def pointer(self) -> tuple[Pointer, str | None]:
        """What serves, and the entity tag of the object; None where the store has no pointer yet."""
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=POINTER)
        except self._client.exceptions.NoSuchKey:
            return Pointer(version=0, serving=digest_of(BASELINE.read_bytes())), None
        return parse_pointer(answer["Body"].read().decode()), answer["ETag"]

    def move(self, pointer: Pointer, tag: str | None) -> None:
        """Writes the pointer, if nobody has since it was read (S3's conditional writes)."""
        condition: dict[str, str] = {"IfNoneMatch": "*"} if tag is None else {"IfMatch": tag}
        try:
            self._client.put_object(Bucket=self._bucket, Key=POINTER, Body=pointer.to_json().encode(), **condition)
        except self._client.exceptions.ClientError as error:
            if error.response["Error"]["Code"] in {"PreconditionFailed", "ConditionalRequestConflict", "412"}:
                raise CellError(
                    "somebody else moved the pointer meanwhile; look at `cell model status`", ExitCode.ERROR
                ) from None
            raise

    def moved_at(self) -> datetime | None:
        """When the pointer was moved last; None where it never was."""
        try:
            found: datetime = self._client.head_object(Bucket=self._bucket, Key=POINTER)["LastModified"]
        except self._client.exceptions.ClientError as error:
            if error.response["Error"]["Code"] != "404":
                raise
            return None
        return found

    def monitored(self) -> dict[str, Any] | None:
        """What the monitor saw last; None where it never looked."""
        return self._json(MONITOR)

    def keep_monitor(self, seen: Mapping[str, Any]) -> None:
        """In place of what it saw before; the bucket keeps the versions."""
        self._client.put_object(Bucket=self._bucket, Key=MONITOR, Body=json.dumps(seen, indent=2).encode())

    def put(self, content: bytes, report: Mapping[str, Any]) -> str:
        """Keeps a model with its report; returns its digest."""
        digest = digest_of(content)
        self._client.put_object(Bucket=self._bucket, Key=model_key(digest), Body=content)
        body = json.dumps(report, indent=2).encode()
        self._client.put_object(Bucket=self._bucket, Key=report_key(digest), Body=body)
        return digest

    def model(self, digest: str) -> bytes:
        """A model's bytes; of the image's model without asking the store. Raises FraudError if they are others."""
        if digest == digest_of(BASELINE.read_bytes()):
            return BASELINE.read_bytes()
        content: bytes = self._client.get_object(Bucket=self._bucket, Key=model_key(digest))["Body"].read()
        if digest_of(content) != digest:
            raise FraudError(f"model {digest}: the store's object has another content")
        return content

    def report(self, digest: str) -> dict[str, Any] | None:
        """How a model was judged; None where nobody judged it."""
        return self._json(report_key(digest))

    def _json(self, key: str) -> dict[str, Any] | None:
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=key)
        except self._client.exceptions.NoSuchKey:
            return None
        found: dict[str, Any] = json.loads(answer["Body"].read())
        return found
