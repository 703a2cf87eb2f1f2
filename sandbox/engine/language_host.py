"""The engine's host for `runtime: python`: programs and policy packs, over the LanguageRuntime gRPC service.

    python -m sandbox.engine.language_host [FLAG...] ENGINE_ADDRESS

The first line on stdout is the port; what programs print follows on the same streams, where the engine reads it.
Every program runs in a process of its own (`language_program.py`), several at a time.
"""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType
from typing import Any

import grpc
from google.protobuf import empty_pb2

from sandbox.engine.language_environment import Environment, EnvironmentMissing, environment_of
from sandbox.engine.language_program import SHOWN_TO_USER
from sandbox.engine.protocol import language, language_grpc, plugin

PROGRAM = Path(__file__).with_name("language_program.py")

MAX_MESSAGE_BYTES = 400 * 2**20
"""The engine's own limit of a message, either way (sdk/go, rpcutil)."""

CONCURRENT_CALLS = 64
"""A call that runs a program holds its thread as long as the program lives: a stack and several policy packs."""

PARENT_CHECK_S = 1.0

CHUNK_BYTES = 64 * 1024


class LanguageHost(language_grpc.LanguageRuntimeServicer):  # type: ignore[misc]  # the stubs are untyped
    """Answers the engine at `engine_address`."""

    def __init__(self, engine_address: str) -> None:
        self._engine_address = engine_address
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()

    def Handshake(self, request: Any, _context: Any) -> Any:
        self._engine_address = request.engine_address or self._engine_address
        return language.LanguageHandshakeResponse()

    def GetPluginInfo(self, _request: Any, _context: Any) -> Any:
        from importlib.metadata import version

        return plugin.PluginInfo(version=version("pulumi"))

    def About(self, request: Any, context: Any) -> Any:
        environment = self._environment(request.info, context)
        return language.AboutResponse(executable=str(environment.python), version=environment.python_version())

    def GetRequiredPackages(self, request: Any, context: Any) -> Any:
        required = self._environment(request.info, context).required_plugins()
        return language.GetRequiredPackagesResponse(packages=[plugin.PackageDependency(**one) for one in required])

    def GetRequiredPlugins(self, request: Any, context: Any) -> Any:
        required = self._environment(request.info, context).required_plugins()
        return language.GetRequiredPluginsResponse(plugins=[plugin.PluginDependency(**one) for one in required])

    def GetProgramDependencies(self, request: Any, context: Any) -> Any:
        found = self._environment(request.info, context).packages(direct_only=not request.transitiveDependencies)
        dependencies = [language.DependencyInfo(name=name, version=version) for name, version in found]
        return language.GetProgramDependenciesResponse(dependencies=dependencies)

    def InstallDependencies(self, request: Any, context: Any) -> Iterator[Any]:
        """Nothing is installed behind the user's back; a missing environment is an error that says so."""
        environment = self._environment(request.info, context)
        yield language.InstallDependenciesResponse(stdout=f"Using {environment.python}\n".encode())

    def RuntimeOptionsPrompts(self, _request: Any, _context: Any) -> Any:
        return language.RuntimeOptionsResponse()

    def Template(self, _request: Any, _context: Any) -> Any:
        return language.TemplateResponse()

    def Run(self, request: Any, context: Any) -> Any:
        """Run a program to its end. Its exit code decides between success, bail (already reported) and an error."""
        environment = self._environment(request.info, context)
        program = os.path.normpath(Path(request.info.program_directory, request.info.entry_point or "."))
        process = self._start(
            environment,
            ["program", json.dumps(self._program(request, program))],
            variables={
                **os.environ,
                "PULUMI_CONFIG": json.dumps(dict(request.config)),
                "PULUMI_CONFIG_SECRET_KEYS": json.dumps(list(request.configSecretKeys)),
            },
            context=context,
        )
        code = self._end(process)
        if code == 0:
            return language.RunResponse()
        if code == SHOWN_TO_USER:
            return language.RunResponse(bail=True)
        if code < 0:
            return language.RunResponse(error=f"program was ended by {signal.Signals(-code).name}")
        return language.RunResponse(error=f"program exited with non-zero exit code: {code}")

    def RunPlugin(self, request: Any, context: Any) -> Iterator[Any]:
        """Run a policy pack or another plugin, streaming what it writes, and its exit code last."""
        environment = self._environment(request.info, context)
        process = self._start(
            environment,
            plugin_command(request.kind, Path(request.info.program_directory), list(request.args)),
            variables=dict(pair.partition("=")[::2] for pair in request.env) or dict(os.environ),
            context=context,
            directory=request.pwd or None,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for stream, chunk in _chunks(process):
            yield language.RunPluginResponse(**{stream: chunk})
        yield language.RunPluginResponse(exitcode=self._end(process))

    def Cancel(self, _request: Any, _context: Any) -> Any:
        self.stop()
        return empty_pb2.Empty()

    def stop(self) -> None:
        """End every program that runs."""
        with self._lock:
            for process in self._running:
                process.kill()

    def _program(self, request: Any, program: str) -> dict[str, object]:
        return {
            "program": program,
            "args": list(request.args),
            "directory": request.pwd or request.info.program_directory,
            "monitor": request.monitor_address,
            "engine": self._engine_address,
            "project": request.project,
            "stack": request.stack,
            "organization": request.organization,
            "root_directory": request.info.root_directory,
            "parallel": request.parallel,
            "dry_run": request.dryRun,
        }

    def _start(
        self,
        environment: Environment,
        arguments: Sequence[str],
        *,
        variables: Mapping[str, str],
        context: Any,
        directory: str | None = None,
        stdout: int | None = None,
        stderr: int | None = None,
    ) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(
            [environment.python, "-u", str(PROGRAM), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            cwd=directory,
            env=environment.variables(variables),
        )
        with self._lock:
            self._running.add(process)
        # An engine that gives up the call wants the program gone; after a normal end this does nothing.
        if not context.add_callback(process.kill):
            process.kill()
        return process

    def _end(self, process: "subprocess.Popen[bytes]") -> int:
        code = process.wait()
        with self._lock:
            self._running.discard(process)
        return code

    def _environment(self, info: Any, context: Any) -> Environment:
        try:
            return environment_of(Path(info.root_directory), dict(info.options.items()))
        except EnvironmentMissing as error:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
            raise


def plugin_command(kind: str, directory: Path, arguments: list[str]) -> list[str]:
    """How `language_program.py` runs a plugin: a policy pack, a directory with a `__main__.py`, or a named package."""
    if kind == "analyzer":
        return ["module", "pulumi.policy", *arguments, str(directory)]
    if (directory / "__main__.py").is_file():
        return ["path", str(directory), *arguments]
    import tomllib

    project = tomllib.loads((directory / "pyproject.toml").read_text())["project"]["name"]
    return ["module", "pulumi.run.plugin", project, *arguments]


def _chunks(process: "subprocess.Popen[bytes]") -> Iterator[tuple[str, bytes]]:
    """What a process writes, as ("stdout" or "stderr", bytes), until it has closed both."""
    written: queue.Queue[tuple[str, bytes]] = queue.Queue()

    def read(name: str, descriptor: int) -> None:
        while chunk := os.read(descriptor, CHUNK_BYTES):
            written.put((name, chunk))
        written.put((name, b""))

    streams = {"stdout": process.stdout, "stderr": process.stderr}
    for name, stream in streams.items():
        assert stream is not None
        threading.Thread(target=read, args=(name, stream.fileno()), daemon=True).start()
    open_streams = len(streams)
    while open_streams:
        name, chunk = written.get()
        if chunk:
            yield name, chunk
        else:
            open_streams -= 1


def _end_with_parent(host: LanguageHost, parent: int) -> None:
    """The engine that started this host is gone: nobody will ask anything any more."""
    while os.getppid() == parent:
        time.sleep(PARENT_CHECK_S)
    host.stop()
    os._exit(1)


def main(arguments: Sequence[str]) -> None:
    """Serve until the engine interrupts this process, or dies."""
    parent = os.getppid()
    host = LanguageHost(arguments[-1] if arguments else "")
    limits = [
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ]
    server = grpc.server(ThreadPoolExecutor(max_workers=CONCURRENT_CALLS), options=limits)
    language_grpc.add_LanguageRuntimeServicer_to_server(host, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()

    def leave(_number: int, _frame: FrameType | None) -> None:
        # The engine interrupts its plugins when it needs them no more, and kills them 5 s later.
        host.stop()
        os._exit(0)

    signal.signal(signal.SIGINT, leave)
    signal.signal(signal.SIGTERM, leave)
    threading.Thread(target=_end_with_parent, args=(host, parent), daemon=True).start()
    print(port, flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main(sys.argv[1:])
