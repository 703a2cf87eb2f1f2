"""One region of one account as readers ask it: every call recorded, none made twice, refusal and answer told apart."""

import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from operations.audit.live.question import MAX_ITEMS, Question, TooLarge, kept
from policies.resources import NotObservedError

DENIED = frozenset(
    {
        *("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError"),
        *("AuthorizationErrorException", "Forbidden", "403", "UnauthorizedAccess", "NotAuthorized"),
    }
)
"""Codes by which services of AWS refuse a call for want of rights."""

THROTTLED = frozenset(
    {
        *("Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException"),
        *("SlowDown", "RequestThrottled", "RequestThrottledException", "ProvisionedThroughputExceededException"),
    }
)

ATTEMPTS = 8
"""Of a call, with a growing pause between them (botocore's adaptive mode,
https://docs.aws.amazon.com/boto3/latest/guide/retries.html)."""

RESOLUTION_S = 1
"""Of the date in an answer's head, which is cut and not rounded."""

MAX_PAGES = 10_000
"""Of one list: a service that answers with ever new pages is not believed."""


OTHER_SHAPE = (LookupError, TypeError, ValueError, AttributeError, RecursionError)
"""How botocore's parsers and readers fail on an answer that does not have the shape of AWS's."""

_ROOT = re.compile(rb"\s*(?:<[?!][^>]*>\s*)*<(?:\w+:)?(\w+)")
"""The first element of an XML document."""


class NoAnswer(Exception):
    """A body that is none of the service: a page of a proxy, or the beginning of an answer."""


UNUSABLE = (BotoCoreError, ResponseParserError, NoAnswer, TooLarge, *OTHER_SHAPE)
"""What a call ends with that got no answer, or none that can be used."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One answer of AWS, or its refusal: a record of the evidence bundle."""

    number: int
    endpoint: str
    account: str
    region: str
    caller: str
    operation: str
    """``kms:ListKeys``"""
    parameters: Mapping[str, Any]
    page: int
    """From 1."""
    request_id: str
    server_date: str
    """As the server wrote it, "" where it did not."""
    at: str
    """Our time when the answer was there, ISO 8601."""
    skew_s: float
    """By how much the server's date is before we asked (less than 0) or after we had the answer; its resolution is a
    second."""
    http_status: int
    retries: int
    error: str
    """AWS's code; "" for an answer."""
    answer: Mapping[str, Any]
    """The kept fields."""
    body_sha256: str
    """Of the body as it came over the wire."""


class Recorder:
    """The calls of an audit, in the order in which their answers came."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: list[Call] = []

    def add(self, **about: Any) -> Call:
        """Numbers and keeps a call."""
        with self._lock:
            call = Call(number=len(self._calls), **about)
            self._calls.append(call)
            return call

    @property
    def calls(self) -> tuple[Call, ...]:
        """All of them so far."""
        with self._lock:
            return tuple(self._calls)


@dataclass(frozen=True, slots=True)
class _Answer:
    value: Mapping[str, Any] | None
    numbers: tuple[int, ...]


class Unread:
    """Stands for a value that could not be read: whoever looks at it gets ``NotObservedError``."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


