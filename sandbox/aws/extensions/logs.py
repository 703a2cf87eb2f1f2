"""CloudWatch Logs: changing the key, the class and the deletion protection of a log group; a metric filter needs its
group, goes with it, and turns log events into metrics.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_LogGroup.html
"""

from datetime import UTC, datetime
from typing import Any

from moto.cloudwatch.models import cloudwatch_backends
from moto.core.responses import ActionResult, EmptyResult
from moto.logs import urls
from moto.logs.exceptions import InvalidParameterException, ResourceNotFoundException
from moto.logs.models import LogGroup
from moto.logs.responses import LogsResponse as MotoResponse

from sandbox.aws.extensions.log_metrics import PatternError, data, matcher
from sandbox.aws.extensions.wiring import replace_response

KEPT_EVENTS = 5_000
"""Of each stream, the latest: all is in memory."""

_describe = LogGroup.to_describe_dict


def _described(group: Any) -> dict[str, Any]:
    return {
        **_describe(group),
        "logGroupClass": getattr(group, "group_class", "STANDARD"),
        "deletionProtectionEnabled": getattr(group, "deletion_protection", False),
    }


class LogsResponse(MotoResponse):  # type: ignore[misc]
    def create_log_group(self) -> Any:
        answer = super().create_log_group()
        group = self._group(self._get_param("logGroupName"))
        group.group_class = self._get_param("logGroupClass") or "STANDARD"
        group.deletion_protection = bool(self._get_param("deletionProtectionEnabled"))
        return answer

    def delete_log_group(self) -> Any:
        group = self._group(self._get_param("logGroupName"))
        if getattr(group, "deletion_protection", False):
            raise InvalidParameterException(msg=f"Log group {group.name} has deletion protection enabled")
        self._drop_filters(group.name)
        return super().delete_log_group()

    def put_metric_filter(self) -> Any:
        """A second one of a name replaces the first; one that would never match is refused."""
        try:
            matcher(self._get_param("filterPattern") or "")
        except PatternError as error:
            raise InvalidParameterException(msg=str(error)) from error
        self._drop_filters(self._group(self._get_param("logGroupName")).name, self._get_param("filterName"))
        return super().put_metric_filter()

    def put_log_events(self) -> Any:
        """Metric filters of the group see each event."""
        answer = super().put_log_events()
        group = self._group(self._get_param("logGroupName"))
        filters = [each for each in self.logs_backend.filters.metric_filters if each["logGroupName"] == group.name]
        if filters:
            backend = cloudwatch_backends[self.current_account][self.region]
            for event in self._get_param("logEvents"):
                _publish(backend, event, filters)
        stream = group.streams[self._get_param("logStreamName")]
        del stream.events[:-KEPT_EVENTS]
        return answer

    def _drop_filters(self, group: str, name: str | None = None) -> None:
        """In place: a list made anew would lose a filter that another request puts meanwhile."""
        filters = self.logs_backend.filters.metric_filters
        for each in list(filters):
            if each["logGroupName"] == group and name in (None, each["filterName"]):
                filters.remove(each)

    def associate_kms_key(self) -> ActionResult:
        self._named().kms_key_id = self._get_param("kmsKeyId")
        return EmptyResult()

    def disassociate_kms_key(self) -> ActionResult:
        self._named().kms_key_id = None
        return EmptyResult()

    def put_log_group_deletion_protection(self) -> ActionResult:
        self._named().deletion_protection = bool(self._get_param("deletionProtectionEnabled"))
        return EmptyResult()

    def _named(self) -> Any:
        given = (self._get_param(name) for name in ("logGroupName", "logGroupIdentifier", "resourceIdentifier"))
        return self._group(next(name for name in given if name))

    def _group(self, name: str) -> Any:
        """By name or ARN."""
        bare = name.split(":log-group:", 1)[-1].removesuffix(":*")
        group = self.logs_backend.groups.get(bare)
        if group is None:
            raise ResourceNotFoundException
        return group


def _publish(backend: Any, event: dict[str, Any], filters: list[dict[str, Any]]) -> None:
    when = datetime.fromtimestamp(event["timestamp"] / 1000, UTC).replace(tzinfo=None)
    for datum in data(event["message"], filters):
        backend.minutes.add(datum, when)


def install() -> None:
    LogGroup.to_describe_dict = _described
    replace_response(urls, MotoResponse, LogsResponse)
