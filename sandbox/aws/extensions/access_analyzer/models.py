"""Analyzers of one account and region."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from moto.core.base_backend import BackendDict, BaseBackend
from moto.core.exceptions import JsonRESTError
from moto.core.utils import utcnow

TYPES = (
    "ACCOUNT",
    "ORGANIZATION",
    "ACCOUNT_UNUSED_ACCESS",
    "ORGANIZATION_UNUSED_ACCESS",
    "ACCOUNT_INTERNAL_ACCESS",
    "ORGANIZATION_INTERNAL_ACCESS",
)

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,254}")


class AnalyzerError(JsonRESTError):  # type: ignore[misc]
    def __init__(self, kind: str, message: str, status: int) -> None:
        self.code = status
        super().__init__(kind, message)


@dataclass(kw_only=True, slots=True)
class Analyzer:
    name: str
    arn: str
    kind: str
    configuration: dict[str, Any] | None
    tags: dict[str, str]
    rules: list[dict[str, Any]]
    created_at: datetime = field(default_factory=utcnow)

    def described(self) -> dict[str, Any]:
        summary = {
            "arn": self.arn,
            "name": self.name,
            "type": self.kind,
            "createdAt": self.created_at,
            "tags": self.tags,
            "status": "ACTIVE",
        }
        return {**summary, "configuration": self.configuration} if self.configuration else summary


class AccessAnalyzerBackend(BaseBackend):  # type: ignore[misc]
    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.analyzers: dict[str, Analyzer] = {}

    def create(self, name: str, kind: str, configuration: Any, tags: dict[str, str], rules: Any) -> Analyzer:
        if not _NAME.fullmatch(name) or kind not in TYPES:
            raise AnalyzerError("ValidationException", f"invalid analyzer name {name!r} or type {kind!r}", 400)
        if name in self.analyzers:
            raise AnalyzerError("ConflictException", f"An analyzer with name {name} already exists", 409)
        arn = f"arn:{self.partition}:access-analyzer:{self.region_name}:{self.account_id}:analyzer/{name}"
        made = Analyzer(name=name, arn=arn, kind=kind, configuration=configuration, tags=tags, rules=rules)
        self.analyzers[name] = made
        return made

    def analyzer(self, name: str) -> Analyzer:
        """By name or ARN."""
        found = self.analyzers.get(name.rpartition("/")[2])
        if found is None:
            raise AnalyzerError("ResourceNotFoundException", f"Analyzer {name} not found", 404)
        return found


analyzer_backends = BackendDict(AccessAnalyzerBackend, "accessanalyzer")
