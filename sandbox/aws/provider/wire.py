"""Pulumi's gRPC messages, imported without the rest of the Pulumi SDK.

Importing any module of the SDK runs ``pulumi/__init__.py``, which a plugin has no use for and which is 0.45 s of the
0.7 s of CPU that its messages take (2 cores, Python 3.11). The engine starts plugins anew for every command, so the
package's ``__init__`` is left out by standing empty packages in for the time of the import.
"""

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

PACKAGES = ("pulumi", "pulumi.runtime", "pulumi.runtime.proto")


def _messages(*names: str) -> list[Any]:
    stand_ins = [] if "pulumi" in sys.modules else list(_stand_ins())
    try:
        return [importlib.import_module(f"{PACKAGES[-1]}.{name}") for name in names]
    finally:
        # A later ``import pulumi`` in this process gets the real package.
        for name in stand_ins:
            sys.modules.pop(name, None)


def _stand_ins() -> tuple[str, ...]:
    spec = importlib.util.find_spec("pulumi")
    if spec is None or not spec.submodule_search_locations:
        return ()
    root = Path(spec.submodule_search_locations[0])
    for name in PACKAGES:
        package = ModuleType(name)
        package.__path__ = [str(root.joinpath(*name.split(".")[1:]))]
        sys.modules[name] = package
    return PACKAGES


plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2 = _messages(
    "plugin_pb2", "provider_pb2", "provider_pb2_grpc", "status_pb2"
)
