"""What a command would say or do otherwise on AWS, told where the endpoint is something else."""

from collections.abc import Mapping

from operations.preflight_aws import asks_aws

PREFIX = "emulated: the endpoint is not AWS, on AWS"

DIFFERENCES: Mapping[str, str] = {
    "status": "states, alarms and targets are those of machines that run, and restore tests take place",
    "upgrade": "each step takes minutes to hours, nodes drain, engines restart, and a step waits for all of it",
    "iam": "nothing is allowed but what these policies say; here none of them is enforced",
    "readiness": "quotas, backups, restore tests, images and S3's own lag are those of an account that is used",
    "graph": "a region takes at least as long as this computes from published times; here it takes seconds",
    "probe": "composite alarms turn within a minute and not at once, and people are woken",
    "drill": "promotion, health checks and names take minutes; these figures are the sandbox's",
    "cost": "this is billed by use, at the prices of the day; here nothing is",
}
"""By command; `cell preflight` and `cell connect` say their own."""


def difference(command: str) -> str | None:
    """One line, or None where AWS itself would be asked."""
    return None if asks_aws() else f"{PREFIX} {DIFFERENCES[command]}"
