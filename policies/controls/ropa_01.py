"""ROPA-01: nothing personal is kept without a purpose and somebody who answers for it.

The register is catalogue/processing.yaml (GDPR Article 30).
"""

import catalogue
from policies.control import (
    GDPR,
    Control,
    Severity,
    StackClause,
    Strength,
    Verdict,
    failed,
    passed,
)
from policies.resources import Resource, Stack
from policies.stores import STATELESS, STORES, and_above

HOLDERS = frozenset(STORES.keys() - STATELESS)
"""Types that keep what they get."""


def belongs_to_an_activity(store: Resource, _stack: Stack) -> Verdict:
    if catalogue.processing().activities_of(store.type):
        return passed()
    return failed(f"no processing activity of the register uses stores of type {store.type}")


def has_an_accountable_owner(store: Resource, _stack: Stack) -> Verdict:
    if store.type in catalogue.processing().stores:
        return passed()
    return failed(f"the register names no owner of stores of type {store.type}")


ROPA_01 = Control(
    id="ROPA-01",
    title="Every store of personal data has a processing activity and one owner",
    severity=Severity.MEDIUM,
    clauses=(
        StackClause(resource_types=HOLDERS, check=belongs_to_an_activity, data_classes=and_above("personal")),
        StackClause(resource_types=HOLDERS, check=has_an_accountable_owner, data_classes=and_above("personal")),
    ),
    maps_to=(GDPR("30(1)", Strength.PARTIAL), GDPR("30(2)", Strength.PARTIAL)),
    risk="Data that nobody knows of is neither protected nor erased.",
    remediation="Enter the store in catalogue/processing.yaml, or tag it with the data class that it has.",
)
