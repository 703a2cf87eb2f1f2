"""The reference consumer: what each account has taken, in minor units by currency, kept in memory."""

from __future__ import annotations

from collections import defaultdict

from contracts.events import Envelope
from workloads import telemetry
from workloads.relay.consumer import Refused

SIGNS = {"payment.succeeded": 1, "refund.succeeded": -1}
"""Event type -> how its amount counts. Other types move no money."""

TOTAL = telemetry.Gauge("ledger_minor_units", "Payments less refunds, by currency, in minor units.")


class Ledger:
    """Totals by account and currency."""

    def __init__(self) -> None:
        self.totals: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))

    def handle(self, event: Envelope) -> None:
        sign = SIGNS.get(event.type)
        if sign is None:
            return
        amount, currency = event.data.get("amount"), event.data.get("currency")
        if not isinstance(amount, int) or not isinstance(currency, str):
            raise Refused(f"event {event.id}: no amount and currency")
        self.totals[event.account][currency] += sign * amount
        TOTAL.add(sign * amount, currency=currency)
