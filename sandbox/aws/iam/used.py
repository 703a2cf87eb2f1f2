"""Which permissions the roles of workloads used, and which they lacked: what a policy has and nothing needs shows."""

import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from sandbox.aws.iam.sessions import Principal
from sandbox.aws.iam.verdict import Need, Refusal, judge


class Used:
    """Role -> (action, resource) -> whether it was allowed."""

    def __init__(self) -> None:
        self._seen: defaultdict[str, set[tuple[str, str, bool]]] = defaultdict(set)
        self._lock = threading.Lock()

    def judge(self, principal: Principal, needs: Iterable[Need], region: str) -> Refusal | None:
        """The first refusal of a request's needs; all that was looked at is kept."""
        for need in needs:
            refusal = judge(principal, need, region)
            row = (need.action, need.resource, refusal is None)
            # Nearly every row is known. A lock here would be waited for by all requests at once, each time until the
            # interpreter lets its new owner run.
            if row not in self._seen.get(principal.role.arn, ()):
                with self._lock:
                    self._seen[principal.role.arn].add(row)
            if refusal is not None:
                return refusal
        return None

    def report(self) -> Mapping[str, list[Mapping[str, Any]]]:
        """Role ARN -> what it asked for, sorted."""
        with self._lock:
            seen = {role: sorted(rows) for role, rows in self._seen.items()}
        return {
            role: [{"action": action, "resource": resource, "allowed": allowed} for action, resource, allowed in rows]
            for role, rows in seen.items()
        }

    def clear(self) -> None:
        """Forget all, as the account did."""
        with self._lock:
            self._seen.clear()


USED = Used()
"""Of the one account world that a process emulates."""
