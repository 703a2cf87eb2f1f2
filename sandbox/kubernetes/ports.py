"""Free loopback ports."""

import random
import socket

PORTS = range(20_000, 30_000)
"""Below the ports that Linux (32768) and macOS (49152) give to outgoing connections, so that none of those takes a port
between the choice here and the moment a server listens on it."""


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody listens on now."""
    for port in random.sample(PORTS, k=200):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError(f"no free port among 200 of {PORTS.start}..{PORTS.stop - 1} on 127.0.0.1")
