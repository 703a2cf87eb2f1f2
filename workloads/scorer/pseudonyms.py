"""The key of the pseudonyms: made once a cell, kept in Secrets Manager, in no state file and no template."""

from __future__ import annotations

import base64
import secrets
import uuid
from typing import Any

KEY_BYTES = 32
NAMESPACE = uuid.UUID("5b0c7a52-7d3f-4a53-9a3e-2f2c6d0f6c11")
"""Makes the request token out of the secret's ARN: any fixed value does."""


def pseudonym_key(client: Any, secret_arn: str) -> bytes:
    """The secret's value; where it has none yet, the first scorer that starts gives it one.

    Two that start together use the same request token, so the second is refused and reads what the first wrote
    (Secrets Manager API reference, PutSecretValue, ClientRequestToken). `client`: boto3's secretsmanager client.
    """
    for _ in range(2):
        try:
            return base64.b64decode(client.get_secret_value(SecretId=secret_arn)["SecretString"], validate=True)
        except client.exceptions.ResourceNotFoundException:
            value = base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()
        token = str(uuid.uuid5(NAMESPACE, secret_arn))
        try:
            client.put_secret_value(SecretId=secret_arn, SecretString=value, ClientRequestToken=token)
        except client.exceptions.ResourceExistsException:
            continue
    return base64.b64decode(client.get_secret_value(SecretId=secret_arn)["SecretString"], validate=True)
