"""A request to the AWS API as IAM looks at it: service, operation and parameters, whatever the protocol."""

import functools
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from sandbox.aws.iam.actions import closest, operations

FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, kw_only=True, slots=True)
class Credential:
    """The scope that a request was signed with."""

    access_key_id: str
    region: str
    service: str
    token: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """One request."""

    service: str
    """The name it was signed with."""
    operation: str
    region: str
    account: str
    """The caller's."""
    params: Mapping[str, Any] = field(default_factory=dict)
    """Body or form; of a REST service nothing."""
    bucket: str = ""
    key: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    """The `x-amz-` ones and `if-none-match`, lower case."""


def credential(environ: Mapping[str, Any]) -> Credential | None:
    """Who signed, from the header or from a presigned URL; None for an unsigned request."""
    authorization = environ.get("HTTP_AUTHORIZATION", "")
    scope = authorization.partition("Credential=")[2].partition(",")[0]
    token = environ.get("HTTP_X_AMZ_SECURITY_TOKEN", "")
    if not scope and "X-Amz-Credential=" in environ.get("QUERY_STRING", ""):
        query = parse_qs(environ["QUERY_STRING"])
        scope, token = query["X-Amz-Credential"][0], query.get("X-Amz-Security-Token", [""])[0]
    parts = scope.split("/")
    if len(parts) < 4:
        return None
    return Credential(access_key_id=parts[0], region=parts[2], service=parts[3].lower(), token=token)


def read(environ: dict[str, Any], who: Credential, account: str) -> Asked:
    """The request; a body that had to be read is put back. Raises LookupError where no operation explains it."""
    common: dict[str, Any] = {"service": who.service, "region": who.region, "account": account}
    if target := environ.get("HTTP_X_AMZ_TARGET"):
        return Asked(operation=target.rpartition(".")[2], params=json.loads(body_of(environ) or b"{}"), **common)
    if environ.get("CONTENT_TYPE", "").startswith(FORM):
        form = {name: values[0] for name, values in parse_qs(body_of(environ).decode()).items()}
        if "Action" in form:
            return Asked(operation=form["Action"], params=form, **common)
    query = {name: values[0] for name, values in parse_qs(environ.get("QUERY_STRING", ""), True).items()}
    if "Action" in query:
        return Asked(operation=query["Action"], params=query, **common)
    path = environ.get("PATH_INFO", "/").encode("latin-1", "replace").decode("utf-8", "replace")
    if who.service == "s3":
        return _s3(environ, path, query, common)
    operation = _rest(who.service, environ["REQUEST_METHOD"], path, frozenset(query))
    return Asked(operation=operation, query=query, **common)


def body_of(environ: dict[str, Any]) -> bytes:
    """The body, which the application behind finds untouched."""
    body: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    return body


def _s3(environ: dict[str, Any], path: str, query: Mapping[str, str], common: Mapping[str, Any]) -> Asked:
    host = environ.get("HTTP_HOST", "").rpartition(":")[0]
    if host.endswith(".localhost"):
        path = f"/{host.removesuffix('.localhost')}{path}"
    bucket, _, key = path.lstrip("/").partition("/")
    headers = {
        name[5:].replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_X_AMZ_") or name == "HTTP_IF_NONE_MATCH"
    }
    shape = "/" if not bucket else "/bucket/key" if key else "/bucket"
    operation = _s3_operation(environ["REQUEST_METHOD"], shape, frozenset(query))
    if operation in ("PutObject", "CopyObject"):
        # Only a header tells them apart.
        operation = "CopyObject" if "x-amz-copy-source" in headers else "PutObject"
    return Asked(operation=operation, bucket=bucket, key=key, query=query, headers=headers, **common)


_MULTIPART: Mapping[tuple[str, str], str] = {
    ("PUT", "uploadId"): "UploadPart",
    ("POST", "uploadId"): "CompleteMultipartUpload",
    ("DELETE", "uploadId"): "AbortMultipartUpload",
    ("GET", "uploadId"): "ListParts",
    ("POST", "uploads"): "CreateMultipartUpload",
}
"""What only a key of the query tells from operations on whole objects."""


@functools.lru_cache(maxsize=1024)
def _s3_operation(method: str, shape: str, keys: frozenset[str]) -> str:
    if shape == "/bucket/key":
        for key in keys & {"uploadId", "uploads"}:
            return _MULTIPART[method, key]
    return _rest("s3", method, shape, keys)


@functools.lru_cache(maxsize=4096)
def _rest(service: str, method: str, path: str, keys: frozenset[str]) -> str:
    found = closest([(service, one) for one in operations(service)], method, path, keys)
    if found is None:
        raise LookupError(f"{service}: no operation is {method} {path}")
    return str(found[1].name)
