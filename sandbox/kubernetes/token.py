"""`k8s-aws-v1.` tokens: a presigned STS GetCallerIdentity URL in base64, bound to a cluster by a signed header.

The rules are those of the authenticator that EKS runs; the signature is Signature Version 4 in a query string
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html).
"""

import base64
import binascii
import hashlib
import hmac
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote, urlsplit

PREFIX = "k8s-aws-v1."
CLUSTER_HEADER = "x-k8s-aws-id"
VALIDITY_S = 15 * 60
"""Seconds after its date for which EKS takes a token."""

CLOCK_SKEW_S = 5 * 60
"""How far in the future the date of a signature may be, as STS accepts it."""

_HOST = re.compile(r"sts(\.[a-z0-9-]+)?\.amazonaws\.com(\.cn)?|127\.0\.0\.1|localhost")
_PARAMETERS = frozenset(
    {
        "action",
        "version",
        "x-amz-algorithm",
        "x-amz-credential",
        "x-amz-date",
        "x-amz-expires",
        "x-amz-security-token",
        "x-amz-signature",
        "x-amz-signedheaders",
    }
)


class Refused(Exception):
    """The token is not accepted; the message says why and holds no secret."""


@dataclass(frozen=True, slots=True)
class Secret:
    """What belongs to an access key id. `expires_at`: seconds since 1970, None for a key without end."""

    access_key: str
    session_token: str | None = None
    expires_at: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Token:
    """A well-formed token; whether it is genuine is known after `verify`."""

    host: str
    parameters: Mapping[str, str]
    key_id: str
    scope: str
    signed_at: float

    @classmethod
    def parse(cls, text: str) -> "Token":
        """Refused when `text` is no GetCallerIdentity request with a plausible date."""
        if not text.startswith(PREFIX):
            raise Refused(f"the token does not start with {PREFIX}")
        encoded = text.removeprefix(PREFIX)
        try:
            padded = encoded + "=" * (-len(encoded) % 4)
            url = urlsplit(base64.b64decode(padded, altchars=b"-_", validate=True).decode())
        except (binascii.Error, ValueError):
            raise Refused("the token is not a URL in base64") from None
        if not _HOST.fullmatch(url.hostname or "") or url.path not in {"", "/"}:
            raise Refused(f"the token is not a request to STS: {url.hostname}{url.path}")
        pairs = parse_qsl(url.query, keep_blank_values=True)
        lower = {name.lower(): value for name, value in pairs}
        if len(lower) != len(pairs) or not set(lower) <= _PARAMETERS:
            raise Refused("the token has repeated or unknown parameters")
        if lower.get("action") != "GetCallerIdentity" or lower.get("x-amz-algorithm") != "AWS4-HMAC-SHA256":
            raise Refused("the token is not a GetCallerIdentity request signed with AWS4-HMAC-SHA256")
        if not {"host", CLUSTER_HEADER} <= set(lower.get("x-amz-signedheaders", "").split(";")):
            raise Refused(f"the token does not sign the headers host and {CLUSTER_HEADER}")
        if not lower.get("x-amz-expires", "").isdigit() or int(lower["x-amz-expires"]) > VALIDITY_S:
            raise Refused(f"X-Amz-Expires has to be 0 to {VALIDITY_S} s")
        key_id, _, scope = lower.get("x-amz-credential", "").partition("/")
        if not re.fullmatch(r"\d{8}/[a-z0-9-]+/sts/aws4_request", scope):
            raise Refused("the token's credential scope is not that of STS")
        try:
            signed_at = datetime.strptime(lower.get("x-amz-date", ""), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        except ValueError:
            raise Refused("the token has no valid X-Amz-Date") from None
        return cls(host=url.netloc, parameters=dict(pairs), key_id=key_id, scope=scope, signed_at=signed_at.timestamp())

    def verify(self, secret: Secret, cluster: str) -> None:
        """Refused unless this key signed the token for this cluster, at most 15 minutes ago."""
        now = time.time()
        if not self.signed_at - CLOCK_SKEW_S <= now <= self.signed_at + VALIDITY_S:
            raise Refused(f"the token was signed {now - self.signed_at:.0f} s ago; it is valid for {VALIDITY_S} s")
        if secret.expires_at is not None and secret.expires_at < now:
            raise Refused(f"the session of access key {self.key_id} has expired")
        values = {name.lower(): value for name, value in self.parameters.items()}
        if values.get("x-amz-security-token") != secret.session_token:
            raise Refused(f"the token's session token is not that of access key {self.key_id}")
        signature = self._signature(secret.access_key, values, cluster)
        if not hmac.compare_digest(signature, values.get("x-amz-signature", "")):
            raise Refused(f"the signature does not match access key {self.key_id} and cluster {cluster}")

    def _signature(self, access_key: str, values: Mapping[str, str], cluster: str) -> str:
        signed_headers = values["x-amz-signedheaders"]
        headers = {"host": self.host, CLUSTER_HEADER: cluster}
        unknown = set(signed_headers.split(";")) - set(headers)
        if unknown:
            raise Refused(f"the token signs headers that no request of EKS has: {', '.join(sorted(unknown))}")
        query = "&".join(
            f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}"
            for name, value in sorted(self.parameters.items())
            if name.lower() != "x-amz-signature"
        )
        canonical = "\n".join(
            [
                "GET",
                "/",
                query,
                *(f"{name}:{headers[name]}" for name in signed_headers.split(";")),
                "",
                signed_headers,
                hashlib.sha256(b"").hexdigest(),
            ]
        )
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        to_sign = "\n".join(["AWS4-HMAC-SHA256", values["x-amz-date"], self.scope, digest])
        key = f"AWS4{access_key}".encode()
        for part in self.scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        return hmac.digest(key, to_sign.encode(), "sha256").hex()
