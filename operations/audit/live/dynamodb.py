"""DynamoDB: tables with their encryption, recovery, replicas and expiry."""

from collections.abc import Iterator, Mapping
from typing import Any

from operations.audit.live.question import Question
from operations.audit.live.reader import Live, Reader
from operations.audit.live.region import Region
from operations.audit.live.tags import tags_of

LIST = Question(service="dynamodb", operation="list_tables", keep=("TableNames",), items="TableNames")
_OF_TABLE = ("TableArn", "SSEDescription", "DeletionProtectionEnabled", "BillingModeSummary.BillingMode")
_OF_REPLICA = ("RegionName", "KMSMasterKeyId")
DESCRIBE = Question(
    service="dynamodb",
    operation="describe_table",
    keep=tuple(f"Table.{name}" for name in (*_OF_TABLE, *(f"Replicas.{one}" for one in _OF_REPLICA))),
)
RECOVERY = Question(
    service="dynamodb",
    operation="describe_continuous_backups",
    keep=("ContinuousBackupsDescription.PointInTimeRecoveryDescription",),
)
EXPIRY = Question(service="dynamodb", operation="describe_time_to_live", keep=("TimeToLiveDescription",))
TAGS = Question(service="dynamodb", operation="list_tags_of_resource", keep=("Tags",), items="Tags")


def tables(region: Region) -> Iterator[Live]:
    """Tables, replicas among them: DynamoDB calls none of the members of a global table the first
    (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/V2globaltables_HowItWorks.html)."""
    for name in region.pages(LIST):
        table = (region.ask(DESCRIBE, TableName=name) or {})["Table"]
        yield Live(
            id=name,
            props={
                "arn": table["TableArn"],
                "name": name,
                "billingMode": (table.get("BillingModeSummary") or {}).get("BillingMode", "PROVISIONED"),
                "deletionProtectionEnabled": table.get("DeletionProtectionEnabled", False),
                "serverSideEncryption": _encryption(table.get("SSEDescription") or {}),
                "pointInTimeRecovery": region.field(RECOVERY, _recovery, TableName=name),
                "ttl": region.field(EXPIRY, _expiry, TableName=name),
                "replicas": [
                    {"regionName": one["RegionName"], "kmsKeyArn": one.get("KMSMasterKeyId", "")}
                    for one in table.get("Replicas") or ()
                    if one["RegionName"] != region.name
                ],
                "tags": tags_of(region, TAGS, ResourceArn=table["TableArn"]),
            },
        )


def _encryption(found: Mapping[str, Any]) -> dict[str, Any]:
    """AWS describes no encryption under the key that it owns (API reference, TableDescription)."""
    enabled = found.get("Status") in ("ENABLED", "ENABLING", "UPDATING")
    return {"enabled": enabled, "kmsKeyArn": found.get("KMSMasterKeyArn", "")}


def _recovery(answer: Mapping[str, Any]) -> dict[str, Any]:
    found = (answer.get("ContinuousBackupsDescription") or {}).get("PointInTimeRecoveryDescription") or {}
    days = {"recoveryPeriodInDays": found["RecoveryPeriodInDays"]} if "RecoveryPeriodInDays" in found else {}
    return {"enabled": found.get("PointInTimeRecoveryStatus") == "ENABLED", **days}


def _expiry(answer: Mapping[str, Any]) -> dict[str, Any]:
    found = answer.get("TimeToLiveDescription") or {}
    return {
        "enabled": found.get("TimeToLiveStatus") == "ENABLED",
        "attributeName": found.get("AttributeName", ""),
    }


Reader(type="aws:dynamodb/table:Table", read=tables, source=LIST)
