"""The last drill of a cell, whoever made it: AWS Backup by the stack's restore testing plan, or a command of ours.

One reader for `cell status` and `cell readiness`. What nobody told is NotObserved, and never taken for a drill.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from operations.preflight_aws import Clients, NotObserved, ask

RESTORE_TESTS = "aws:backup/restoreTestingPlan:RestoreTestingPlan"

PASSED, FAILED = "passed", "failed"
"""First word of a record: whether the drill's objectives were kept."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Drill:
    """One that took place."""

    at: datetime
    said: str
    """How it ended."""
    passed: bool

    def words(self, now: datetime) -> str:
        """``2026-11-02 12:05 UTC, 27 days ago: restore COMPLETED``"""
        days = (now - self.at).days
        age = "today" if days < 1 else f"{days} day{'s' if days > 1 else ''} ago"
        return f"{self.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC, {age}: {self.said}"


def drill_record(cell: str) -> str:
    """Parameter of a cell that says how its last drill ended: whoever drills writes it, no stack does."""
    return f"/payment-cell/{cell}/last-drill"


def record_text(said: str, *, passed: bool) -> str:
    """Its value."""
    return f"{PASSED if passed else FAILED}: {said}"


def last_drill(clients: Clients, rows: Sequence[Mapping[str, Any]], places: Mapping[str, str]) -> Drill | None:
    """The newest one that restore testing plans among the rows began, or that the record of one of the cells tells of.

    `places`: cell -> its region. None: there was none. Raises NotObserved where nothing is known and not all was told.
    """
    sources = [
        partial(_restore_test, clients, rows),
        *(partial(_recorded, clients, *place) for place in places.items()),
    ]
    found: list[Drill] = []
    untold: list[NotObserved] = []
    for source in sources:
        try:
            drill = source()
        except NotObserved as reason:
            untold.append(reason)
        else:
            found += [drill] if drill else []
    if not found and untold:
        raise untold[0]
    return max(found, key=lambda drill: drill.at, default=None)


def _restore_test(clients: Clients, rows: Sequence[Mapping[str, Any]]) -> Drill | None:
    """https://docs.aws.amazon.com/aws-backup/latest/devguide/API_ListRestoreJobs.html"""
    jobs: list[Mapping[str, Any]] = []
    for plan in (row["outputs"] for row in rows if row["type"] == RESTORE_TESTS):
        jobs += ask(_restores, backup=clients.get("backup", plan["region"]), plan_arn=plan["arn"])
    if not jobs:
        return None
    last = max(jobs, key=lambda job: job["CreationDate"])
    said = " ".join(str(last[key]) for key in ("Status", "ValidationStatus") if last.get(key))
    return Drill(at=last["CreationDate"], said=f"restore {said}", passed=last["Status"] == "COMPLETED")


def _restores(backup: Any, plan_arn: str) -> list[Mapping[str, Any]]:
    pages = backup.get_paginator("list_restore_jobs").paginate(ByRestoreTestingPlanArn=plan_arn)
    return [job for page in pages for job in page["RestoreJobs"]]


def _recorded(clients: Clients, cell: str, region: str) -> Drill | None:
    ssm = clients.get("ssm", region)
    answer = ask(ssm.get_parameter, absent={"ParameterNotFound"}, Name=drill_record(cell))
    if answer is None:
        return None
    record = answer["Parameter"]
    said = str(record["Value"])
    return Drill(at=record["LastModifiedDate"], said=said, passed=said.startswith(PASSED))
