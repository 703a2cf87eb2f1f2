"""KMS: rotation period of a key and date of its next rotation; ids of multi-Region keys in AWS's form, `mrk-` and 32
digits: moto's are longer than its own ciphertext has room for, which nobody could then decrypt.
A digest is signed as it is, not hashed again, by keys of elliptic curves.

https://docs.aws.amazon.com/kms/latest/APIReference/API_Sign.html
https://docs.aws.amazon.com/kms/latest/developerguide/multi-region-keys-overview.html
https://docs.aws.amazon.com/kms/latest/APIReference/API_GetKeyRotationStatus.html
"""

import base64
import json
import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from moto.core.utils import utcnow
from moto.kms import models, urls
from moto.kms.exceptions import NotFoundException, ValidationException
from moto.kms.responses import KmsResponse as MotoResponse

from sandbox.aws.extensions.wiring import replace_response

_MULTI_REGION = re.compile(r"mrk-[0-9a-f]{32}")

_HASHES = {
    "ECDSA_SHA_256": hashes.SHA256(),
    "ECDSA_SHA_384": hashes.SHA384(),
    "ECDSA_SHA_512": hashes.SHA512(),
}

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

    def sign(self) -> str:
        algorithm = self._get_param("SigningAlgorithm")
        checked: str = super().sign()
        if self._get_param("MessageType") != "DIGEST" or algorithm not in _HASHES:
            return checked
        key = self.kms_backend.describe_key(self._get_param("KeyId")).private_key.private_key
        try:
            signature = key.sign(self._get_param("Message"), ec.ECDSA(Prehashed(_HASHES[algorithm])))
        except ValueError:
            raise ValidationException(f"Digest is invalid length for algorithm {algorithm}.") from None
        return json.dumps({**json.loads(checked), "Signature": base64.b64encode(signature).decode()})

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
