"""IAM Access Analyzer: analyzers as resources. moto has no such service. Nothing is analysed, so there are no findings.

https://docs.aws.amazon.com/access-analyzer/latest/APIReference/API_CreateAnalyzer.html
"""

import re
from typing import Any

from moto import backends
from moto.backend_index import backend_url_patterns

from sandbox.aws.extensions.access_analyzer.models import analyzer_backends

SERVICE = "accessanalyzer"

_get_backend = backends.get_backend


def _backend(name: str) -> Any:
    return analyzer_backends if name == SERVICE else _get_backend(name)


def install() -> None:
    """Make moto's dispatcher know the service."""
    backends.get_backend = _backend
    backend_url_patterns.append((SERVICE, re.compile(r"https?://access-analyzer\.(.+)\.amazonaws\.com")))
