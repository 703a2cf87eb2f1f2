"""One line a request: time, status, milliseconds, service, region, action. Bodies hold secrets: never written."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs


class AccessLog:
    def __init__(self, path: Path) -> None:
        self._file = path.open("a", buffering=1)
        path.chmod(0o600)
        self._lock = threading.Lock()
        self.count = 0

    def around(
        self,
        application: Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]],
        environ: dict[str, Any],
        start_response: Callable[..., Any],
    ) -> Iterable[bytes]:
        """Call the application and write what it answered."""
        seen = ["-"]

        def remember(status: str, headers: Any, *rest: Any) -> Any:
            seen[0] = status.split(" ", 1)[0]
            return start_response(status, headers, *rest)

        begun = time.perf_counter()
        try:
            return application(environ, remember)
        finally:
            elapsed_ms = (time.perf_counter() - begun) * 1000
            line = f"{time.strftime('%FT%T')} {seen[0]} {elapsed_ms:.1f} ms {_describe(environ)}\n"
            with self._lock:
                self.count += 1
                self._file.write(line)


def _describe(environ: Mapping[str, Any]) -> str:
    scope = environ.get("HTTP_AUTHORIZATION", "").partition("Credential=")[2].split(",")[0].split("/")
    region, service = (scope[2], scope[3]) if len(scope) > 3 else ("-", "-")
    action = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
    if not action:
        query = parse_qs(environ.get("QUERY_STRING", ""))
        action = query.get("Action", [f"{environ.get('REQUEST_METHOD')} {environ.get('PATH_INFO')}"])[0]
    return f"{service} {region} {action}"
