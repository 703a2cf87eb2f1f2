"""KMS: the rotation period of a key and the date of its next rotation.

https://docs.aws.amazon.com/kms/latest/APIReference/API_GetKeyRotationStatus.html
"""

import json
from datetime import timedelta
from typing import Any

from moto.core.utils import utcnow
from moto.kms import urls
from moto.kms.responses import KmsResponse as MotoResponse

from sandbox.aws.extensions.wiring import replace_response

DEFAULT_DAYS = 365
"""https://docs.aws.amazon.com/kms/latest/APIReference/API_EnableKeyRotation.html"""


class KmsResponse(MotoResponse):  # type: ignore[misc]
    def enable_key_rotation(self) -> str:
        days = self._get_param("RotationPeriodInDays") or DEFAULT_DAYS
        answer: str = super().enable_key_rotation()
        key = self._key()
        key.rotation_days = days
        key.rotation_since = utcnow()
        return answer

    def get_key_rotation_status(self) -> str:
        status = json.loads(super().get_key_rotation_status())
        key = self._key()
        status["KeyId"] = key.arn
        if status["KeyRotationEnabled"]:
            days = getattr(key, "rotation_days", DEFAULT_DAYS)
            since = getattr(key, "rotation_since", utcnow())
            status["RotationPeriodInDays"] = days
            status["NextRotationDate"] = (since + timedelta(days=days)).timestamp()
        return json.dumps(status)

    def _key(self) -> Any:
        return self.kms_backend.keys[self.kms_backend.get_key_id(self._get_param("KeyId"))]


def install() -> None:
    replace_response(urls, MotoResponse, KmsResponse)
