"""SCRAM-SHA-256 as a client speaks it (RFC 5802, RFC 7677), without channel binding: the connection is TLS already."""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field

MECHANISM = "SCRAM-SHA-256"


class ScramError(Exception):
    """The server did not prove that it knows the password, or answered something else."""


def _mac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


@dataclass(slots=True)
class Scram:
    """One authentication."""

    password: str = field(repr=False)
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(18))
    _server_signature: bytes = b""

    def first(self) -> str:
        return f"n,,n=,r={self.nonce}"

    def final(self, server_first: str) -> str:
        values = dict(part.split("=", 1) for part in server_first.split(","))
        if not values["r"].startswith(self.nonce):
            raise ScramError("the server changed the nonce")
        salted = hashlib.pbkdf2_hmac("sha256", self.password.encode(), base64.b64decode(values["s"]), int(values["i"]))
        without_proof = f"c=biws,r={values['r']}"
        signed = f"n=,r={self.nonce},{server_first},{without_proof}"
        client_key = _mac(salted, "Client Key")
        signature = _mac(hashlib.sha256(client_key).digest(), signed)
        proof = bytes(one ^ other for one, other in zip(client_key, signature, strict=True))
        self._server_signature = _mac(_mac(salted, "Server Key"), signed)
        return f"{without_proof},p={base64.b64encode(proof).decode()}"

    def check(self, server_final: str) -> None:
        if server_final != f"v={base64.b64encode(self._server_signature).decode()}":
            raise ScramError("the server does not know the password")
