"""`pulumi` in the sandbox: the engine, and afterwards stack files as the user wrote them.

The engine notes the passphrase's salt in the stack file. In the sandbox the passphrase belongs to one folder on one
machine, so the salt belongs to its state alone (the engine finds it there:
``PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER``). In a shared stack file it would be a change nobody made, and the next
sandbox could not read it.

    python -m sandbox.engine.pulumi_command ENGINE [ARGUMENT...]
"""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_SALT = re.compile(r"^encryptionsalt: (\S+)\n", re.MULTILINE)
_STACK_FILE = re.compile(r"Pulumi\.(.+)\.ya?ml")
_CONFIG_FOLDER = re.compile(r"^stackConfigDir: *(\S+)", re.MULTILINE)


def main(arguments: Sequence[str]) -> int:
    """Runs the engine; its exit code, or 128 + the signal that ended it."""
    engine, *rest = arguments
    # The terminal's interrupt reaches the engine itself, which decides how to end; this process only waits for it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    process = subprocess.Popen([engine, *rest], preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    signal.signal(signal.SIGTERM, lambda number, _frame: process.send_signal(number))
    code = process.wait()
    restore_stack_files(_working_folder(rest), _state_folder())
    return code if code >= 0 else 128 - code


def restore_stack_files(start: Path, state: Path | None) -> None:
    """Takes out of the project's stack files each salt that the sandbox's state holds as well."""
    project = next((folder for folder in (start, *start.parents) if (folder / "Pulumi.yaml").is_file()), None)
    if project is None or state is None:
        return
    match = _CONFIG_FOLDER.search((project / "Pulumi.yaml").read_text())
    for file in (project / match[1] if match else project).glob("Pulumi.*.y*ml"):
        text = file.read_text()
        salt, name = _SALT.search(text), _STACK_FILE.fullmatch(file.name)
        if (
            salt
            and name
            and any(salt[1] in kept.read_text() for kept in state.glob(f".pulumi/stacks/*/{name[1]}.json"))
        ):
            temporary = file.with_name(f".{file.name}")
            temporary.write_text(_SALT.sub("", text))
            temporary.replace(file)


def _working_folder(arguments: Sequence[str]) -> Path:
    """Where the engine worked: ``-C FOLDER`` or ``--cwd FOLDER``, else here."""
    for number, word in enumerate(arguments):
        if word in {"-C", "--cwd"} and number + 1 < len(arguments):
            return Path(arguments[number + 1]).resolve()
        if word.startswith("--cwd="):
            return Path(word.removeprefix("--cwd=")).resolve()
    return Path.cwd()


def _state_folder() -> Path | None:
    url = os.environ.get("PULUMI_BACKEND_URL", "")
    return Path(url.removeprefix("file://")) if url.startswith("file://") else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
