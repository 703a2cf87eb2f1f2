"""`cell sandbox status` for people."""

from collections.abc import Mapping, Sequence
from typing import Any

REASON_LENGTH = 120
"""Characters of a reason that the table of `ps` shows; -o json has it whole."""


def table(status: Mapping[str, Any]) -> str:
    """Aligned lines `what  value`; plain text, so that it can be cut and searched."""
    rows = [("sandbox", status["home"]), *_emulator(status), *_kubernetes(status)]
    for stack in status["stacks"]:
        gone = f", {stack['stale']} of an account that is gone" if stack["stale"] else ""
        rows.append((f"stack {stack['name']}", f"{stack['resources']} resources{gone}"))
    rows += [(f"update of {update['stack']}", f"running, process {update['pid']}") for update in status["updates"]]
    if status["resetPending"]:
        rows.append(("reset", "interrupted; `cell sandbox start` or `reset` finishes it"))
    width = max(len(label) for label, _ in rows)
    lines = [f"{label:<{width}}  {value}" for label, value in rows]
    if status["warning"]:
        lines += ["", f"warning: {status['warning']}"]
    return "\n".join(lines)


def _emulator(status: Mapping[str, Any]) -> list[tuple[str, str]]:
    if not status["running"]:
        why = f" ({status['ended']})" if status["ended"] else ""
        return [("emulator", f"not running{why}; start it with `cell sandbox start`")]
    silent = "" if status["answers"] else ", DOES NOT ANSWER (see `cell sandbox logs emulator`)"
    requests = "" if status["requests"] is None else f", {status['requests']} requests served"
    return [
        (
            "emulator",
            f"{status['url']}, process {status['emulator']}, up {_duration(status['uptimeSeconds'])}{requests}{silent}",
        )
    ]


def _kubernetes(status: Mapping[str, Any]) -> list[tuple[str, str]]:
    rows = [("kubernetes", status["kubernetes"])] if status["kubernetes"] else []
    for cluster in status["clusters"]:
        where = f"{cluster['account']} {cluster['region']}"
        rows.append(
            (f"cluster {cluster['name']}", f"{where}, {cluster['status']}, {cluster['endpoint'] or 'no API server'}")
        )
    return rows


def pods_table(processes: Sequence[Mapping[str, Any]]) -> str:
    """For `cell sandbox ps`."""
    rows = [("CLUSTER", "NAMESPACE", "NAME", "PROGRAM", "PID", "STATE", "READY", "RESTARTS", "WHY")]
    for entry in processes:
        names = [str(entry.get(key) or "-") for key in ("cluster", "namespace", "name", "program", "pid", "state")]
        ready, restarts = "yes" if entry["ready"] else "no", str(entry.get("restarts", "-"))
        rows.append((*names, ready, restarts, " ".join(str(entry["reason"]).split())[:REASON_LENGTH]))  # type: ignore[arg-type]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(f"{c:<{w}}" for c, w in zip(row, widths, strict=True)).rstrip() for row in rows)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
