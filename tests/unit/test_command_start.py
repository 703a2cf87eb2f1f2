"""`cell` begins without what only a program needs, and ends in order."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from operations import cli
from operations.errors import ExitCode

LOADED = "import sys, operations.cli; print(*(name for name in sys.modules if name.count('.') > 1))"


def test_no_service_of_the_sdk_is_read() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", LOADED], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True
    )
    services = [name for name in ran.stdout.split() if name.startswith(("pulumi_aws.", "pulumi_kubernetes."))]
    assert services == [], "whatever they cost, each command pays before it begins"


def test_a_command_that_is_told_to_end_cleans_up_and_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    done = []

    def app(**_options: object) -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            threading.Event().wait(10)
        finally:
            done.append("fault off")

    monkeypatch.setattr(cli, "app", app)
    before = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(SystemExit) as ended:
            cli.main()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert ended.value.code == ExitCode.CANCELLED
    assert done == ["fault off"]
