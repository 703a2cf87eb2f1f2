"""Connections to a shard through its database proxy: TLS, an IAM token for each new connection, and no session state,
so that the proxy never pins one (https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/rds-proxy-pinning.html).
"""

from __future__ import annotations

import asyncio
import ssl

import asyncpg
import boto3

COMMAND_TIMEOUT_S = 10.0
"""Seconds for one statement, twice what the proxy waits for a free connection."""


async def connect_pool(
    host: str, port: int, user: str, database: str, region: str, ca_file: str, *, min_size: int = 0, max_size: int = 2
) -> asyncpg.Pool:
    """A pool that logs in as `user` with tokens of the process's own role."""
    rds = boto3.client("rds", region_name=region)

    async def token() -> str:
        # Signing is local, but fetching the role's credentials may not be.
        return await asyncio.to_thread(rds.generate_db_auth_token, host, port, user, region)

    async def nothing(_: object) -> None:
        """In place of the driver's reset, which closes and unlocks what this program never opens: it would pin."""

    return await asyncpg.create_pool(
        host=host,
        port=port,
        user=user,
        password=token,
        database=database,
        ssl=ssl.create_default_context(cafile=ca_file),
        # Named statements are session state too; with no cache the driver uses unnamed ones.
        statement_cache_size=0,
        reset=nothing,
        min_size=min_size,
        max_size=max_size,
        command_timeout=COMMAND_TIMEOUT_S,
        timeout=COMMAND_TIMEOUT_S,
    )
