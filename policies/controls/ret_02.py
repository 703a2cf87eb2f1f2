"""RET-02: what is kept of a person can be erased.

How is in the register (catalogue/processing.yaml). Encryption under a subject's key is no anonymisation: until the key
is destroyed the data is personal.
"""

import catalogue
from catalogue import Erasure
from policies.control import (
    GDPR,
    SOC2,
    Control,
    Severity,
    StackClause,
    Strength,
    Verdict,
    failed,
    not_applicable,
    passed,
)
from policies.controls.ropa_01 import HOLDERS
from policies.resources import Resource, Stack
from policies.stores import and_above

_KEPT = ("aws:dynamodb/table:Table", "aws:kms/replicaKey:ReplicaKey")
"""Where the keys of a cell's subjects are. A replica's are in its primary's table, from whose every copy a key goes
when it goes from one; what says so in its own stack is the replica of the key that wraps them."""


def can_forget_a_person(store: Resource, stack: Stack) -> Verdict:
    entry = catalogue.processing().stores.get(store.type)
    if entry is None:
        return not_applicable(f"the register does not know stores of type {store.type}: ROPA-01")
    if entry.erasure is not Erasure.CRYPTO_SHREDDING:
        return passed()
    cell = store.tag("payment-cell:cell")
    for kept in (found for type_ in _KEPT for found in stack.of(type_)):
        # Not every type of store has tags: then any table of the stack may be its cell's.
        if kept.tag("payment-cell:use") == "subject-keys" and cell in (None, kept.tag("payment-cell:cell")):
            return passed()
    return failed("is erased by destroying subjects' keys, and its cell has no table tagged subject-keys")


RET_02 = Control(
    id="RET-02",
    title="A person can be erased from every store of personal data",
    severity=Severity.HIGH,
    clauses=(StackClause(resource_types=HOLDERS, check=can_forget_a_person, data_classes=and_above("personal")),),
    maps_to=(GDPR("17", Strength.PARTIAL), SOC2("P4.3", Strength.PARTIAL)),
    risk="A request for erasure is answered, and the data is still there.",
    remediation="Enter in catalogue/processing.yaml how a person leaves stores of the type; give the cell its table of "
    "subjects' keys.",
)
