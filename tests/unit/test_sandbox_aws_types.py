"""The files of the types that AWS installs."""

from pathlib import Path

import pytest
import yaml

from sandbox.kubernetes.aws_types import FOLDER, Part, definitions

FILES = sorted(FOLDER.rglob("*.yaml"))


def test_every_file_is_of_a_part_that_brings_it() -> None:
    assert {path.parent.name for path in FILES} == set(Part)
    assert sum(len(definitions(part)) for part in Part) == len(FILES)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_types_file_says_where_it_is_from_and_is_called_as_its_type(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "https://" in text.partition("apiVersion:")[0]
    manifest = yaml.safe_load(text)
    spec = manifest["spec"]
    assert manifest["metadata"]["name"] == path.stem == f"{spec['names']['plural']}.{spec['group']}"
