"""The people in a payment: each sealed under an own key, and named by a pseudonym only.

payer, payee      their key, to move the money; a person is the same in both roles (by mail address)
device            the payer's key for fraud
merchant          the account's key: what the merchant wrote (description, metadata)
signals           the payer's key for fraud: what the decision would have read, of a payment that passed without one
"""

from collections.abc import Mapping
from typing import Any

from contracts.personal import FieldCipher, KeyGone, KeyStore, Purpose, pseudonym
from workloads.payments.requests import NewPayment

PSEUDONYMS = "pseudonyms"
"""Subject, of nobody, whose key makes the pseudonyms of all others and the digests of idempotency keys. It is erased
never: without it no subject could be found again to be erased."""


def secret(keys: KeyStore) -> bytes:
    """The secret of pseudonyms. Blocking."""
    return keys.current(PSEUDONYMS, Purpose.PAYMENT).key


def person(secret_: bytes, email: str) -> str:
    """The subject that a mail address stands for."""
    return pseudonym(secret_, "person", email.strip().lower())


def merchant(secret_: bytes, account: str) -> str:
    """The subject that an account stands for."""
    return pseudonym(secret_, "merchant", account)


def instrument(secret_: bytes, token: str) -> str:
    """The word for a token in rows and events."""
    return pseudonym(secret_, "instrument", token)


def seal(
    keys: KeyStore, payment: str, account: str, wanted: NewPayment, *, held: bool, unscored: bool
) -> dict[str, Any]:
    """Columns `instrument`, `parties` and `token` of a payment. Blocking: keys may have to be fetched or made.

    `held`: the token waits for when the bank is asked. `unscored`: somebody has to look at its signals later.
    """
    cipher, hidden = FieldCipher(keys), secret(keys)

    def party(path: str, subject: str, value: Any) -> dict[str, Any]:
        return {"subject": subject, "fields": cipher.seal(payment, path, subject, Purpose.PAYMENT, value)}

    payer = person(hidden, wanted.payer["email"])
    written = {"description": wanted.description, "metadata": wanted.metadata}
    device = wanted.device and cipher.seal(payment, "device", payer, Purpose.FRAUD, wanted.device)
    signals = {
        "payment_method": wanted.token,
        "payer": {"country": wanted.payer["country"]},
        "device": wanted.device,
    }
    payee = wanted.payee and party("payee", person(hidden, wanted.payee["email"]), wanted.payee)
    return {
        "instrument": instrument(hidden, wanted.token),
        "parties": {
            "payer": party("payer", payer, wanted.payer),
            "payee": payee or None,
            "merchant": party("merchant", merchant(hidden, account), written),
            "device": device or None,
            **({"signals": cipher.seal(payment, "signals", payer, Purpose.FRAUD, signals)} if unscored else {}),
        },
        "token": cipher.seal(payment, "token", payer, Purpose.PAYMENT, wanted.token) if held else None,
    }


def for_bank(keys: KeyStore, payment: str, token: Mapping[str, Any], parties: Mapping[str, Any]) -> dict[str, Any]:
    """What a bank is told of a payment that was held. Raises KeyGone where a person was erased. Blocking."""
    cipher = FieldCipher(keys)
    payer, payee = parties["payer"], parties["payee"]
    return {
        "payment_method": cipher.open(payment, "token", token),
        "debtor": cipher.open(payment, "payer", payer["fields"]),
        "creditor": payee and cipher.open(payment, "payee", payee["fields"]),
    }


def authentication(secret_: bytes, reference: str) -> str:
    """The word for an authentication in rows and events."""
    return pseudonym(secret_, "authentication", reference)


def opened(keys: KeyStore, payment: str, parties: Mapping[str, Any]) -> dict[str, Any]:
    """What the merchant sees of the people in its payment; null and named in `erased` where a key is gone. Blocking."""
    cipher, found, erased = FieldCipher(keys), dict[str, Any](), list[str]()
    for name in ("payer", "payee", "merchant"):
        try:
            party = parties[name]
            found[name] = party and cipher.open(payment, name, party["fields"])
        except KeyGone:
            found[name] = None
            erased.append(name)
    written = found.pop("merchant") or {"description": None, "metadata": None}
    return {**found, **written, "erased": erased}
