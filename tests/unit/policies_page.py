"""The table of controls in docs/policies.md, from the catalogue.

python tests/unit/policies_page.py
"""

from pathlib import Path

from policies.catalogue import controls
from policies.control import Control

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
    return "<br>".join(f"`{name}`" for name in dict.fromkeys(clause.check.__name__ for clause in control.clauses))


def page(text: str) -> str:
    """The page with its table made anew."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n{table()}\n{END}{rest.partition(END)[2]}"


def main() -> None:
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
