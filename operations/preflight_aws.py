"""Questions to AWS before anything is created: bounded in time, and each refusal told apart from an answer."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, cast
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    CredentialRetrievalError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)

CONNECT_TIMEOUT_S = 3
READ_TIMEOUT_S = 10
ATTEMPTS = 2
"""A question is tried twice at most: what does not answer within half a minute is reported as not observed."""

NO_CREDENTIALS = (
    *(NoCredentialsError, PartialCredentialsError, CredentialRetrievalError),
    *(ProfileNotFound, SSOError, TokenRetrievalError),
)
"""The machine has no usable credentials; AWS was not asked."""

UNREACHABLE = (EndpointConnectionError, ConnectionClosedError, HTTPClientError)
"""Nobody answered: no route, no name, no time (the timeouts are kinds of HTTPClientError)."""

INVALID_CREDENTIALS = frozenset(
    {
        *("ExpiredToken", "ExpiredTokenException", "RequestExpired", "InvalidClientTokenId"),
        *("UnrecognizedClientException", "SignatureDoesNotMatch", "AuthFailure", "InvalidAccessKeyId"),
    }
)
"""Codes by which AWS refuses the credentials themselves
(https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html)."""

_AWS_HOSTS = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws")
_CONFIG = {
    "connect_timeout": CONNECT_TIMEOUT_S,
    "read_timeout": READ_TIMEOUT_S,
    "retries": {"total_max_attempts": ATTEMPTS, "mode": "standard"},
}


class NotObserved(Exception):
    """AWS was asked and did not tell: refused, missing in the emulator, or silent. The text says which."""


class Silent(NotObserved):
    """Nobody answered in time: asking the same endpoint again would wait again."""


class Clients:
    """Clients of a session, made once for each service and region."""

    def __init__(self, session: boto3.Session) -> None:
        self.session = session
        self._made: dict[tuple[str, str], Any] = {}

    def get(self, service: str, region: str) -> Any:
        """The client of a service in a region. Not for use by several threads; the client itself is."""
        if (service, region) not in self._made:
            self._made[service, region] = self.special(service, region)
        return self._made[service, region]

    def special(self, service: str, region: str, endpoint: str | None = None, path_style: bool = False) -> Any:
        """A client of its own, for an endpoint that is not the session's."""
        style: dict[str, Any] = {"s3": {"addressing_style": "path"}} if path_style else {}
        config = Config(**cast(Any, _CONFIG), **style)
        return cast(Any, self.session).client(service, region_name=region, endpoint_url=endpoint, config=config)

    def with_credentials(self, credentials: Mapping[str, str]) -> Clients:
        """Clients that act with what AssumeRole returned."""
        return Clients(
            boto3.Session(
                aws_access_key_id=credentials["AccessKeyId"],
                aws_secret_access_key=credentials["SecretAccessKey"],
                aws_session_token=credentials["SessionToken"],
            )
        )


def is_emulated(client: Any) -> bool:
    """Whether a client's endpoint is something else than AWS: a sandbox, an emulator, a stub."""
    host = urlsplit(client.meta.endpoint_url).hostname or ""
    return not host.endswith(_AWS_HOSTS)


def asks_aws() -> bool:
    """Whether this machine's configuration leads to AWS. Nobody is asked; a configuration that makes no sense leads
    nowhere else, and is told by whoever asks."""
    try:
        return not is_emulated(Clients(boto3.Session()).get("sts", "us-east-1"))
    except (BotoCoreError, ValueError):
        return True


def error_code(error: ClientError) -> str:
    """The code of AWS's refusal, such as ``AccessDenied``."""
    return str(error.response["Error"]["Code"])


def ask(call: Callable[..., Any], *, absent: Collection[str] = (), **parameters: Any) -> Any:
    """AWS's answer, or None where it says with one of the codes in ``absent`` that there is no such thing.

    Raises NotObserved for every other refusal.
    """
    try:
        return call(**parameters)
    except ClientError as error:
        if error_code(error) in absent:
            return None
        raise NotObserved(f"{error.operation_name}: {error_code(error)}") from error
    except UNREACHABLE as error:
        raise Silent(f"no answer: {error}") from error
    except BotoCoreError as error:
        raise NotObserved(str(error)) from error
