"""The root user of an account."""

from collections.abc import Iterator

from operations.audit.live.question import Question
from operations.audit.live.reader import Live, Reader
from operations.audit.live.region import Region
from policies.resources import ROOT

SUMMARY = Question(
    service="iam",
    operation="get_account_summary",
    keep=(
        "SummaryMap.AccountMFAEnabled",
        "SummaryMap.AccountAccessKeysPresent",
        "SummaryMap.AccountPasswordPresent",
    ),
)


def root(region: Region) -> Iterator[Live]:
    """What IAM counts of it (IAM API reference, GetAccountSummary). Without a word about a password there is one."""
    answer = region.ask(SUMMARY) or {}
    counts = answer.get("SummaryMap", {})
    yield Live(
        id="root",
        made_by_aws="root user",
        props={
            "arn": f"arn:aws:iam::{region.account}:root",
            "mfaEnabled": bool(counts.get("AccountMFAEnabled")),
            "accessKeysPresent": bool(counts.get("AccountAccessKeysPresent")),
            "passwordPresent": bool(counts.get("AccountPasswordPresent", 1)),
        },
    )


Reader(type=ROOT, read=root, source=SUMMARY, everywhere=False)
