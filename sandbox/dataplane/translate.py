"""What a pod would find in its mount and network namespaces, written as what is there on this machine. Pure.

- folders of mounts and files of the image become the pod's own folder;
- names of Services and of outside servers become the loopback address at which this pod reaches them;
- in JSON files only values of `address` and `host` are, with the port beside them: TLS goes on to check names.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.dataplane.addresses import listen_port

SERVICE = r"[a-z0-9-]+\.[a-z0-9-]+\.svc\.cluster\.local"
DATABASE = r"[a-z0-9.-]+\.rds\.amazonaws\.com"
HOST_NAME = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+")
OWN_ADDRESSES = frozenset({"0.0.0.0", "127.0.0.1"})
"""What a program says when it means all its addresses or itself: here the pod's."""

DEFAULT_PORTS = {"http": 80, "https": 443}
_NAMES = re.compile(rf"(?:(?P<scheme>https?)://)?(?<![\w.-])(?P<host>{HOST_NAME.pattern})(?::(?P<port>\d+))?(?![\w-])")


@dataclass(frozen=True, kw_only=True, slots=True)
class Translator:
    """`paths`: folder or file in the container -> the one on this machine. `reach`: address at which the pod reaches a
    host, None for a name that is no server. `emulator`: its URL, and the one that the pod has for it."""

    pod_ip: str
    paths: Mapping[str, str]
    reach: Callable[[str], str | None]
    emulator: tuple[str, str]

    def paths_of(self, text: str) -> str:
        """`text` with the container's folders replaced."""
        if not self.paths:
            return text
        longest_first = sorted(self.paths, key=len, reverse=True)
        pattern = rf"(?<![\w.-])({'|'.join(map(re.escape, longest_first))})(?![\w.-])"
        return re.sub(pattern, lambda found: self.paths[found[1]], text)

    def text(self, text: str) -> str:
        """An argument or a value of the environment."""
        direct, own = self.emulator
        return _NAMES.sub(self._name, self.paths_of(text.replace(direct, own)))

    def _name(self, found: re.Match[str]) -> str:
        address = self.reach(found["host"])
        if address is None:
            return found[0]
        port = int(found["port"]) if found["port"] else DEFAULT_PORTS.get(found["scheme"] or "")
        scheme = f"{found['scheme']}://" if found["scheme"] else ""
        return f"{scheme}{address}" + (f":{listen_port(port)}" if port else "")

    def file(self, content: bytes) -> bytes:
        """A file of a ConfigMap or Secret. What needs no translation stays as it is, byte by byte."""
        try:
            text = content.decode()
        except UnicodeDecodeError:
            return content
        if text.lstrip()[:1] not in ("{", "["):
            return self.paths_of(text).encode()
        try:
            data = json.loads(text)
        except ValueError:
            return self.paths_of(text).encode()
        translated = self._json(data)
        return content if translated == data else json.dumps(translated, separators=(",", ":")).encode()

    def _json(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.paths_of(value.replace(*self.emulator))
        if isinstance(value, list):
            return [self._json(item) for item in value]
        if not isinstance(value, dict):
            return value
        result = {key: self._json(item) for key, item in value.items()}
        for key in ("address", "host"):
            if isinstance(value.get(key), str):
                self._place(result, key, value[key])
        return result

    def _place(self, entry: dict[str, Any], key: str, host: str) -> None:
        if host in OWN_ADDRESSES:
            entry[key] = self.pod_ip if key == "address" else host
            return
        address = self.reach(host) if HOST_NAME.fullmatch(host) else None
        if address is None:
            return
        entry[key] = address
        for name in ("port_value", "port"):
            if isinstance(entry.get(name), int):
                entry[name] = listen_port(entry[name])


def outside_hosts(content: str) -> dict[str, int]:
    """Outside host -> port, of the `address` values of a JSON text: whom an Envoy configuration calls."""
    found: dict[str, int] = {}
    try:
        pending = [json.loads(content)]
    except ValueError:
        return found
    while pending:
        value = pending.pop()
        if isinstance(value, list):
            pending += value
        elif isinstance(value, dict):
            host, port = value.get("address"), value.get("port_value")
            if isinstance(host, str) and isinstance(port, int) and _is_outside(host):
                found[host] = port
            pending += value.values()
    return found


def _is_outside(host: str) -> bool:
    named = HOST_NAME.fullmatch(host) and not re.fullmatch(r"[\d.]+", host)
    return bool(named) and not host.endswith((".svc.cluster.local", ".amazonaws.com"))
