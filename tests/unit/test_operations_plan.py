"""The order in which stacks come up and go down."""

import pytest

from components.vocabulary import Environment
from operations.errors import CellError, ExitCode
from operations.plan import Declared, Kind, cells_of, plan_destroy, plan_up


def declared() -> dict[str, Declared]:
    stacks = [
        Declared(name="account", kind=Kind.ACCOUNT, environment=Environment.PRODUCTION),
        Declared(name="account-dev", kind=Kind.ACCOUNT, environment=Environment.DEVELOPMENT),
        Declared(name="eu-west-1", kind=Kind.CELL, needs="account", environment=Environment.PRODUCTION),
        Declared(
            name="eu-west-1-workloads", kind=Kind.WORKLOADS, needs="eu-west-1", environment=Environment.PRODUCTION
        ),
        Declared(name="dev", kind=Kind.CELL, needs="account-dev", environment=Environment.DEVELOPMENT),
        Declared(name="dev-2", kind=Kind.CELL, needs="account-dev", environment=Environment.DEVELOPMENT),
        Declared(name="dev-workloads", kind=Kind.WORKLOADS, needs="dev", environment=Environment.DEVELOPMENT),
    ]
    return {stack.name: stack for stack in stacks}


def test_a_cell_comes_up_after_its_account_and_before_its_workloads() -> None:
    assert plan_up("eu-west-1", declared()) == ("account", "eu-west-1", "eu-west-1-workloads")
    assert plan_up("account", declared()) == ("account",)
    assert plan_up("dev-workloads", declared()) == ("account-dev", "dev", "dev-workloads")


def test_workloads_bring_up_their_cell_too_which_is_looked_at_first() -> None:
    assert cells_of("dev-workloads", declared()) == cells_of("dev", declared()) == ("dev",)
    assert cells_of("account", declared()) == ()


def test_an_undeclared_stack_is_named_with_those_that_are() -> None:
    with pytest.raises(CellError, match="eu-west-9: no such stack; stacks/ declares account") as refused:
        plan_up("eu-west-9", declared())
    assert refused.value.code is ExitCode.STACK_NOT_FOUND


def test_a_cell_goes_down_after_its_workloads() -> None:
    assert plan_destroy("eu-west-1", declared(), set(declared())) == ("eu-west-1-workloads", "eu-west-1")


def test_the_last_cell_of_a_development_account_takes_the_account_with_it() -> None:
    existing = {"account-dev", "dev", "dev-workloads"}
    assert plan_destroy("dev", declared(), existing) == ("dev-workloads", "dev", "account-dev")
    assert plan_destroy("dev", declared(), existing | {"dev-2"}) == ("dev-workloads", "dev")


def test_what_has_no_state_is_not_destroyed() -> None:
    assert plan_destroy("dev", declared(), {"dev"}) == ("dev",)
    assert plan_destroy("dev", declared(), ()) == ()


def test_an_account_with_cells_is_not_destroyed() -> None:
    with pytest.raises(CellError, match="account still holds eu-west-1"):
        plan_destroy("account", declared(), {"account", "eu-west-1"})
