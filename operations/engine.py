"""Runs the Pulumi engine on one stack and reads what it did from its event log."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from operations.errors import CellError, ExitCode
from operations.events import Reading, Step, follow
from operations.project import Project
from policies.exceptions import VARIABLE

PARALLEL_OPERATIONS = 64
"""Pulumi's default of 4 a core makes the slow AWS waits queue behind each other; waiting costs no core."""

_POLL_S = 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How an engine operation on one stack ended."""

    stack: str
    operation: str
    exit_code: int
    reading: Reading

    @property
    def code(self) -> ExitCode:
        """The engine answers 1 for most failures; what its events tell is more precise."""
        if self.exit_code == 0:
            return ExitCode.OK
        if self.exit_code != ExitCode.ERROR:
            return ExitCode(self.exit_code) if self.exit_code in set(ExitCode) else ExitCode.ERROR
        if any(violation.mandatory for violation in self.reading.violations):
            return ExitCode.POLICY_VIOLATION
        if any(step.phase == "failed" for step in self.reading.steps):
            return ExitCode.RESOURCE
        return ExitCode.ERROR


class Engine:
    """The ``pulumi`` command on PATH, run in a project. No state of its own.

    ``environment`` is added to that of this process, for example another state backend.
    """

    def __init__(self, project: Project, environment: Mapping[str, str] | None = None) -> None:
        self._project = project
        self._environment = {**os.environ, **(environment or {})}
        pulumi = shutil.which("pulumi")
        if pulumi is None:
            raise CellError(
                'pulumi is not on PATH: in the sandbox run `eval "$(cell sandbox env)"`; '
                "for AWS install the Pulumi CLI with its aws and kubernetes plugins",
                ExitCode.CONFIGURATION,
            )
        self._pulumi = pulumi

    def operate(
        self,
        operation: str,
        stack: str,
        *options: str,
        policy_packs: Sequence[Path] = (),
        on_step: Callable[[Step, Reading], None] = lambda _step, _reading: None,
    ) -> Outcome:
        """``preview`` | ``up`` | ``refresh`` | ``destroy`` on a stack; ``on_step`` is called for each step.

        An interrupt is passed on once, so that the engine ends gracefully; a second one ends it at once.
        """
        command = [self._pulumi, operation, "--stack", stack, "--non-interactive", "--color", "never"]
        command += ["--parallel", str(PARALLEL_OPERATIONS), *options]
        command += [part for pack in policy_packs for part in ("--policy-pack", str(pack))]
        reading = Reading()
        with tempfile.TemporaryDirectory(prefix="cell-") as folder:
            events = Path(folder, "events.json")
            events.touch(mode=0o600)
            output = Path(folder, "output.txt")
            with output.open("w") as sink, events.open() as log:
                process = subprocess.Popen(
                    [*command, "--event-log", str(events)],
                    cwd=self._project.root,
                    env={
                        **self._environment,
                        "PULUMI_DEBUG_COMMANDS": "true",
                        # Of this stack, whatever the shell says; a stack without a file has no exceptions.
                        VARIABLE: str(self._project.exceptions_file(stack)),
                    },
                    stdin=subprocess.DEVNULL,
                    stdout=sink,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
                exit_code = _read_until_exit(process, log, reading, on_step)
            if exit_code and not reading.errors and not reading.violations:
                reading.errors.append(output.read_text().strip() or f"pulumi {operation} ended with {exit_code}")
        return Outcome(stack=stack, operation=operation, exit_code=exit_code, reading=reading)

    def ask(self, *arguments: str, folder: Path | None = None, accept: Sequence[int] = ()) -> str:
        """Standard output of a ``pulumi`` command that changes nothing but the state; ``accept``: exit codes beside 0
        that are answers as well.

        Raises CellError with the engine's own message and exit code.
        """
        done = subprocess.run(
            [self._pulumi, *arguments, "--non-interactive", "--color", "never"],
            cwd=folder or self._project.root,
            env=self._environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        if done.returncode and done.returncode not in accept:
            code = ExitCode(done.returncode) if done.returncode in set(ExitCode) else ExitCode.ERROR
            raise CellError(done.stderr.strip() or done.stdout.strip(), code)
        return done.stdout

    def backend_url(self) -> str:
        """Where state is kept (``pulumi whoami``); empty where the engine is not logged in anywhere."""
        try:
            return str(json.loads(self.ask("whoami", "--json")).get("url") or "")
        except CellError:
            return ""

    def stacks(self) -> dict[str, dict[str, Any]]:
        """Stacks that have state in the backend, by name (``pulumi stack ls``)."""
        return {row["name"].rpartition("/")[2]: row for row in json.loads(self.ask("stack", "ls", "--json") or "[]")}

    def state(self, stack: str) -> dict[str, Any]:
        """The deployment of a stack, secrets still encrypted (``pulumi stack export``)."""
        deployment: dict[str, Any] = json.loads(self.ask("stack", "export", "--stack", stack))["deployment"]
        return deployment

    def history(self, stack: str, last: int) -> list[dict[str, Any]]:
        """The `last` operations that could change a stack's state, newest first (``pulumi stack history``)."""
        pages = ("--page-size", str(last), "--page", "1")
        found: list[dict[str, Any]] = json.loads(self.ask("stack", "history", "--stack", stack, *pages, "--json"))
        return found

    def resources(self, stack: str) -> list[dict[str, Any]]:
        """Resources in a stack's state, in the engine's order; empty where the stack has none."""
        found: list[dict[str, Any]] = self.state(stack).get("resources") or []
        return found

    def outputs(self, stack: str) -> dict[str, Any]:
        """Outputs of a stack by name, secret ones masked; empty before its first update."""
        found: dict[str, Any] = json.loads(self.ask("stack", "output", "--stack", stack, "--json"))
        return found

    def ensure_stack(self, stack: str) -> None:
        """Creates the stack's empty state if there is none, with the secrets provider that its file names."""
        if stack not in self.stacks():
            provider = self._project.secrets_provider(stack)
            self.ask("stack", "init", stack, "--no-select", *(["--secrets-provider", provider] if provider else []))


def _read_until_exit(
    process: subprocess.Popen[bytes],
    log: Any,
    reading: Reading,
    on_step: Callable[[Step, Reading], None],
) -> int:
    while True:
        try:
            ended = _wait(process)
            for event in follow(log):
                if (step := reading.take(event)) is not None:
                    on_step(step, reading)
            if ended:
                return process.returncode
        except KeyboardInterrupt:
            # The engine stops after the operations in flight at the first signal, and at once at the second.
            os.killpg(process.pid, signal.SIGINT)


def _wait(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(_POLL_S)
    except subprocess.TimeoutExpired:
        return False
    return True
