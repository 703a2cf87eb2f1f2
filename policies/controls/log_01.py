"""LOG-01: the management trail covers all regions, is validated, encrypted and on.

A trail that records data events only stays in the region of the data (LOG-02); the rest holds for it too.
"""

from collections.abc import Mapping
from typing import Any

from policies.control import (
    SOC2,
    Clause,
    Control,
    Severity,
    StackClause,
    Strength,
    Verdict,
    failed,
    not_applicable,
    passed,
)
from policies.resources import Resource, Stack
from policies.trails import records_data, records_management

TRAIL = frozenset({"aws:cloudtrail/trail:Trail"})


def covers_all_regions(trail: Mapping[str, Any]) -> Verdict:
    if _is_for_data(trail):
        return not_applicable("records data events only")
    return passed() if trail.get("isMultiRegionTrail") else failed("isMultiRegionTrail is not true")


def validates_its_files(trail: Mapping[str, Any]) -> Verdict:
    return passed() if trail.get("enableLogFileValidation") else failed("enableLogFileValidation is not true")


def is_encrypted_with_a_key(trail: Resource, stack: Stack) -> Verdict:
    if stack.sources(trail, "kmsKeyId") or trail.props.get("kmsKeyId"):
        return passed()
    return failed("kmsKeyId is not set")


def is_logging(trail: Mapping[str, Any]) -> Verdict:
    return passed() if trail.get("enableLogging", True) else failed("enableLogging is false")


def records_management_events(trail: Mapping[str, Any]) -> Verdict:
    if _is_for_data(trail):
        return not_applicable("records data events only")
    return passed() if records_management(trail) else failed("no event selector includes management events")


def _is_for_data(trail: Mapping[str, Any]) -> bool:
    return not records_management(trail) and records_data(trail)


def delivers_its_files_now(trail: Mapping[str, Any]) -> Verdict:
    """Any of this can be changed outside the trail: its bucket's policy, its key
    (https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_GetTrailStatus.html)."""
    if not trail.get("isLogging"):
        return failed("isLogging is not true: nothing is recorded now")
    error = trail.get("latestDeliveryError")
    return failed(f"latestDeliveryError is {error}: files do not reach the bucket") if error else passed()


LOG_01 = Control(
    id="LOG-01",
    title="A validated, encrypted trail records management events of all regions",
    severity=Severity.HIGH,
    clauses=(
        *(
            Clause(resource_types=TRAIL, check=check)
            for check in (covers_all_regions, validates_its_files, is_logging, records_management_events)
        ),
        StackClause(resource_types=TRAIL, check=is_encrypted_with_a_key),
        Clause(
            resource_types=TRAIL,
            check=delivers_its_files_now,
            not_declared="only the running trail knows whether its files reach the bucket",
        ),
    ),
    maps_to=(SOC2("CC7.2", Strength.DIRECT),),
    risk="What no trail records cannot be investigated, and what is not validated can be denied.",
    remediation="Set isMultiRegionTrail, enableLogFileValidation and kmsKeyId; keep logging and management events on.",
)
