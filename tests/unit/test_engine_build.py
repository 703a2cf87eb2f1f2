"""How the engine is compiled, fetched and installed: recipe, environment, installer, interrupted runs."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from sandbox.engine import environment, golang, installer, tools
from sandbox.engine.golang import Go

ROOT = Path(__file__).resolve().parents[2]


def fake_go(folder: Path, version: str, answer: str = "{}") -> Path:
    """A `go` that knows its version and its settings."""
    folder.mkdir(parents=True, exist_ok=True)
    command = folder / "go"
    command.write_text(f"#!/bin/sh\n[ $1 = env ] && echo '{answer}' || echo 'go version go{version} linux/amd64'\n")
    command.chmod(0o755)
    return command


@pytest.mark.parametrize(
    ("version", "new_enough"), [("1.26.8", True), ("1.27.0", True), ("1.9.1", False), ("?", False)]
)
def test_go_on_path_is_used_where_it_is_new_enough(tmp_path: Path, version: str, new_enough: bool) -> None:
    fake_go(tmp_path, version)

    assert bool(golang.go_on_path((1, 26, 0), str(tmp_path))) is new_enough


def test_users_settings_do_not_change_what_is_built(tmp_path: Path) -> None:
    go = Go(command=fake_go(tmp_path / "bin", "1.26.8"), origin="test")
    base = {
        "PATH": os.defpath,
        "GOFLAGS": "-mod=mod -race",
        "GOOS": "plan9",
        "GOWORK": "/x/go.work",
        "CGO_ENABLED": "1",
    }

    made = golang.environment(go, tmp_path / "home", base)

    assert made["GOFLAGS"] == "-mod=readonly"
    assert made["CGO_ENABLED"] == "0"
    assert made["GOWORK"] == "off"
    assert "GOOS" not in made
    assert made["GOMODCACHE"].startswith(str(tmp_path / "home"))


def test_users_module_cache_and_proxy_are_read(tmp_path: Path) -> None:
    (tmp_path / "modules" / "cache" / "download").mkdir(parents=True)
    answer = json.dumps({"GOMODCACHE": str(tmp_path / "modules"), "GOPROXY": "https://modules.example"})
    go = Go(command=fake_go(tmp_path / "bin", "1.26.8", answer), origin="test")

    made = golang.environment(go, tmp_path / "home", {"PATH": os.defpath, "HTTPS_PROXY": "http://proxy.example"})

    assert made["GOPROXY"] == f"file://{tmp_path}/modules/cache/download,https://modules.example"
    assert made["HTTPS_PROXY"] == "http://proxy.example"


def test_go_mod_pins_what_is_built_and_go_sum_what_is_downloaded() -> None:
    sums = golang.MODULE.with_name("go.sum").read_text()

    for tool in (tools.PULUMI, tools.KUBE_APISERVER):
        assert f"{tool.module} v{tool.version} h1:" in sums


def test_full_disk_of_a_compiler_is_explained(tmp_path: Path) -> None:
    text = golang.explain("build", "go: downloading x v1\nwrite /x: no space left on device\n", tmp_path)

    assert "the disk is full" in text
    assert "downloading" not in text


@pytest.fixture
def site() -> Iterator[Callable[[bytes | None], str]]:
    """A web server on loopback: answers with the given bytes, or never. Returns its URL."""
    servers: list[tuple[HTTPServer, threading.Event]] = []

    def start(body: bytes | None) -> str:
        leave = threading.Event()

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if body is None:
                    leave.wait(30)
                    return
                self.send_response(200)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        server = HTTPServer(("127.0.0.1", 0), Answer)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append((server, leave))
        return f"http://127.0.0.1:{server.server_port}/install.sh"

    yield start
    for server, leave in servers:
        leave.set()
        server.shutdown()
        server.server_close()


def test_installer_without_an_answer_is_given_up(site: Callable[[bytes | None], str]) -> None:
    started = time.monotonic()

    with pytest.raises(installer.NotInstalled, match=r"within 0\.2 s|cannot be reached"):
        installer.fetch_script(site(None), answer_within_s=0.2)

    assert time.monotonic() - started < 5


def test_installer_is_given_five_seconds() -> None:
    assert installer.ANSWER_WITHIN_S == 5


def test_page_of_a_proxy_is_not_run_as_installer(site: Callable[[bytes | None], str], tmp_path: Path) -> None:
    with pytest.raises(installer.NotInstalled, match="not the installer"):
        installer.install("1.0.0", tmp_path / "new", site(b"<html>Please log in</html>"))


def test_installer_puts_the_wanted_version_where_it_is_told(
    site: Callable[[bytes | None], str], tmp_path: Path
) -> None:
    script = (
        b'#!/bin/sh\nmkdir -p "$4/bin"\nprintf "#!/bin/sh\\necho v$2" > "$4/bin/pulumi"\nchmod +x "$4/bin/pulumi"\n'
    )

    programs = installer.install("1.2.3", tmp_path / "new", site(script))

    assert tools.says(programs / "pulumi", ["version"]) == "v1.2.3"


def test_installer_that_fails_says_what_it_said(site: Callable[[bytes | None], str], tmp_path: Path) -> None:
    with pytest.raises(installer.NotInstalled, match="unsupported platform"):
        installer.install("1.2.3", tmp_path / "new", site(b"#!/bin/sh\necho unsupported platform\nexit 1\n"))


def test_killed_process_takes_its_compilers_along(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    slow = fake_go(tmp_path / "bin", "1.26.8")
    slow.write_text(
        f"#!/bin/sh\n[ $1 = env ] && echo '{{}}' && exit\n"
        f"echo $$ > {pid_file}.new && mv {pid_file}.new {pid_file}\nexec sleep 300\n"
    )
    script = f"""
