"""The official installer of the engine: used where it answers, given up quickly where it does not."""

import os
import subprocess
import threading
import urllib.request
from pathlib import Path

from sandbox.engine.wheels import run

URL = "https://get.pulumi.com/install.sh"

ANSWER_WITHIN_S = 5.0
"""A network that drops packets answers never; one that works answers in well under a second."""

DOWNLOAD_WITHIN_S = 180
"""For the 60 MB archive, at 350 kB a second."""


class NotInstalled(Exception):
    """The installer gave no engine; the text says why."""


def fetch_script(url: str = URL, answer_within_s: float = ANSWER_WITHIN_S) -> bytes:
    """The installer's text. Raises NotInstalled after `answer_within_s` seconds, name look-up included."""
    answer: list[bytes | Exception] = []

    def ask() -> None:
        try:
            with urllib.request.urlopen(url, timeout=answer_within_s) as response:
                answer.append(response.read())
        except (OSError, ValueError) as error:
            answer.append(error)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(answer_within_s)
    if not answer:
        raise NotInstalled(f"{url} gave no answer within {answer_within_s:g} s")
    if isinstance(answer[0], Exception):
        raise NotInstalled(f"{url} cannot be reached: {answer[0]}")
    if not answer[0].startswith(b"#!"):
        raise NotInstalled(f"{url} answered something that is not the installer")
    return answer[0]


def install(version: str, directory: Path, url: str = URL) -> Path:
    """Install `version` (such as 3.259.0) under `directory`; returns the directory that holds `pulumi`."""
    directory.mkdir(parents=True)
    script = directory / "install.sh"
    script.write_bytes(fetch_script(url))
    root = directory / "root"
    try:
        run(
            ["sh", str(script), "--version", version, "--install-root", str(root), "--no-edit-path"],
            timeout_s=DOWNLOAD_WITHIN_S,
        )
    except (RuntimeError, subprocess.TimeoutExpired) as error:
        raise NotInstalled(str(error)) from error
    programs = root / "bin"
    if not os.access(programs / "pulumi", os.X_OK):
        raise NotInstalled("the installer ended well but left no pulumi")
    return programs
