"""Runs one Python program for the language host, in whichever interpreter the program asked for.

Called by path (`python -u language_program.py ...`), so it imports nothing of this project: the interpreter may be
another virtual environment that has the Pulumi SDK and nothing of ours.

    language_program.py program '{"monitor": ..., "program": ...}'    a Pulumi program, config in PULUMI_CONFIG
    language_program.py path DIRECTORY [ARG...]                       a plugin's __main__.py
    language_program.py module NAME [ARG...]                          `python -m NAME`, used for policy packs
"""

import json
import os
import runpy
import signal
import sys
from pathlib import Path

SHOWN_TO_USER = 32
"""Exit code for "failed, and the user has seen why": the host answers `bail` then (as the official host does)."""


def follow_parent() -> None:
    """Ignore the engine's SIGINT to the process group (the host decides) and die with the host, even by SIGKILL."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        import ctypes

        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def own_traceback(program: str) -> str:
    """The current exception from the program's own first frame on: what is above it is the host's, not the user's."""
    import traceback

    trace = sys.exc_info()[2]
    root = Path(program).resolve()
    starts = (root, root / "__main__.py")
    frames = traceback.extract_tb(trace)
    for index, frame in enumerate(frames):
        if Path(frame.filename).resolve() in starts:
            return traceback.format_exc(limit=index - len(frames))
    return traceback.format_exc()


def run_program(request: dict[str, object]) -> int:
    """Run a Pulumi program inside a stack; returns the exit code."""
    try:
        import pulumi
        import pulumi.runtime
    except ImportError as error:
        print(f"{error}\n{sys.executable} has no Pulumi SDK; install `pulumi` there, or name another", file=sys.stderr)
        print("environment in Pulumi.yaml (runtime.options.virtualenv)", file=sys.stderr)
        return 1
    import asyncio
    import logging
    from concurrent.futures import ThreadPoolExecutor

    program = str(request["program"])
    parallel = int(str(request["parallel"]))
    pulumi.runtime.set_all_config(pulumi.runtime.get_config_env(), pulumi.runtime.get_config_secret_keys_env())
    pulumi.runtime.configure(
        pulumi.runtime.Settings(
            monitor=str(request["monitor"]),
            engine=str(request["engine"]),
            project=str(request["project"]),
            stack=str(request["stack"]),
            organization=str(request["organization"]),
            root_directory=str(request["root_directory"]),
            parallel=parallel,
            dry_run=bool(request["dry_run"]),
        )
    )
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    executor = ThreadPoolExecutor(max_workers=max(parallel, 1) * 4)
    loop.set_default_executor(executor)
    # A failed resource leaves futures that nobody awaits; asyncio would report each of them.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    try:
        loop.run_until_complete(pulumi.runtime.run_in_stack(lambda: _run_path(program)))
    except pulumi.RunError as error:
        pulumi.log.error(str(error))
        return 1
    except Exception:
        pulumi.log.error("Program failed with an unhandled exception:\n" + own_traceback(program))
        return SHOWN_TO_USER
    finally:
        executor.shutdown(wait=True)
        loop.close()
    return 0


def _run_path(program: str) -> None:
    path = Path(program)
    if path.is_dir() and not (path / "__main__.py").is_file():
        import pulumi

        raise pulumi.RunError(f"there is no program in {path.resolve()}: it has no __main__.py")
    if path.is_file():
        sys.path.insert(0, str(path.resolve().parent))
    runpy.run_path(program, run_name="__main__")


def main(arguments: list[str]) -> int:
    """Take over the process for what `arguments` name; see the module's text."""
    follow_parent()
    sys.path.pop(0)  # this file's own directory, which is no part of the program
    kind, target, *rest = arguments
    if kind == "program":
        request = json.loads(target)
        sys.argv = [request["program"], *request["args"]]
        os.chdir(request["directory"])
        code = run_program(request)
        sys.stdout.flush()
        sys.stderr.flush()
        return code
    sys.argv = [target, *rest]
    if kind == "path":
        runpy.run_path(target, run_name="__main__")
    else:
        sys.path.insert(0, "")
        runpy.run_module(target, run_name="__main__", alter_sys=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
