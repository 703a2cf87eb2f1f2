"""One answer of a control about one resource, for tests of controls."""

from policies.catalogue import control
from policies.control import Status, answers
from policies.resources import Resource, Stack


def status(control_id: str, subject: Resource, *others: Resource, clause: str = "", live: bool = False) -> Status:
    """What the control says of `subject` among others: by one clause, or by the only one that has a say."""
    found = {
        one.clause: one.verdict.status
        for one in answers(control(control_id), Stack((subject, *others)), [subject], live=live)
    }
    if clause:
        return found[clause]
    (only,) = found.values()
    return only


def unasked(control_id: str, *resources: Resource, live: bool = False) -> bool:
    """Whether no clause of the control speaks about any of these."""
    return not list(answers(control(control_id), Stack(resources), live=live))
