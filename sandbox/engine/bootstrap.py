"""Makes a checkout ready: `.venv`, the engine and the API server. Needs Python 3.11 and nothing else.

    python3 sandbox/engine/bootstrap.py            all of it; the two parts run side by side
    python3 sandbox/engine/bootstrap.py COMMAND    the same, and COMMAND as soon as `.venv` is there

With everything there it takes a quarter of a second. It can be interrupted at any point and started again.
Exit code: 0, or COMMAND's, or 1 with one message that says what is missing and how to get it.
"""

import os
import signal
import subprocess
import sys
import threading

if sys.version_info < (3, 11):  # noqa: UP036  whatever `python3` is runs this
    sys.exit("engine: Python 3.11 or newer is needed; try `make PYTHON=python3.11`")

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from sandbox.engine import environment, golang, tools
from sandbox.engine.cache import say


class Toolchain(threading.Thread):
    """Finds or makes the programs beside the environment."""

    def __init__(self) -> None:
        super().__init__(name="tools", daemon=True)
        self.found: dict[str, tools.Located] = {}
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.found = tools.provide()
        except BaseException as error:  # the main thread raises it
            self.error = error


def main(command: list[str]) -> int:
    """See the module's text."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    toolchain = Toolchain()
    toolchain.start()
    try:
        environment.provide()
        code = subprocess.run(command, check=False).returncode if command else 0
        toolchain.join()
    except environment.EnvironmentFailed as error:
        return leave(1, str(error))
    except KeyboardInterrupt:
        return leave(130, "interrupted; the next run goes on from here")
    if toolchain.error:
        raise toolchain.error
    engine, server = toolchain.found["pulumi"], toolchain.found["kube-apiserver"]
    if engine.path is None:
        say(tools.engine_message(engine))
        return 1
    if server.path is None:
        say(f"no Kubernetes API server, so manifests are checked against the published schema only: {server.reason}")
    return code


def leave(code: int, why: str) -> int:
    """End at once, compilers included; the cache holds finished programs only, so there is nothing to tidy."""
    say(why)
    golang.stop()
    os._exit(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
