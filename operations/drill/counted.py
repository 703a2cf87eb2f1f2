"""Runs a `cell` command as it is, and counts its calls of AWS from outside of its own code.

python -m operations.drill.counted FILE failover eu-west-1 --to ...     writes {"<region> <service> <call>": count}
"""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from botocore.client import BaseClient

from operations.cli import main


def count(calls: Counter[str]) -> None:
    """Counts each call of any client from now on; a call that botocore tries again is one."""
    client: Any = BaseClient
    original = client._make_api_call

    def counted(self: Any, operation: str, parameters: Any) -> Any:
        calls[f"{self.meta.region_name} {self.meta.service_model.service_name} {operation}"] += 1
        return original(self, operation, parameters)

    client._make_api_call = counted


if __name__ == "__main__":
    made: Counter[str] = Counter()
    file = Path(sys.argv.pop(1))
    count(made)
    try:
        main()
    finally:
        file.write_text(json.dumps(dict(sorted(made.items())), indent=2) + "\n")
