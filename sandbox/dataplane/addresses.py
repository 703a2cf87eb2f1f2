"""Loopback addresses: each pod has one, and so has each (pod, server) pair. Nothing else on the machine needs them.

A sandbox takes one 127.x.0.0/16 for itself; a socket that listens in it for as long as it lives says that it is taken.
Linux answers on all of 127.0.0.0/8 without configuration; other systems do not, so that no data plane runs there.
"""

import hashlib
import socket

OCTETS = range(64, 224)
"""Second bytes that sandboxes choose from; what people configure by hand is below."""

CLAIM = ("255.254", 41_000)
"""Last two bytes and port of the socket that claims a block."""

PRIVILEGED = 1024
"""Ports below need root (ip_unprivileged_port_start): here they are moved up."""

MOVED_UP = 20_000


def listen_port(port: int) -> int:
    """The port at which a server's `port` is reached here."""
    return port + MOVED_UP if port < PRIVILEGED else port


class Claim:
    """A /16 block of this sandbox's own, held until the process ends. `preferred`: any number, such as a hash."""

    def __init__(self, preferred: int) -> None:
        for step in range(len(OCTETS)):
            octet = OCTETS[(preferred + step) % len(OCTETS)]
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            try:
                self._socket.bind((f"127.{octet}.{CLAIM[0]}", CLAIM[1]))
                self._socket.listen(1)
            except OSError:
                self._socket.close()
                continue
            self.octet = octet
            return
        raise OSError(f"no block of 127.{OCTETS[0]}.0.0 to 127.{OCTETS[-1]}.0.0 is free; stop other sandboxes")

    def close(self) -> None:
        self._socket.close()


class Pool:
    """Addresses 127.octet.first.1 to 127.octet.last.254. The same keys taken in the same order get the same addresses,
    and a key alone always its own."""

    def __init__(self, octet: int, first: int, last: int) -> None:
        self._octet, self._first, self._size = octet, first, (last - first + 1) * 254
        self._by_key: dict[str, int] = {}
        self._used: set[int] = set()

    def take(self, key: str) -> str:
        """The key's address; OSError when all are taken."""
        if key not in self._by_key:
            if len(self._used) >= self._size:
                raise OSError(f"all {self._size} loopback addresses of this kind are taken")
            number = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8]) % self._size
            while number in self._used:
                number = (number + 1) % self._size
            self._by_key[key] = number
            self._used.add(number)
        third, fourth = divmod(self._by_key[key], 254)
        return f"127.{self._octet}.{self._first + third}.{fourth + 1}"

    def release(self, key: str) -> None:
        """Give the address back; harmless for an unknown key."""
        number = self._by_key.pop(key, None)
        if number is not None:
            self._used.discard(number)
