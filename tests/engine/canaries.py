"""Every secret value of a live cell, and the search for them in what its operations leave behind."""

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

MARK = "4dabf18193072939515e22adb298388d"
MARKED = "1b47061264138c4ac30d75fd1eb44270"
"""How the engine marks a secret (sdk/go/common/resource/sig in pulumi/pulumi)."""

SHORTEST = 8
"""Characters of a value that is looked for: shorter ones are found anywhere by chance."""

LONG_LINE = 40
"""Characters of a line of a value that is looked for by itself: a key in PEM form, cut into lines."""

PUBLIC = frozenset({"ca.crt", "tls.crt", "username", "engine", "host", "port", "dbname", "dbClusterIdentifier"})
"""Parts of a Kubernetes Secret and of a database's secret that are none: certificates, and where the database is."""

PARAMETER = "aws:ssm/parameter:Parameter"
"""The provider marks the value of each; one of type String is kept in clear and is no secret."""

PRIVATE_KEY = re.compile(
    rb"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY|LS0tLS1CRUdJTi(?:BQUklWQVRF|BFQyBQUklWQVRF|BSU0EgUFJJVkFURS)"
)
"""A private key in PEM form, plain or in base64: also one that was made in a preview and is nowhere else."""


def of_state(exported: Any, where: str = "state") -> Iterator[tuple[str, str]]:
    """Where it is, and each text under every mark of `stack export --show-secrets`."""
    if isinstance(exported, Mapping):
        if exported.get(MARK) == MARKED and "plaintext" in exported:
            yield from ((where, one) for one in texts(json.loads(exported["plaintext"])))
            return
        if exported.get("type") == PARAMETER and exported["inputs"]["type"] == "String":
            return
        within = f"{where} {str(exported['urn']).rpartition('::')[2]}" if "urn" in exported else where
        for name, one in exported.items():
            yield from of_state(one, f"{within} {name}")
    elif isinstance(exported, list):
        for one in exported:
            yield from of_state(one, where)


def texts(value: Any) -> Iterator[str]:
    """The texts of a secret, those in base64 and JSON taken out too, without what is public in it."""
    if isinstance(value, Mapping):
        for name, one in value.items():
            if name not in PUBLIC:
                yield from texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from texts(one)
    elif isinstance(value, str):
        yield from _text(value)


def _text(value: str) -> Iterator[str]:
    try:
        inner = json.loads(value)
    except ValueError:
        inner = None
    if isinstance(inner, (Mapping, list)):
        yield from texts(inner)
        return
    yield value
    with suppress(ValueError):
        yield base64.b64decode(value, validate=True).decode("utf-8")


def of_cluster(secrets: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Where it is, and each value of Kubernetes Secrets."""
    for secret in secrets:
        about = secret["metadata"]
        for name, value in (secret.get("data") or {}).items():
            if name not in PUBLIC:
                decoded = base64.b64decode(value).decode("utf-8", "replace")
                yield from ((f"cluster {about['namespace']} {about['name']} {name}", one) for one in texts(decoded))


class Search:
    """Looks for secrets in every form that a file may have them in."""

    def __init__(self, secrets: Iterable[tuple[str, str]]) -> None:
        """``secrets``: where each is, which is told in its stead, and its value."""
        self.secrets: dict[str, str] = {}
        """Value -> where it is."""
        for where, value in secrets:
            lines = [line for line in value.splitlines() if len(line) >= LONG_LINE] if "\n" in value.strip() else []
            for one in (value.strip(), *lines):
                if len(one) >= SHORTEST:
                    self.secrets.setdefault(one, where)
        self._forms = {form: where for one, where in self.secrets.items() for form in forms(one)}

    def found_in(self, content: bytes) -> list[str]:
        """Where the secrets are from that are there, and private keys of nobody known."""
        known = {where for form, where in self._forms.items() if form in content}
        return [*sorted(known), *("a private key" for _ in PRIVATE_KEY.findall(content))]


def forms(secret: str) -> Iterator[bytes]:
    """As it is, and as JSON, a page, a URL, hex digits, and base64 at each of its three places in a text have it."""
    raw = secret.encode()
    yield from (raw, json.dumps(secret)[1:-1].encode(), html.escape(secret).encode())
    yield from (quote(secret, safe="").encode(), quote(secret).encode(), raw.hex().encode())
    for before in range(3):
        # The characters at both ends depend on what is around.
        encoded = base64.b64encode(b"\0" * before + raw)[-(-8 * before // 6) : -4]
        if len(encoded) >= SHORTEST:
            yield encoded
            yield encoded.replace(b"+", b"-").replace(b"/", b"_")


def files(*places: Path) -> Iterator[Path]:
    """All files in folders, and files."""
    for place in places:
        yield from (one for one in ([place] if place.is_file() else place.rglob("*")) if one.is_file())
