"""`docs/preconditions.md`, made from the rows.

python -m sandbox.aws.preconditions.documentation > docs/preconditions.md
"""

from sandbox.aws.preconditions import FAMILIES, PRECONDITIONS
from sandbox.aws.preconditions.model import Precondition

HEAD = """# Preconditions of the sandbox

The emulator takes what AWS refuses: a cluster without subnets, a node group with a missing role, a second detector.
So the sandbox's AWS provider checks {count} of AWS's own rules before it creates, changes or deletes something, and
answers with AWS's error code, what is wrong, the rule and its source:

    creating aws:eks/cluster:Cluster (payments): InvalidParameterException: subnets subnet-1 are in eu-west-1a: 2 zones
    are needed. A cluster needs subnets in at least two Availability Zones. (https://docs.aws.amazon.com/eks/...)

What has to exist first has to exist when the call is made: a missing `depends_on` fails here as it fails on AWS.
"Later" marks rules that AWS does not check in the call: what was made fails afterwards (a status such as
`CREATE_FAILED`, or a delivery that never arrives), with the code in the table. Deletions wait 20 seconds for the last
user to go, as the official provider waits.

Where the account cannot tell (keys and principals of other accounts) no rule speaks. A policy counts as allowing unless
it certainly does not: conditions on values that are unknown before the call are taken as met.

Each row is broken by a program in `tests/engine/preconditions/`, whose resource has the row's id as its name. This file
is generated: `python -m sandbox.aws.preconditions.documentation > docs/preconditions.md`.
"""

COLUMNS = ("Row", "Resource type", "On", "Rule", "AWS's code", "Refused", "Source")


def page() -> str:
    """The whole file: a section a service family, a line a row."""
    sections = [HEAD.format(count=len(PRECONDITIONS))]
    for family in FAMILIES:
        title = str(family.__doc__).strip().splitlines()[0]
        sections.append("\n".join(["", f"## {title.rstrip('.')}", "", *_table(family.ROWS)]))
    return "\n".join(sections) + "\n"


def _table(rows: tuple[Precondition, ...]) -> list[str]:
    head = [f"| {' | '.join(COLUMNS)} |", f"|{'---|' * len(COLUMNS)}"]
    return head + [f"| {' | '.join(_cells(row))} |" for row in rows]


def _cells(row: Precondition) -> tuple[str, ...]:
    service, _, kind = row.token.removeprefix("aws:").partition("/")
    return (
        f"`{row.id}`",
        f"`{service}.{kind.rpartition(':')[2]}`",
        ", ".join(op.value for op in sorted(row.on)),
        row.rule,
        f"`{row.code}`",
        "later" if row.later else "call",
        f"[AWS]({row.source})",
    )


if __name__ == "__main__":
    print(page(), end="")
