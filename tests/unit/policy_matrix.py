"""docs/policy-matrix.md: every clause, and the mutations of a healthy cell that it sees.

python tests/unit/policy_matrix.py
"""

from collections.abc import Mapping
from pathlib import Path

import broken_access
import broken_keys
import broken_logs
import broken_networks
import broken_pods
import broken_residency
import broken_stores
from mutations import Mutation, seen

from policies.catalogue import controls

PAGE = Path(__file__).parents[2] / "docs" / "policy-matrix.md"
MUTATIONS = (
    *broken_access.MUTATIONS,
    *broken_keys.MUTATIONS,
    *broken_logs.MUTATIONS,
    *broken_networks.MUTATIONS,
    *broken_pods.MUTATIONS,
    *broken_residency.MUTATIONS,
    *broken_stores.MUTATIONS,
)

HEAD = """# Clauses and mutations

Each committed stack is healthy: no control finds a violation in it (`tests/unit/test_healthy_stacks.py`). Each row is
one of them with one thing broken, judged by every control: the clause of the row fails, and no other but those named
beside it, which ask the same property from another side (`tests/unit/test_mutations.py`). Before, the clause passed.
`added`: no committed stack declares such a thing, so that a healthy one was added first. `live`: only a running account
answers; the stack is judged as an audit judges what it read there. Every clause has a row; the last test refuses one
without.
"""


def clauses() -> list[str]:
    """`CONTROL clause` of every clause, once."""
    return list(dict.fromkeys(f"{one.id} {clause.check.__name__}" for one in controls() for clause in one.clauses))


def page(failing: Mapping[Mutation, frozenset[str]]) -> str:
    """The whole page. `failing`: clauses that saw it."""
    rows = [
        f"| {mutation.sees} | {mutation.what} | {', '.join(sorted(failing[mutation] - {mutation.sees})) or '-'} |"
        for mutation in sorted(failing, key=lambda one: (one.sees, one.what))
    ]
    table = ["| clause | broken | also fails |", "|---|---|---|", *rows]
    return "\n".join([HEAD, *table, ""])


def main() -> None:
    PAGE.write_text(page({mutation: seen(mutation).failing for mutation in MUTATIONS}), encoding="utf-8")


if __name__ == "__main__":
    main()
