"""What an audit answers of itself, of one control."""

from datetime import date
from typing import Any

from operations.audit.asked import Circumstances, asked_answers
from policies.catalogue import control
from policies.control import Status

TODAY = date(2026, 11, 29)


def asked(control_id: str, **about: Any) -> dict[tuple[str, str], Status]:
    found = asked_answers([control(control_id)], Circumstances(today=TODAY, **about))
    return {(one.clause, one.resource.name): one.status for one in found}
