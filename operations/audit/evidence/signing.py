"""Who vouches for a bundle: an asymmetric key of KMS, or a key in a file where there is no KMS to trust.

A signature is ECDSA over P-256 with SHA-256 of ``head.json``, in DER: ``openssl dgst -sha256 -verify`` checks it too.
"""

import hashlib
import os
import re
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_public_key,
    load_pem_private_key,
    load_pem_public_key,
)

from operations.errors import CellError, ExitCode

ALGORITHM = "ECDSA_SHA_256"
"""As KMS names it (KMS API reference, Sign)."""

KEY_SPEC = "ECC_NIST_P256"

IN_A_FILE = "file"
"""Name of any key that is not in KMS."""

_PEM = re.compile(rb"-----BEGIN PUBLIC KEY-----.+?-----END PUBLIC KEY-----", re.DOTALL)

_ECDSA = ec.ECDSA(Prehashed(SHA256()))


class Signer(Protocol):
    """A private key that stays where it is."""

    @property
    def key_id(self) -> str:
        """Where the key is: an ARN, or ``IN_A_FILE``."""

    def public_key(self) -> bytes:
        """PEM, for whoever verifies."""

    def sign(self, sha256: bytes) -> bytes:
        """DER signature over a digest."""


class KmsSigner:
    """An ECC_NIST_P256 key of KMS, by ARN or alias. Needs kms:GetPublicKey and kms:Sign."""

    def __init__(self, client: Any, key: str) -> None:
        """``client``: boto3's, of the region and account that hold the key. Raises CellError for another kind."""
        self._client = client
        self._key = key
        answer = self._asked("get_public_key", KeyId=key)
        spec = answer.get("KeySpec") or answer.get("CustomerMasterKeySpec")
        if (spec, answer.get("KeyUsage")) != (KEY_SPEC, "SIGN_VERIFY"):
            raise CellError(
                f"evidence key {key}: {spec} for {answer.get('KeyUsage')}; give a key of {KEY_SPEC} for SIGN_VERIFY",
                ExitCode.CONFIGURATION,
            )
        self._public = _pem(load_der_public_key(answer["PublicKey"]))
        self._id = str(answer["KeyId"])

    @property
    def key_id(self) -> str:
        return self._id

    def public_key(self) -> bytes:
        return self._public

    def sign(self, sha256: bytes) -> bytes:
        answer = self._asked("sign", KeyId=self._key, Message=sha256, MessageType="DIGEST", SigningAlgorithm=ALGORITHM)
        return bytes(answer["Signature"])

    def _asked(self, operation: str, **parameters: Any) -> Any:
        try:
            return getattr(self._client, operation)(**parameters)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "refused")
            raise CellError(f"evidence key {self._key}: kms {operation}: {code}", ExitCode.RESOURCE) from None
        except BotoCoreError as error:
            raise CellError(f"evidence key {self._key}: kms {operation}: {error}", ExitCode.RESOURCE) from None


class LocalSigner:
    """A P-256 key in a file of mode 0600, made on first use, its public half beside it as ``<name>.pub``. Whoever can
    read the file can sign as the audit: for the sandbox."""

    def __init__(self, path: Path) -> None:
        """Raises CellError for a file that others may read, or that holds no such key."""
        if not path.exists():
            _make(path)
        self._private = _load(path)

    key_id = IN_A_FILE

    def public_key(self) -> bytes:
        return _pem(self._private.public_key())

    def sign(self, sha256: bytes) -> bytes:
        return self._private.sign(sha256, _ECDSA)


def fingerprint(public_key: bytes) -> str:
    """SHA-256 of a key's DER form (SubjectPublicKeyInfo). Raises ValueError for what is no P-256 public key."""
    return hashlib.sha256(_loaded(public_key).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def signed_by(public_key: bytes, sha256: bytes, signature: bytes) -> bool:
    """Whether a key made a signature. Raises ValueError for what is no P-256 public key."""
    try:
        _loaded(public_key).verify(signature, sha256, _ECDSA)
    except InvalidSignature:
        return False
    return True


def public_keys(files: Iterable[Path]) -> Iterator[bytes]:
    """The public keys (PEM) in files; a file may hold several, retired ones among them. Raises CellError."""
    for file in files:
        try:
            found = _PEM.findall(file.read_bytes())
            for key in found:
                fingerprint(key)
        except OSError as error:
            raise CellError(f"--key {file}: {error.strerror}", ExitCode.CONFIGURATION) from None
        except ValueError as error:
            raise CellError(f"--key {file}: {error}", ExitCode.CONFIGURATION) from None
        if not found:
            raise CellError(f"--key {file}: no public key in PEM form", ExitCode.CONFIGURATION)
        yield from found


def _loaded(public_key: bytes) -> ec.EllipticCurvePublicKey:
    try:
        key = load_pem_public_key(public_key)
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("no public key in PEM form") from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("no public key of curve P-256")
    return key


def _pem(key: Any) -> bytes:
    return bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def _make(path: Path) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Linked when it is whole: of two audits that begin at once, one makes the key and both use it.
    with tempfile.NamedTemporaryFile(dir=path.parent) as file:
        file.write(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        file.flush()
        with suppress(FileExistsError):
            os.link(file.name, path)
            path.with_name(f"{path.name}.pub").write_bytes(_pem(private.public_key()))


def _load(path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            data = file.read()
    except OSError as error:
        raise CellError(f"{path}: {error.strerror}", ExitCode.CONFIGURATION) from None
    if mode & 0o077:
        raise CellError(f"{path}: mode {mode:04o}, others may read the key; chmod 600", ExitCode.CONFIGURATION)
    try:
        key = load_pem_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise CellError(f"{path}: no private key of curve P-256 in PEM form", ExitCode.CONFIGURATION)
    return key
