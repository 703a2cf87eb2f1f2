"""The data plane's control socket: a line of JSON in, a line of JSON out. Its owner alone may connect."""

import json
import os
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sandbox.lifecycle.home import Home, SandboxError

NAME = "control.sock"
TIMEOUT_S = 60.0
STARTS_WITHIN_S = 15.0
"""Seconds that a data plane may need until it listens: it starts after the emulator."""

Answers = Mapping[str, Callable[[Mapping[str, Any]], Any]]
"""Word -> what it does with the request; an exception's text is the answer's `error`."""


def serve(folder: Path, answers: Answers) -> None:
    """Answer requests from threads of its own until the process ends."""
    path = folder / NAME
    path.unlink(missing_ok=True)

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            request = json.loads(self.rfile.readline() or "{}")
            try:
                answer = {"answer": answers[request["do"]](request)}
            except Exception as error:  # of whatever part: the one who asked is told
                answer = {"error": str(error) or type(error).__name__}
            self.wfile.write(json.dumps(answer).encode() + b"\n")

    class Server(socketserver.ThreadingUnixStreamServer):
        # A probe asks for all shards at once.
        request_queue_size = 128

    before = os.umask(0o177)
    try:
        server = Server(str(path), Handler)
    finally:
        os.umask(before)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="control", daemon=True).start()


def listens(home: Home) -> bool:
    """Whether there is a data plane to ask."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        return connection.connect_ex(str(home.dataplane / NAME)) == 0


def ask(home: Home, do: str, timeout_s: float = TIMEOUT_S, **request: Any) -> Any:
    """SandboxError when nobody answers, or with the answer's own error."""
    deadline = time.monotonic() + STARTS_WITHIN_S
    while not listens(home) and time.monotonic() < deadline:
        time.sleep(0.1)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout_s)
            connection.connect(str(home.dataplane / NAME))
            connection.sendall(json.dumps({"do": do, **request}).encode() + b"\n")
            with connection.makefile() as lines:
                answer = json.loads(lines.readline())
    except (OSError, ValueError) as error:
        raise SandboxError(
            f"the data plane does not answer ({error or type(error).__name__}); see `cell sandbox logs dataplane`"
        ) from error
    if "error" in answer:
        raise SandboxError(answer["error"])
    return answer["answer"]
