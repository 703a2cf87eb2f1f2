"""How the API server of a cluster is asked: a real TLS server, met directly and behind another name."""

import base64
import datetime
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from operations.upgrade.live import Unreachable, cluster_api

HOST = "abc.gr7.eu-west-1.eks.amazonaws.com"
TOKEN = '#!/bin/sh\necho \'{"status": {"token": "t0"}}\'\n'


class Answers(BaseHTTPRequestHandler):
    """An API server that knows one token and one path."""

    def do_GET(self) -> None:
        known = self.headers["Authorization"] == "Bearer t0" and self.path == "/metrics"
        body = b"up 1" if known else b""
        self.send_response(200 if known else 403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Says nothing."""


@dataclass
class Server:
    """Where it listens, its certificate, and the names that clients asked for."""

    port: int
    authority: str
    asked: list[str | None]


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server whose certificate is for the endpoint's name only, and an `aws` that makes its token."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "cluster")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    both = tmp_path / "server.pem"
    both.write_bytes(private + public)
    (tmp_path / "aws").write_text(TOKEN)
    (tmp_path / "aws").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    asked: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    context.sni_callback = lambda _socket, wanted, _context: asked.append(wanted)
    http = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    http.socket = context.wrap_socket(http.socket, server_side=True)
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    yield Server(port=http.server_port, authority=base64.b64encode(public).decode(), asked=asked)
    http.shutdown()
    http.server_close()


def outputs(server: Server, endpoint: str) -> dict[str, str]:
    return {
        "clusterName": "one",
        "region": "eu-west-1",
        "clusterEndpoint": endpoint,
        "clusterCertificateAuthority": server.authority,
    }


def test_behind_a_tunnel_the_endpoints_own_name_is_asked_for_and_verified(server: Server) -> None:
    api = cluster_api("one", outputs(server, f"https://{HOST}"), None, f"127.0.0.1:{server.port}")
    assert api.text("/metrics") == "up 1"
    assert server.asked == [HOST]


def test_a_tunnel_to_another_cluster_is_not_believed(server: Server) -> None:
    elsewhere = "https://other.gr7.eu-west-1.eks.amazonaws.com"
    api = cluster_api("one", outputs(server, elsewhere), None, f"127.0.0.1:{server.port}")
    with pytest.raises(Unreachable, match="Hostname mismatch"):
        api.text("/metrics")


def test_without_a_tunnel_the_endpoint_is_dialled_under_its_own_name(server: Server) -> None:
    api = cluster_api("one", outputs(server, f"https://127.0.0.1:{server.port}"), None)
    with pytest.raises(Unreachable, match="IP address mismatch"):
        api.text("/metrics")


def test_what_the_server_refuses_is_told(server: Server) -> None:
    api = cluster_api("one", outputs(server, f"https://{HOST}"), None, f"127.0.0.1:{server.port}")
    with pytest.raises(Unreachable, match="GET /api: the API server answers 403 Forbidden"):
        api.text("/api")
