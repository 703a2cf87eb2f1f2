"""Kinesis: tags given at creation, and the tag operations by ARN.

https://docs.aws.amazon.com/kinesis/latest/APIReference/API_CreateStream.html
"""

from moto.core.responses import ActionResult, EmptyResult
from moto.kinesis import urls
from moto.kinesis.responses import KinesisResponse as MotoResponse

from sandbox.aws.extensions.wiring import replace_response

DEFAULT_MAX_RECORD_KIB = 1024


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
    replace_response(urls, MotoResponse, KinesisResponse)
