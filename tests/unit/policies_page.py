"""The table of controls in docs/policies.md, from the catalogue.

python tests/unit/policies_page.py
"""

from pathlib import Path

from policies.catalogue import controls
from policies.control import Clause, Control, StackClause, scope

PAGE = Path(__file__).parents[2] / "docs" / "policies.md"
BEGIN, END = "<!-- controls:begin -->", "<!-- controls:end -->"


def table() -> str:
    """A row a control; clauses by the names of their predicates."""
    rows = [
        f"| {one.id} | {one.severity} | {one.title} | {_clauses(one)} | {', '.join(map(str, one.maps_to))} |"
        for one in controls()
    ]
    return "\n".join(["| control | severity | rule | clauses | claims |", "|---|---|---|---|---|", *rows])


def _clauses(control: Control) -> str:
    names = dict.fromkeys(f"`{clause.check.__name__}`{_only(clause)}" for clause in control.clauses)
    return "<br>".join([*names, *(f"`{one.name}` ({one.source})" for one in control.asked)])


def _only(clause: Clause | StackClause) -> str:
    place = "live" if clause.not_declared else "declared" if clause.not_live else ""
    words = "; ".join(filter(None, (place, scope(clause))))
    return f" ({words})" if words else ""


def page(text: str) -> str:
    """The page with its table made anew."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n{table()}\n{END}{rest.partition(END)[2]}"


def main() -> None:
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
