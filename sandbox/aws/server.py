"""The emulator: moto's server in one process, with our extensions, on a loopback socket that the supervisor opened.

Next to the AWS API it answers below /_sandbox/: `status`, `token-review`, the authentication webhook of the emulated
clusters' API servers, `databases` and `db-token`, which RDS Proxy asks, and with the admin token `reset`,
`used-actions`, `faults`, `dns` and `pod-identity`.
"""

import gc
import json
import logging
import os
import re
import secrets
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from moto.backends import get_backend
from moto.moto_server.werkzeug_app import create_backend_app
from waitress.channel import HTTPChannel
from waitress.server import create_server
from waitress.task import WSGITask

from sandbox.aws import extensions, outages, shortcuts
from sandbox.aws.access_log import AccessLog
from sandbox.aws.dns.exchange import exchange
from sandbox.aws.errors import Unavailable, error_response
from sandbox.aws.extensions import db_tokens
from sandbox.aws.iam import pods, refusals, requests
from sandbox.aws.iam.gate import Gate
from sandbox.aws.iam.used import USED
from sandbox.aws.kubernetes import Kubernetes
from sandbox.aws.shortcuts import Dispatcher
from sandbox.lifecycle import emulator_client, processes
from sandbox.lifecycle.home import Home

StartResponse = Callable[..., Any]
WSGIApp = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]

TOKEN_REVIEW = "/_sandbox/token-review"
USED_ACTIONS = "/_sandbox/used-actions"
POD_IDENTITY = "/_sandbox/pod-identity"
MOTO_RESET = "/moto-api/reset"
"""moto's own way to empty the account."""

_METADATA = re.compile(rb"\r\nX-Amz-Meta-[^:]*")
_LOOPBACK = re.compile(r"127(\.\d{1,3}){3}")

COLLECT_AFTER = 100_000
"""Objects between two collections of garbage."""

THREADS = 64
"""Requests at a time, those that wait for a message of a queue among them."""
CONNECTIONS = 10_000
"""Kept ones included: ten a client of boto3, and every program has several."""


class Task(WSGITask):  # type: ignore[misc]
    """Names of an object's metadata in lower case, as S3 answers: waitress capitalises every header, and clients take
    these names as they come."""

    def build_response_header(self) -> bytes:
        head: bytes = super().build_response_header()
        return _METADATA.sub(lambda found: found[0].lower(), head)


class Channel(HTTPChannel):  # type: ignore[misc]
    task_class = Task


