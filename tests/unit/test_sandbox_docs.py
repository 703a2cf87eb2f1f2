"""docs/emulator.md says what the emulator has."""

import re
from pathlib import Path

import pytest

from sandbox.__main__ import main

ROOT = Path(__file__).resolve().parents[2]
DOC = (ROOT / "docs" / "emulator.md").read_text()


def test_every_extension_is_listed_and_every_listed_one_exists() -> None:
    folder = ROOT / "sandbox" / "aws" / "extensions"
    modules = {path.stem for path in folder.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    table = DOC.split("## Extensions", 1)[1].split("##", 1)[0]
    assert set(re.findall(r"^\| (\w+) \|", table, re.MULTILINE)) - {"service"} == modules - {"__init__", "wiring"}


def test_every_command_is_documented(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        main(["--help"])
    except SystemExit:
        choices = re.search(r"\{([\w,]+)\}", capsys.readouterr().out)
    assert choices
    assert all(f"cell sandbox {command}" in DOC for command in choices[1].split(","))
