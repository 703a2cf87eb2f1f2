"""RES-01: data stays in the jurisdiction of its cell."""

from policies.control import GDPR, SOC2, Control, Severity, StackClause, Strength, Verdict
from policies.residency import stays_inside
from policies.resources import Resource, Stack
from policies.stores import STATELESS, STORES, and_above


def lies_in_the_jurisdiction(store: Resource, stack: Stack) -> Verdict:
    return stays_inside(store.region, store, stack, "the store")


RES_01 = Control(
    id="RES-01",
    title="Every data-bearing resource is in a region of its cell's jurisdiction",
    severity=Severity.CRITICAL,
    clauses=(
        StackClause(
            resource_types=frozenset(STORES) - STATELESS,
            check=lies_in_the_jurisdiction,
            data_classes=and_above("internal"),
        ),
    ),
    maps_to=(GDPR("44", Strength.DIRECT), GDPR("28(3)(a)", Strength.SUPPORTS), SOC2("C1.1", Strength.PARTIAL)),
    risk="Data in a third country is under its law; a transfer without a ground is unlawful.",
    remediation="Create the resource in a region of the jurisdiction, or correct its payment-cell:jurisdiction tag.",
)