from pathlib import Path
from sandbox.engine.golang import Go, GoBuild
GoBuild(Path({str(tmp_path / "home")!r}), Go(command=Path({str(slow)!r}), origin="test")).fetch("x")
"""
    builder = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT)
    eventually(pid_file.exists)

    builder.send_signal(signal.SIGKILL)
    builder.wait()

    eventually(lambda: not Path(f"/proc/{pid_file.read_text().strip()}/cmdline").exists())


def test_environment_depends_on_lock_project_and_interpreter(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = environment.fingerprint()
    changed = tmp_path / "requirements.lock"
    changed.write_text(environment.LOCK.read_text() + "# one more line\n")
    monkeypatch.setattr(environment, "LOCK", changed)

    assert environment.fingerprint() != before


def test_environment_that_is_up_to_date_is_left_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / environment.MARKER).write_text(environment.fingerprint())
    monkeypatch.setattr(environment, "run", forbidden)

    assert environment.provide(tmp_path / ".venv") == tmp_path / ".venv" / "bin" / "python"


def test_broken_off_environment_is_made_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    venv = tmp_path / ".venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "uv").write_text("")
    (venv / "half-installed").write_text("")
    monkeypatch.setattr(environment, "run", lambda _command, **_: (venv / "bin").mkdir(parents=True, exist_ok=True))

    environment.provide(venv, tell=lambda _line: None)

    assert not (venv / "half-installed").exists()
    assert (venv / environment.MARKER).read_text() == environment.fingerprint()


def test_failed_installation_leaves_no_finished_mark(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(command: list[str], **_: object) -> None:
        if "venv" not in command:
            raise RuntimeError("no matching distribution")

    monkeypatch.setattr(environment, "run", fail)

    with pytest.raises(environment.EnvironmentFailed, match=r"no matching distribution[\s\S]*package index"):
        environment.provide(tmp_path / ".venv", tell=lambda _line: None)

    assert not (tmp_path / ".venv" / environment.MARKER).exists()


def forbidden(_command: list[str], **_: object) -> None:
    raise AssertionError("nothing is to be run")


def eventually(holds: Callable[[], bool], within_s: float = 30) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.02)
