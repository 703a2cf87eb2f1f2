"""In the sandbox, running the engine leaves stack files as they were."""

import sys
from pathlib import Path

import pytest

from sandbox.engine.pulumi_command import main, restore_stack_files

SALT = "v1:EESYsJwk+/0=:v1:m9oeJw1k7bwOQplH:V1CnwNJAOyaEZZ0Y1dfizFDJLrD03w=="
BODY = "config:\n  payment-cell:cell:\n    region: eu-west-1 # a comment\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "stacks").mkdir()
    (tmp_path / "Pulumi.yaml").write_text("name: payment-cell\nmain: stacks/\nstackConfigDir: stacks\n")
    state = tmp_path / "state/.pulumi/stacks/payment-cell"
    state.mkdir(parents=True)
    (state / "dev.json").write_text(f'{{"secrets_providers":{{"state":{{"salt":"{SALT}"}}}}}}')
    return tmp_path


def stack_file(project: Path, text: str) -> Path:
    file = project / "stacks/Pulumi.dev.yaml"
    file.write_text(text)
    return file


def test_a_salt_that_the_state_holds_is_taken_out_of_the_stack_file(project: Path) -> None:
    file = stack_file(project, f"{BODY}encryptionsalt: {SALT}\n")
    restore_stack_files(project / "stacks", project / "state")
    assert file.read_text() == BODY


def test_a_salt_of_another_state_stays(project: Path) -> None:
    text = f"{BODY}encryptionsalt: v1:another\n"
    file = stack_file(project, text)
    restore_stack_files(project, project / "state")
    assert file.read_text() == text


def test_outside_a_project_nothing_happens(tmp_path: Path) -> None:
    restore_stack_files(tmp_path, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_engines_exit_code_is_passed_on() -> None:
    assert main([sys.executable, "-c", "raise SystemExit(5)"]) == 5
    assert main([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"]) == 137
