"""Which statements leave something behind in a session, so that RDS Proxy keeps the connection for it.

https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/rds-proxy-pinning.html, "Conditions that cause pinning for
Aurora PostgreSQL": SET; PREPARE, DISCARD, DEALLOCATE, EXECUTE; temporary sequences, tables and views; cursors; LISTEN;
loading a library; nextval and setval; advisory locks of a session (those of a transaction do not); set_config and
RESET; and, for all engines, a statement of more than 16 KB.
"""

import functools
import re

LONGEST_STATEMENT_BYTES = 16 * 1024

_NOT_CODE = re.compile(
    r"""--[^\n]*|/\*.*?\*/|\$(\w*)\$.*?\$\1\$|\b[eE]'(?:[^'\\]|''|\\.)*'|'(?:[^']|'')*'|"(?:[^"]|"")*\"""", re.DOTALL
)
"""Comments, strings and quoted names. A nested comment ends at its first end here, which can only pin too often."""

_FIRST_WORDS = {
    "set": "a SET statement",
    "reset": "a RESET statement",
    "prepare": "a PREPARE statement",
    "execute": "an EXECUTE statement",
    "deallocate": "a DEALLOCATE statement",
    "discard": "a DISCARD statement",
    "declare": "a cursor",
    "listen": "a LISTEN statement",
    "unlisten": "an UNLISTEN statement",
    "load": "a library",
}
_TRANSACTION_CONTROL = re.compile(r"\A(?:set\s+(?:transaction|constraints)|prepare\s+transaction)\b")
"""About the transaction, not the session."""

_ANYWHERE = (
    (re.compile(r"\bcreate\s+(?:or\s+replace\s+)?(?:local\s+|global\s+)?temp(?:orary)?\b"), "a temporary object"),
    (re.compile(r"\binto\s+temp(?:orary)?\b"), "a temporary object"),
    (re.compile(r"\b(?:nextval|setval)\s*\("), "a sequence function"),
    (re.compile(r"\bset_config\s*\("), "set_config"),
    (re.compile(r"\bpg_(?:try_)?advisory_(?:lock|unlock)(?!_xact)\w*\s*\("), "a session advisory lock"),
)


@functools.lru_cache(maxsize=1024)
def reason(sql: str) -> str:
    """Why this statement text pins; empty when it does not. Programs send the same few texts again and again."""
    if len(sql) > LONGEST_STATEMENT_BYTES or len(sql.encode()) > LONGEST_STATEMENT_BYTES:
        return "a statement of more than 16 KB"
    code = _NOT_CODE.sub(lambda found: " " if found[0][:2] in ("--", "/*") else " '' ", sql).lower()
    for statement in code.split(";"):
        words = statement.split(None, 1)
        if words and words[0] in _FIRST_WORDS and not _TRANSACTION_CONTROL.match(statement.strip()):
            return _FIRST_WORDS[words[0]]
    return next((why for pattern, why in _ANYWHERE if pattern.search(code)), "")
