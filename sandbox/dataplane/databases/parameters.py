"""A cluster parameter group as a configuration of PostgreSQL 17: what it knows is applied, the rest is named."""

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SMALL: Mapping[str, str] = {
    "shared_buffers": "16MB",
    "max_connections": "100",
    "max_worker_processes": "2",
    "max_parallel_workers": "0",
    "max_wal_size": "128MB",
    "min_wal_size": "32MB",
    "wal_keep_size": "256MB",
    "wal_retrieve_retry_interval": "500ms",
    "autovacuum_max_workers": "1",
    "jit": "off",
    "fsync": "off",
    "full_page_writes": "off",
}
"""Sizes for one machine that holds many servers, whatever the parameter group says of them. Aurora computes
max_connections from the memory of the instance class. Without fsync a killed server loses nothing, a machine without
power does; a sandbox does not outlive that anyway.
The log that is kept is what a secondary may miss while it is cut off."""

TRANSLATED: Mapping[tuple[str, str], tuple[str, str]] = {
    ("rds.logical_replication", "1"): ("wal_level", "logical"),
}
"""Parameter and value of RDS -> what they set in PostgreSQL
(https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/AuroraPostgreSQL.Replication.Logical.html)."""

ALWAYS = frozenset({("rds.force_ssl", "1"), ("rds.accepted_password_auth_method", "scram")})
"""True here without a setting: pg_hba.conf lets nobody in without TLS, and nobody with an MD5 verifier."""

LIBRARIES = "shared_preload_libraries"


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """applied: lines of postgresql.conf by name. not_applied: `name=value` of what PostgreSQL 17 does not know."""

    applied: Mapping[str, str]
    not_applied: Sequence[str]


def known_names(bin_folder: Path) -> frozenset[str]:
    """All parameters of the server, from its own list."""
    command = [str(bin_folder / "postgres"), "--describe-config"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.splitlines()
    return frozenset(line.split("\t", 1)[0] for line in lines)


def settings(group: Mapping[str, str], known: frozenset[str], library_folder: Path) -> Settings:
    """The configuration of a server whose cluster parameter group says `group`."""
    applied, not_applied = {}, []
    for name, value in sorted(group.items()):
        if name == LIBRARIES:
            wanted = [library.strip() for library in value.split(",") if library.strip()]
            there = [library for library in wanted if (library_folder / f"{library}.so").exists()]
            not_applied += [f"{name}={library}" for library in wanted if library not in there]
            applied[name] = ",".join(there)
        elif (name, value) in TRANSLATED:
            other, set_to = TRANSLATED[name, value]
            applied[other] = set_to
        elif name in known and name not in SMALL and "{" not in value:
            applied[name] = value
        elif (name, value) not in ALWAYS:
            not_applied.append(f"{name}={value}")
    return Settings(applied={**applied, **SMALL}, not_applied=not_applied)


def quoted(value: str) -> str:
    """A value of postgresql.conf."""
    return "'" + value.replace("'", "''") + "'"
