"""GuardDuty: tags of a detector, and that an account has one a region.

https://docs.aws.amazon.com/guardduty/latest/APIReference/API_CreateDetector.html
"""

import json
from typing import Any
from urllib.parse import unquote

from moto.core.exceptions import JsonRESTError
from moto.guardduty import urls
from moto.guardduty.responses import GuardDutyResponse as MotoResponse

from sandbox.aws.extensions.wiring import replace_response


class BadRequest(JsonRESTError):  # type: ignore[misc]
    code = 400

    def __init__(self, message: str) -> None:
        super().__init__("BadRequestException", message)


class GuardDutyResponse(MotoResponse):  # type: ignore[misc]
    def create_detector(self) -> Any:
        if self.guardduty_backend.detectors:
            raise BadRequest("The request is rejected because a detector already exists for the current account.")
        return super().create_detector()

    def list_tags_for_resource(self) -> str:
        return json.dumps({"tags": self._detector().tags})

    def tag_resource(self) -> str:
        self._detector().tags.update(json.loads(self.body)["tags"])
        return "{}"

    def untag_resource(self) -> str:
        for key in self.querystring["tagKeys"]:
            self._detector().tags.pop(key, None)
        return "{}"

    def _detector(self) -> Any:
        found = self.guardduty_backend.detectors.get(unquote(self.path).rpartition("/")[2])
        if found is None:
            raise BadRequest(
                "The request is rejected because the input resourceArn is not owned by the current account."
            )
        return found


def install() -> None:
    replace_response(urls, MotoResponse, GuardDutyResponse)
    urls.url_paths["{0}/tags/(?P<resource_arn>.+)$"] = GuardDutyResponse.dispatch
