"""What a precondition is: one of AWS's own rules, with its source, checked against the emulated account before a call.

A row never changes anything and asks through ``request.context.client`` only. It says nothing where the account cannot
tell (a key or a principal of another account, a policy nobody can read): a refusal that AWS would not make is worse
than one that is missed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox.aws.provider.model import Context, Props


class Op(StrEnum):
    """Which operation is about to happen."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One operation on one resource, before its first call."""

    op: Op
    token: str
    """``aws:eks/cluster:Cluster``."""
    name: str
    """Pulumi name, for messages."""
    id: str
    """Pulumi id, ``""`` on create."""
    props: "Props"
    """New inputs; on delete the last known outputs."""
    olds: "Props"
    """Last known outputs, ``{}`` on create."""
    context: "Context"
    answers: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)
    """What was read while this request was checked, so that two rows do not ask the same."""

    def given(self, *path: str) -> Any:
        """A nested input, None when a step is absent: ``given("vpcConfig", "subnetIds")``."""
        value: Any = self.props
        for step in path:
            value = value.get(step) if isinstance(value, Mapping) else None
        return value

    def changed(self, name: str) -> bool:
        """Whether an update gives a top-level input another value than it has."""
        return bool(self.props.get(name) != self.olds.get(name))


Check = Callable[[Request], str | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Precondition:
    """One rule of AWS about one resource type."""

    id: str
    """Family first: ``eks-node-role-trusts-ec2``."""
    token: str
    on: frozenset[Op]
    rule: str
    """One sentence that ends with a full stop."""
    source: str
    """Page of AWS's documentation."""
    code: str
    """AWS's error code; where AWS accepts the call, the code or status that it reports afterwards."""
    check: Check
    """None when the rule holds, else what is wrong, with values and without a full stop."""
    later: bool = False
    """AWS accepts the call, and what was made fails afterwards: a status, a lost delivery."""

    def refusal(self, wrong: str) -> str:
        """AWS's answer as the user sees it."""
        late = " AWS accepts the call and fails afterwards." if self.later else ""
        return f"{self.code}: {wrong}. {self.rule}{late} ({self.source})"


ON_CREATE = frozenset({Op.CREATE})
ON_CHANGE = frozenset({Op.CREATE, Op.UPDATE})
ON_UPDATE = frozenset({Op.UPDATE})
ON_DELETE = frozenset({Op.DELETE})

DOCS = "https://docs.aws.amazon.com"
