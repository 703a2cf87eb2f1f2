"""EventBridge: changing a bus, its log configuration, and the key of an archive.

https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_UpdateEventBus.html
"""

import json
from typing import Any

from moto.core.utils import unix_time
from moto.events import urls
from moto.events.responses import EventsHandler as MotoResponse

from sandbox.aws.extensions.wiring import replace_response


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
    replace_response(urls, MotoResponse, EventsHandler)
