"""docs/policy-matrix.md: every clause, and the mutations of a healthy cell that it sees.

python tests/unit/policy_matrix.py
"""

from collections.abc import Mapping
from pathlib import Path

import broken_access
import broken_audits
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
one of them with one thing broken, judged by every control: the clause of the row passed before and fails now, and no
other but those named beside it, which ask the same property from another side (`tests/unit/test_mutations.py`).
`(with ...)`: no committed stack declares what the clause asks; it was added first, and found healthy. `live`: only a
running account answers; the stack is judged as an audit judges what it read there. A clause without a row is refused.
"""

QUESTIONS = """## Questions

What no predicate over resources asks: attestations, and what an audit answers of itself. The healthy one is a project
in which every question is attested and whose audit finds nothing. One thing is broken, and this question alone does
not pass any more.
"""


def clauses() -> set[str]:
    """`CONTROL clause` of every clause."""
    return {f"{one.id} {clause.check.__name__}" for one in controls() for clause in one.clauses}


def questions() -> set[str]:
    """`CONTROL question` of every question."""
    return {f"{one.id} {asked.name}" for one in controls() for asked in one.asked}


def page(failing: Mapping[Mutation, frozenset[str]]) -> str:
    """The whole page. `failing`: clauses that saw it."""
    rows = [
        f"| {mutation.sees} | {mutation.what} | {', '.join(sorted(failing[mutation] - {mutation.sees})) or '-'} |"
        for mutation in sorted(failing, key=lambda one: (one.sees, one.what))
    ]
    table = ["| clause | broken | also fails |", "|---|---|---|", *rows]
    asked = [f"| {one.sees} | {one.what} |" for one in sorted(broken_audits.MUTATIONS, key=lambda one: one.sees)]
    return "\n".join([HEAD, *table, "", QUESTIONS, "| question | broken |", "|---|---|", *asked, ""])


def main() -> None:
    PAGE.write_text(page({mutation: seen(mutation).failing for mutation in MUTATIONS}), encoding="utf-8")


if __name__ == "__main__":
    main()
