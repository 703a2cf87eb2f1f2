"""What EKS calls share: errors, the record of an update, and objects that describe themselves in wire names."""

import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from moto.core.utils import utcnow
from moto.eks import exceptions

Wire = dict[str, Any]
"""A structure of the EKS API, with its member names."""


def invalid_parameter(message: str) -> Any:
    return exceptions.InvalidParameterException(message=message)


def invalid_request(message: str) -> Any:
    return exceptions.InvalidRequestException(message=message)


def in_use(message: str) -> Any:
    return exceptions.ResourceInUseException(message=message)


def not_found(message: str) -> Any:
    return exceptions.ResourceNotFoundException(message=message)


def without_none(structure: Mapping[str, Any]) -> Wire:
    """AWS leaves unset members out."""
    return {name: value for name, value in structure.items() if value is not None}


def update(kind: str, parameters: Mapping[str, Any]) -> Wire:
    """An update that succeeded at once. `parameters`: of UpdateParamType -> value; None is left out."""
    return {
        "id": str(uuid.uuid4()),
        "status": "Successful",
        "type": kind,
        "params": [{"type": name, "value": str(value)} for name, value in parameters.items() if value is not None],
        "createdAt": utcnow(),
        "errors": [],
    }


class Record:
    """Something with an ARN, tags, times and updates."""

    def __init__(self, arn: str, tags: Mapping[str, str] | None) -> None:
        self.arn = arn
        self.tags = dict(tags or {})
        self.created_at: datetime = utcnow()
        self.modified_at = self.created_at
        self.updates: dict[str, Wire] = {}

    def note_update(self, kind: str, parameters: Mapping[str, Any]) -> Wire:
        self.modified_at = utcnow()
        made = update(kind, parameters)
        self.updates[made["id"]] = made
        return made


def find(records: Iterable[Any], arn: str) -> Any:
    """The record with this ARN; NotFoundException as TagResource answers."""
    for record in records:
        if record.arn == arn:
            return record
    raise exceptions.ResourceNotFoundException(message=f"Resource was not found: {arn}")
