"""The second source of populations: what the tagging API shows."""

from pathlib import Path

import pulumi_aws
import pytest
from recorded import Refusal, region

from operations.audit.live import second
from policies.resources import NotObservedError

ARN = "arn:aws:{}:eu-west-1:123456789012:{}"


def counted(*arns: str) -> dict[str, int]:
    listed = [{"ResourceARN": arn, "Tags": [{"Key": "secret", "Value": "s3cr3t"}]} for arn in arns]
    answers = {"resourcegroupstaggingapi.get_resources": {"ResourceTagMappingList": listed}}
    return dict(second.second_counts(region(answers)))


def test_what_the_tagging_api_shows_is_counted_by_type() -> None:
    keys = [ARN.format("kms", f"key/{n}") for n in range(3)]
    assert counted(*keys, ARN.format("sqs", "q"), "arn:aws:s3:::bucket", ARN.format("logs", "log-group:/a/b")) == {
        "aws:kms/key:Key": 3,
        "aws:sqs/queue:Queue": 1,
        "aws:s3/bucket:Bucket": 1,
        "aws:cloudwatch/logGroup:LogGroup": 1,
    }


def test_what_is_shown_twice_counts_once() -> None:
    assert counted(ARN.format("sqs", "q"), ARN.format("sqs", "q")) == {"aws:sqs/queue:Queue": 1}


@pytest.mark.parametrize(
    "arn",
    [
        ARN.format("s3", "accesspoint/a"),
        ARN.format("rds", "cluster-snapshot:a"),
        ARN.format("rds", "db:a"),
        ARN.format("kms", "key/mrk-1"),
        ARN.format("elasticloadbalancing", "loadbalancer/classic"),
        ARN.format("unheard-of", "thing"),
        "no arn",
        "arn:aws:s3",
    ],
)
def test_what_the_arn_does_not_tell_is_not_counted(arn: str) -> None:
    assert counted(arn) == {}


def test_only_arns_are_kept() -> None:
    recorded = region(
        {
            "resourcegroupstaggingapi.get_resources": {
                "ResourceTagMappingList": [
                    {"ResourceARN": ARN.format("sqs", "q"), "Tags": [{"Key": "k", "Value": "s3cr3t"}]}
                ]
            }
        }
    )
    second.second_counts(recorded)
    assert recorded.pages(second.RESOURCES) == [{"ResourceARN": ARN.format("sqs", "q")}]


def test_a_refusal_is_not_observed_and_no_count_of_none() -> None:
    refused = region({"resourcegroupstaggingapi.get_resources": Refusal("AccessDeniedException")})
    with pytest.raises(NotObservedError, match="AccessDeniedException"):
        second.second_counts(refused)


def test_every_type_is_one_of_the_provider() -> None:
    sources = Path(pulumi_aws.__file__).parent
    for type_ in {*second.TYPES.values(), *second.WHOLE.values()}:
        module = type_.removeprefix("aws:").split("/")[0]
        assert any(f"'{type_}'" in path.read_text() for path in sources.glob(f"{module}*/*.py")), type_
