"""AWS as moto has it, in this process."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from moto.server import ThreadedMotoServer


@contextmanager
def moto_server(address: str) -> Iterator[str]:
    """The endpoint of an empty AWS. Its state is the process's: what tests of another file have left is gone first."""
    server = ThreadedMotoServer(ip_address=address, port=0, verbose=False)
    server.start()
    try:
        endpoint = "http://{}:{}".format(*server.get_host_and_port())
        httpx.post(f"{endpoint}/moto-api/reset").raise_for_status()
        yield endpoint
    finally:
        server.stop()
