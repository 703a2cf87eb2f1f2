"""An unexpected failure of the emulator as an AWS error that names it, in the protocol of the request."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from xml.sax.saxutils import escape


class Unavailable(Exception):
    """AWS cannot now (https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html)."""


def error_response(environ: Mapping[str, Any], start_response: Callable[..., Any], error: Exception) -> Iterable[bytes]:
    """501 for an operation that moto lacks (SDKs do not retry it), 503 for an outage, 500 for a defect."""
    if isinstance(error, NotImplementedError):
        status, code, message = "501 Not Implemented", "NotEmulated", f"the emulator lacks this: {error}"
    elif isinstance(error, Unavailable):
        status, code, message = "503 Service Unavailable", "ServiceUnavailable", str(error)
    else:
        status, code = "500 Internal Server Error", "EmulatorFailure"
        message = f"{type(error).__name__}: {error} (see `cell sandbox logs emulator`)"
    if speaks_json(environ):
        content_type, body = "application/x-amz-json-1.1", json.dumps({"__type": code, "message": message})
    else:
        content_type = "text/xml"
        body = (
            f"<ErrorResponse><Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
            "<RequestId>00000000-0000-0000-0000-000000000000</RequestId></ErrorResponse>"
        )
    data = body.encode()
    headers = [("Content-Type", content_type), ("Content-Length", str(len(data))), ("x-amzn-errortype", code)]
    start_response(status, headers)
    return [data]


def speaks_json(environ: Mapping[str, Any]) -> bool:
    """Whether a request's errors are JSON."""
    if environ.get("HTTP_X_AMZ_TARGET") or "json" in environ.get("CONTENT_TYPE", ""):
        return True
    # REST services sign with their name; those with XML bodies are few.
    scope = environ.get("HTTP_AUTHORIZATION", "").partition("Credential=")[2].split(",")[0].split("/")
    service = scope[3] if len(scope) > 3 else ""
    return service not in ("", "s3", "route53", "cloudfront") and "urlencoded" not in environ.get("CONTENT_TYPE", "")
