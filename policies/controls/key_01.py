"""KEY-01: stores of class confidential or above are encrypted with a customer-managed key."""

from collections.abc import Mapping
from typing import Any

from policies.control import (
    GDPR,
    SOC2,
    Control,
    Severity,
    StackClause,
    Strength,
    Verdict,
    failed,
    not_applicable,
    passed,
    undetermined,
)
from policies.resources import Resource, Stack
from policies.stores import AWS_KEY_ONLY, BUCKET_ENCRYPTION, STORES, and_above, under_a_key_of_aws


def uses_a_customer_managed_key(store: Resource, stack: Stack) -> Verdict:
    if any(row.type == store.type and row.use == store.tag("payment-cell:use") for row in AWS_KEY_ONLY):
        return not_applicable("AWS accepts only its own key for this use")
    if store.type == "aws:s3/bucket:Bucket":
        return _bucket(store, stack)
    entry = STORES[store.type]
    if entry.only_if and _at(store.props, entry.only_if[0]) != entry.only_if[1]:
        return not_applicable(f"{entry.only_if[0]} is not {entry.only_if[1]}")
    if entry.switch and _at(store.props, entry.switch[0]) != entry.switch[1]:
        return failed(f"{entry.switch[0]} is not {entry.switch[1]}")
    top = entry.key.partition(".")[0]
    if under_a_key_of_aws(store, top, stack):
        return failed(f"{entry.key} is a key that AWS manages")
    if any(source.type == "aws:kms/key:Key" for source in stack.sources(store, top)):
        return passed()
    return _key(_at(store.props, entry.key), entry.key)


def _bucket(bucket: Resource, stack: Stack) -> Verdict:
    for encryption in stack.pointing_at(bucket, BUCKET_ENCRYPTION, "bucket"):
        if under_a_key_of_aws(encryption, "rules", stack):
            return failed("kmsMasterKeyId is a key that AWS manages")
        if any(source.type == "aws:kms/key:Key" for source in stack.sources(encryption, "rules")):
            return passed()
        for rule in encryption.props["rules"]:
            default: Mapping[str, Any] = rule.get("applyServerSideEncryptionByDefault") or {}
            if not str(default.get("sseAlgorithm", "")).startswith("aws:kms"):
                return failed(
                    f"the bucket's default encryption is {default.get('sseAlgorithm') or 'not set'}, not aws:kms"
                )
            return _key(default.get("kmsMasterKeyId"), "kmsMasterKeyId")
    return failed("no BucketServerSideEncryptionConfiguration names a key for this bucket")


def _key(key: Any, name: str) -> Verdict:
    if not key:
        return failed(f"{name} is not set: AWS's own key is used")
    if "alias/aws/" in str(key):
        return failed(f"{name} is AWS's own key {key}")
    if str(key).startswith("alias/"):
        return undetermined(f"{name} is the alias {key}; which key it points at is not known here")
    return passed()


def _at(props: Mapping[str, Any], path: str) -> Any:
    value: Any = props
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


KEY_01 = Control(
    id="KEY-01",
    title="Stores of class confidential or above use a customer-managed key",
    severity=Severity.HIGH,
    clauses=(
        StackClause(
            resource_types=frozenset(STORES),
            check=uses_a_customer_managed_key,
            data_classes=and_above("confidential"),
        ),
    ),
    maps_to=(GDPR("32(1)(a)", Strength.PARTIAL), SOC2("CC6.1", Strength.PARTIAL)),
    risk="With AWS's own key nobody can withdraw access to the data or see who used the key.",
    remediation="Encrypt with a customer-managed KMS key of the cell (set the key property to its ARN).",
)
