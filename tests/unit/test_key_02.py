"""KEY-02: a store's key is of its cell and region."""

from judged import status

from policies.control import Status
from policies.resources import Resource
from policies.testing import UNKNOWN, resource

KEY = "aws:kms/key:Key"
QUEUE = "aws:sqs/queue:Queue"
TRAIL = "aws:cloudtrail/trail:Trail"


def test_wants_a_key_of_the_same_cell_and_region() -> None:
    def queue(key: Resource, region: str = "eu-west-1") -> Resource:
        return resource(
            QUEUE,
            "q",
            {"kmsMasterKeyId": [key]},
            region=region,
            kmsMasterKeyId=UNKNOWN,
            tags={"payment-cell:cell": "a"},
        )

    own = resource(KEY, "own", region="eu-west-1", tags={"payment-cell:cell": "a"})
    other = resource(KEY, "other", region="eu-west-1", tags={"payment-cell:cell": "b"})
    assert status("KEY-02", queue(own), own) is Status.PASS
    assert status("KEY-02", queue(other), other) is Status.FAIL
    assert status("KEY-02", queue(own, "eu-central-1"), own) is Status.FAIL
    assert status("KEY-02", resource(QUEUE, "q")) is Status.NOT_APPLICABLE
    alias = resource("aws:kms/alias:Alias", "alias")
    by_alias = resource(QUEUE, "q", {"kmsMasterKeyId": [alias]}, kmsMasterKeyId=UNKNOWN)
    assert status("KEY-02", by_alias, alias) is Status.UNDETERMINED
    assert status("KEY-02", resource(QUEUE, "q", kmsMasterKeyId=UNKNOWN)) is Status.NOT_APPLICABLE, "AWS decides"


def test_compares_arns_where_the_key_is_known() -> None:
    arn = "arn:aws:kms:eu-west-1:123456789012:key/a"
    queue = resource(QUEUE, "q", region="eu-west-1", kmsMasterKeyId=arn)
    assert status("KEY-02", queue, resource(KEY, "k", region="eu-west-1", arn=arn)) is Status.PASS
    assert status("KEY-02", queue) is Status.UNDETERMINED
    trail = resource(TRAIL, "t", region="eu-west-1", kmsKeyId=arn)
    assert status("KEY-02", trail) is Status.NOT_APPLICABLE, "the account's"
    assert status("KEY-02", resource(QUEUE, "q", region="us-east-1", kmsMasterKeyId=arn)) is Status.FAIL
