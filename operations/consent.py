"""Asking before something is done: no terminal and no `--yes` is exit 2."""

from __future__ import annotations

import sys
from collections.abc import Callable

from rich.console import Console
from rich.prompt import Confirm, Prompt

from operations.errors import CellError, ExitCode


def confirmed(console: Console, yes: bool) -> Callable[[str], bool]:
    """Consent to something that can be changed again."""
    if yes:
        return lambda _question: True
    _needs_terminal()
    return lambda question: Confirm.ask(question, console=console, default=False)


def typed(console: Console, name: str, yes: bool) -> Callable[[str], bool]:
    """Consent to something that cannot be undone: the name has to be typed."""
    if yes:
        return lambda _question: True
    _needs_terminal()
    return lambda question: Prompt.ask(f"{question} Type {name} to go on", console=console) == name


def _needs_terminal() -> None:
    if not sys.stdin.isatty():
        raise CellError("no terminal to ask on: add --yes", ExitCode.CONFIGURATION)
