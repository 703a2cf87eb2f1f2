"""CloudTrail: trails, what they record, and whether they do so now."""

from collections.abc import Iterator
from typing import Any

from operations.audit.live.question import Question
from operations.audit.live.reader import Live, Reader
from operations.audit.live.region import Region, Unread
from operations.audit.live.tags import tags
from operations.audit.live.words import picked
from policies.resources import NotObservedError

LIST = Question(service="cloudtrail", operation="describe_trails", keep=("trailList",), items="trailList")
STATUS = Question(service="cloudtrail", operation="get_trail_status", keep=("IsLogging", "LatestDeliveryError"))
SELECTORS = Question(
    service="cloudtrail", operation="get_event_selectors", keep=("EventSelectors", "AdvancedEventSelectors")
)
TAGS = Question(service="cloudtrail", operation="list_tags", keep=("ResourceTagList",), items="ResourceTagList")


def trails(region: Region) -> Iterator[Live]:
    """Trails whose home is this region: the shadows of multi-region trails in other regions are no trails of their
    own."""
    for raw in region.pages(LIST, includeShadowTrails=False):
        arn = raw["TrailARN"]

        def status(name: str, arn: str = arn) -> Any:
            return region.field(STATUS, lambda answer: answer.get(name), Name=arn)

        def selectors(name: str, arn: str = arn) -> Any:
            return region.field(SELECTORS, lambda answer: _selectors(answer.get(name) or ()), TrailName=arn)

        yield Live(
            id=arn,
            name=raw["Name"],
            props={
                **picked(
                    raw,
                    arn="TrailARN",
                    name="Name",
                    cloudWatchLogsGroupArn="CloudWatchLogsLogGroupArn",
                    cloudWatchLogsRoleArn="CloudWatchLogsRoleArn",
                    enableLogFileValidation="LogFileValidationEnabled",
                    homeRegion="HomeRegion",
                    includeGlobalServiceEvents="IncludeGlobalServiceEvents",
                    isMultiRegionTrail="IsMultiRegionTrail",
                    isOrganizationTrail="IsOrganizationTrail",
                    kmsKeyId="KmsKeyId",
                    s3BucketName="S3BucketName",
                    s3KeyPrefix="S3KeyPrefix",
                    snsTopicArn="SnsTopicARN",
                ),
                "enableLogging": status("IsLogging"),
                "isLogging": status("IsLogging"),
                "latestDeliveryError": status("LatestDeliveryError"),
                "eventSelectors": selectors("EventSelectors"),
                "advancedEventSelectors": selectors("AdvancedEventSelectors"),
                "tags": _tags(region, arn),
            },
        )


def _selectors(listed: Any) -> list[dict[str, Any]]:
    return [
        {
            **picked(
                one,
                name="Name",
                readWriteType="ReadWriteType",
                includeManagementEvents="IncludeManagementEvents",
                excludeManagementEventSources="ExcludeManagementEventSources",
                dataResources="DataResources",
            ),
            **({"fieldSelectors": [_field(f) for f in one["FieldSelectors"]]} if "FieldSelectors" in one else {}),
        }
        for one in listed
    ]


def _field(one: dict[str, Any]) -> dict[str, Any]:
    """The provider names only the operators in the plural."""
    return picked(
        one,
        field="Field",
        equals="Equals",
        startsWiths="StartsWith",
        endsWiths="EndsWith",
        notEquals="NotEquals",
        notStartsWiths="NotStartsWith",
        notEndsWiths="NotEndsWith",
    )


def _tags(region: Region, arn: str) -> Any:
    try:
        return {
            key: value
            for listed in region.pages(TAGS, ResourceIdList=[arn])
            for key, value in tags(listed.get("TagsList")).items()
        }
    except NotObservedError as error:
        return Unread(str(error))


Reader(type="aws:cloudtrail/trail:Trail", read=trails, source=LIST)
