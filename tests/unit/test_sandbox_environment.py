"""`cell sandbox env` leads every program to the sandbox and to nothing else."""

import os
import subprocess
from pathlib import Path

import pytest

from sandbox.lifecycle import credentials, environment, shims
from sandbox.lifecycle.home import Home, Run

RUN = Run(start_id="x", started_at=0, port=4321, ready=True)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    for name in list(os.environ):
        if name.startswith("AWS_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    home = Home(path=tmp_path / "it's a sandbox")
    home.make()
    credentials.ensure(home)
    return home


def test_the_shell_gets_exactly_the_values(home: Home) -> None:
    values = environment.variables(home, RUN)
    script = environment.shell_lines(values) + 'printf %s "$PULUMI_CONFIG_PASSPHRASE_FILE|$AWS_ENDPOINT_URL"'
    shell = subprocess.run(["/bin/sh", "-euc", script], capture_output=True, text=True, check=True)
    assert shell.stdout == f"{home.path}/passphrase|http://127.0.0.1:4321"


def test_what_leads_past_the_sandbox_is_unset(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://s3.example")
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "mine")
    values = environment.variables(home, RUN)
    assert {name for name, value in values.items() if value is None} == {
        "AWS_PROFILE",
        "AWS_ENDPOINT_URL_S3",
        "PULUMI_CONFIG_PASSPHRASE",
    }
    assert "unset AWS_PROFILE\n" in environment.shell_lines(values)


def test_without_anything_in_the_way_nothing_is_unset(home: Home) -> None:
    assert None not in environment.variables(home, RUN).values()


def test_a_proxy_is_kept_off_loopback(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "internal.example")
    values = environment.variables(home, RUN)
    assert values["no_proxy"] == "127.0.0.1,localhost,internal.example"
    assert values["NO_PROXY"] == "127.0.0.1,localhost"


def test_the_bin_directory_comes_first_and_once(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"/usr/bin{os.pathsep}{home.official_bin}{os.pathsep}{home.bin}")
    assert environment.variables(home, RUN)["PATH"] == f"{home.bin}{os.pathsep}/usr/bin"


def test_official_plugins_are_not_shadowed_when_asked_for(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin")
    monkeypatch.setenv(shims.ENGINE_VARIABLE, "/bin/sh")
    shims.write(home)
    values = environment.variables(home, RUN, official_plugins=True)
    assert values["PATH"] == f"{home.official_bin}{os.pathsep}/usr/bin"
    ours = {"pulumi-resource-aws", "pulumi-resource-kubernetes"}
    assert ours <= {file.name for file in home.bin.iterdir()}
    assert {file.name for file in home.official_bin.iterdir()} == {"aws", "pulumi", "pulumi-language-python"}


def test_an_official_language_host_wins_with_the_official_plugins(
    home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    official = tmp_path / "pulumi-language-python"
    official.write_text("#!/bin/sh\n")
    official.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv(shims.ENGINE_VARIABLE, "/bin/sh")
    shims.write(home)
    assert not (home.official_bin / "pulumi-language-python").exists()
    assert (home.bin / "pulumi-language-python").exists()


def test_commands_that_are_no_longer_wanted_disappear(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(shims.ENGINE_VARIABLE, "/bin/sh")
    (home.bin / "pulumi-resource-old").touch()
    shims.write(home)
    assert not (home.bin / "pulumi-resource-old").exists()
    assert all(os.access(file, os.X_OK) for file in home.bin.iterdir())
