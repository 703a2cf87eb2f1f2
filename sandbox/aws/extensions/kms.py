"""KMS: rotation period of a key and date of its next rotation; ids of multi-Region keys in AWS's form, `mrk-` and 32
digits: moto's are longer than its own ciphertext has room for, which nobody could then decrypt.

https://docs.aws.amazon.com/kms/latest/developerguide/multi-region-keys-overview.html
https://docs.aws.amazon.com/kms/latest/APIReference/API_GetKeyRotationStatus.html
"""

import json
import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

from moto.core.utils import utcnow
from moto.kms import models, urls
from moto.kms.exceptions import NotFoundException
from moto.kms.responses import KmsResponse as MotoResponse

from sandbox.aws.extensions.wiring import replace_response

_MULTI_REGION = re.compile(r"mrk-[0-9a-f]{32}")

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

    def _validate_cmk_id(self, key_id: str) -> None:
        if not _MULTI_REGION.fullmatch(key_id):
            super()._validate_cmk_id(key_id)
        elif key_id not in self.kms_backend.keys:
            raise NotFoundException(f"Key '{self._display_arn(key_id)}' does not exist")

    def _key(self) -> Any:
        return self.kms_backend.keys[self.kms_backend.get_key_id(self._get_param("KeyId"))]


def _key_id(multi_region: bool = False) -> str:
    """moto's, but for multi-Region keys."""
    return f"mrk-{uuid4().hex}" if multi_region else str(uuid4())


def install() -> None:
    models.generate_key_id = _key_id
    replace_response(urls, MotoResponse, KmsResponse)
