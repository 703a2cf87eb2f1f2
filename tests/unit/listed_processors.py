"""A list of processors of one entry, in place of the committed one."""

from typing import Any

import pytest

import catalogue
from catalogue.parties_model import Processors


def listed(monkeypatch: pytest.MonkeyPatch, **entry: Any) -> None:
    """One processor in Ireland, unless the entry says something else."""
    one = {"purpose": "p", "contract": "c", "countries": ["IE"], **entry}
    about = catalogue.processors().model_dump() | {"processors": {"them": one}}
    found = Processors.model_validate(about)
    monkeypatch.setattr("policies.endpoints.processors", lambda: found)
