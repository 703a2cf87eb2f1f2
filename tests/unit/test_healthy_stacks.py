"""No control finds a violation in what this project declares."""

import pytest
from healthy import JUDGED, findings, healthy
from test_stacks import STACKS

from policies.catalogue import controls
from policies.control import Status
from stacks.fleet import Fleet, load_fleet


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return load_fleet(STACKS)


@pytest.mark.parametrize("stack", JUDGED)
def test_no_committed_stack_violates_a_control(stack: str, fleet: Fleet) -> None:
    found = [
        f"{one.control} {one.clause} {one.urn}: {one.verdict.reason}"
        for one in findings(healthy(stack, fleet))
        if one.verdict.status is Status.FAIL
    ]
    assert not found, "\n".join(found)


def test_each_control_says_something_of_a_committed_stack(fleet: Fleet) -> None:
    speaking = {one.control for stack in JUDGED for one in findings(healthy(stack, fleet))}
    assert {control.id for control in controls()} - speaking == set()
