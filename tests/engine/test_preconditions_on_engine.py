"""Every precondition is broken by a program on the real engine, and only what breaks one is refused."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from inline_stack import InlineStack, fails
from preconditions import compute, data, deletion, traffic, vaults, watch
from preconditions.ground import Ground
from pulumi.automation.events import EngineEvent

from conftest import Sandbox
from sandbox.aws.preconditions import PRECONDITIONS, Op, Precondition

pytestmark = pytest.mark.engine

BROKEN_ON: Mapping[Op, frozenset[str]] = {
    Op.CREATE: frozenset(row.id for row in PRECONDITIONS if Op.CREATE in row.on),
    Op.UPDATE: frozenset(row.id for row in PRECONDITIONS if row.on == {Op.UPDATE}),
    Op.DELETE: frozenset(row.id for row in PRECONDITIONS if row.on == {Op.DELETE}),
}
"""Rows by the operation that their program breaks them with; what holds on create and update is broken on create."""

ROWS: Mapping[str, Precondition] = {row.id: row for row in PRECONDITIONS}


class Refusals:
    """The errors of a run, by resource name."""

    def __init__(self) -> None:
        self.text: dict[str, str] = defaultdict(str)

    def __call__(self, event: EngineEvent) -> None:
        found = event.diagnostic_event
        if found and found.severity == "error" and found.urn and "::pulumi:pulumi:" not in found.urn:
            self.text[found.urn.rpartition("::")[2]] += found.message

    def must_be(self, expected: frozenset[str]) -> None:
        strange = [text for name, text in self.text.items() if name not in expected]
        missed = [f"not refused: {name}" for name in sorted(expected - set(self.text))]
        assert not [*strange, *missed], "\n".join([*strange, *missed])
        for name, text in self.text.items():
            row = ROWS[name]
            assert all(part in text for part in (f"{row.code}: ", row.rule, row.source)), f"{name}: {text}"


def refused(call: Callable[..., Any]) -> Refusals:
    """What a run that must fail refuses."""
    refusals = Refusals()
    fails(lambda: call(continue_on_error=True, on_event=refusals))
    return refusals


def test_every_rule_on_creation_refuses_its_program_and_nothing_else(sandbox: Sandbox) -> None:
    def program() -> None:
        ground = Ground()
        for family in (compute, data, traffic, watch, vaults):
            family.declare(ground)

    made = InlineStack(sandbox, program)
    refused(made.up).must_be(BROKEN_ON[Op.CREATE])
    made.destroy(continue_on_error=True)


def test_every_rule_on_update_refuses_its_program_and_nothing_else(sandbox: Sandbox) -> None:
    version = ["1.32"]
    made = InlineStack(sandbox, lambda: deletion.changing(version[0]))
    made.up()
    version[0] = "1.34"
    refused(made.up).must_be(BROKEN_ON[Op.UPDATE])
    version[0] = "1.33"
    assert made.up()["update"] == 1
    made.destroy()


def test_every_rule_on_deletion_holds_until_the_last_user_is_gone(sandbox: Sandbox) -> None:
    made = InlineStack(sandbox, deletion.declare)
    made.up()
    remove = deletion.use(sandbox, made.outputs())
    refused(made.destroy).must_be(BROKEN_ON[Op.DELETE])
    remove()
    made.destroy()
    assert not made.state()
