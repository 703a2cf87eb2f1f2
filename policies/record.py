"""Every answer that a policy pack gives, passes included: the engine tells violations only.

PAYMENT_CELL_POLICY_ANSWERS=answers.ndjson pulumi preview --policy-pack policies/soc2
"""

import json
import os
from collections.abc import Iterable
from pathlib import Path

from policies.control import Finding, Status
from policies.exceptions import Accepted, Exceptions

VARIABLE = "PAYMENT_CELL_POLICY_ANSWERS"
"""Path of a file to which each answer is added as a line of JSON; not set: nothing is written."""


def record(found: Iterable[Finding], exceptions: Exceptions) -> None:
    """Adds answers to the file. Packs of one operation are processes beside each other and write to the same one:
    lines of one call stay together (O_APPEND, one write). What an exception accepts stays a failure."""
    path = os.environ.get(VARIABLE)
    if not path:
        return
    lines = "".join(
        json.dumps(
            {
                "control": one.control,
                "clause": one.clause,
                "urn": one.urn,
                "status": one.verdict.status,
                "reason": one.verdict.reason,
                **_accepted(exceptions.of(one.control, one.urn) if one.verdict.status is Status.FAIL else None),
            }
        )
        + "\n"
        for one in found
    )
    with Path(path).open("ab", buffering=0) as file:
        file.write(lines.encode())


def _accepted(exception: Accepted | None) -> dict[str, str | bool]:
    if exception is None:
        return {}
    terms = exception.terms
    return {"exception": terms.id, "accepted_until": terms.expires, "emergency": terms.emergency}
