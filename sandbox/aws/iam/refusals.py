"""Refused calls, as AWS words them in the protocol of the request."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

from sandbox.aws.errors import speaks_json
from sandbox.aws.iam.requests import Credential

QUERY_COMPATIBLE = frozenset({"monitoring", "sqs"})
"""Services that spoke the query protocol first: SDKs keep its error codes
(https://smithy.io/2.0/aws/protocols/aws-query-protocol.html, awsQueryCompatible)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """One kind of refusal. Source: https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html and
    https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html"""

    json: str
    query: str
    s3: str
    message: str


def denied(message: str) -> Answer:
    """The caller is known and may not do it."""
    return Answer(json="AccessDeniedException", query="AccessDenied", s3="AccessDenied", message=message)


UNKNOWN_KEY = Answer(
    json="UnrecognizedClientException",
    query="InvalidClientTokenId",
    s3="InvalidAccessKeyId",
    message="The security token included in the request is invalid.",
)
WRONG_TOKEN = Answer(
    json="UnrecognizedClientException",
    query="InvalidClientTokenId",
    s3="InvalidToken",
    message="The security token included in the request is invalid.",
)
EXPIRED = Answer(
    json="ExpiredTokenException",
    query="ExpiredToken",
    s3="ExpiredToken",
    message="The security token included in the request is expired",
)


def respond(
    environ: Mapping[str, Any], who: Credential, answer: Answer, start_response: Callable[..., Any]
) -> Iterable[bytes]:
    """WSGI: the refusal."""
    headers, status, message = [], "403 Forbidden", escape(answer.message)
    if who.service == "s3":
        kind, code = "application/xml", answer.s3
        text = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    elif speaks_json(environ):
        kind, code = "application/x-amz-json-1.1", answer.json
        text = json.dumps({"__type": code, "message": answer.message})
        headers.append(("x-amzn-errortype", code))
        if who.service in QUERY_COMPATIBLE:
            headers.append(("x-amzn-query-error", f"{answer.query};Sender"))
        elif environ.get("HTTP_X_AMZ_TARGET"):
            status = "400 Bad Request"
    else:
        kind, code = "text/xml", answer.query
        text = (
            f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
            "<RequestId>00000000-0000-0000-0000-000000000000</RequestId></ErrorResponse>"
        )
    data = b"" if environ.get("REQUEST_METHOD") == "HEAD" else text.encode()
    start_response(status, [("Content-Type", kind), ("Content-Length", str(len(data))), *headers])
    return [data]
