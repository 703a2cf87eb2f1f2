"""The table: every AWS resource type that the sandbox's provider can make, one entry a type, a module a service
family.
"""

import functools
import importlib
import pkgutil
from collections.abc import Mapping

from sandbox.aws.provider.model import ResourceType


@functools.cache
def entries() -> Mapping[str, ResourceType]:
    """Token -> entry, from the ``TYPES`` list of each module in this package; a token twice is an error."""
    found: dict[str, ResourceType] = {}
    for module in sorted(info.name for info in pkgutil.iter_modules(__path__)):
        for entry in getattr(importlib.import_module(f"{__name__}.{module}"), "TYPES", []):
            if entry.token in found:
                raise ValueError(f"{entry.token} is in the table twice (second time in {module}.py)")
            found[entry.token] = entry
    return found
