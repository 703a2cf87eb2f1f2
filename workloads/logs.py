"""Log lines: one JSON object each on stdout, with the cell's name and without card numbers.

    log = logs.start("payments")
    log.info("payment finished", payment="pay_...", status="succeeded")

Fields are ids, words and numbers: personal values never go into them. A card number that gets into one all the same is
masked. Of an exception its type and place are written, not its text: that may quote what somebody sent.
"""

import json
import logging
import os
import sys
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from contracts import card_numbers


class Log:
    """The log of one program."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)

    def info(self, message: str, **fields: Any) -> None:
        self._logger.info(message, extra={"fields": fields})

    def warning(self, message: str, **fields: Any) -> None:
        self._logger.warning(message, extra={"fields": fields})

    def error(self, message: str, cause: BaseException | None = None, **fields: Any) -> None:
        """`cause`: by its type and place."""
        self._logger.error(message, exc_info=cause, extra={"fields": fields})


class Lines(logging.Formatter):
    """A record of any library as one line of JSON."""

    def __init__(self, cell: str) -> None:
        super().__init__()
        self._cell = cell

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "cell": self._cell,
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[1] is not None:
            line |= _cause(record.exc_info[1])
        return json.dumps(_masked(line), ensure_ascii=True)


def start(program: str, level: int = logging.INFO) -> Log:
    """Sends the records of all libraries to stdout as lines; `CELL` of the environment names the cell."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(Lines(os.environ.get("CELL", "")))
    logging.basicConfig(handlers=[handler], level=level, force=True)
    # One line a call of a client: the program's own lines say more.
    for talkative in ("botocore", "httpx"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
    return Log(program)


def _cause(error: BaseException) -> dict[str, str]:
    last = traceback.extract_tb(error.__traceback__)[-1:]
    place = {"at": f"{os.path.basename(last[0].filename)}:{last[0].lineno}"} if last else {}
    return {"error": type(error).__name__, **place}


def _masked(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {card_numbers.mask(str(key)): _masked(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set):
        return [_masked(inner) for inner in value]
    if value is None or isinstance(value, bool):
        return value
    return card_numbers.MASK if card_numbers.path_of(value) and not isinstance(value, str) else _text(value)


def _text(value: Any) -> Any:
    return value if isinstance(value, int | float) else card_numbers.mask(str(value))
