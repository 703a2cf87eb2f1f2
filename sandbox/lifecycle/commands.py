"""start, stop, reset and what they tell; `sandbox.__main__` turns arguments into calls of these."""

import json
import os
import secrets
import select
import shutil
import sys
import time
from dataclasses import asdict, replace
from typing import Any

from sandbox.dataplane import control
from sandbox.lifecycle import credentials, emulator_client, processes, pulumi_state, shims, supervisor
from sandbox.lifecycle.home import Home, Process, Run, SandboxError

START_TIMEOUT_S = supervisor.READY_TIMEOUT_S + 10.0
RESET_TIMEOUT_S = 60.0
STATUS_TIMEOUT_S = 5.0


def start(home: Home) -> Run:
    """A running sandbox: the one that runs already, else a new one with an empty account."""
    credentials.refuse_real()
    with home.locked():
        if (run := running(home)) and not home.reset_pending.exists():
            say(f"the sandbox is already running: {run.url} ({home.path})")
            return run
        run = _start(home)
    say(f"sandbox started: {run.url} ({home.path})")
    warn_of_stale(home, run)
    return run


def _start(home: Home) -> Run:
    """Clean up what an older run left, then start; the caller holds the lock."""
    home.make()
    credentials.ensure(home)
    if home.reset_pending.exists():
        _clear(home)
    previous = home.run()
    _clean_up(home, previous)
    if no_engine := shims.write(home):
        say(f"warning: there is no Pulumi engine yet: {no_engine}")
    start_id = secrets.token_hex(8)
    pid, ready = supervisor.spawn(home, start_id, previous.port if previous else 0, os.environ)
    message = _wait_for_line(ready, START_TIMEOUT_S)
    run = home.run()
    if message != "ready" or run is None:
        processes.end(processes.identify(pid), supervisor.STOP_GRACE_S)
        raise SandboxError(message or f"the sandbox did not start; see {home.logs}")
    return run


def stop(home: Home) -> None:
    """End the emulator and its API servers. The account is gone with them; Pulumi state stays."""
    with home.locked():
        run = home.run()
        was_running = running(home) is not None
        for update in pulumi_state.updates(home) if was_running else ():
            say(f"warning: an update of stack {update.stack} is running (process {update.pid}) and will fail")
        if run and processes.alive(run.supervisor):
            processes.end(run.supervisor, supervisor.STOP_GRACE_S * 2)
        _clean_up(home, run)
    say("sandbox stopped" if was_running else "the sandbox was not running")
    warn_of_stale(home, None)


def reset(home: Home) -> None:
    """Clear account, Kubernetes and Pulumi state together; the next start or reset finishes an interrupted one."""
    with home.locked():
        if updates := pulumi_state.updates(home):
            names = ", ".join(f"{update.stack} (process {update.pid})" for update in updates)
            raise SandboxError(
                f"an update is running: {names}; wait for it or stop it, then run `cell sandbox reset` again"
            )
        home.make()
        home.reset_pending.touch(mode=0o600)
        _clear(home)
    say(f"sandbox reset: account, Kubernetes and Pulumi state are empty ({home.path})")


def _clear(home: Home) -> None:
    """Roll a reset forward to its end; every step can be repeated."""
    run = home.run()
    if alive := running(home):
        try:
            emulator_client.reset(alive.port, home.secrets()["admin_token"], RESET_TIMEOUT_S)
            if control.listens(home):
                control.ask(home, "clear", RESET_TIMEOUT_S)
        except (OSError, RuntimeError, SandboxError) as error:
            say(f"it could not be reset in place ({error}); it is stopped instead")
            processes.end(alive.supervisor, supervisor.STOP_GRACE_S * 2)
            _clean_up(home, run)
    else:
        _clean_up(home, run)
    shutil.rmtree(home.state, ignore_errors=True)
    home.make()
    home.reset_pending.unlink(missing_ok=True)


