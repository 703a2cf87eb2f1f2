"""Writing to the stream and to the quarantine."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

AWS_CALLS = Config(
    # The callers here retry themselves: they have to know what is in flight.
    retries={"mode": "standard", "total_max_attempts": 1},
    connect_timeout=2,
    read_timeout=10,
    max_pool_connections=32,
)


class Stream:
    """The cell's Kinesis stream, for one writer."""

    def __init__(self, client: Any, name: str) -> None:
        self._client, self._name = client, name

    def put(self, records: Sequence[tuple[str, str]]) -> list[str | None]:
        """Writes (account, envelope) pairs. For each: None once the stream has it, else the error's name. A call that
        was not answered may have written some: they are written again."""
        entries = [{"Data": text.encode(), "PartitionKey": account} for account, text in records]
        try:
            answer = self._client.put_records(StreamName=self._name, Records=entries)
        except ClientError as error:
            return [str(error.response["Error"]["Code"])] * len(records)
        except BotoCoreError as error:
            return [type(error).__name__] * len(records)
        return [found.get("ErrorCode") for found in answer["Records"]]


def put_once(client: Any, bucket: str, key: str, body: bytes, metadata: Mapping[str, str], content_type: str) -> None:
    """Puts an object unless the name is taken: names say what is in them. S3 wants a checksum of whatever it locks
    (https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html)."""
    try:
        client.put_object(
            Bucket=bucket,
            Key=key,
            Body=body,
            Metadata=dict(metadata),
            ContentType=content_type,
            ChecksumAlgorithm="SHA256",
            ChecksumSHA256=base64.b64encode(hashlib.sha256(body).digest()).decode(),
            IfNoneMatch="*",
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "PreconditionFailed":
            raise


def put_aside(client: Any, bucket: str, key: str, reason: str, found: Mapping[str, Any]) -> None:
    """Puts into quarantine what cannot be published."""
    body = json.dumps({"reason": reason, **found}, sort_keys=True).encode()
    put_once(client, bucket, key, body, {"reason": reason}, "application/json")
