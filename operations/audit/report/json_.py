"""An audit as JSON, written and read. ``docs/schema/audit.json`` is the schema and is tested to be up to date."""

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from operations.audit.report.escape import terminal
from operations.audit.result import SCHEMA_VERSION, Audit, schema
from operations.errors import CellError, ExitCode


def render(audit: Audit) -> bytes:
    """The whole audit: keys sorted, ASCII only, so that equal audits are equal bytes and a pager shows no hostile
    character."""
    return pretty(audit.model_dump(mode="json")).encode()


def pretty(data: Any) -> str:
    """JSON as every report here is written. Raises ValueError for what JSON has no word for."""
    return json.dumps(data, indent=2, sort_keys=True, allow_nan=False) + "\n"


def load(path: Path) -> Audit:
    """Reads what ``render`` wrote. Raises CellError (configuration) with the first place that is wrong."""
    try:
        audit = Audit.model_validate_json(path.read_bytes(), strict=True)
    except OSError as error:
        raise _refused(path, f"{error.strerror or error}; give a report of `cell audit --report json=FILE`") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise _refused(path, f"{place}: {first['msg']}" if place else first["msg"]) from None
    if audit.schema_version != SCHEMA_VERSION:
        rule = f"is not {SCHEMA_VERSION}; read it with the version that wrote it"
        raise _refused(path, f"schema_version: {audit.schema_version} {rule}")
    if problem := _inconsistent(audit):
        raise _refused(path, problem)
    return audit


def _refused(path: Path, problem: str) -> CellError:
    return CellError(terminal(f"{path}: {problem}"), ExitCode.CONFIGURATION)


def _inconsistent(audit: Audit) -> str:
    """What no schema can say; "" where nothing is wrong."""
    controls = {entry.id for entry in audit.controls}
    exceptions = {exception.id for exception in audit.exceptions}
    for number, answer in enumerate(audit.answers):
        if answer.control not in controls:
            return f"answers.{number}.control: {answer.control} is not among the controls"
        if answer.exception and answer.exception not in exceptions:
            return f"answers.{number}.exception: {answer.exception} is not among the exceptions"
    return ""


def audit_schema() -> dict[str, Any]:
    """JSON schema of a report of this version."""
    described = schema()
    described["properties"]["schema_version"] |= {"const": SCHEMA_VERSION}
    return {**described, "$schema": "https://json-schema.org/draft/2020-12/schema", "title": "A report of cell audit"}


def schema_text() -> str:
    """The schema as it stands in docs/schema/audit.json."""
    return json.dumps(audit_schema(), indent=2) + "\n"


if __name__ == "__main__":
    print(schema_text(), end="")
