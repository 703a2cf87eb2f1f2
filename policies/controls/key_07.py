"""KEY-07: removing a subject's key makes its data unreadable within a month.

Speaks about tables with the tag ``payment-cell:use: subject-keys``. Live: what backups exist of it.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase

from policies.control import (
    GDPR,
    Control,
    Severity,
    StackClause,
    Strength,
    Verdict,
    failed,
    not_applicable,
    passed,
)
from policies.controls.res_03 import replicas_stay_inside
from policies.key_users import keys_of, sharer
from policies.resources import Resource, Stack
from policies.stores import STORES

MONTH_DAYS = 30
"""What a request may take (GDPR Article 12(3): one month), counted as the shortest but one."""

HANDLING_DAYS = 7
"""Time kept of the month to identify the subject and decide."""

DEFAULT_RECOVERY_DAYS = 35
"""Days of point-in-time recovery where none are given
(https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PointInTimeRecoverySpecification.html)."""

_TABLE = "aws:dynamodb/table:Table"


def is_under_a_key_of_its_own(table: Resource, stack: Stack) -> Verdict:
    if not _holds_subject_keys(table):
        return _OTHER
    if not keys_of(table, stack):
        return failed("serverSideEncryption names no key")
    other = sharer(table, (store for store in stack.of(*STORES) if store.urn != table.urn), stack)
    return failed(f"{other.name} is under the same key") if other else passed()


def is_in_no_backup(table: Resource, stack: Stack) -> Verdict:
    if not _holds_subject_keys(table):
        return _OTHER
    for selection in stack.of("aws:backup/selection:Selection"):
        if _selected(table, selection, stack):
            return failed(f"backup selection {selection.name} selects the table")
    return passed()


def is_gone_within_a_month(table: Resource, _stack: Stack) -> Verdict:
    if not _holds_subject_keys(table):
        return _OTHER
    recovery = table.props.get("pointInTimeRecovery") or {}
    if not recovery.get("enabled"):
        return passed()
    days = recovery.get("recoveryPeriodInDays") or DEFAULT_RECOVERY_DAYS
    if days + HANDLING_DAYS > MONTH_DAYS:
        return failed(
            f"recoveryPeriodInDays is {days:g}; with {HANDLING_DAYS} days of handling more than {MONTH_DAYS} days"
        )
    return passed()


def replicas_are_inside(table: Resource, stack: Stack) -> Verdict:
    return replicas_stay_inside(table, stack) if _holds_subject_keys(table) else _OTHER


_OTHER = not_applicable("payment-cell:use is not subject-keys")


def _holds_subject_keys(table: Resource) -> bool:
    return table.tag("payment-cell:use") == "subject-keys"


def _selected(table: Resource, selection: Resource, stack: Stack) -> bool:
    """Whether a selection's resources match the table and nothing excludes it. A selection by tags alone matches what
    carries one of them (https://docs.aws.amazon.com/aws-backup/latest/devguide/assigning-resources.html)."""
    if _matches(table, selection.props.get("notResources") or ()) or not _meets(table, selection):
        return False
    if table in stack.sources(selection, "resources") or _matches(table, selection.props.get("resources") or ()):
        return True
    tags = selection.props.get("selectionTags") or ()
    return not selection.props.get("resources") and any(table.tag(tag["key"]) == tag["value"] for tag in tags)


def _meets(table: Resource, selection: Resource) -> bool:
    wanted = (one for group in selection.props.get("conditions") or () for one in group.get("stringEquals") or ())
    return all(table.tag(one["key"].removeprefix("aws:ResourceTag/")) == one["value"] for one in wanted)


def _matches(table: Resource, patterns: Iterable[str]) -> bool:
    arn = table.maybe("arn") or f"arn:aws:dynamodb:region:account:table/{table.maybe('name') or table.name}"
    return any(fnmatchcase(arn, pattern) for pattern in patterns)


KEY_07 = Control(
    id="KEY-07",
    title="Removing a subject's key makes its data unreadable within a month",
    severity=Severity.HIGH,
    clauses=tuple(
        StackClause(resource_types=frozenset({_TABLE}), check=check)
        for check in (is_under_a_key_of_its_own, is_in_no_backup, is_gone_within_a_month, replicas_are_inside)
    ),
    maps_to=(GDPR("17", Strength.DIRECT), GDPR("12(3)", Strength.DIRECT)),
    risk="A copy of a removed key brings the erased subject back.",
    remediation="Give the table its own key, exclude it from backups and set recoveryPeriodInDays to at most 23.",
)