class Emulator:
    """The WSGI application."""

    def __init__(
        self, *, start_id: str, admin_token: str, moto: WSGIApp, kubernetes: Kubernetes, log: AccessLog
    ) -> None:
        self._start_id = start_id
        self._admin_token = admin_token
        self._moto = moto
        self._kubernetes = kubernetes
        self._log = log
        self._gate = Gate()
        self._started = self._account_since = time.time()

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if not _is_local(environ.get("HTTP_HOST", "")):
            return _reply(start_response, "403 Forbidden", {"message": "the sandbox answers on loopback names only"})
        path = environ.get("PATH_INFO", "")
        environ["RAW_URI"] = environ.get("REQUEST_URI", path)  # moto's name: keys of S3 as they were sent
        if path.startswith("/_sandbox/"):
            return self._own(path, environ, start_response)
        if path == MOTO_RESET:
            self._account_since = time.time()
            self._gate.clear()
        return self._log.around(self._aws, environ, start_response)

    def _aws(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        answered: list[Any] = []
        try:
            who = requests.credential(environ)
            if who is not None and outages.REGIONS.faults:
                outages.suffer(environ, who, self._gate.home(who))
            if who is not None and (refused := self._gate.refusal(environ, who)) is not None:
                return refusals.respond(environ, who, refused, start_response)
            body = self._moto(environ, lambda *answer: answered.append(answer))
        except Unavailable as error:
            return error_response(environ, start_response, error)
        except outages.NoAnswer:
            raise
        except Exception as error:
            logging.exception("%s %s", environ.get("REQUEST_METHOD"), environ.get("PATH_INFO"))
            return error_response(environ, start_response, error)
        status, headers, *_ = answered[-1]
        is_page = dict(headers).get("Content-Type", "").startswith("text/html")
        if status.startswith("404") and is_page and environ.get("REQUEST_METHOD") != "HEAD":
            # The web framework's own page: moto has no such path.
            lacking = NotImplementedError(f"{environ.get('REQUEST_METHOD')} {environ.get('PATH_INFO')}")
            return error_response(environ, start_response, lacking)
        start_response(*answered[-1])
        return body

    def _own(self, path: str, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if path == emulator_client.STATUS:
            return _reply(start_response, "200 OK", self._status())
        if path == TOKEN_REVIEW or path.startswith(f"{TOKEN_REVIEW}/"):
            return self._kubernetes.review_token(environ, start_response)
        if path in (db_tokens.CHECK, db_tokens.PLACES):
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            return _reply(start_response, "200 OK", db_tokens.answer(path, body))
        given = environ.get("HTTP_" + emulator_client.TOKEN_HEADER.upper().replace("-", "_"), "")
        answer = self._for_admin(path, environ)
        if answer is None:
            return _reply(start_response, "404 Not Found", {"message": f"nothing is at {path}"})
        if not secrets.compare_digest(given.encode(), self._admin_token.encode()):
            return _reply(start_response, "403 Forbidden", {"message": f"{emulator_client.TOKEN_HEADER} is wrong"})
        return _reply(start_response, *answer())

    def _for_admin(self, path: str, environ: dict[str, Any]) -> Callable[[], tuple[str, Mapping[str, Any]]] | None:
        """What a path answers to whoever has the token; None where there is nothing."""
        method = environ.get("REQUEST_METHOD")
        if (method, path) == ("POST", emulator_client.RESET):
            return self._reset
        if (method, path) == ("GET", USED_ACTIONS):
            return lambda: ("200 OK", {"roles": USED.report()})
        if (method, path) == ("POST", emulator_client.FAULTS):
            return lambda: _faults(environ)
        if (method, path) == ("POST", emulator_client.DNS):
            return lambda: ("200 OK", exchange(json.loads(requests.body_of(environ))))
        if (method, path) == ("POST", POD_IDENTITY):
            return lambda: _pod_credentials(environ)
        return None

    def _reset(self) -> tuple[str, Mapping[str, Any]]:
        self._kubernetes.stop_all()
        outages.told([])
        get_backend("moto_api")["global"].reset()
        self._gate.clear()
        self._account_since = time.time()
        return "200 OK", self._status()

    def _status(self) -> Mapping[str, Any]:
        return {
            "startId": self._start_id,
            "uptime": round(time.time() - self._started, 1),
            "accountSince": self._account_since,
            "requests": self._log.count,
            "kubernetes": self._kubernetes.summary(),
            "clusters": self._kubernetes.clusters(),
        }


def _faults(environ: dict[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """Body: all faults of regions, as `Regions.to_json` has them."""
    outages.told(json.loads(requests.body_of(environ)))
    return "200 OK", {"faults": outages.REGIONS.to_json()}


def _pod_credentials(environ: dict[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """Body: clusterArn, namespace, serviceAccount and, for the session's tags, podName and podUid."""
    asked = json.loads(requests.body_of(environ))
    try:
        pod = pods.Pod(
            cluster_arn=asked["clusterArn"],
            namespace=asked["namespace"],
            service_account=asked["serviceAccount"],
            name=asked.get("podName", ""),
            uid=asked.get("podUid", ""),
        )
        return "200 OK", pods.credentials(pod)
    except pods.NotAssociated as error:
        return "404 Not Found", {"message": str(error)}
    except pods.NotTrusted as error:
        return "403 Forbidden", {"message": str(error)}
    except NotImplementedError as error:
        return "501 Not Implemented", {"message": f"the emulator lacks this: {error}"}


def _is_local(host: str) -> bool:
    """Whether the Host header is loopback's: a foreign name that resolves to 127.0.0.1 is DNS rebinding. Pods come by
    addresses of their own, anywhere in 127.0.0.0/8."""
    name = host.rpartition(":")[0] or host
    return name in ("localhost", "[::1]") or name.endswith(".localhost") or _LOOPBACK.fullmatch(name) is not None


def _reply(start_response: StartResponse, status: str, body: Mapping[str, Any]) -> Iterable[bytes]:
    data = json.dumps(body).encode()
    start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(data)))])
    return [data]


def main(home: Home, descriptor: int) -> None:
    """Serve until SIGTERM, then end the API servers."""
    parent = os.getppid()
    signal.pthread_sigmask(signal.SIG_SETMASK, ())  # the supervisor blocks what it waits for, and masks are inherited
    processes.die_with_parent(signal.SIGTERM)
    if os.getppid() != parent:
        return
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)  # the controllers of the API servers: a line a request
    listener = socket.socket(fileno=descriptor)
    port = listener.getsockname()[1]
    kubernetes = Kubernetes(home, f"http://127.0.0.1:{port}{TOKEN_REVIEW}")
    extensions.install(kubernetes)
    shortcuts.install()
    application = Emulator(
        start_id=os.environ[processes.RUN_VARIABLE],
        admin_token=home.secrets()["admin_token"],
        moto=Dispatcher(create_backend_app),
        kubernetes=kubernetes,
        log=AccessLog(home.logs / "access.log"),
    )
    # Clients keep their connections: one for each request cost more than most answers.
    server = create_server(
        application,
        sockets=[listener],
        threads=THREADS,
        connection_limit=CONNECTIONS,
        asyncore_use_poll=True,  # select() ends at descriptor 1,024
        clear_untrusted_proxy_headers=False,
    )
    server.channel_class = Channel
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    # Modules and models stay; looking through them every 700 objects would be a third of the emulator's work.
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)
    logging.info("serving on port %d", port)
    threading.Thread(target=_serve, args=(server, ended), daemon=True).start()
    ended.wait()
    kubernetes.stop_all()
    logging.info("ended")
    os._exit(0)  # requests may wait for seconds; there is nothing left to wait for


def _serve(server: Any, ended: threading.Event) -> None:
    try:
        server.run()
    finally:
        ended.set()


if __name__ == "__main__":
    main(Home(path=Path(sys.argv[1])), int(sys.argv[2]))
