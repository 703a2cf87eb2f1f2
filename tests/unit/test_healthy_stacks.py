"""No control finds a violation in what this project declares."""

from collections.abc import Mapping, Sequence

import pytest
from healthy import JUDGED, findings, healthy, stack_of
from test_stacks import STACKS, made

from policies.catalogue import controls
from policies.control import Finding, Status, answers
from policies.resources import Stack
from stacks.fleet import load_fleet
from stacks.guardrail_models import BreakGlassSettings

UNDECLARED = {"IAM-02", "RES-06"}
"""Controls of what no committed stack has: users, replicas of keys."""


@pytest.fixture(scope="module")
def found() -> Mapping[str, Sequence[Finding]]:
    fleet = load_fleet(STACKS)
    return {stack: list(findings(healthy(stack, fleet))) for stack in JUDGED}


@pytest.mark.parametrize("stack", JUDGED)
def test_no_committed_stack_violates_a_control(stack: str, found: Mapping[str, Sequence[Finding]]) -> None:
    failed = [
        f"{one.control} {one.clause} {one.urn}: {one.verdict.reason}"
        for one in found[stack]
        if one.verdict.status is Status.FAIL
    ]
    assert not failed, "\n".join(failed)


def test_stores_say_their_jurisdiction_in_an_account_of_several() -> None:
    """A live account is judged as one: no store may lean on what the rest of its stack says."""
    fleet = load_fleet(STACKS)
    stacks = [healthy(stack, fleet) for stack in ("account", "eu-west-1", "us-east-1")]
    account = Stack(tuple(one for stack in stacks for one in stack.resources))
    (residency,) = (control for control in controls() if control.id == "RES-01")
    failed = [one for one in answers(residency, account) if one.verdict.status is Status.FAIL]
    assert not failed, "\n".join(f"{one.urn}: {one.verdict.reason}" for one in failed)


def test_an_account_with_a_break_glass_role_violates_no_control() -> None:
    people = BreakGlassSettings(principal_arns=("arn:aws:iam::210987654321:user/emergency-1",))
    account = stack_of(made("account", load_fleet(STACKS), {}, break_glass=people))
    answered = list(findings(account))
    assert [one for one in answered if one.verdict.status is Status.FAIL] == []
    entered = [one.clause for one in answered if one.control == "IAM-07" and one.verdict.status is Status.PASS]
    assert entered == ["is_entered_with_mfa", "ends_within_four_hours", "use_is_heard_of"]


def test_each_control_says_something_of_a_committed_stack(found: Mapping[str, Sequence[Finding]]) -> None:
    speaking = {one.control for all_ in found.values() for one in all_}
    assert {control.id for control in controls() if control.clauses} - speaking == UNDECLARED


def test_a_stack_that_is_up_leaves_nothing_undetermined(found: Mapping[str, Sequence[Finding]]) -> None:
    """Else every preview would show it for ever."""
    unknown = {
        f"{stack} {one.control} {one.clause} {one.urn}: {one.verdict.reason}"
        for stack, all_ in found.items()
        for one in all_
        if one.verdict.status is Status.UNDETERMINED
    }
    assert not unknown, "\n".join(sorted(unknown))
