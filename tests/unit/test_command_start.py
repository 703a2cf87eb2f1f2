"""`cell` begins without what only a program needs."""

import subprocess
import sys
from pathlib import Path

LOADED = "import sys, operations.cli; print(*(name for name in sys.modules if name.count('.') > 1))"


def test_no_service_of_the_sdk_is_read() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", LOADED], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True
    )
    services = [name for name in ran.stdout.split() if name.startswith(("pulumi_aws.", "pulumi_kubernetes."))]
    assert services == [], "whatever they cost, each command pays before it begins"
