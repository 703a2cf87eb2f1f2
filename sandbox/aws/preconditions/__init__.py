"""AWS's own rules that the emulator does not enforce, one row each; `docs/preconditions.md` lists them."""

from itertools import groupby

from sandbox.aws.preconditions import (
    builds,
    databases,
    ec2,
    ec2_deletion,
    edge,
    eks,
    eks_access,
    eks_auto,
    guardrails,
    identity,
    keys,
    messaging,
    observability,
    pipes,
    proxies,
    storage,
    vaults,
)
from sandbox.aws.preconditions.model import Op, Precondition, Request

FAMILIES = (
    ec2,
    ec2_deletion,
    eks,
    eks_access,
    builds,
    eks_auto,
    databases,
    proxies,
    storage,
    keys,
    identity,
    edge,
    messaging,
    pipes,
    observability,
    guardrails,
    vaults,
)

PRECONDITIONS: tuple[Precondition, ...] = tuple(row for family in FAMILIES for row in family.ROWS)

_BY_TOKEN = {
    token: tuple(rows)
    for token, rows in groupby(sorted(PRECONDITIONS, key=lambda row: row.token), key=lambda row: row.token)
}


def violations(request: Request) -> list[str]:
    """Every rule that the operation would break, as ``CODE: what is wrong. RULE (source)``; empty: it may go ahead."""
    rows = (row for row in _BY_TOKEN.get(request.token, ()) if request.op in row.on)
    return [row.refusal(wrong) for row in rows if (wrong := row.check(request))]


__all__ = ["PRECONDITIONS", "Op", "Precondition", "Request", "violations"]
