"""One line a request: time, status, milliseconds, service, region, action. Bodies hold secrets: of them only the name
of the action is written, where a service has it there; of a query only its keys.
"""

import io
import itertools
import os
import re
import time
from collections.abc import Callable, Iterable
from copy import copy
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

FORM = "application/x-www-form-urlencoded"
_ACTION = re.compile(rb"(?:^|&)Action=(\w+)")


class AccessLog:
    """No lock: whoever held it would have to wait for the interpreter before it let go, and with it all requests. A
    line is one write to a file that is appended to, which the kernel does not mix with another."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        path.chmod(0o600)
        self._numbers = itertools.count()

    @property
    def count(self) -> int:
        """Requests that were answered."""
        return next(copy(self._numbers))

    def around(
        self,
        application: Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]],
        environ: dict[str, Any],
        start_response: Callable[..., Any],
    ) -> Iterable[bytes]:
        """Call the application and write what it answered."""
        seen, called = ["-"], _describe(environ)

        def remember(status: str, headers: Any, *rest: Any) -> Any:
            seen[0] = status.split(" ", 1)[0]
            return start_response(status, headers, *rest)

        begun = time.perf_counter()
        try:
            return application(environ, remember)
        finally:
            elapsed_ms = (time.perf_counter() - begun) * 1000
            line = f"{time.strftime('%FT%T')} {seen[0]} {elapsed_ms:.1f} ms {called}\n"
            next(self._numbers)
            os.write(self._file, line.encode())


def _describe(environ: dict[str, Any]) -> str:
    scope = environ.get("HTTP_AUTHORIZATION", "").partition("Credential=")[2].split(",")[0].split("/")
    region, service = (scope[2], scope[3]) if len(scope) > 3 else ("-", "-")
    return f"{service} {region} {_action(environ)}"


def _action(environ: dict[str, Any]) -> str:
    """The operation's name, or method and path with the keys of the query (`GET /bucket?versioning`)."""
    if target := environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]:
        return str(target)
    query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    if "Action" in query:
        return str(query["Action"][0])
    if environ.get("REQUEST_METHOD") == "POST" and environ.get("CONTENT_TYPE", "").startswith(FORM):
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        if found := _ACTION.search(body):
            return found[1].decode()
    keys = "&".join(sorted(query))
    return f"{environ.get('REQUEST_METHOD')} {environ.get('PATH_INFO')}{'?' if keys else ''}{keys}"
