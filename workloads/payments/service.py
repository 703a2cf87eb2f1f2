"""A payment from request to answer: key and row, bank, outcome and event.

Killed between any two steps nothing is lost or doubled: the row that `begin` left is found by the settler, which asks
the bank by the payment's id; a bank books an id once. The bank is not asked later than `SEND_WITHIN_S` after `begin`:
no call begins that the settler has given up already (`settle.GIVEN_UP_S`).
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any

from contracts import idempotency
from contracts.identifiers import new_id
from contracts.personal import KeyGone, KeyStore
from contracts.shard_map import ShardMap, ShardState
from workloads import telemetry
from workloads.lease import Lease
from workloads.logs import Log
from workloads.mounted import Mounted
from workloads.payments import parties
from workloads.payments.answers import Answer, Refused, Status, payment_body
from workloads.payments.banks import Banks, Outcome, Said
from workloads.payments.callers import Caller
from workloads.payments.facts import note
from workloads.payments.fraud import FAILED_OPEN_MODE, Fraud
from workloads.payments.markets import Market
from workloads.payments.requests import Confirmation, NewPayment, NewRefund
from workloads.payments.store import NOT_THE_WRITER, PAYMENT, REFUND, Claim, Kind, StaleMap, Store
from workloads.payments.verdicts import HELD, By, Verdict, waiting_body
from workloads.telemetry import Counter

FINISHED = Counter("payments_finished_total", "Payments and refunds by kind, status, market and shard.")
RESOLVED = Counter("payments_resolved_total", "Held payments that went on or ended, by who decided and market.")
LATE = Counter("payments_late_answers_total", "Answers of banks that contradict what was already finished.")

SEND_WITHIN_S = 10.0
"""Seconds after `begin` within which the bank is asked, or not at all."""

NOT_FOUND = Refused(404, "no_such_payment", "the account has no such payment")

_STATUS = {Outcome.SUCCEEDED: Status.SUCCEEDED, Outcome.DECLINED: Status.DECLINED, Outcome.FAILED: Status.FAILED}
log = Log("payments")


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """What the service works with."""

    cell: str
    region: str
    shard_map: Mounted[ShardMap]
    markets: Mounted[Mapping[str, Market]]
    connection: Callable[[str], Any]
    """`workloads.database.Databases.connection`."""
    banks: Banks
    lease: Lease
    """Whether this cell is the one of its pair that writes."""


class Finisher:
    """What API and settler share: a row gets its outcome. No key is needed for that, ciphertext is copied as it is."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts

    def shard(self, shard: str) -> Store:
        """A shard by its id, at the version of the map that is mounted."""
        version = self.parts.shard_map.get().version
        parts = self.parts
        return Store(shard, version, parts.connection, lease=parts.lease, region=parts.region, cell=parts.cell)

    async def settle(
        self, store: Store, kind: Kind, row_id: str, status: Status, reason: str | None
    ) -> tuple[dict[str, Any], bool]:
        """`Store.finish`, counted; a contradiction is an error that somebody has to look at."""
        if kind is REFUND and status is Status.DECLINED:
            status = Status.FAILED  # a refund that a bank declines has no other way to go on
        finished, changed = await store.finish(kind, row_id, status, reason)
        if changed:
            labels = {"kind": kind.event, "status": status, "market": finished["market"], "shard": store.shard}
            FINISHED.add(**labels)
            log.info("finished", id=row_id, **labels)
        elif status is not Status.PENDING and finished["status"] != status:
            LATE.add(kind=kind.event, shard=store.shard)
            log.error("the bank contradicts what was finished", id=row_id, kept=finished["status"], said=status)
        return finished, changed


