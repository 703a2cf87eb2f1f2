"""The node's network by itself: what becomes of connections while pods come and go, and what it costs the machine."""

import os
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from eks import wait

from sandbox.dataplane.node_proxy import Address, Listener, NodeProxy

pytestmark = pytest.mark.dataplane

SERVICE: Address = ("127.98.0.1", 18080)
WITHIN_S = 30.0


class _Named(socketserver.BaseRequestHandler):
    """Answers each byte with the server's letter."""

    def handle(self) -> None:
        while self.request.recv(1):
            self.request.sendall(self.server.letter)  # type: ignore[attr-defined]


@contextmanager
def server(letter: bytes) -> Iterator[Address]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Named) as one:
        one.daemon_threads, one.block_on_close = True, False
        one.letter = letter  # type: ignore[attr-defined]
        threading.Thread(target=one.serve_forever, daemon=True).start()
        yield str(one.server_address[0]), int(one.server_address[1])
        one.shutdown()


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[NodeProxy]:
    made = NodeProxy(tmp_path / "node", tmp_path / "node.log")
    yield made
    made.stop()


def asked(connection: socket.socket) -> bytes:
    connection.sendall(b"?")
    return connection.recv(1)


def new() -> bytes:
    """Who answers a new connection; nothing where none does."""
    try:
        with socket.create_connection(SERVICE, timeout=5) as connection:
            return asked(connection)
    except OSError:
        return b""


def test_connections_outlive_pods_that_come_and_go(proxy: NodeProxy) -> None:
    listeners = [Listener(SERVICE, "service")]
    with ExitStack() as stack:
        first, second = stack.enter_context(server(b"1")), stack.enter_context(server(b"2"))
        proxy.apply(listeners, {"service": [first]})
        wait(lambda: new() == b"1", WITHIN_S, "the first pod")
        old = stack.enter_context(socket.create_connection(SERVICE, timeout=5))
        assert asked(old) == b"1"
        proxy.apply(listeners, {"service": [first, second]})
        wait(lambda: new() == b"2", WITHIN_S, "the second pod")
        assert asked(old) == b"1"
        proxy.apply(listeners, {"service": [second], "other": [first]})
        wait(lambda: {new() for _ in range(8)} == {b"2"}, WITHIN_S, "the first pod to be out")
        assert asked(old) == b"1", "what is open ends by itself"


def test_a_hundred_services_need_few_inotify_instances(proxy: NodeProxy) -> None:
    with server(b"1") as pod:
        names = [f"service-{number}" for number in range(100)]
        proxy.apply([Listener(SERVICE, names[0])], {name: [pod] for name in names})
        wait(lambda: new() == b"1", WITHIN_S, "the pod")
        held = [os.readlink(one) for one in Path(f"/proc/{proxy.pid}/fd").iterdir() if one.exists()]
        assert 0 < sum("inotify" in one for one in held) < 10
