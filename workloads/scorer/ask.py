"""`python -m workloads.scorer.ask PATH [JSON]`: what an operator says to the scorer beside which it runs.

    kubectl exec --namespace fraud deployment/scorer -- /packages/bin/python -m workloads.scorer.ask \\
        /review '{"decision": "dec_...", "reviewer": "ann@example.org", "outcome": "reversed", "reason": "called them"}'

Without JSON it asks (`/decisions/dec_...`). No network policy has to let operators in, and the cluster's audit log has
who was let run it.
"""

from __future__ import annotations

import os
import sys

import httpx

from workloads.scorer.payments import TIMEOUT_S
from workloads.scorer.settings import HTTP_PORT


def main(arguments: list[str]) -> int:
    """Exit code: 0 where the scorer did it."""
    if len(arguments) not in (1, 2) or not arguments[0].startswith("/"):
        sys.stderr.write("usage: python -m workloads.scorer.ask /path [JSON]\n")
        return 2
    url = f"http://{os.environ.get('POD_IP', '127.0.0.1')}:{HTTP_PORT}{arguments[0]}"
    with httpx.Client(timeout=2 * TIMEOUT_S, trust_env=False) as client:
        answer = client.post(url, content=arguments[1]) if len(arguments) == 2 else client.get(url)
    sys.stdout.write(f"{answer.text}\n")
    return 0 if answer.is_success else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
