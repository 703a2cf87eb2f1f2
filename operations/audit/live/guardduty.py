"""GuardDuty: detectors."""

from collections.abc import Iterator

from operations.audit.live.question import Question
from operations.audit.live.reader import Live, Reader
from operations.audit.live.region import Region
from operations.audit.live.words import arn, picked

LIST = Question(service="guardduty", operation="list_detectors", keep=("DetectorIds",), items="DetectorIds")
GET = Question(service="guardduty", operation="get_detector", keep=("Status", "FindingPublishingFrequency", "Tags"))


def detectors(region: Region) -> Iterator[Live]:
    """Detectors: at most one a region (GuardDuty API reference, CreateDetector)."""
    for detector in region.pages(LIST):
        raw = region.ask(GET, DetectorId=detector)
        if raw is not None:
            yield Live(
                id=detector,
                props={
                    **picked(raw, findingPublishingFrequency="FindingPublishingFrequency"),
                    "accountId": region.account,
                    "arn": arn(region, "guardduty", f"detector/{detector}"),
                    "enable": raw["Status"] == "ENABLED",
                    "tags": dict(raw.get("Tags") or {}),
                },
            )


Reader(type="aws:guardduty/detector:Detector", read=detectors, source=LIST)
