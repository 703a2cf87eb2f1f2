"""One self-contained HTML page of an audit, for auditors: no script, no reference to anything outside."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from operations.audit.report import reading
from operations.audit.result import Audit
from policies.control import Status


def page(audit: Audit, trend: Sequence[Audit] = ()) -> str:
    """The page. `trend`: earlier audits, in any order."""
    templates = Environment(
        loader=PackageLoader("operations.audit.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters["name"] = _name
    return templates.get_template("audit.html").render(
        audit=audit,
        scope=audit.scope,
        Status=Status,
        reading=reading,
        deviations=reading.deviations(audit),
        criteria=[(of, list(rows)) for of, rows in groupby(reading.criteria(audit), lambda row: row.category)],
        trend=reading.trend(audit, trend),
        exceptions={one.id: one for one in audit.exceptions},
    )


def _shown(value: Any) -> Any:
    """What the page prints; autoescape follows. Applied to every value, so that none is forgotten."""
    return reading.visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _name(value: str) -> Markup:
    """A name that somebody else chose: it cannot turn the direction of the text around it."""
    return Markup("<bdi>{}</bdi>").format(reading.visible(value))
