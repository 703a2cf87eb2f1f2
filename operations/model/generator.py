"""Made-up payments with the truth about each: what a model is trained and judged on where there is no real history.

    for payment in generate(Volume(days=30), seed=1): payment.time_s, payment.account, payment.body, payment.fraud

It shares no code with the features: it makes requests as clients send them, from merchants, customers and thieves.

customer       one card, one or two devices, few merchants, sizes around the merchant's. Hides thieves: new devices
               (2 %), another country's address on travel (3 %), an anonymiser (2 %), no fingerprint (6 %),
               six-fold size (3 %), a second and third payment within minutes (6 %)
newcomer       every fifth payment is somebody's first: card, device and address are new
household      three customers on one device and address: looks like a device with many cards
sale           a merchant sells much more for three hours: looks like a rush
card tester    5 to 18 small payments with new tokens at one merchant from few devices, two minutes apart; half of them
               without fingerprint
card thief     a stolen token from a new device, large sizes, two to five times; 40 % behind hosting or an anonymiser,
               the others at home in the right country
account thief  the customer's own device, address and card; large sizes, half to a new country: hardly a signal
labels         4 % of frauds are never reported, 0.05 % of good payments are charged back: labels are not the truth

Numbers are choices, made so that rules alone find some and no single signal finds all; none is measured on real
payments. Addresses are in the documentation ranges to which `contracts/fraud_addresses.json` gives countries and kinds.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

COUNTRIES = ("DE", "FR", "NL", "ES", "IT", "GB", "US", "BR", "AU", "NG", "RU", "VN")
"""In the order in which the documentation range 2001:db8::/32 is cut up: one /48 each."""
SHARE = (24, 18, 8, 10, 10, 12, 8, 3, 3, 1, 1, 1)
"""Of the customers, in percent about."""
ACCESS, MOBILE, HOSTING, ANONYMISER = range(4)
"""Fourth group of an address, first digit."""
MARKETS = {"GB": ("uk", "GBP"), "US": ("us", "USD"), "BR": ("brazil", "BRL"), "AU": ("australia", "AUD")}
DAY_S, HOUR_S = 86_400, 3_600
START_S = 1_793_491_200
"""2026-11-01T00:00:00Z."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Volume:
    """How much is made."""

    days: int = 30
    merchants: int = 40
    customers: int = 2_000
    payments_per_day: int = 1_000
    """Good ones, about."""
    attacks_per_day: float = 7.0
    """Of each kind of thief together; each is several payments."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Payment:
    """One request and how it turned out."""

    time_s: float
    account: str
    body: dict[str, Any]
    fraud: bool
    """As reported: what a cell would learn from charge-backs."""


@dataclass(slots=True)
class _Merchant:
    account: str
    country: str
    typical: float
    sales: list[int]


@dataclass(slots=True)
class _Customer:
    country: str
    card: str
    devices: list[str]
    address: str
    merchants: list[_Merchant]


class _World:
    def __init__(self, volume: Volume, seed: int) -> None:
        self.volume, self.random = volume, random.Random(seed)
        self.serial = 0
        self.merchants = [self._merchant(number) for number in range(volume.merchants)]
        self.customers = list[_Customer]()
        while len(self.customers) < volume.customers:
            self._household()

    def name(self, kind: str) -> str:
        self.serial += 1
        return f"{kind}_{self.serial:07d}"

    def address(self, country: str, network: int) -> str:
        group = COUNTRIES.index(country)
        host = self.random.getrandbits(24)
        return f"2001:db8:{group:x}:{network:x}000::{host >> 12:x}:{host & 0xFFF:x}"

    def country(self) -> str:
        return self.random.choices(COUNTRIES, SHARE)[0]

    def _merchant(self, number: int) -> _Merchant:
        rng = self.random
        sales = sorted(rng.sample(range(self.volume.days * 24), k=max(1, self.volume.days // 10)))
        return _Merchant(f"acct_gen{number:04d}", self.country(), 10 ** rng.uniform(2.8, 4.2), sales)

    def _household(self) -> None:
        """One customer, or in one of ten cases three that share device and address."""
        country, rng = self.country(), self.random
        device, address = self.name("fp"), self.address(country, rng.choice((ACCESS, ACCESS, MOBILE)))
        near = [m for m in self.merchants if m.country == country] or self.merchants
        for _ in range(3 if rng.random() < 0.1 else 1):
            chosen = [rng.choice(near if rng.random() < 0.7 else self.merchants) for _ in range(3)]
            devices = [device] if rng.random() < 0.6 else [device, self.name("fp")]
            self.customers.append(_Customer(country, self.name("tok"), devices, address, chosen))

    def body(self, merchant: _Merchant, amount: float, card: str, country: str, device: dict[str, Any]) -> Any:
        market, currency = MARKETS.get(merchant.country, ("eu-sepa", "EUR"))
        payer = {"name": "Made Up", "email": "made.up@example.org", "country": country}
        return {
            "amount": max(50, round(amount)),
            "currency": currency,
            "market": market,
            "payment_method": card,
            "payer": payer,
            "device": device,
        }

    def good(self, time_s: float, merchant: _Merchant | None = None) -> list[Payment]:
        if self.random.random() < 0.2:
            self._household()
            customer = self.customers[-1]
        else:
            customer = self.random.choice(self.customers)
        times = [time_s]
        while self.random.random() < 0.06:
            times.append(times[-1] + self.random.uniform(60, 1200))
        return [self.purchase(customer, at, merchant) for at in times]

    def purchase(self, customer: _Customer, time_s: float, merchant: _Merchant | None) -> Payment:
        rng = self.random
        shop = merchant or rng.choice(customer.merchants)
        if rng.random() < 0.02:
            customer.devices.append(self.name("fp"))
        chance, address = rng.random(), customer.address
        if chance < 0.03:
            address = self.address(self.country(), MOBILE)
        elif chance < 0.05:
            address = self.address(self.country(), ANONYMISER)
        device = {"ip": address, "user_agent": "made-up"}
        if rng.random() >= 0.06:
            device["fingerprint"] = rng.choice(customer.devices[-2:])
        amount = shop.typical * 10 ** rng.gauss(0, 0.28)
        if rng.random() < 0.03:
            amount *= 6
        body = self.body(shop, amount, customer.card, customer.country, device)
        return Payment(time_s=time_s, account=shop.account, body=body, fraud=rng.random() < 0.0005)

    def attack(self, time_s: float) -> list[Payment]:
        kind = self.random.choices((self.tester, self.card_thief, self.account_thief), (2, 5, 3))[0]
        return kind(time_s)

    def bad(self, time_s: float, merchant: _Merchant, body: Any) -> Payment:
        return Payment(time_s=time_s, account=merchant.account, body=body, fraud=self.random.random() >= 0.04)

    def tester(self, time_s: float) -> list[Payment]:
        rng, shop = self.random, self.random.choice(self.merchants)
        devices, found = [self.name("fp") for _ in range(rng.randint(1, 4))], []
        address = self.address(self.country(), rng.choice((ACCESS, HOSTING, ANONYMISER)))
        for _ in range(rng.randint(5, 18)):
            time_s += rng.expovariate(1 / 120)
            device = {"ip": address, "user_agent": "made-up"}
            if rng.random() < 0.5:
                device["fingerprint"] = rng.choice(devices)
            body = self.body(shop, rng.uniform(60, 320), self.name("tok"), self.country(), device)
            found.append(self.bad(time_s, shop, body))
        return found

    def card_thief(self, time_s: float) -> list[Payment]:
        rng, victim = self.random, self.random.choice(self.customers)
        hidden = rng.random() < 0.4
        network = rng.choice((HOSTING, ANONYMISER)) if hidden else rng.choice((ACCESS, MOBILE))
        address = self.address(self.country() if hidden else victim.country, network)
        print_, found = self.name("fp"), []
        for _ in range(rng.randint(2, 5)):
            shop = rng.choice(self.merchants)
            time_s += rng.expovariate(1 / 900)
            device = {"ip": address, "user_agent": "made-up"}
            if rng.random() < 0.75:
                device["fingerprint"] = print_
            amount = shop.typical * 10 ** rng.gauss(0.45, 0.25)
            found.append(self.bad(time_s, shop, self.body(shop, amount, victim.card, victim.country, device)))
        return found

    def account_thief(self, time_s: float) -> list[Payment]:
        rng, victim = self.random, self.random.choice(self.customers)
        found = []
        for _ in range(rng.randint(1, 3)):
            shop = rng.choice(victim.merchants)
            time_s += rng.expovariate(1 / 1800)
            device = {"ip": victim.address, "user_agent": "made-up", "fingerprint": rng.choice(victim.devices)}
            amount = shop.typical * 10 ** rng.gauss(0.7, 0.2)
            country = rng.choice(COUNTRIES[-3:]) if rng.random() < 0.5 else victim.country
            found.append(self.bad(time_s, shop, self.body(shop, amount, victim.card, country, device)))
        return found


def generate(volume: Volume, seed: int) -> Iterator[Payment]:
    """Payments in order of time. The same volume and seed make the same payments."""
    world = _World(volume, seed)
    rng = world.random
    for day in range(volume.days):
        start, found = START_S + day * DAY_S, list[Payment]()
        for _ in range(volume.payments_per_day):
            # Two thirds of the day's payments between 8 and 20 h.
            hour = rng.uniform(8, 20) if rng.random() < 0.66 else rng.uniform(0, 24)
            found += world.good(start + hour * HOUR_S)
        for shop in world.merchants:
            for hour_of_sale in [h for h in shop.sales if h // 24 == day]:
                many = round(volume.payments_per_day / volume.merchants * 0.6)
                at = START_S + hour_of_sale * HOUR_S
                for _ in range(many):
                    found += world.good(at + rng.uniform(0, 3 * HOUR_S), shop)
        for _ in range(round(volume.attacks_per_day + rng.uniform(-0.5, 0.5))):
            found += world.attack(start + rng.uniform(0, DAY_S))
        yield from sorted(found, key=lambda payment: payment.time_s)
