"""The engine's gRPC messages for language hosts, imported without the rest of the Pulumi SDK.

`import pulumi` takes half a second, and the engine starts a host for every program and policy pack it touches. The
messages need none of it, so `pulumi` and `pulumi.runtime` stand here as bare packages until the messages are loaded.
A process that imports this module must not run Pulumi programs itself; the host's are processes of their own.
"""

import importlib
import sys
from importlib.util import find_spec
from types import ModuleType
from typing import Any


def _messages(*names: str) -> list[Any]:
    if "pulumi.runtime" not in sys.modules:
        package = find_spec("pulumi")
        if package is None or not package.submodule_search_locations:
            raise ImportError(f"{sys.executable} has no Pulumi SDK")
        for name, folder in (("pulumi", ""), ("pulumi.runtime", "/runtime")):
            bare = ModuleType(name)
            bare.__path__ = [package.submodule_search_locations[0] + folder]
            sys.modules[name] = bare
        loaded = [importlib.import_module(f"pulumi.runtime.proto.{name}") for name in names]
        del sys.modules["pulumi"], sys.modules["pulumi.runtime"]
        return loaded
    return [importlib.import_module(f"pulumi.runtime.proto.{name}") for name in names]


language, language_grpc, plugin = _messages("language_pb2", "language_pb2_grpc", "plugin_pb2")
