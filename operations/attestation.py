"""``cell attestation``: what people vouch for, signed by whoever reviewed it."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from ruamel.yaml import YAML

from operations.errors import CellError, ExitCode
from operations.exceptions import private_key
from operations.output import Format, show, talk
from operations.project import Project
from policies.catalogue import controls

if TYPE_CHECKING:
    from operations.audit.attestations import Read

app = typer.Typer(help="What people vouch for because no cloud shows it.", no_args_is_help=True, rich_markup_mode=None)
console = talk()


@app.command(name="list")
def list_(output: Annotated[Format, typer.Option("--output", "-o", help="How to print it.")] = Format.TABLE) -> None:
    """Every attestation, and what is wrong with those that cover nothing."""
    show([_row(one) for one in _all(Project.find())], output)


@app.command()
def sign(
    file: Annotated[Path, typer.Argument(help="Of attestations/.", show_default=False)],
    key: Annotated[Path, typer.Option(help="PEM file of the reviewer's private key.", show_default=False)],
) -> None:
    """Sign an attestation as its reviewer, as it stands. A later change of the file undoes it."""
    project = Project.find()
    read = next((one for one in _all(project) if (project.root / one.file).resolve() == file.resolve()), None)
    if read is None:
        raise CellError(f"{file}: is not in attestations/ of the project", ExitCode.CONFIGURATION)
    if read.attested is None:
        raise CellError(f"{file}: {read.problem}", ExitCode.CONFIGURATION)
    signature = base64.b64encode(private_key(key).sign(read.attested.signed)).decode()
    yaml = YAML()
    yaml.preserve_quotes = True
    document = yaml.load(file.read_text(encoding="utf-8"))
    document["signature"] = signature
    with file.open("w", encoding="utf-8") as target:
        yaml.dump(document, target)
    after = next(one for one in _all(project) if one.file == read.file)
    console.print(f"signed {read.file}: {after.problem or 'covers its question'}", markup=False, soft_wrap=True)


def _all(project: Project) -> tuple[Read, ...]:
    from operations.audit.attestations import ATTESTATIONS, load, verifier  # pydantic models of a whole audit

    return load(project.root / ATTESTATIONS, controls(), datetime.now(UTC).date(), verifier(project))


def _row(read: Read) -> dict[str, str]:
    said = read.attested
    return {
        "file": read.file,
        "control": said.control if said else "",
        "question": said.question if said else "",
        "valid until": said.valid_until.isoformat() if said else "",
        "reviewer": said.reviewer if said else "",
        "status": f"covers nothing: {read.problem}" if read.problem else "covers its question",
    }
