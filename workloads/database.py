"""Connections to the shards: through each shard's proxy, with IAM tokens, and without what pins a proxy's connection.

    databases = Databases(Mounted(path, parse_shards), user="payments", connect=iam_connection)
    async with databases.connection("s00") as connection:
        await connection.fetch("SELECT ...")

What pins (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy-pinning.html) and is not done here: named
prepared statements, SET, session advisory locks, temporary tables, LISTEN, and the reset that a pool would send when a
connection comes back.
"""

import asyncio
import functools
import json
import os
import ssl
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
import boto3

from workloads.mounted import Mounted

CA_FILE = "DATABASE_CA_FILE"
DEFAULT_CA_FILE = "/etc/ssl/certs/rds.pem"

POOL_SIZE = 20
"""Connections to one shard at most: beyond them a request waits for the one before, which the proxy would do too."""

CONNECT_S = 5.0
COMMAND_S = 10.0
"""Seconds until a statement is given up; the roles have the same statement_timeout."""

IDLE_S = 600.0
"""Seconds after which an idle connection is closed: below the proxy's idle_client_timeout of 1,800."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a shard's proxy is."""

    host: str
    """Where to connect to."""
    port: int
    name: str
    """What the certificate and the token are for: the proxy's host name, also where `host` is an address."""
    database: str
    region: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Login:
    """What a connection needs beside its place."""

    user: str
    password: Callable[[], Awaitable[str]] | None = None
    tls: ssl.SSLContext | None = None


Logins = Callable[[Place, str], Login]
"""(place, user) -> how to sign in."""


def parse_shards(text: str) -> Mapping[str, Place]:
    """The mounted shards.json: shard id -> place. Raises ValueError."""
    try:
        content = json.loads(text)
        return {
            shard: Place(
                host=entry["host"],
                port=entry["port"],
                name=entry.get("name", entry["host"]),
                database=content["database"],
                region=content["region"],
            )
            for shard, entry in content["shards"].items()
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"shards.json: {type(error).__name__} at {error}") from error


class Named(ssl.SSLContext):
    """A context that checks the certificate for one name, whatever address was connected to."""

    name: str

    def wrap_bio(self, *args: Any, **options: Any) -> ssl.SSLObject:
        return super().wrap_bio(*args, **{**options, "server_hostname": self.name})


def iam_login(place: Place, user: str) -> Login:
    """A fresh token for every new connection: signed here, valid for 15 minutes, checked when the connection opens
    (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.html)."""
    tls = Named(ssl.PROTOCOL_TLS_CLIENT)
    tls.name = place.name
    tls.load_verify_locations(os.environ.get(CA_FILE, DEFAULT_CA_FILE))
    client = _rds(place.region)

    async def token() -> str:
        # In a thread: the credentials may have to be fetched.
        return str(
            await asyncio.to_thread(
                client.generate_db_auth_token, DBHostname=place.name, Port=place.port, DBUsername=user
            )
        )

    return Login(user=user, password=token, tls=tls)


@functools.cache
def _rds(region: str) -> Any:
    """One for all shards: it takes a large part of a second to make, in which the program does nothing else."""
    return boto3.client("rds", region_name=region)


class Databases:
    """One pool a shard, made when it is first needed and made anew when its place changes."""

    def __init__(self, shards: Mounted[Mapping[str, Place]], user: str, login: Logins = iam_login) -> None:
        self._shards, self._user, self._login = shards, user, login
        self._pools: dict[str, tuple[Place, Any]] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def shards(self) -> list[str]:
        """Ids of the shards that are mounted."""
        return sorted(self._shards.get())

    @asynccontextmanager
    async def connection(self, shard: str) -> AsyncIterator[Any]:
        """A connection to the shard. Raises KeyError for a shard that is not mounted."""
        pool = await self._pool(shard)
        async with pool.acquire(timeout=CONNECT_S) as connection:
            yield connection

    async def warm(self) -> None:
        """Connects to every shard, to all at once, so that the first requests do not wait for it. One that does not
        answer is tried again by those who need it."""
        await asyncio.gather(*(self._touch(shard) for shard in self.shards()), return_exceptions=True)

    async def close(self) -> None:
        """Waits for what runs and closes all pools."""
        await asyncio.gather(*(pool.close() for _, pool in self._pools.values()))

    async def _touch(self, shard: str) -> None:
        async with self.connection(shard):
            pass

    async def _pool(self, shard: str) -> Any:
        place = self._shards.get()[shard]
        known = self._pools.get(shard)
        if known is not None and known[0] == place:
            return known[1]
        # One of its own: a shard that does not answer keeps nobody from another.
        async with self._locks[shard]:
            known = self._pools.get(shard)
            if known is None or known[0] != place:
                self._pools[shard] = (place, await open_pool(place, self._login(place, self._user)))
                if known is not None:
                    # Requests that hold a connection finish on the old place.
                    self._closing = asyncio.create_task(known[1].close())
        return self._pools[shard][1]


async def open_pool(place: Place, login: Login, size: int = POOL_SIZE) -> Any:
    """A pool that leaves no trace on a proxied connection."""
    return await asyncpg.create_pool(
        host=place.host,
        port=place.port,
        user=login.user,
        password=login.password,
        database=place.database,
        ssl=login.tls if login.tls is not None else False,
        min_size=0,
        max_size=size,
        max_inactive_connection_lifetime=IDLE_S,
        statement_cache_size=0,
        timeout=CONNECT_S,
        command_timeout=COMMAND_S,
        reset=_nothing,
    )


async def _nothing(_connection: Any) -> None:
    """In place of RESET ALL and its like, which would pin; the programs set nothing that would have to be reset."""
