"""``cell audit verify``: whether an evidence bundle is what the audit wrote."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer
from rich.markup import escape

from operations.audit.evidence.anchor import Anchor, Target
from operations.audit.evidence.signing import public_keys
from operations.audit.evidence.verify import Verified, verify
from operations.errors import CellError, ExitCode
from operations.output import Format, show


def verified(bundle: Path, key: Sequence[Path], previous: Path | None, anchor: str, output: Format) -> None:
    """Verifies and prints. Raises CellError (configuration) for a folder, key or anchor that is none, typer.Exit where
    the bundle is not proven, or its anchor was to be compared and is not."""
    for folder in filter(None, (bundle, previous)):
        if not folder.is_dir():
            raise CellError(f"{folder}: no folder; give that of a bundle", ExitCode.CONFIGURATION)
    where = Anchor(Target.parse(anchor)) if anchor else None
    found = verify(bundle, list(public_keys(key)), previous=previous, anchor=where)
    show(_rows(found) if output is Format.TABLE else as_data(found), output)
    if not found.proven or (where and not found.anchor.compared):
        raise typer.Exit(ExitCode.ERROR)


def as_data(found: Verified) -> dict[str, Any]:
    """For ``-o json``."""
    return {
        "verdict": found.verdict,
        "broken": found.broken,
        "signer": found.signer,
        "audit": found.audit,
        "head": found.head,
        "records": found.records,
        "emulated": found.emulated,
        "anchor": found.anchor.text,
        "findings": list(found.findings),
    }


def _rows(found: Verified) -> dict[str, str]:
    said = {
        "verdict": found.verdict,
        "broken": found.broken,
        "audit": found.audit,
        "head": found.head,
        "signed by": found.signer,
        "records": f"{found.records:,}" if found.intact else "",
        "anchor": found.anchor.text,
        "findings": "\n".join(found.findings),
    }
    return {name: _printable(text) for name, text in said.items() if text}


def _printable(text: str) -> str:
    """What a bundle says is anybody's text: no markup, and nothing that a terminal would obey."""
    return escape("".join(one if one.isprintable() or one == "\n" else "?" for one in text))
