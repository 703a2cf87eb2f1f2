"""RES-01: data lies in its jurisdiction."""

from judged import status

from policies.control import Status
from policies.resources import region_of_arn
from policies.testing import resource

PERSONAL = {"payment-cell:data-class": "personal", "payment-cell:jurisdiction": "eu"}
BUCKET = "aws:s3/bucket:Bucket"
QUEUE = "aws:sqs/queue:Queue"


def test_holds_data_in_its_jurisdiction() -> None:
    def bucket(**props: object) -> Status:
        return status("RES-01", resource(BUCKET, "b", **props))

    assert bucket(region="eu-central-1", tags=PERSONAL) is Status.PASS
    assert bucket(region="us-east-1", tags=PERSONAL) is Status.FAIL
    assert bucket(region="us-east-1", tags={**PERSONAL, "payment-cell:jurisdiction": "us"}) is Status.PASS
    assert bucket(region="us-east-1", tags={**PERSONAL, "payment-cell:jurisdiction": "atlantis"}) is Status.FAIL
    assert bucket(region="us-east-1") is Status.FAIL, "untagged is held to the strictest jurisdiction"
    assert bucket(tags=PERSONAL) is Status.UNDETERMINED
    assert bucket(region="us-east-1", tags={"payment-cell:data-class": "public"}) is Status.NOT_APPLICABLE


def test_takes_the_region_from_the_provider_or_the_arn() -> None:
    assert status("RES-01", resource(BUCKET, "b", provider_region="us-east-1", tags=PERSONAL)) is Status.FAIL
    assert status("RES-01", resource(QUEUE, "q", arn="arn:aws:sqs:eu-west-1:1:q", tags=PERSONAL)) is Status.PASS
    assert region_of_arn("arn:aws:s3:::bucket") is None
