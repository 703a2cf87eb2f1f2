"""A file with tests that pytest never reads ends the run, and folders decide which kind a test is."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

PASSES = "def test_it_passes():\n    pass\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of our test set-up with one unit test and one engine test."""
    for name in ("conftest.py", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    for folder in ("unit", "engine"):
        (tmp_path / "tests" / folder).mkdir(parents=True)
        (tmp_path / "tests" / folder / f"test_{folder}_one.py").write_text(PASSES)
    return tmp_path


def run(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTEST_ADDOPTS": "", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("name", ["check_limits.py", "limits_tests.py", "deeper/limits.py"])
def test_file_that_pytest_would_not_read_ends_the_run(project: Path, name: str) -> None:
    file = project / "tests" / "unit" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(PASSES)

    result = run(project)

    assert result.returncode == pytest.ExitCode.USAGE_ERROR
    assert f"tests/unit/{name}" in result.stdout + result.stderr


def test_run_says_how_many_tests_of_each_kind_it_selected(project: Path) -> None:
    result = run(project)

    assert result.returncode == 0
    assert "selected: engine 1, unit 1" in result.stdout


def test_folder_decides_the_kind(project: Path) -> None:
    result = run(project, "-m", "engine")

    assert "1 passed, 1 deselected" in result.stdout


def test_single_file_can_be_run_alone(project: Path) -> None:
    (project / "tests" / "unit" / "check_limits.py").write_text(PASSES)

    assert run(project, "tests/unit/test_unit_one.py").returncode == 0
