"""What a stack file says of its gateway, and what follows from it."""

import pytest
from pydantic import ValidationError

from components.gateway_settings import Caller, Endpoint, FailMode, Priority, limits_for
from contracts.deadlines import DeadlineError, Deadlines
from stacks.gateway_models import GatewaySettings


def test_a_file_that_says_nothing_of_its_gateway_has_one_that_works() -> None:
    gateway = GatewaySettings().gateway("test", 100, Deadlines())
    assert gateway.fraud.modes[Caller.LIVE] is FailMode.ALLOW
    assert gateway.deadlines.fraud_s == 0.05


def test_what_is_chosen_replaces_what_follows_and_nothing_else() -> None:
    chosen = GatewaySettings.model_validate(
        {
            "fraudDeadlineMs": 80,
            "failModes": {"live": "block"},
            "accountRates": {"live": {"create": 7}},
            "clientTimeoutS": 20,
        }
    ).gateway("test", 100, Deadlines(bank_timeout_s=6))
    rates = chosen.limits.account_rates
    assert (rates[Caller.LIVE][Endpoint.CREATE].per_s, rates[Caller.LIVE][Endpoint.READ].per_s) == (7, 100)
    assert (chosen.fraud.modes[Caller.LIVE], chosen.fraud.modes[Caller.TEST]) == (FailMode.BLOCK, FailMode.ALLOW)
    assert (chosen.deadlines.client_timeout_s, chosen.deadlines.fraud_s) == (20, 0.08)
    assert chosen.deadlines.bank_timeout_s == 6


def test_a_bank_slower_than_the_client_waits_is_refused() -> None:
    with pytest.raises(DeadlineError, match=r"bank 2 x 6 s"):
        GatewaySettings().gateway("test", 100, Deadlines(bank_timeout_s=6))


@pytest.mark.parametrize(
    "wrong",
    [
        {"enforcedPercent": 0},
        {"fraudDeadlineMs": 20},
        {"failModes": {"live": "ignore"}},
        {"failModes": {"nobody": "allow"}},
        {"accountRates": {"live": {"create": 0}}},
        {"unknown": 1},
    ],
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        GatewaySettings.model_validate(wrong)


@pytest.mark.parametrize("payments", [1, 50, 1000, 20_000])
def test_a_fifth_of_what_a_pod_serves_is_kept_for_payments(payments: int) -> None:
    limits = limits_for(payments)
    assert limits.at_a_time(Priority.CRITICAL) == limits.concurrency
    assert limits.at_a_time(Priority.STANDARD) <= 0.8 * limits.concurrency
    assert limits.class_rates[Caller.LIVE][Endpoint.CREATE].per_s >= 2 * payments
