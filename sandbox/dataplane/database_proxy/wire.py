"""Messages of PostgreSQL's protocol 3.0, as far as a proxy reads and writes them.

https://www.postgresql.org/docs/17/protocol-message-formats.html
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

SSL_REQUEST, GSS_REQUEST, CANCEL_REQUEST, PROTOCOL_3 = 80877103, 80877104, 80877102, 196608
"""What the first message of a connection begins with."""

STARTUP_BYTES = range(8, 10_001)
"""Length of a startup message that PostgreSQL itself accepts (MAX_STARTUP_PACKET_LENGTH)."""

MESSAGE_BYTES = 0x3FFFFFFF
"""Longest message that PostgreSQL accepts from a client (PQ_LARGE_MESSAGE_LIMIT)."""


class ProtocolError(Exception):
    """What came is no message of the protocol."""


@dataclass(slots=True)
class Frames:
    """Cuts a stream of bytes into messages: (type, whole message)."""

    _rest: bytearray = field(default_factory=bytearray)

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        self._rest += data
        start = 0
        try:
            while len(self._rest) - start >= 5:
                (length,) = struct.unpack_from("!I", self._rest, start + 1)
                if not 4 <= length <= MESSAGE_BYTES:
                    raise ProtocolError(f"a message of {length} bytes")
                end = start + 1 + length
                if len(self._rest) < end:
                    break
                yield self._rest[start], bytes(self._rest[start:end])
                start = end
        finally:
            del self._rest[:start]


def message(kind: str, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return kind.encode() + struct.pack("!I", len(body) + 4) + body


def text(value: str) -> bytes:
    return value.encode() + b"\0"


def number(value: int) -> bytes:
    return struct.pack("!i", value)


def startup(parameters: Mapping[str, str]) -> bytes:
    body = number(PROTOCOL_3) + b"".join(text(name) + text(value) for name, value in parameters.items()) + b"\0"
    return number(len(body) + 4) + body


def startup_parameters(body: bytes) -> dict[str, str]:
    """Parameters of a startup message whose length and version are cut off."""
    words = body.decode("utf-8", "replace").removesuffix("\0\0").split("\0")
    if len(words) % 2 or not body.endswith(b"\0\0"):
        raise ProtocolError("a startup message without end")
    return dict(zip(words[0::2], words[1::2], strict=True))


def strings(body: bytes) -> list[str]:
    return [word.decode("utf-8", "replace") for word in body.split(b"\0")]


def error(code: str, reason: str, severity: str = "FATAL") -> bytes:
    fields = (("S", severity), ("V", severity), ("C", code), ("M", reason))
    return message("E", *(kind.encode() + text(value) for kind, value in fields), b"\0")


def error_fields(whole: bytes) -> dict[str, str]:
    """Fields of an ErrorResponse by their letter: `C` is the code, `M` the message."""
    return {word[:1]: word[1:] for word in strings(whole[5:]) if word}


AUTHENTICATION_OK = message("R", number(0))
ASK_PASSWORD = message("R", number(3))
READY = message("Z", b"I")
TERMINATE = message("X")
