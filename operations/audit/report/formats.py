"""Formats of ``cell audit --report FORMAT=FILE``, and the file."""

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from operations.audit.report import csv_, json_, junit, sarif
from operations.audit.report.escape import terminal
from operations.audit.report.page import page
from operations.audit.result import Audit
from operations.errors import CellError, ExitCode

FORMATS: Mapping[str, Callable[[Audit], bytes]] = {
    "csv": csv_.render,
    "json": json_.render,
    "junit": junit.render,
    "sarif": sarif.render,
}
"""Word on the command line -> what the file holds."""

PAGE = "html"
"""Shows earlier audits beside this one."""

OSCAL = "oscal"
"""Writes a folder: documents that import each other."""

NAMES = (*FORMATS, PAGE, OSCAL)


def parse(spec: str) -> tuple[str, Path]:
    """Format and file of ``FORMAT=FILE``, before an audit is run for nothing. Raises CellError (configuration)."""
    name, separator, file = spec.partition("=")
    if not separator or not file:
        raise _refused(spec, f"give FORMAT=FILE with one of {', '.join(NAMES)}")
    if name not in NAMES:
        raise _refused(spec, f"{name} is no format; give one of {', '.join(NAMES)}")
    if name != OSCAL and os.path.exists(file) and not os.path.isfile(file):
        raise _refused(spec, f"{file} is no file; give another name")
    # Where the file is a link, what it names is replaced and the link stays.
    path = Path(os.path.realpath(file))
    if not path.parent.is_dir():
        raise _refused(spec, f"there is no folder {path.parent}; make it first")
    return name, path


def write(audit: Audit, spec: str, trend: Sequence[Audit] = ()) -> Path:
    """Writes one report, whole or not at all, readable by its owner only. ``trend``: audits before, for formats that
    show them. Raises CellError."""
    name, path = parse(spec)
    try:
        if name == OSCAL:
            from operations.audit.report import oscal  # trestle takes a second to import

            oscal.write(audit, path)
        elif name == PAGE:
            _replace(path, page(audit, trend).encode())
        else:
            _replace(path, FORMATS[name](audit))
    except OSError as error:
        raise CellError(terminal(f"--report {spec}: {error.strerror or error}; nothing was written there")) from None
    return path


def _refused(spec: str, problem: str) -> CellError:
    return CellError(terminal(f"--report {spec}: {problem}"), ExitCode.CONFIGURATION)


def _replace(path: Path, content: bytes) -> None:
    # mkstemp gives mode 0600; in the same folder a rename is atomic.
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
