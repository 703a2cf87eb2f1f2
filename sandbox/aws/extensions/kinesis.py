"""Kinesis: tags given at creation, the tag operations by ARN, the size of records, and shards that stay fast.

https://docs.aws.amazon.com/kinesis/latest/APIReference/API_CreateStream.html
"""

import threading
from bisect import bisect_right
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.kinesis import models, urls
from moto.kinesis.responses import KinesisResponse as MotoResponse

from sandbox.aws.extensions.wiring import replace_backend, replace_response

DEFAULT_MAX_RECORD_KIB = 1024

FIRST_SEQUENCE_NUMBER = 49_660_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000
"""56 digits, as AWS has them, so that order as text is order as number."""

BEFORE_ALL = 0


class Arrivals:
    """Lets readers sleep until something is written to any stream."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._count = 0

    def tell(self) -> None:
        """Something was written."""
        with self._changed:
            self._count += 1
            self._changed.notify_all()

    def wait(self, seen: int, timeout_s: float) -> int:
        """The count of writes, once it is another than `seen` or time is up."""
        with self._changed:
            self._changed.wait_for(lambda: self._count != seen, timeout_s)
            return self._count


ARRIVALS = Arrivals()


class Shard(models.Shard):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._lock = threading.Lock()
        super().__init__(*args, **kwargs)

    @property
    def records(self) -> dict[int, models.Record]:
        return self._records

    @records.setter
    def records(self, records: dict[int, models.Record]) -> None:
        self._records = records
        self._sequence = sorted(records)

    def put_record(self, partition_key: str, data: str, explicit_hash_key: str) -> str:
        with self._lock:
            number = (self._sequence[-1] if self._sequence else FIRST_SEQUENCE_NUMBER) + 1
            self.records[number] = models.Record(partition_key, data, number, explicit_hash_key)
            self._sequence.append(number)
        ARRIVALS.tell()
        return str(number)

    def get_records(self, last_sequence_id: str, limit: int | None) -> tuple[list[models.Record], int, int]:
        begin = bisect_right(self._sequence, int(last_sequence_id))
        found = [self.records[number] for number in self._sequence[begin : begin + (limit or 10_000)]]
        if not found:
            return [], int(last_sequence_id), 0
        behind_s = self.records[self._sequence[-1]].created_at - found[-1].created_at
        return found, found[-1].sequence_number, int(behind_s * 1000)

    def get_min_sequence_number(self) -> int:
        return self._sequence[0] if self._sequence else BEFORE_ALL

    def get_max_sequence_number(self) -> int:
        return self._sequence[-1] if self._sequence else BEFORE_ALL

    def get_sequence_number_at(self, at_timestamp: float) -> int:
        index = bisect_right(self._sequence, at_timestamp, key=self._before)
        return self._sequence[index - 1] if index else BEFORE_ALL

    def _before(self, number: int) -> float:
        # A record of exactly that time is read too: the last one before it is wanted.
        return float(self.records[number].created_at) + 1e-6


class KinesisBackend(models.KinesisBackend):  # type: ignore[misc]
    def get_shard_iterator(self, stream_arn: str | None, stream_name: str | None, *args: Any, **kwargs: Any) -> str:
        # moto's iterator of a stream that is named by ARN has no name in it.
        stream = self.describe_stream(stream_arn=stream_arn, stream_name=stream_name)
        return str(super().get_shard_iterator(stream_arn, stream.stream_name, *args, **kwargs))


class KinesisResponse(MotoResponse):  # type: ignore[misc]
    def create_stream(self) -> ActionResult:
        answer = super().create_stream()
        stream = self.kinesis_backend.describe_stream(None, self._get_param("StreamName"))
        stream.tags.update(self._get_param("Tags") or {})
        stream.max_record_size_kib = self._get_param("MaxRecordSizeInKiB") or DEFAULT_MAX_RECORD_KIB
        return answer

    def describe_stream_summary(self) -> ActionResult:
        stream = self.kinesis_backend.describe_stream(self._get_param("StreamARN"), self._get_param("StreamName"))
        summary = stream.to_json_summary()
        summary["StreamDescriptionSummary"]["MaxRecordSizeInKiB"] = getattr(
            stream, "max_record_size_kib", DEFAULT_MAX_RECORD_KIB
        )
        return ActionResult(summary)

    def update_max_record_size(self) -> ActionResult:
        stream = self.kinesis_backend.describe_stream(self._get_param("StreamARN"), None)
        stream.max_record_size_kib = self._get_param("MaxRecordSizeInKiB")
        return EmptyResult()

    def list_tags_for_resource(self) -> ActionResult:
        stream = self.kinesis_backend.describe_stream(self._get_param("ResourceARN"), None)
        return ActionResult({"Tags": [{"Key": key, "Value": value} for key, value in stream.tags.items()]})

    def tag_resource(self) -> ActionResult:
        stream = self.kinesis_backend.describe_stream(self._get_param("ResourceARN"), None)
        stream.tags.update(self._get_param("Tags"))
        return EmptyResult()

    def untag_resource(self) -> ActionResult:
        stream = self.kinesis_backend.describe_stream(self._get_param("ResourceARN"), None)
        for key in self._get_param("TagKeys"):
            stream.tags.pop(key, None)
        return EmptyResult()


def install() -> None:
    models.Shard = Shard
    replace_backend(models.kinesis_backends, models, KinesisBackend)
    replace_response(urls, MotoResponse, KinesisResponse)
