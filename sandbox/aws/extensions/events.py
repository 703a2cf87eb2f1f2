"""EventBridge: changing a bus, its log configuration, the key of an archive, and delivery to queues as policies let it.

https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_UpdateEventBus.html
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
"""

import copy
import functools
import json
import logging
from datetime import UTC, datetime
from typing import Any

import jsonpath_ng.ext
from moto.core.utils import unix_time
from moto.events import models, urls
from moto.events.responses import EventsHandler as MotoResponse
from moto.sqs.models import sqs_backends

from sandbox.aws.extensions.wiring import replace_response
from sandbox.aws.iam.encryption import BOTH, of_queue
from sandbox.aws.iam.verdict import Need, judge_service

SERVICE = "events.amazonaws.com"


class NotDelivered(Exception):
    """A target that refuses or is missing; EventBridge does not try such a one again."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Rule(models.Rule):  # type: ignore[misc]
    def send_to_targets(self, original_event: Any, transform_input: bool = True) -> None:
        if self.state == "DISABLED" or not self.event_pattern.matches_event(original_event):
            return
        others = copy.copy(self)
        others.targets = [target for target in self.targets if not _is_plain_queue(target)]
        for target in self.targets:
            if _is_plain_queue(target):
                self._to_queue(target, original_event)
        if others.targets:
            # moto's own, which is no longer what the module calls Rule.
            super(Rule, others).send_to_targets(original_event, transform_input)

    def _to_queue(self, target: dict[str, Any], event: dict[str, Any]) -> None:
        body = json.dumps(_as_sent(event))
        try:
            self._send(target["Arn"], body, {})
        except NotDelivered as failure:
            dead_letters = (target.get("DeadLetterConfig") or {}).get("Arn")
            logging.warning("rule %s: %s: %s", self.name, failure.code, failure)
            if dead_letters is None:
                return
            attributes = {
                "RULE_ARN": self.arn,
                "TARGET_ARN": target["Arn"],
                "ERROR_CODE": failure.code,
                "ERROR_MESSAGE": str(failure),
            }
            try:
                self._send(dead_letters, body, attributes)
            except NotDelivered as lost:
                logging.error("rule %s: event %s is lost: %s", self.name, event["id"], lost)

    def _send(self, arn: str, body: str, attributes: dict[str, str]) -> None:
        region, account, name = arn.split(":")[3:6]
        if name not in sqs_backends[account][region].queues:
            raise NotDelivered("NO_RESOURCE", f"{arn} does not exist")
        source = {"aws:SourceArn": self.arn, "aws:SourceAccount": self.account_id}
        for need in (Need(action="sqs:SendMessage", resource=arn), *of_queue(arn, *BOTH)):
            if refusal := judge_service(SERVICE, need, source):
                raise NotDelivered("NO_PERMISSIONS", refusal.message)
        typed = {key: {"DataType": "String", "StringValue": value} for key, value in attributes.items()}
        sqs_backends[account][region].send_message(name, body, message_attributes=typed)


def _is_plain_queue(target: dict[str, Any]) -> bool:
    """A standard queue that gets the event as it is; moto does the others."""
    shaped = target.get("InputTransformer") or target.get("Input") or target.get("InputPath")
    return ":sqs:" in target["Arn"] and not target["Arn"].endswith(".fifo") and not shaped


def _as_sent(event: dict[str, Any]) -> dict[str, Any]:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html"""
    when = datetime.fromtimestamp(float(event["time"]), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {**{key: value for key, value in event.items() if key != "ingestion-time"}, "time": when}


class EventsHandler(MotoResponse):  # type: ignore[misc]
    def create_event_bus(self) -> Any:
        answer = super().create_event_bus()
        self.events_backend.describe_event_bus(self._get_param("Name")).log_config = self._get_param("LogConfig")
        return answer

    def describe_event_bus(self) -> Any:
        body, headers = super().describe_event_bus()
        log_config = getattr(self.events_backend.describe_event_bus(self._get_param("Name")), "log_config", None)
        return json.dumps({**json.loads(body), **({"LogConfig": log_config} if log_config else {})}), headers

    def update_event_bus(self) -> Any:
        bus = self.events_backend.describe_event_bus(self._get_param("Name"))
        attributes = {
            "KmsKeyIdentifier": "kms_key_identifier",
            "Description": "description",
            "DeadLetterConfig": "dead_letter_config",
            "LogConfig": "log_config",
        }
        for parameter, attribute in attributes.items():
            if self._get_param(parameter) is not None:
                setattr(bus, attribute, self._get_param(parameter))
        bus.last_modified_time = unix_time()
        answer = {"Arn": bus.arn, "Name": bus.name, "Description": bus.description}
        return json.dumps(answer), self.response_headers

    def create_archive(self) -> Any:
        answer = super().create_archive()
        self._archive().kms_key_identifier = self._get_param("KmsKeyIdentifier")
        return answer

    def update_archive(self) -> Any:
        answer = super().update_archive()
        if self._get_param("KmsKeyIdentifier") is not None:
            self._archive().kms_key_identifier = self._get_param("KmsKeyIdentifier")
        return answer

    def describe_archive(self) -> Any:
        body, headers = super().describe_archive()
        key = getattr(self._archive(), "kms_key_identifier", None)
        return json.dumps({**json.loads(body), **({"KmsKeyIdentifier": key} if key else {})}), headers

    def _archive(self) -> Any:
        return self.events_backend.archives[self._get_param("ArchiveName")]


def install() -> None:
    models.Rule = Rule
    # moto parses the same few paths for each event and target.
    jsonpath_ng.ext.parse = functools.lru_cache(jsonpath_ng.ext.parse)  # type: ignore[attr-defined]
    replace_response(urls, MotoResponse, EventsHandler)
