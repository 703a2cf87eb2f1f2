"""What the manager tells a proxy process, as one JSON file that it may replace at any time."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class ProxyConfig:
    """One proxy and its target."""

    name: str
    account: str
    region: str
    resource_id: str
    """`prx-...`, which the rds-db:connect permission of a client names."""
    role: str
    host: str
    address: str
    port: int
    require_tls: bool
    iam_end_to_end: bool
    idle_client_s: int
    borrow_timeout_s: int
    max_connections: int
    max_idle: int
    cluster_resource_id: str
    writer_socket: str
    """Path that leads to the Unix socket of whichever instance writes."""
    certificate: str
    key: str
    secrets: dict[str, str] = field(repr=False)
    """User -> password of those that sign in with a secret."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """endpoint_url: the emulator. statistics: file that the process keeps up to date."""

    endpoint_url: str
    statistics: str
    proxies: list[ProxyConfig]

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def read(cls, path: Path) -> "Config":
        values = json.loads(path.read_text())
        return cls(**{**values, "proxies": [ProxyConfig(**one) for one in values["proxies"]]})
