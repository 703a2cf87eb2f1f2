"""``cell exception``: what stands in a stack's exceptions, what an approver signs, and the signature."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from ruamel.yaml import YAML

from operations.errors import CellError, ExitCode
from operations.output import Format, show, talk
from operations.project import Project
from policies.approvers import Approver, message, person
from policies.exceptions import APPROVERS, Draft, Exceptions, drafts, load, protected

app = typer.Typer(help="Exceptions of a stack: failures that are accepted for a time.", no_args_is_help=True)
console = talk()

Stack = Annotated[str, typer.Argument(help="A stack of stacks/.", show_default=False)]
Id = Annotated[str, typer.Argument(help="Of the entry: EX-1.", show_default=False)]
Output = Annotated[Format, typer.Option("--output", "-o", help="How to print the result on standard output.")]


@app.command("list")
def list_(stack: Stack, output: Output = Format.TABLE) -> None:
    """Each entry and whether it holds now. Exit code 2 where one accepts nothing."""
    path = Project.find().exceptions_file(stack)
    found = load([path], datetime.now(UTC))
    show(rows(found), output)
    if found.refused:
        console.print(f"{len(found.refused)} accept nothing", markup=False)
        raise typer.Exit(ExitCode.CONFIGURATION)


@app.command()
def digest(stack: Stack, id: Id, output: Output = Format.TABLE) -> None:  # noqa: A002
    """What an approval of an entry is about: its digest and the bytes that it is of."""
    draft = _draft(_read(stack)[0], stack, id)
    about: dict[str, Any] = {"digest": draft.terms.digest, "canonical": draft.terms.canonical.decode()}
    show(about | {"only in an emergency": protected(draft.terms.control)}, output)


@app.command()
def sign(
    stack: Stack,
    id: Id,  # noqa: A002
    key: Annotated[Path, typer.Option(help="PEM file of the approver's private key.", show_default=False)],
    approver: Annotated[str, typer.Option("--as", help=f"E-mail address in {APPROVERS}.", show_default=False)],
) -> None:
    """Approve an entry as it stands: add a signature to the stack's file. A later change of the entry undoes it."""
    found, approvers = _read(stack)
    draft = _draft(found, stack, id)
    who = _person(approver)
    if who == person(draft.terms.requester):
        raise CellError(f"{id}: {who} asked for it; somebody else has to approve", ExitCode.CONFIGURATION)
    private = private_key(key)
    _refuse_unknown(private, who, approvers)
    signed = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    signature = base64.b64encode(private.sign(message(draft.terms.digest, who, signed))).decode()
    path = Project.find().exceptions_file(stack)
    add_approval(path, draft, {"approver": who, "signed": signed, "signature": signature})
    told = next(row for row in rows(load([path], datetime.now(UTC))) if row["id"] == id)
    console.print(f"signed {id} as {who}: {told['status']}", markup=False, soft_wrap=True)


def rows(found: Exceptions) -> list[dict[str, Any]]:
    """Exceptions as a table lists them: those that hold, then the others."""
    held = [
        {
            "id": one.terms.id,
            "control": one.terms.control,
            "resource": one.terms.resource,
            "expires": one.terms.expires,
            "approved": ", ".join(signed.approver for signed in one.approvals),
            "status": "EMERGENCY" if one.terms.emergency else "holds",
        }
        for one in found.accepted
    ]
    refused = [
        {
            "id": one.id,
            "control": one.control,
            "resource": one.resource,
            "expires": "",
            "approved": "",
            "status": f"accepts nothing: {one.problem} ({one.file}:{one.line})",
        }
        for one in found.refused
    ]
    return held + refused


def add_approval(path: Path, draft: Draft, approval: dict[str, str]) -> None:
    """Adds an approval to an entry of a file, in place of one of the same person; comments and order stay."""
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096  # Nothing is folded that a person wrote on one line.
    document = yaml.load(path.read_text(encoding="utf-8"))
    [entry] = [one for one in document if str(one.get("id")) == draft.terms.id]
    approvals = entry.setdefault("approvals", [])
    for position in reversed(range(len(approvals))):
        if _is(str(approvals[position].get("approver")), approval["approver"]):
            del approvals[position]
    approvals.append(approval)
    with path.open("w", encoding="utf-8") as target:
        yaml.dump(document, target)


def _read(stack: str) -> tuple[list[Draft], list[Approver]]:
    path = Project.find().exceptions_file(stack)
    if not path.is_file():
        raise CellError(f"{stack}: no {path}; docs/exceptions.md shows one", ExitCode.CONFIGURATION)
    found, approvers, refused = drafts(path)
    for one in refused:
        console.print(str(one), style="red", markup=False, soft_wrap=True)
    return found, approvers


def _draft(found: list[Draft], stack: str, name: str) -> Draft:
    named = [draft for draft in found if draft.terms.id == name]
    if len(named) != 1:
        known = ", ".join(sorted({draft.terms.id for draft in found})) or "none"
        raise CellError(
            f"{name}: {len(named)} well-formed entries of {stack} are named so; it has {known}", ExitCode.CONFIGURATION
        )
    return named[0]


def _person(written: str) -> str:
    try:
        return person(written)
    except ValueError as problem:
        raise CellError(f"--as {written}: {problem}", ExitCode.CONFIGURATION) from None


def _is(written: str, who: str) -> bool:
    try:
        return person(written) == who
    except ValueError:
        return False


def private_key(path: Path) -> Ed25519PrivateKey:
    """The key in a PEM file; asks for its passphrase. Raises CellError (configuration)."""
    try:
        content = path.read_bytes()
        try:
            key = load_pem_private_key(content, None)
        except TypeError:  # It is encrypted.
            key = load_pem_private_key(content, typer.prompt("passphrase", hide_input=True, err=True).encode())
    except (OSError, ValueError) as error:
        raise CellError(
            f"--key {path}: no private key in PEM ({type(error).__name__})", ExitCode.CONFIGURATION
        ) from None
    if not isinstance(key, Ed25519PrivateKey):
        rule = "is no Ed25519 key; `openssl genpkey -algorithm ed25519` makes one"
        raise CellError(f"--key {path}: {rule}", ExitCode.CONFIGURATION)
    return key


def _refuse_unknown(key: Ed25519PrivateKey, who: str, approvers: list[Approver]) -> None:
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if not any(one.key == public and one.person == who for one in approvers):
        middle = base64.b64encode(public).decode()
        raise CellError(
            f"{who} with key {middle} is not in exceptions/{APPROVERS}; its code owners add people and keys",
            ExitCode.CONFIGURATION,
        )
