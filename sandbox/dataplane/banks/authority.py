"""Certificates of the sandbox's banks: an authority in a folder, and a certificate a bank."""

import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

DAYS = 30
"""A sandbox is younger."""


class Authority:
    """Made once a folder: `ca.pem` is for those who call, the key stays here."""

    def __init__(self, folder: Path) -> None:
        self.certificate_file, key_file = folder / "ca.pem", folder / "ca.key"
        self._folder = folder
        if not self.certificate_file.exists():
            folder.mkdir(parents=True, exist_ok=True)
            key = ec.generate_private_key(ec.SECP256R1())
            _write(key_file, _pem(key), secret=True)
            _write(self.certificate_file, _certificate("Sandbox banks", key, None, key, authority=True))
        self._issuer = x509.load_pem_x509_certificate(self.certificate_file.read_bytes())
        found = serialization.load_pem_private_key(key_file.read_bytes(), None)
        assert isinstance(found, ec.EllipticCurvePrivateKey)
        self._key = found

    def server(self, host: str) -> tuple[Path, Path]:
        """Certificate and key of a bank's host."""
        certificate, key = self._folder / f"{host}.pem", self._folder / f"{host}.key"
        if not certificate.exists():
            private = ec.generate_private_key(ec.SECP256R1())
            _write(key, _pem(private), secret=True)
            _write(certificate, _certificate(host, private, self._issuer, self._key))
        return certificate, key


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Certificate | None,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    authority: bool = False,
) -> bytes:
    # A common name has at most 64 characters; nobody reads it of a certificate with alternative names.
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name[:64])])
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=DAYS))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if not authority:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    return builder.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes, *, secret: bool = False) -> None:
    path.touch(mode=0o600 if secret else 0o644)
    path.write_bytes(content)
