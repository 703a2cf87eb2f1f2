"""CloudWatch observability access: an account without links and sinks. moto has no such service.

https://docs.aws.amazon.com/OAM/latest/APIReference/API_ListLinks.html
"""

import re
from typing import Any

from moto import backends
from moto.backend_index import backend_url_patterns

from sandbox.aws.extensions.oam.models import oam_backends

SERVICE = "oam"


def install() -> None:
    """Make moto's dispatcher know the service."""
    others = backends.get_backend

    def backend(name: str) -> Any:
        return oam_backends if name == SERVICE else others(name)

    backends.get_backend = backend
    backend_url_patterns.append((SERVICE, re.compile(r"https?://oam\.(.+)\.amazonaws\.com")))
