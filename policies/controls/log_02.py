"""LOG-02: who reads and writes personal data in buckets and tables is recorded, in the region of the data.

Databases: LOG-05 and LOG-09. Left out: trails of other stacks, which a stack does not show.
"""

from collections.abc import Mapping
from typing import Any

from pulumi_policy.proxy import UnknownValueError

from policies.control import (
    GDPR,
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
from policies.stores import and_above
from policies.trails import BOTH, BUCKET, DATA, TRAIL, is_audit_bucket, recorded, records_data


def data_events_are_recorded(store: Resource, stack: Stack) -> Verdict:
    """A trail must not record its own deliveries: each would be an event to deliver
    (https://docs.aws.amazon.com/awscloudtrail/latest/userguide/logging-data-events-with-cloudtrail.html)."""
    if store.type == BUCKET and is_audit_bucket(store, stack):
        return not_applicable("a trail writes to it")
    found: frozenset[str] = frozenset()
    unknown: UnknownValueError | None = None
    for trail in stack.of(TRAIL):
        try:
            if trail.region == store.region and trail.props.get("enableLogging", True):
                found |= recorded(store, trail, stack)
        except UnknownValueError as error:
            unknown = error
    if found == BOTH:
        return passed()
    if unknown:
        raise unknown
    missing = " and ".join(sorted(BOTH - found))
    return failed(f"no Trail of {store.region} that is logging records {missing} events of everything in it")


def data_events_stay_in_their_region(trail: Mapping[str, Any]) -> Verdict:
    """Data events name objects and keys of items; a trail of all regions brings them to its bucket's
    (https://docs.aws.amazon.com/awscloudtrail/latest/userguide/receive-cloudtrail-log-files-from-multiple-regions.html)."""
    if not records_data(trail):
        return not_applicable("records no data events")
    return failed("isMultiRegionTrail is true") if trail.get("isMultiRegionTrail") else passed()


LOG_02 = Control(
    id="LOG-02",
    title="Reads and writes of personal data in buckets and tables are recorded, in its region",
    severity=Severity.HIGH,
    clauses=(
        StackClause(resource_types=frozenset(DATA), check=data_events_are_recorded, data_classes=and_above("personal")),
        Clause(resource_types=frozenset({TRAIL}), check=data_events_stay_in_their_region),
    ),
    maps_to=(
        GDPR("32", Strength.PARTIAL),
        GDPR("5(2)", Strength.PARTIAL),
        SOC2("CC7.2", Strength.PARTIAL),
    ),
    risk="Whose data was read in a breach cannot be said, so all of it has to be taken for read.",
    remediation="Declare a Trail of the store's region, not of all regions, whose selectors take the data events of "
    "the bucket or table, reads and writes.",
)
