"""The alarm operations of CloudWatch with composite alarms."""

from typing import Any

from moto.cloudwatch.models import cloudwatch_backends
from moto.cloudwatch.responses import CloudWatchResponse as MotoResponse
from moto.core.responses import ActionResult, EmptyResult

from sandbox.aws.extensions.cloudwatch.models import SETTINGS, CloudWatchBackend, CompositeAlarm


class CloudWatchResponse(MotoResponse):  # type: ignore[misc]
    @property
    def cloudwatch_backend(self) -> CloudWatchBackend:
        return cloudwatch_backends[self.current_account][self.region]  # type: ignore[no-any-return]

    def put_composite_alarm(self) -> ActionResult:
        given = {name: self._get_param(name) for name in SETTINGS}
        self.cloudwatch_backend.put_composite_alarm(
            self._get_param("AlarmName"),
            self._get_param("AlarmRule"),
            {name: value for name, value in given.items() if value is not None},
            self._get_param("Tags", []),
        )
        return EmptyResult()

    def describe_alarms(self) -> ActionResult:
        """Only metric alarms unless `AlarmTypes` says otherwise, as CloudWatch documents."""
        types = self._get_param("AlarmTypes", []) or ["MetricAlarm"]
        result: dict[str, Any] = {"MetricAlarms": [], "CompositeAlarms": []}
        if "MetricAlarm" in types:
            result["MetricAlarms"] = super().describe_alarms()._result["MetricAlarms"]
        if "CompositeAlarm" in types:
            backend = self.cloudwatch_backend
            described = [backend.described_composite(found) for found in list(backend.composites.values())]
            result["CompositeAlarms"] = [alarm for alarm in described if self._wanted(alarm)]
        return ActionResult(result)

    def _wanted(self, alarm: dict[str, Any]) -> bool:
        names, prefix = self._get_param("AlarmNames", []), self._get_param("AlarmNamePrefix") or ""
        actions, state = self._get_param("ActionPrefix") or "", self._get_param("StateValue")
        return (
            (not names or alarm["AlarmName"] in names)
            and alarm["AlarmName"].startswith(prefix)
            and (not actions or any(action.startswith(actions) for action in alarm.get("AlarmActions", ())))
            and state in (None, alarm["StateValue"])
        )

    def enable_alarm_actions(self) -> ActionResult:
        self._switch(enabled=True)
        return super().enable_alarm_actions()

    def disable_alarm_actions(self) -> ActionResult:
        self._switch(enabled=False)
        return super().disable_alarm_actions()

    def _switch(self, *, enabled: bool) -> None:
        for name in self._get_param("AlarmNames", []):
            composite: CompositeAlarm | None = self.cloudwatch_backend.composites.get(name)
            if composite:
                composite.settings = {**composite.settings, "ActionsEnabled": enabled}
