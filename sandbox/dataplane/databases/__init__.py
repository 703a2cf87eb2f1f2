"""Databases of the emulated account as real servers: Aurora clusters as PostgreSQL 17, database proxies as processes.

docs/data-plane-databases.md says what is as on AWS and what is not.
"""

from sandbox.dataplane.databases.manager import Databases

__all__ = ["Databases"]
