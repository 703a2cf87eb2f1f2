"""Ways around moto's global locks: it takes one to find the service of a request and one for each account that it looks
into, under which all requests wait for each other. What was found once is found again without, and so are the methods
of a class, which moto lists for each request.
"""

import functools
from typing import Any

from moto.core import responses
from moto.core.base_backend import BackendDict
from moto.moto_server.werkzeug_app import DomainDispatcherApplication

_slow = BackendDict.__getitem__


def _account(self: Any, account_id: str) -> Any:
    """An account that is there needs no lock; a new one is made under moto's."""
    try:
        return dict.__getitem__(self, account_id)
    except KeyError:
        return _slow(self, account_id)


class _Registered(list[Any]):
    """What a reset empties. moto forgets it after a reset and registers a service when it is next looked up, which the
    short way to an account does not; and one service's reset can look up another that was emptied before it."""

    def clear(self) -> None:
        """Nothing: an empty service may be emptied again."""


class Dispatcher(DomainDispatcherApplication):  # type: ignore[misc]
    """Remembers which service answers on a host: moto lists its own folder each time."""

    def __init__(self, create_app: Any) -> None:
        super().__init__(create_app)
        self._services: dict[str, Any] = {}

    def get_backend_for_host(self, host: str | None) -> Any:
        if host is None:
            return None
        if host not in self._services:
            self._services[host] = super().get_backend_for_host(host)
        return self._services[host]


def install() -> None:
    """Put the short ways in place."""
    BackendDict.__getitem__ = _account
    BackendDict._instances = _Registered(BackendDict._instances)
    responses.method_names_from_class = functools.cache(responses.method_names_from_class)
