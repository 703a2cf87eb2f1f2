"""Bad answers over the wire, for botocore's own clients, and retries that do not pause."""

import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.retries import bucket, standard

Wire = Callable[[], AWSResponse]


class _Raw(io.BytesIO):
    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.getvalue()


def says(status: int, body: str = "") -> Wire:
    """One answer over the wire."""
    return lambda: AWSResponse("https://aws.example", status, HTTPHeaders(), _Raw(body.encode()))


def breaks(error: Exception) -> Wire:
    """A connection that ends so."""

    def raised() -> AWSResponse:
        raise error

    return raised


def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries as they are, without what lies between them."""
    monkeypatch.setattr(standard.ExponentialBackoff, "delay_amount", lambda *_: 0)
    monkeypatch.setattr(bucket.TokenBucket, "acquire", lambda *_, **_kw: True)
