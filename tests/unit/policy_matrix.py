"""docs/policy-matrix.md: every clause, and the mutations of a healthy cell that it sees.

python tests/unit/policy_matrix.py
"""

from collections.abc import Mapping
from pathlib import Path

import broken_access
import broken_stores
from mutations import Mutation, failing

from policies.catalogue import controls

PAGE = Path(__file__).parents[2] / "docs" / "policy-matrix.md"
MUTATIONS = (*broken_stores.MUTATIONS, *broken_access.MUTATIONS)

HEAD = """# Clauses and mutations

Each committed stack is healthy: no control finds a violation in it (`tests/unit/test_healthy_stacks.py`). Each row is
one of them with one thing broken, judged by every control: the clause of the row fails, and no other but those named
beside it, which ask the same property from another side (`tests/unit/test_mutations.py`). Clauses without a row have
tests of their own only: no committed stack declares what they ask, or the mutation is not written yet.
"""


def clauses() -> list[str]:
    """`CONTROL clause` of every clause, once."""
    return list(
        dict.fromkeys(
            f"{one.id} {clause.check.__name__}"
            for one in controls()
            for clause in one.clauses
            if not clause.not_declared
        )
    )


def page(seen: Mapping[Mutation, frozenset[str]]) -> str:
    """The whole page. `seen`: what failed."""
    rows = [
        f"| {mutation.sees} | {mutation.what} | {', '.join(sorted(seen[mutation] - {mutation.sees})) or '-'} |"
        for mutation in sorted(seen, key=lambda one: (one.sees, one.what))
    ]
    rest = [clause for clause in clauses() if clause not in {mutation.sees for mutation in seen}]
    table = ["| clause | broken | also fails |", "|---|---|---|", *rows]
    return "\n".join([HEAD, *table, "", f"Without a row: {', '.join(rest) or 'none'}.", ""])


def main() -> None:
    PAGE.write_text(page({mutation: failing(mutation) for mutation in MUTATIONS}), encoding="utf-8")


if __name__ == "__main__":
    main()
