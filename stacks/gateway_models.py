"""What a stack file may say of its gateway. Limits of a pod follow from the peak it has to take."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from pydantic import Field

from components.gateway_settings import (
    ACCOUNT_RATES,
    FAIL_MODES,
    Caller,
    Endpoint,
    FailMode,
    FraudCall,
    Gateway,
    Rate,
    Rates,
    limits_for,
)
from components.trace_agent import ENDPOINT
from contracts.deadlines import Deadlines
from stacks.model_base import Settings

PerSecond = Annotated[int, Field(ge=1, le=100_000)]


class GatewaySettings(Settings):
    """The cell's gateway."""

    client_timeout_s: float = Field(default=10.0, gt=0, le=60, description="What clients are told to wait at least.")
    fraud_deadline_ms: int = Field(
        default=50, ge=30, le=1000, description="Of the fraud decision, ms; a connection alone may take 25."
    )
    fail_modes: dict[Caller, FailMode] = Field(
        default_factory=dict,
        description="Caller class -> allow, review or block: what happens to a payment without a decision.",
    )
    account_rates: dict[Caller, dict[Endpoint, PerSecond]] = Field(
        default_factory=dict,
        description="Caller class -> create, read, write -> requests a second of one account at one pod.",
    )
    enforced_percent: int = Field(
        default=100, ge=1, le=100, description="Of requests above a rate that are refused; less is for a trial."
    )
    sampled_percent: int = Field(
        default=10, ge=0, le=100, description="Of requests that went well: traces and log lines kept."
    )

    @property
    def modes(self) -> dict[Caller, FailMode]:
        """Fail mode of each class: payments applies the same ones (`FRAUD_FAIL_MODE`)."""
        return {**FAIL_MODES, **self.fail_modes}

    @property
    def _rates(self) -> Rates:
        chosen = {
            caller: {endpoint: Rate(per_s=number, burst=2 * number) for endpoint, number in row.items()}
            for caller, row in self.account_rates.items()
        }
        return {caller: {**ACCOUNT_RATES[caller], **chosen.get(caller, {})} for caller in Caller}

    def gateway(self, cell: str, payments_per_s: int, deadlines: Deadlines) -> Gateway:
        """Settings of a pod that takes `payments_per_s` at the peak. `deadlines`: with the markets' slowest bank; what
        this file says replaces the client's and the decision's. Raises where a client would give up first."""
        limits = replace(limits_for(payments_per_s), account_rates=self._rates, enforced_percent=self.enforced_percent)
        own = replace(deadlines, client_timeout_s=self.client_timeout_s, fraud_s=self.fraud_deadline_ms / 1000)
        return Gateway(
            cell=cell,
            limits=limits,
            deadlines=own,
            fraud=FraudCall(modes=self.modes),
            otlp_endpoint=ENDPOINT,
            sampled_percent=self.sampled_percent,
        )
