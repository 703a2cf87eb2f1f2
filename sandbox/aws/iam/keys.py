"""KMS keys by whatever names them, and the condition keys of their use
(https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html)."""

import base64
from collections.abc import Mapping, Sequence

from moto.kms.models import kms_backends
from moto.kms.utils import _deserialize_ciphertext_blob

from sandbox.aws.iam.requests import Asked
from sandbox.aws.iam.verdict import Need, Values


def arn(asked: Asked, name: str) -> str:
    """ARN of a key by id, ARN or alias; of a key that does not exist what the caller called it."""
    return find(asked.account, asked.region, name) or (
        name if name.startswith("arn:") else f"arn:aws:kms:{asked.region}:{asked.account}:key/{name}"
    )


def find(account: str, region: str, name: str) -> str | None:
    """ARN of an existing key of a customer; None for one of AWS's own (`alias/aws/...`): nobody is asked for those."""
    if "alias/aws/" in name:
        return None
    if name.startswith("arn:"):
        region, account = name.split(":")[3:5]
    backend = kms_backends[account][region]
    if "alias/" in name:
        alias = "alias/" + name.partition("alias/")[2]
        return next((str(key.arn) for key in backend.keys.values() if alias in key.aliases), None)
    key = backend.keys.get(name.rpartition("/")[2])
    return str(key.arn) if key else None


def of_ciphertext(blob: str) -> str:
    """Id of the key that a ciphertext was made with."""
    return str(_deserialize_ciphertext_blob(base64.b64decode(blob)).key_id)


def context(encrypted: Mapping[str, str]) -> Values:
    """Condition keys of an encryption context."""
    if not encrypted:
        return {}
    pairs: dict[str, str | Sequence[str]] = {f"kms:EncryptionContext:{key}": value for key, value in encrypted.items()}
    return {**pairs, "kms:EncryptionContextKeys": sorted(encrypted)}


def through(
    service: str, account: str, region: str, name: str | None, encrypted: Mapping[str, str], *operations: str
) -> list[Need]:
    """What a service needs of a customer's key when it uses it in the name of a caller."""
    key = find(account, region, name) if name else None
    if key is None:
        return []
    used: Values = {
        "kms:CallerAccount": account,
        "kms:ViaService": f"{service}.{region}.amazonaws.com",
        "aws:ViaAWSService": "true",
        "aws:CalledVia": [f"{service}.amazonaws.com"],
        **context(encrypted),
    }
    return [Need(action=f"kms:{operation}", resource=key, context=used) for operation in operations]
