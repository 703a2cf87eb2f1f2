"""Requests of health checks, to real servers on loopback."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sandbox.dataplane.dns import behind, bindings
from sandbox.dataplane.endpoint_checks import Address, Endpoint, Streak, ask
from sandbox.kubernetes.errors import ApiError
from sandbox.kubernetes.pki import Authority

HOST = "cell.example.com"
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def endpoint(kind: str = "HTTP", search: str = "") -> Endpoint:
    return Endpoint(kind=kind, host=HOST, path="/writer", search=search, sni=True)


def answers(text: str) -> Serve:
    """An HTTP answer to whatever comes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(text.encode())
        await writer.drain()
        writer.close()

    return serve


async def says_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


def asked(what: Endpoint, serve: Serve, context: ssl.SSLContext | None = None) -> tuple[bool, str]:
    """What one request to such a server says."""

    async def run() -> tuple[bool, str]:
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
        async with server:
            address: Address = server.sockets[0].getsockname()
            return await ask(what, address)

    return asyncio.run(run())


@pytest.mark.parametrize(("status", "well"), [(200, True), (302, True), (199, False), (404, False), (503, False)])
def test_a_status_from_200_to_399_is_good(status: int, well: bool) -> None:
    assert asked(endpoint(), answers(f"HTTP/1.1 {status} X\r\n\r\n"))[0] is well


def test_https_names_its_host_and_takes_any_certificate(tmp_path: Path) -> None:
    authority, named = Authority(tmp_path, "nobody"), []
    pair = authority.issue("server", common_name="other", hosts=["other.example.com"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    context.sni_callback = lambda _socket, name, _context: named.append(name)
    well, text = asked(endpoint("HTTPS"), answers("HTTP/1.1 200 OK\r\n\r\n"), context)
    assert (well, text, named) == (True, "HTTP Status Code 200", [HOST])


@pytest.mark.parametrize(("body", "well"), [("it is well", True), ("it is ill", False), ("x" * 5120 + "well", False)])
def test_a_string_has_to_be_in_the_first_bytes(body: str, well: bool) -> None:
    text = f"HTTP/1.1 200 OK\r\n\r\n{body}"
    assert asked(endpoint("HTTP_STR_MATCH", "well"), answers(text))[0] is well


def test_who_does_not_answer_in_time_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.dataplane.endpoint_checks.ANSWER_S", 0.1)
    assert asked(endpoint(), says_nothing) == (False, "TimeoutError")
    assert asked(endpoint("TCP"), says_nothing) == (True, "connected")


def test_a_port_on_which_nobody_listens_fails() -> None:
    assert not asyncio.run(ask(endpoint(), ("127.0.0.1", 1)))[0]


def test_it_takes_as_many_answers_in_a_row_as_declared_to_change_the_status() -> None:
    streak = Streak()
    seen = []
    for well in (False, False, True, False, False, False, True, True, True):
        streak.add(well, "", 3)
        seen.append(streak.healthy)
    assert seen == [True, True, True, True, True, False, False, False, True]


def test_a_load_balancer_leads_to_the_gateway_that_is_bound_to_its_target_group() -> None:
    balancers: list[Any] = [
        {"name": "home", "targetGroups": ["group-home"]},
        {"name": "dead", "targetGroups": ["group-dead"]},
        {"name": "unbound", "targetGroups": ["group-unbound"]},
    ]
    groups = {"group-home": "eu-west-1/gateway", "group-dead": "eu-central-1/gateway"}
    gateways, serving = behind(balancers, groups, {"eu-west-1/gateway": "127.64.0.1:20443"})
    assert gateways == {"home": "127.64.0.1:20443"}
    assert serving == {"home": True, "dead": False}


def test_bindings_of_either_controller_are_found() -> None:
    binding = {
        "metadata": {"namespace": "gateway"},
        "spec": {"serviceRef": {"name": "gateway"}, "targetGroupARN": "group"},
    }

    def get(path: str) -> Any:
        if "elbv2" in path:
            raise ApiError(404, "NotFound", "the server could not find the requested resource")
        return {"items": [binding]}

    cluster: Any = SimpleNamespace(client=SimpleNamespace(get=get), key=SimpleNamespace(name="eu-west-1"))
    assert bindings(cluster) == {"group": "eu-west-1/gateway.gateway.svc.cluster.local"}
