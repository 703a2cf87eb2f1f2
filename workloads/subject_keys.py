"""Data keys of data subjects: in a DynamoDB table, wrapped by the cell's KMS key for subjects.

One item a key: (`subject`, `purpose`) -> `key_id`, `wrapped`. It is made by whoever needs it first; a conditional put
lets one of several win, the others take its key. Erasing is removing the item: this program then cannot read the
subject's fields within `CACHE_S` seconds, and the table's point-in-time recovery ends the rest.
"""

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from time import monotonic
from typing import Any

from botocore.exceptions import ClientError

from contracts.identifiers import new_id
from contracts.personal import CACHE_S, DataKey, KeyGone, Purpose

CACHED = 50_000
"""Keys in memory at most: about 20 MiB."""


class SubjectKeys:
    """A `contracts.personal.KeyStore`. Safe to use from several threads."""

    def __init__(
        self, dynamodb: Any, kms: Any, *, table: str, key_arn: str, clock: Callable[[], float] = monotonic
    ) -> None:
        """`dynamodb`, `kms`: clients of boto3."""
        self._dynamodb, self._kms, self._table, self._key_arn, self._clock = dynamodb, kms, table, key_arn, clock
        self._cache: OrderedDict[tuple[str, str], tuple[float, DataKey]] = OrderedDict()
        self._lock = Lock()

    def current(self, subject: str, purpose: Purpose) -> DataKey:
        """The subject's key, made where there is none."""
        return self._cached(subject, purpose) or self._stored(subject, purpose) or self._made(subject, purpose)

    def find(self, subject: str, purpose: Purpose, key_id: str) -> DataKey:
        """The subject's key if it is the one that is asked for. Raises KeyGone."""
        found = self._cached(subject, purpose) or self._stored(subject, purpose)
        if found is None or found.id != key_id:
            raise KeyGone(f"the {purpose} key of {subject} was erased")
        return found

    def _cached(self, subject: str, purpose: Purpose) -> DataKey | None:
        with self._lock:
            until, data_key = self._cache.get((subject, purpose), (0.0, None))
            if data_key is not None and self._clock() >= until:
                del self._cache[subject, purpose]
                return None
            return data_key

    def _stored(self, subject: str, purpose: Purpose) -> DataKey | None:
        # Before the read: a key that is erased while it is read is not kept any longer for that.
        read_at = self._clock()
        item = self._dynamodb.get_item(TableName=self._table, Key=_key(subject, purpose), ConsistentRead=True).get(
            "Item"
        )
        if item is None:
            return None
        answer = self._kms.decrypt(
            CiphertextBlob=item["wrapped"]["B"], KeyId=self._key_arn, EncryptionContext=context(subject, purpose)
        )
        return self._keep(subject, purpose, DataKey(id=item["key_id"]["S"], key=answer["Plaintext"]), read_at)

    def _made(self, subject: str, purpose: Purpose) -> DataKey:
        made_at = self._clock()
        answer = self._kms.generate_data_key(
            KeyId=self._key_arn, KeySpec="AES_256", EncryptionContext=context(subject, purpose)
        )
        key_id = new_id("key")
        item = {**_key(subject, purpose), "key_id": {"S": key_id}, "wrapped": {"B": answer["CiphertextBlob"]}}
        try:
            self._dynamodb.put_item(
                TableName=self._table, Item=item, ConditionExpression="attribute_not_exists(subject)"
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            if (found := self._stored(subject, purpose)) is None:
                raise KeyGone(f"the {purpose} key of {subject} was erased while it was made") from None
            return found
        return self._keep(subject, purpose, DataKey(id=key_id, key=answer["Plaintext"]), made_at)

    def _keep(self, subject: str, purpose: Purpose, data_key: DataKey, since: float) -> DataKey:
        with self._lock:
            self._cache[subject, purpose] = (since + CACHE_S, data_key)
            self._cache.move_to_end((subject, purpose))
            while len(self._cache) > CACHED:
                self._cache.popitem(last=False)
        return data_key


def context(subject: str, purpose: Purpose) -> dict[str, str]:
    """What a wrapped key is bound to, and what the trail shows of it: pseudonyms only."""
    return {"subject": subject, "purpose": purpose.value}


def _key(subject: str, purpose: Purpose) -> dict[str, dict[str, str]]:
    return {"subject": {"S": subject}, "purpose": {"S": purpose.value}}
