"""What one cell is held to: the controls that were asked, with the thresholds in force."""

from operations.audit.report.oscal.common import (
    CATALOG,
    Cell,
    Document,
    asked,
    filled,
    hostile,
    metadata,
    stable_uuid,
    string,
    token,
)
from operations.audit.result import Audit


def profile(audit: Audit, cell: Cell, version: str) -> Document:
    """Imports the catalogue and sets every parameter of a control that it imports."""
    chosen = {entry.id for entry in asked(audit)}
    known = {entry.id for entry in audit.controls}
    settings = [
        {"param-id": token(name), "values": [string(str(value))]}
        for name, value in sorted(audit.thresholds.items())
        if (control := name.partition(".")[0]) in chosen or control not in known
    ]
    return filled(
        {
            "uuid": stable_uuid("profile", cell.name, audit.id),
            "metadata": metadata(audit, f"Controls and thresholds of {hostile(cell.name)}", version),
            "imports": [{"href": CATALOG, "include-controls": [{"with-ids": [token(one.id) for one in asked(audit)]}]}],
            "merge": {"as-is": True},
            "modify": {"set-parameters": settings} if settings else None,
        }
    )
