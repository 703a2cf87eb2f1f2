"""The migrator: makes the tables, roles and rights of each shard, and looks again when the list of shards changes."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from contracts.shard_map import ShardMap
from workloads.database import Login, Logins, Place, open_pool
from workloads.lease import Lease
from workloads.logs import Log
from workloads.mounted import Mounted

SCHEMA = Path(__file__).with_name("schema.sql")
MASTER_USER = "cell_master"
"""Owner of the schema (`components/shard.py`)."""

EVERY_S = 5.0
"""Seconds between two looks, and between two attempts at a shard that is not there yet."""

LOCK = 7_262_019
"""Advisory lock of a transaction: two migrators do not make one role at a time. Any number, the same everywhere."""

log = Log("migrator")


class Migrator:
    """Brings shards to the schema of this version, where the cell writes. To a cell that stands by the schema comes by
    replication, and its proxies have nobody to connect to: read/write endpoints of a secondary cluster refuse
    (https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/rds-proxy-gdb.html)."""

    def __init__(
        self, shards: Mounted[Mapping[str, Place]], shard_map: Mounted[ShardMap], login: Logins, lease: Lease
    ) -> None:
        self._shards, self._shard_map, self._login, self._lease = shards, shard_map, login, lease
        self._done: dict[str, Place] = {}

    @property
    def ready(self) -> bool:
        """Whether every mounted shard has the schema, or another cell sees to that."""
        return self._lease.denied or dict(self._shards.get()) == self._done

    async def run(self) -> None:
        """For ever. A shard that fails is logged and tried again."""
        while True:
            for shard, place in self._shards.get().items():
                if self._lease.held and self._done.get(shard) != place:
                    await self._guarded(shard, place)
            self._done = {shard: self._done[shard] for shard in self._shards.get() if shard in self._done}
            await asyncio.sleep(EVERY_S)

    async def _guarded(self, shard: str, place: Place) -> None:
        try:
            await migrate(place, self._login(place, MASTER_USER), shard, self._shard_map.get().version)
            self._done[shard] = place
            log.info("migrated", shard=shard)
        except Exception as error:
            log.error("not migrated, tried again", error, shard=shard)


async def migrate(place: Place, login: Login, shard: str, version: int) -> None:
    """The whole schema in one transaction. The epoch is written once: from then on whoever moves slots raises it.

    Raises ValueError where the database is another shard's.
    """
    pool = await open_pool(place, login, size=1)
    try:
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute(f"SELECT pg_advisory_xact_lock({LOCK})")
            await connection.execute(SCHEMA.read_text())
            await _stamp(connection, shard, version)
    finally:
        await pool.close()


async def _stamp(connection: Any, shard: str, version: int) -> None:
    found = await connection.fetchval("SELECT shard FROM shard_epoch")
    if found is None:
        await connection.execute("INSERT INTO shard_epoch (shard, version) VALUES ($1, $2)", shard, version)
    elif found != shard:
        raise ValueError(
            f"the database of {shard} says that it is {found}; compare shards.json with the stack's outputs"
        )