class Region:
    """Where readers ask. Safe for threads."""

    def __init__(
        self, *, account: str, name: str, caller: str, recorder: Recorder, client: Callable[[str, str], Any]
    ) -> None:
        """``client``: (service, region) -> boto3's client; it is called once a service, under a lock."""
        self.account = account
        self.name = name
        self._caller = caller
        self._recorder = recorder
        self._client = client
        self._lock = threading.Lock()
        self._making = threading.Lock()
        self._clients: dict[str, Any] = {}
        self._asked: dict[Any, Future[Any]] = {}
        self._mine = threading.local()

    def ask(self, question: Question, **parameters: Any) -> dict[str, Any] | None:
        """The kept fields of the answer; None where AWS says that there is none. Raises NotObservedError."""
        return self._once((question.name, _key(parameters)), lambda: self._call(question, parameters))  # type: ignore[no-any-return]

    def pages(self, question: Question, **parameters: Any) -> list[Any]:
        """All items of a list over all its pages, or the pages where the question names no ``items``; none where AWS
        says that there is none. Raises NotObservedError."""
        key = (question.name, "pages", _key(parameters))
        return self._once(key, lambda: self._all_pages(question, parameters))  # type: ignore[no-any-return]

    def field(self, question: Question, pick: Callable[[Mapping[str, Any]], Any], **parameters: Any) -> Any:
        """One value of an answer; None where there is none, ``Unread`` where it could not be asked."""
        try:
            answer = self.ask(question, **parameters)
        except NotObservedError as error:
            return Unread(str(error))
        return None if answer is None else pick(answer)

    def trace(self) -> list[int]:
        """Numbers of the calls that this thread's answers came from since ``trace`` was called last."""
        numbers = getattr(self._mine, "numbers", [])
        self._mine.numbers = []
        return numbers

    def _once(self, key: Any, call: Callable[[], tuple[Any, tuple[int, ...]]]) -> Any:
        with self._lock:
            future = self._asked.get(key)
            mine = future is None
            if future is None:
                future = self._asked[key] = Future()
        if mine:
            try:
                future.set_result(call())
            except BaseException as error:
                future.set_exception(error)
        value, numbers = future.result()
        if not hasattr(self._mine, "numbers"):
            self._mine.numbers = []
        self._mine.numbers.extend(numbers)
        return value

    def _call(self, question: Question, parameters: Mapping[str, Any]) -> tuple[Any, tuple[int, ...]]:
        client = self._made(question.service)
        (answer, number), *_ = self._answers(
            question, parameters, lambda: iter([_method(client, question)(**parameters)])
        )
        return answer, (number,)

    def _all_pages(self, question: Question, parameters: Mapping[str, Any]) -> tuple[Any, tuple[int, ...]]:
        client = self._made(question.service)
        found: list[Any] = []
        numbers: list[int] = []
        paged = client.can_paginate(question.operation)
        for answer, number in self._answers(
            question,
            parameters,
            lambda: iter(
                client.get_paginator(question.operation).paginate(**parameters)
                if paged
                else [_method(client, question)(**parameters)]
            ),
        ):
            numbers.append(number)
            if answer is not None:
                found += (answer.get(question.items) or []) if question.items else [answer]
            if len(found) > MAX_ITEMS:
                raise NotObservedError(f"{question.name}: more than {MAX_ITEMS:,} items")
        return found, tuple(numbers)

    def _answers(
        self, question: Question, parameters: Mapping[str, Any], begin: Callable[[], Iterator[Any]]
    ) -> Iterator[tuple[dict[str, Any] | None, int]]:
        """Each page's kept fields with the number of its record; None where AWS says that there is none."""
        about = {
            "endpoint": self._made(question.service).meta.endpoint_url,
            "account": self.account,
            "region": self.name,
            "caller": self._caller,
            "operation": question.name,
            "parameters": dict(parameters),
        }
        pages: Iterator[Any] | None = None
        for page in range(1, MAX_PAGES + 1):
            sent = datetime.now(UTC)
            try:
                pages = begin() if pages is None else pages
                raw = next(pages, None)
                if raw is None:
                    return
                answer = kept(question, raw)
            except ClientError as error:
                code = str(error.response.get("Error", {}).get("Code", ""))
                call = self._recorder.add(**about, page=page, **meta(error.response, sent), error=code, answer={})
                if code in question.absent:
                    yield None, call.number
                    return
                raise NotObservedError(f"{question.name}: {code or 'refused'}") from None
            except UNUSABLE as error:
                self._recorder.add(**about, page=page, **meta({}, sent), error=type(error).__name__, answer={})
                raise NotObservedError(f"{question.name}: {why(error)}") from None
            yield answer, self._recorder.add(**about, page=page, **meta(raw, sent), error="", answer=answer).number
        raise NotObservedError(f"{question.name}: more than {MAX_PAGES:,} pages")

    def _made(self, service: str) -> Any:
        """Whoever has its client does not wait for the making of another one, which takes longer than many a call."""
        if (made := self._clients.get(service)) is not None:
            return made
        with self._making:
            if service not in self._clients:
                self._clients[service] = self._client(service, self.name)
            return self._clients[service]


def note_body(http_response: Any, parsed: dict[str, Any], model: Any, **_: Any) -> None:
    """Hook for botocore's ``after-call``: the digest of the body, which the parsed answer no longer has. Raises
    NoAnswer where the body is not the service's: botocore reads such a body as an answer that holds nothing."""
    body: bytes = http_response.content
    parsed.setdefault("ResponseMetadata", {})["BodySha256"] = hashlib.sha256(body).hexdigest()
    if http_response.status_code < 300 and not _is_answer(model.service_model.resolved_protocol, body):
        raise NoAnswer(f"the body of {http_response.status_code} is no answer of {model.service_model.service_id}")


def _is_answer(protocol: str, body: bytes) -> bool:
    """Whether it can be an answer: a JSON object, or XML that ends as it begins, under the name that the protocol gives
    it (https://smithy.io/2.0/aws/protocols/)."""
    if protocol in ("json", "rest-json"):
        try:
            return isinstance(json.loads(body), dict)
        except ValueError:
            return False
    root = _ROOT.match(body)
    name = root[1].lower() if root else b""
    return name.endswith(b"response") if protocol in ("query", "ec2") else name != b"html"


def why(error: Exception) -> str:
    """Words for an answer that could not be used; a parser's own repeat the whole body."""
    if isinstance(error, ResponseParserError):
        return "the body is no XML"
    if isinstance(error, OTHER_SHAPE) and not isinstance(error, BotoCoreError):
        return f"an answer of another shape than AWS's: {type(error).__name__} {error}"
    return str(error)


def _method(client: Any, question: Question) -> Callable[..., Any]:
    return getattr(client, question.operation)  # type: ignore[no-any-return]


def meta(response: Mapping[str, Any], sent: datetime) -> dict[str, Any]:
    """What a record says of an answer's arrival, from botocore's ``ResponseMetadata``; ``sent``: our time before."""
    about = response.get("ResponseMetadata", {})
    headers = about.get("HTTPHeaders", {})
    now = datetime.now(UTC)
    said = headers.get("date", "")
    return {
        "request_id": str(about.get("RequestId") or headers.get("x-amzn-requestid") or ""),
        "server_date": said,
        "at": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "skew_s": _skew(said, sent, now),
        "http_status": int(about.get("HTTPStatusCode", 0)),
        "retries": int(about.get("RetryAttempts", 0)),
        "body_sha256": str(about.get("BodySha256", "")),
    }


def _skew(said: str, sent: datetime, now: datetime) -> float:
    """By how many seconds the server's clock is outside of the time in which it answered; a slow answer is no skew."""
    try:
        theirs = parsedate_to_datetime(said)
    except ValueError:
        return 0.0
    early, late = (theirs - sent).total_seconds() + RESOLUTION_S, (theirs - now).total_seconds()
    return min(early, 0.0) + max(late, 0.0)


def _key(value: Any) -> Any:
    if isinstance(value, Mapping):
        return tuple(sorted((name, _key(member)) for name, member in value.items()))
    return tuple(map(_key, value)) if isinstance(value, (list, tuple)) else value