class Service(Finisher):
    """What the API does, beside HTTP."""

    def __init__(self, parts: Parts, keys: KeyStore) -> None:
        super().__init__(parts)
        self._keys = keys

    def require_writer(self) -> None:
        """Raises Refused where the cell does not write."""
        if not self.parts.lease.held:
            raise NOT_THE_WRITER

    def store(self, account: str, *, writes: bool) -> Store:
        """The account's shard. Raises Refused where it takes no writes now."""
        shard_map = self.parts.shard_map.get()
        shard = shard_map.shard_of(account)
        note(shard=shard)
        if writes and shard_map.shard(shard).state is ShardState.READ_ONLY:
            raise Refused(503, "shard_read_only", f"shard {shard} takes no writes for a moment", retry_after_s=5)
        return self.shard(shard)

    async def create(
        self, caller: Caller, key: str, body: Mapping[str, Any], wanted: NewPayment, fraud: Fraud
    ) -> Answer:
        """The payment's answer: made, or given before under this key."""
        store = self.store(caller.account, writes=True)
        payment = new_id("pay")
        with telemetry.stage("keys"):
            claim, sealed = await asyncio.to_thread(self._prepared, caller, key, body, payment, wanted, fraud)
        row = {
            "id": payment,
            **{name: getattr(wanted, name) for name in ("amount", "currency", "market", "bank")},
            "livemode": caller.livemode,
            "fraud": fraud.to_dict(),
            **sealed,
        }
        began = monotonic()
        with telemetry.stage("tx1", shard=store.shard):
            begun = await store.begin_payment(claim, row)
        if isinstance(begun, Answer):
            return begun
        people = {"payment_method": wanted.token, "debtor": wanted.payer, "creditor": wanted.payee}
        content = _for_bank({**row, "account_id": caller.account}, people)
        return await self._through(store, PAYMENT, claim, begun, content, began)

    async def refund(
        self, caller: Caller, key: str, body: Mapping[str, Any], payment: str, wanted: NewRefund
    ) -> Answer:
        """The refund's answer: made, or given before under this key."""
        store = self.store(caller.account, writes=True)
        with telemetry.stage("keys"):
            secret = await asyncio.to_thread(parties.secret, self._keys)
        claim = _claim(secret, caller, key, f"/v1/payments/{payment}/refunds", body)
        began = monotonic()
        with telemetry.stage("tx1", shard=store.shard):
            refund = new_id("re")
            begun = await store.begin_refund(claim, refund, payment, caller.livemode, wanted.amount, wanted.reason)
        if isinstance(begun, Answer):
            return begun
        content = {
            "reference": begun["id"],
            "payment": payment,
            "amount": begun["amount"],
            "currency": begun["currency"],
        }
        return await self._through(store, REFUND, claim, begun, content, began)

    async def confirm(
        self, caller: Caller, key: str, body: Mapping[str, Any], payment: str, wanted: Confirmation
    ) -> Answer:
        """The answer to what an authentication of the payer came to."""
        store = self.store(caller.account, writes=True)
        row = await store.payment(caller.account, caller.livemode, payment)
        if row is None:
            raise NOT_FOUND
        secret = await asyncio.to_thread(parties.secret, self._keys)
        claim = _claim(secret, caller, key, f"/v1/payments/{payment}/confirm", body)
        reference = parties.authentication(secret, wanted.reference)
        verdict = Verdict(by=By.PAYER, passed=wanted.passed, reference=reference)
        return await self._decided(store, row, verdict, claim, {"authentication": wanted.reference})

    async def reviewed(self, account: str, decision: str, payment: str | None, passed: bool) -> Answer:
        """The payment that a decision held, after a person looked at the decision. Said again it changes nothing."""
        store = self.store(account, writes=True)
        row = await store.of_decision(account, decision, payment)
        if row is None:
            raise Refused(404, "no_such_payment", "no payment was held by this decision")
        return await self._decided(store, row, Verdict(by=By.PERSON, passed=passed, reference=decision), None, {})

    async def _decided(
        self, store: Store, row: Mapping[str, Any], verdict: Verdict, claim: Claim | None, more: Mapping[str, Any]
    ) -> Answer:
        # Opened first: what no key opens any more must not be on its way to a bank.
        waits = verdict.passed and row["status"] in verdict.ends
        content = {**await asyncio.to_thread(self._opened, row), **more} if waits else {}
        began = monotonic()
        decided = await store.decide(row["id"], verdict, claim)
        if isinstance(decided, Answer):
            return decided
        found, changed = decided
        if changed:
            RESOLVED.add(by=verdict.by, passed=str(verdict.passed).lower(), market=found["market"])
        if changed and verdict.passed:
            return await self._through(store, PAYMENT, claim, found, content, began)
        return PAYMENT.answer(found)

    def _opened(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """What the bank of a payment that was held is told."""
        try:
            if row["token"] is None:
                raise KeyGone("token")
            opened = parties.for_bank(self._keys, row["id"], row["token"], row["parties"])
        except KeyGone:
            raise Refused(409, "not_payable", "what the bank needs was erased; the payment ends by itself") from None
        return _for_bank(row, opened)

    async def get(self, caller: Caller, payment: str) -> dict[str, Any]:
        """One payment with what its people's keys still open."""
        row = await self.store(caller.account, writes=False).payment(caller.account, caller.livemode, payment)
        if row is None:
            raise NOT_FOUND
        seen = await asyncio.to_thread(parties.opened, self._keys, payment, row["parties"])
        return {**payment_body(row), **seen}

    async def list(self, caller: Caller, limit: int, after: str | None) -> dict[str, Any]:
        """A page, newest first; `starting_after` of the next one is the last id."""
        store = self.store(caller.account, writes=False)
        rows = await store.payments(caller.account, caller.livemode, limit + 1, after)
        return {"object": "list", "data": [payment_body(row) for row in rows[:limit]], "has_more": len(rows) > limit}

    async def waiting(self, status: Status | None, limit: int) -> dict[str, Any]:
        """Held payments of all accounts, the oldest first, with the moment at which each ends by itself. Shards that do
        not answer are named: what waits there is not in the list."""
        shards = [shard.id for shard in self.parts.shard_map.get().shards]
        pages = await asyncio.gather(
            *(self.shard(shard).waiting(status, limit + 1) for shard in shards), return_exceptions=True
        )
        silent = [shard for shard, page in zip(shards, pages, strict=True) if isinstance(page, BaseException)]
        for shard in silent:
            log.warning("held payments not read", shard=shard)
        rows = [row for page in pages if not isinstance(page, BaseException) for row in page]
        rows.sort(key=lambda row: (row["created_at"], row["id"]))
        return {
            "object": "list",
            "data": [waiting_body(row) for row in rows[:limit]],
            "has_more": len(rows) > limit,
            "silent_shards": silent,
        }

    def _prepared(
        self, caller: Caller, key: str, body: Mapping[str, Any], payment: str, wanted: NewPayment, fraud: Fraud
    ) -> tuple[Claim, dict[str, Any]]:
        """What needs keys, and so a thread."""
        claim = _claim(parties.secret(self._keys), caller, key, "/v1/payments", body)
        held, unscored = fraud.decision != "allow", fraud.mode == FAILED_OPEN_MODE
        return claim, parties.seal(self._keys, payment, caller.account, wanted, held=held, unscored=unscored)

    async def _through(
        self,
        store: Store,
        kind: Kind,
        claim: Claim | None,
        row: Mapping[str, Any],
        content: Mapping[str, Any],
        began: float,
    ) -> Answer:
        try:
            if (status := held(row)) is not None:
                return await self._finish(store, kind, row, status, HELD)
            said = await self._ask(kind, row, content, began)
            if said.outcome is Outcome.NOT_SENT:
                with telemetry.stage("release", shard=store.shard):
                    await (store.hold(row) if row.get("verdict") else store.release(kind, row["id"]))
                message = f"bank {row['bank']} takes nothing now ({said.reason}); nothing was sent"
                raise Refused(503, "bank_unavailable", message, retry_after_s=said.retry_after_s)
            return await self._finish(store, kind, row, _STATUS.get(said.outcome, Status.PENDING), said.reason)
        except Refused:
            raise
        except Exception as error:
            log.error("broke down after the row was kept; the settler finishes it", error, id=row["id"])
            return await self._broken(store, claim)

    async def _broken(self, store: Store, claim: Claim | None) -> Answer:
        """A 500 that is repeated as other answers are. Where it cannot be kept the key stays in flight until the
        settler has an answer."""
        answer = Refused(500, "internal", "what came of it is not known yet; GET /v1/payments shows it").answer
        try:
            if claim is not None:
                await store.answer_failed(claim, answer)
        except Exception as error:
            log.error("the answer could not be kept", error)
        return answer

    async def _ask(self, kind: Kind, row: Mapping[str, Any], content: Mapping[str, Any], began: float) -> Said:
        if not row["livemode"]:
            return Said(outcome=Outcome.SUCCEEDED, reason="test")
        market = self.parts.markets.get().get(row["market"])
        if market is None or row["bank"] not in market.banks:
            return Said(outcome=Outcome.NOT_SENT, reason="no_such_bank")
        if monotonic() - began > SEND_WITHIN_S:
            return Said(outcome=Outcome.UNKNOWN, reason="too_late")
        # The row stays open, for the settler of the cell that writes then.
        self.require_writer()
        return await self.parts.banks.send(kind.table, market, row["bank"], content)

    async def _finish(
        self, store: Store, kind: Kind, row: Mapping[str, Any], status: Status, reason: str | None
    ) -> Answer:
        try:
            with telemetry.stage("tx2", shard=store.shard):
                finished, _ = await self.settle(store, kind, row["id"], status, reason)
        except StaleMap:
            # The account moved between the two transactions, and this row with it: the settler there finishes it.
            finished = {**row, "status": Status.PENDING, "reason": "stale_map"}
        return kind.answer(finished)


def _for_bank(row: Mapping[str, Any], people: Mapping[str, Any]) -> dict[str, Any]:
    """What a payment's bank is told; `people`: token, payer and payee in clear. Without a payee the account is paid."""
    return {
        "reference": row["id"],
        "amount": row["amount"],
        "currency": row["currency"],
        **people,
        "creditor": people["creditor"] or {"account": row["account_id"]},
    }


def held(row: Mapping[str, Any]) -> Status | None:
    """The state of a payment that the fraud decision keeps from the bank; None: it may go there."""
    if "fraud" not in row or row["verdict"] is not None:
        return None
    decision = row["fraud"]["decision"]
    return None if decision == "allow" else Status(decision)


def _claim(secret: bytes, caller: Caller, key: str, path: str, body: Mapping[str, Any]) -> Claim:
    parameters = {**body, "livemode": caller.livemode}
    return Claim(
        account=caller.account,
        key=idempotency.digest(secret, caller.account, key),
        fingerprint=idempotency.fingerprint(secret, "POST", path, parameters),
    )
