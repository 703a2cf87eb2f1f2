"""Composite alarms beside moto's metric alarms, in the same name space, and metrics that are made of log lines."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from threading import RLock
from typing import Any

from moto.cloudwatch import models
from moto.cloudwatch.exceptions import ValidationError
from moto.core.utils import utcnow

from sandbox.aws.extensions.cloudwatch.actions import Change, carry_out
from sandbox.aws.extensions.cloudwatch.minutes import Minutes
from sandbox.aws.extensions.cloudwatch.rule import Rule, RuleError, parse

MAX_DEPTH = 50
"""How deep composite alarms may be nested before their evaluation is given up as a cycle."""

ACTIONS = {"ALARM": "AlarmActions", "OK": "OKActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}
"""State -> setting with what happens when an alarm enters it."""

SETTINGS = (
    "ActionsEnabled",
    "AlarmActions",
    "OKActions",
    "InsufficientDataActions",
    "AlarmDescription",
    "ActionsSuppressor",
    "ActionsSuppressorWaitPeriod",
    "ActionsSuppressorExtensionPeriod",
)


@dataclass(kw_only=True, slots=True)
class CompositeAlarm:
    name: str
    arn: str
    text: str
    rule: Rule
    settings: Mapping[str, Any]
    configured_at: datetime = field(default_factory=utcnow)


class CloudWatchBackend(models.CloudWatchBackend):  # type: ignore[misc]
    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.composites: dict[str, CompositeAlarm] = {}
        self.minutes = Minutes()
        self._turning = RLock()
        """Held while an alarm changes its state: by a call, or because of its values."""

    def get_all_metrics(self) -> list[models.MetricDatumBase]:
        return [*super().get_all_metrics(), *self.minutes.all()]

    def get_filtered_metrics(self, *args: Any) -> list[models.MetricDatumBase]:
        """Each metric once; moto gives one without dimensions as often as it has data."""
        found = {
            (one.namespace, one.name, *sorted((each.name, each.value) for each in one.dimensions)): one
            for one in super().get_filtered_metrics(*args)
        }
        return list(found.values())

    def put_metric_alarm(self, name: str, *args: Any, **kwargs: Any) -> models.Alarm:
        """A new alarm begins without data; a changed one keeps its state and its tags."""
        old = self.alarms.get(name)
        if name in self.composites:
            raise ValidationError(f"An alarm with name {name} and a different type already exists")
        if old is not None:
            kwargs["tags"] = None
        alarm = super().put_metric_alarm(name, *args, **kwargs)
        if old is not None:
            alarm.state_value, alarm.state_reason = old.state_value, old.state_reason
            alarm.state_reason_data, alarm.history = old.state_reason_data, old.history
        elif alarm.treat_missing_data != "notBreaching":
            alarm.state_value = "INSUFFICIENT_DATA"
        return alarm

    def put_composite_alarm(self, name: str, text: str, settings: Mapping[str, Any], tags: Any) -> CompositeAlarm:
        if name in self.alarms:
            raise ValidationError(f"An alarm with name {name} and a different type already exists")
        try:
            rule = parse(text)
        except RuleError as error:
            raise ValidationError(str(error)) from error
        missing = [alarm for alarm in rule.alarms if self._name(alarm) not in {*self.alarms, *self.composites}]
        if missing:
            raise ValidationError(
                f"Could not save the composite alarm as alarms [{', '.join(missing)}] in the alarm rule do not exist"
            )
        arn = self._arn(name)
        if tags and name not in self.composites:
            self.tagger.tag_resource(arn, tags)
        self.composites[name] = CompositeAlarm(name=name, arn=arn, text=text, rule=rule, settings=settings)
        return self.composites[name]

    def set_alarm_state(self, alarm_name: str, reason: str, reason_data: str, state_value: str) -> None:
        """Carries out the actions of the alarm and of every composite whose rule turns with it."""
        with self._turning:
            before = {name: self._state(name, 0) for name in (*self.alarms, *self.composites)}
            super().set_alarm_state(alarm_name, reason, reason_data, state_value)
            for name, old in before.items():
                new = self._state(name, 0)
                if new != old:
                    carry_out(self._change(name, old, new))

    def _change(self, name: str, old: str, new: str) -> Change:
        composite, alarm = self.composites.get(name), self.alarms.get(name)
        if composite is not None:
            settings, arn = composite.settings, composite.arn
            reason = f"{arn} evaluated its rule to {new}"
        else:
            assert alarm is not None
            arn, reason = alarm.alarm_arn, alarm.state_reason
            settings = {
                "ActionsEnabled": alarm.actions_enabled,
                "AlarmDescription": alarm.description,
                "AlarmActions": alarm.alarm_actions,
                "OKActions": alarm.ok_actions,
                "InsufficientDataActions": alarm.insufficient_data_actions,
            }
        return Change(
            account=self.account_id,
            region=self.region_name,
            name=name,
            arn=arn,
            description=settings.get("AlarmDescription") or "",
            old=old,
            new=new,
            reason=reason,
            actions=tuple(settings.get(ACTIONS[new]) or ()) if settings.get("ActionsEnabled", True) else (),
        )

    def delete_alarms(self, alarm_names: list[str]) -> None:
        """Refused for an alarm that a remaining composite alarm refers to."""
        for composite in self.composites.values():
            used = {self._name(alarm) for alarm in composite.rule.alarms}.intersection(alarm_names)
            if used and composite.name not in alarm_names:
                raise ValidationError(
                    f"Cannot delete {sorted(used)[0]} as there are composite alarm(s) depending on it."
                )
        super().delete_alarms(alarm_names)
        for name in alarm_names:
            self.composites.pop(name, None)
            self.tagger.delete_all_tags_for_resource(self._arn(name))

    def tag_resource(self, arn: str, tags: dict[str, str]) -> None:
        if any(composite.arn == arn for composite in self.composites.values()):
            self.tagger.tag_resource(arn, self.tagger.convert_dict_to_tags_input(tags))
        else:
            super().tag_resource(arn, tags)

    def described_composite(self, composite: CompositeAlarm) -> dict[str, Any]:
        state = self._state(composite.name, 0)
        return {
            **composite.settings,
            "AlarmName": composite.name,
            "AlarmArn": composite.arn,
            "AlarmRule": composite.text,
            "ActionsEnabled": composite.settings.get("ActionsEnabled", True),
            "AlarmConfigurationUpdatedTimestamp": composite.configured_at,
            "StateValue": state,
            "StateReason": f"{composite.arn} evaluated its rule to {state}",
            "StateUpdatedTimestamp": composite.configured_at,
            "StateTransitionedTimestamp": composite.configured_at,
        }

    def _state(self, alarm: str, depth: int) -> str:
        name = self._name(alarm)
        composite = self.composites.get(name)
        if composite is None:
            return self.alarms[name].state_value if name in self.alarms else "INSUFFICIENT_DATA"
        if depth > MAX_DEPTH:
            return "INSUFFICIENT_DATA"
        return "ALARM" if composite.rule.holds(lambda other: self._state(other, depth + 1)) else "OK"

    def _arn(self, name: str) -> str:
        return f"arn:{self.partition}:cloudwatch:{self.region_name}:{self.account_id}:alarm:{name}"

    @staticmethod
    def _name(alarm: str) -> str:
        """The name in an ARN, or the name."""
        return alarm.split(":alarm:", 1)[1] if alarm.startswith("arn:") else alarm


# Still moto's module, in which its backend base class looks for the paths.
CloudWatchBackend.__module__ = models.__name__
