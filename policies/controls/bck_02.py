"""BCK-02: databases with personal data are in a backup plan beside their own snapshots.

Left out: buckets, tables and streams, whose recovery source no declaration names yet. Live: selections of other stacks.
"""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from policies.control import (
    SAFEGUARDS,
    SOC2,
    Control,
    Severity,
    StackClause,
    Strength,
    Verdict,
    failed,
    not_applicable,
    passed,
    undetermined,
)
from policies.resources import Resource, Stack
from policies.stores import and_above

_KINDS: Mapping[str, str] = {"aws:rds/cluster:Cluster": "cluster", "aws:rds/instance:Instance": "db"}
"""Database -> the word before its name in its ARN (RDS user guide, Amazon Resource Names)."""

_SELECTION = "aws:backup/selection:Selection"
_TAG = "aws:ResourceTag/"
_IDENTIFIERS = ("clusterIdentifier", "identifier")


def database_is_in_a_backup_selection(database: Resource, stack: Stack) -> Verdict:
    if database.given("replicationSourceIdentifier") or database.given("replicateSourceDb"):
        return not_applicable("a read replica is restored from its source")
    selections = [one for one in stack.of(_SELECTION) if one.region == database.region]
    if not selections:
        return undetermined("no backup Selection of this region is in the stack")
    answers = [_selects(selection, database) for selection in selections]
    if True in answers:
        return passed()
    if None in answers:
        return undetermined("whether a backup Selection holds this database is not known here")
    return failed("no backup Selection holds this database")


def _selects(selection: Resource, database: Resource) -> bool | None:
    """Resources, less notResources, that have one of selectionTags and fulfil all conditions; None where not known
    (https://docs.aws.amazon.com/aws-backup/latest/devguide/assigning-resources.html)."""
    tags = selection.given("selectionTags") or ()
    if tags and not any(database.tag(one["key"]) == one["value"] for one in tags):
        return False
    excluded = [_matches(pattern, database) for pattern in selection.given("notResources") or ()]
    if True in excluded:
        return False
    if not all(_holds(operator, key, value, database) for operator, key, value in _conditions(selection)):
        return False
    if database.urn in selection.references.get("resources", ()):
        named: list[bool | None] = [True]
    else:
        named = [_matches(pattern, database) for pattern in selection.given("resources") or ("*",)]
    if True in named:
        return None if None in excluded else True
    return None if None in named else False


def _conditions(selection: Resource) -> Iterator[tuple[str, str, str]]:
    for group in selection.given("conditions") or ():
        for operator in ("stringEquals", "stringLikes", "stringNotEquals", "stringNotLikes"):
            found: list[Mapping[str, Any]] = group.get(operator) or []
            for condition in found:
                yield operator, condition["key"], condition["value"]


def _holds(operator: str, key: str, value: str, database: Resource) -> bool:
    tag = database.tag(key.removeprefix(_TAG))
    equal = tag is not None and (fnmatchcase(tag, value) if "Like" in operator else tag == value)
    return equal != operator.startswith("stringNot")


def _matches(pattern: str, database: Resource) -> bool | None:
    """Whether a pattern of ARNs holds a database: part by part, since a preview knows its name before its ARN."""
    if pattern == "*":
        return True
    service, region, account, kind, name = [*pattern.split(":", 6)[2:], *("" for _ in range(5))][:5]
    if service != "rds" or kind not in (_KINDS[database.type], "*") or not fnmatchcase(database.region or "", region):
        return False
    own = (database.maybe("arn") or "").split(":")
    called = next((word for one in _IDENTIFIERS if (word := database.maybe(one))), own[-1])
    parts = ((own[4] if len(own) > 4 else "", account), (called, name or "*"))
    answers = [wanted == "*" or (fnmatchcase(known, wanted) if known else None) for known, wanted in parts]
    return None if None in answers and False not in answers else all(answers)


BCK_02 = Control(
    id="BCK-02",
    title="Databases with personal data are in a backup plan",
    severity=Severity.HIGH,
    clauses=(
        StackClause(
            resource_types=frozenset(_KINDS),
            check=database_is_in_a_backup_selection,
            data_classes=and_above("personal"),
        ),
    ),
    maps_to=(SOC2("A1.2", Strength.PARTIAL), *SAFEGUARDS),
    risk="A database's own snapshots go with it, or with whoever may delete it.",
    remediation="Give the database the tags, or the name, that a backup Selection of its region asks for.",
)
