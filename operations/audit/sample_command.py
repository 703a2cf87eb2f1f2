"""``cell audit population`` and ``cell audit sample``: their arguments, and what they print."""

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from operations.audit.period_command import between
from operations.audit.population import Frozen, Kind, read
from operations.audit.populations import of_accounts, of_attestation
from operations.audit.registers import ATTESTED
from operations.audit.report.escape import terminal
from operations.audit.sample import sample
from operations.audit.spans import Between
from operations.deploy import Session
from operations.errors import CellError, ExitCode
from operations.output import Format, show


def period_of(kind: Kind, start: str | None, end: str | None, now: datetime) -> Between | None:
    """The period of a population; None for who can enter, which is asked now. Raises CellError (configuration)."""
    if kind is Kind.ACCESS:
        if start or end:
            problem = "who can enter is asked now; leave out --from and --to"
            raise CellError(f"{kind}: {problem}", ExitCode.CONFIGURATION)
        return None
    if not start or not end:
        raise CellError(f"{kind}: give --from and --to", ExitCode.CONFIGURATION)
    return between(start, end, now)


def check(kind: Kind, stacks: Sequence[str], role: str, file: Path | None) -> None:
    """Raises CellError (configuration) where accounts are named that nobody asks."""
    if (stacks or role) and (file is not None or kind in ATTESTED):
        problem = "comes from a register and asks no account; leave out stacks and --role"
        raise CellError(f"{kind}: {problem}", ExitCode.CONFIGURATION)


def frozen(session: Session, out: Path, kind: Kind, stacks: Sequence[str], role: str, period: Between | None) -> Frozen:
    """Freezes a population from what the project knows to ask. Raises CellError."""
    if kind in ATTESTED:
        assert period is not None, "every register has one"
        return of_attestation(session, out, kind, period)
    return of_accounts(session, out, kind, stacks, role, period)


def show_sample(file: Path, size: int, seed: str, sha256: str, output: Format) -> None:
    """Chooses and prints. Raises CellError."""
    found = sample(read(file), size, seed, sha256)
    data = json.loads(found.model_dump_json())
    if output is not Format.TABLE:
        show(data, output)
        return
    rows = data.pop("records")
    show({name: terminal(one) if isinstance(one, str) else one for name, one in data.items()}, output)
    show([{**row, "id": terminal(row["id"])} for row in rows], output, columns=("position", "id", "rank", "record"))
