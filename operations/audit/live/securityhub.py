"""Security Hub: whether it is on in a region."""

from collections.abc import Iterator

from operations.audit.live.question import Question
from operations.audit.live.reader import Live, Reader
from operations.audit.live.region import Region
from operations.audit.live.words import picked

HUB = Question(
    service="securityhub",
    operation="describe_hub",
    keep=("HubArn", "AutoEnableControls", "ControlFindingGenerator"),
    absent=frozenset({"InvalidAccessException", "ResourceNotFoundException"}),
)
"""InvalidAccessException: the account is not subscribed
(https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_DescribeHub.html)."""

HUB_V2 = Question(
    service="securityhub",
    operation="describe_security_hub_v2",
    keep=("HubV2Arn",),
    absent=frozenset({"ResourceNotFoundException"}),
)


def hubs(region: Region) -> Iterator[Live]:
    """The hub of the account in this region."""
    raw = region.ask(HUB)
    if raw is not None:
        yield Live(
            id=region.account,
            props=picked(
                raw,
                arn="HubArn",
                autoEnableControls="AutoEnableControls",
                controlFindingGenerator="ControlFindingGenerator",
            ),
        )


def hubs_v2(region: Region) -> Iterator[Live]:
    """The hub of the newer Security Hub."""
    raw = region.ask(HUB_V2)
    if raw is not None:
        yield Live(id=raw["HubV2Arn"], props={"arn": raw["HubV2Arn"]})


Reader(type="aws:securityhub/account:Account", read=hubs, source=HUB)
Reader(type="aws:securityhub/accountV2:AccountV2", read=hubs_v2, source=HUB_V2)