def _clean_up(home: Home, run: Run | None) -> None:
    """End what is left of a run that should be over, and remove what belonged to its API servers."""
    if run is None:
        return
    for process in (run.supervisor, run.emulator):
        processes.end(process, supervisor.STOP_GRACE_S)
    for process in processes.members(run.start_id):
        processes.end(process, grace_s=1.0)
    shutil.rmtree(home.kubernetes, ignore_errors=True)
    if not run.ended:
        home.write_run(replace(run, ended="killed"))


def running(home: Home) -> Run | None:
    """The current run if supervisor and emulator live; who else would answer on its port is not asked."""
    run = home.run()
    if run is None or run.ended or not run.ready:
        return None
    return run if processes.alive(run.supervisor) and processes.alive(run.emulator) else None


def require_running(home: Home) -> Run:
    """The current run; SandboxError that explains why there is none."""
    if home.reset_pending.exists():
        raise SandboxError("a reset was interrupted: run `cell sandbox start` (or reset), which finishes it")
    if run := running(home):
        return run
    last = home.run()
    ended = last.ended if last else ""
    why = f" ({ended})" if ended else " (it was killed)" if last else ""
    raise SandboxError(f"the sandbox is not running{why}: run `cell sandbox start`")


def account_since(run: Run | None) -> float | None:
    """Since when the account exists (seconds since 1970): a reset, also moto's own, makes it younger than its run."""
    if run is None:
        return None
    answer = emulator_client.status(run.port, STATUS_TIMEOUT_S)
    return float((answer or {}).get("accountSince", run.started_at))


def stale_explanation(home: Home, since: float | None) -> str:
    """Why Pulumi state and the account that exists since then (None: none does) disagree, empty when they do not."""
    stale = [stack for stack in pulumi_state.stacks(home, since) if stack.stale]
    if not stale:
        return ""
    count = sum(stack.stale for stack in stale)
    names = ", ".join(f"{stack.name} ({stack.stale})" for stack in stale)
    age = f"began at {time.strftime('%F %T', time.localtime(since))}" if since else "does not exist while nothing runs"
    return (
        f"the account is gone while Pulumi state still holds {count} resources of it: {names}. The emulator keeps the "
        f"account in memory; the present one {age}. `cell sandbox reset` clears both, `pulumi refresh` only state."
    )


def warn_of_stale(home: Home, run: Run | None) -> None:
    if explanation := stale_explanation(home, account_since(run)):
        say(f"warning: {explanation}")


def status(home: Home) -> dict[str, Any]:
    """What `cell sandbox status -o json` prints."""
    run = running(home)
    last = home.run()
    emulator = emulator_client.status(run.port, STATUS_TIMEOUT_S) if run else None
    since = account_since(run)
    return {
        "running": run is not None,
        "home": str(home.path),
        "url": run.url if run else None,
        "startId": run.start_id if run else None,
        "uptimeSeconds": round(time.time() - run.started_at, 1) if run else None,
        "answers": emulator is not None,
        "supervisor": _pid(run.supervisor) if run else None,
        "emulator": _pid(run.emulator) if run else None,
        "ended": None if run or not last else last.ended or "killed",
        "resetPending": home.reset_pending.exists(),
        "requests": (emulator or {}).get("requests"),
        "clusters": (emulator or {}).get("clusters", []),
        "kubernetes": (emulator or {}).get("kubernetes"),
        "stacks": [asdict(stack) for stack in pulumi_state.stacks(home, since)],
        "updates": [asdict(update) for update in pulumi_state.updates(home)],
        "warning": stale_explanation(home, since) or None,
    }


def _pid(process: Process | None) -> int | None:
    return process.pid if process else None


def _wait_for_line(descriptor: int, timeout_s: float) -> str:
    """The line written to the pipe; empty when its writer ended or was silent for `timeout_s` seconds."""
    with os.fdopen(descriptor) as pipe:
        readable, _, _ = select.select([pipe], [], [], timeout_s)
        return pipe.readline().strip() if readable else ""


def say(message: str) -> None:
    """Talk goes to stderr; stdout is for data."""
    print(message, file=sys.stderr)


def dump(data: Any) -> str:
    return json.dumps(data, indent=2)
