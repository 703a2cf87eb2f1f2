"""Certificates that sign themselves: one to serve a caller that does not verify it, which encrypts the way and proves
nothing, and one to show to somebody who has been given its public part."""

import base64
import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

DAYS = 3650
"""Of a serving certificate."""

CLIENT_DAYS = 365
"""Of the first client certificate: a rotation by hand comes sooner."""

CLOCK_SKEW = datetime.timedelta(minutes=5)
"""By which the clock of whoever verifies a client may be behind."""


def self_signed(name: str) -> dict[str, str]:
    """A serving certificate as the data of a Secret of type kubernetes.io/tls; another one each time."""
    now = datetime.datetime.now(datetime.UTC)
    return secret_data(_signed(_builder(name, now, now + datetime.timedelta(days=DAYS))))


def client_certificate(name: str) -> dict[str, bytes]:
    """`tls.crt` and `tls.key` of a client; another one each time."""
    now = datetime.datetime.now(datetime.UTC)
    builder = _builder(name, now - CLOCK_SKEW, now + datetime.timedelta(days=CLIENT_DAYS))
    return _signed(builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False))


def secret_data(files: dict[str, bytes]) -> dict[str, str]:
    """Files as a Secret has them."""
    return {name: base64.b64encode(content).decode() for name, content in files.items()}


def _builder(name: str, begins: datetime.datetime, ends: datetime.datetime) -> x509.CertificateBuilder:
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
    )


def _signed(builder: x509.CertificateBuilder) -> dict[str, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = builder.public_key(key.public_key()).sign(key, hashes.SHA256())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {"tls.crt": certificate.public_bytes(serialization.Encoding.PEM), "tls.key": private}
