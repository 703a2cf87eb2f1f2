"""How an extension takes the place of moto's code in the emulator's process."""

from typing import Any


def replace_response(urls: Any, old: type, new: Any) -> None:
    """Send every path that moto's response class serves to a subclass of it. `urls`: the service's urls module."""
    for path, handler in list(urls.url_paths.items()):
        if getattr(handler, "__self__", None) is old:
            urls.url_paths[path] = new.dispatch


def replace_backend(backends: Any, models: Any, new: Any) -> None:
    """Make new backends of a service of this class; it keeps moto's module, in which moto looks for the paths."""
    new.__module__ = models.__name__
    backends.backend = new
