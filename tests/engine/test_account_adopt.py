"""An account whose guardrails an organisation made: `adopt` comes up beside them, `create` would be refused."""

from dataclasses import replace

import pytest
from inline_stack import fails, stack
from table_programs import ACCOUNT, changed

from components.account import Account, AccountArgs, Adopted, Guardrails
from components.buckets import ObjectLock
from conftest import Sandbox

pytestmark = pytest.mark.engine

LOG_GROUP, BUCKET = "org-trail", "org-lb-logs"
ARGS = AccountArgs(
    account_id=ACCOUNT,
    home_region="eu-west-1",
    regions={"eu-west-1": "eu"},
    evidence_lock=ObjectLock(mode="GOVERNANCE", days=1),
    protected=False,
    disposable=True,
)
ADOPT = replace(
    ARGS,
    guardrails=Guardrails.ADOPT,
    adopted=Adopted(trail_log_group=LOG_GROUP, load_balancer_log_buckets={"eu-west-1": BUCKET}),
)


def organisation(sandbox: Sandbox) -> None:
    """What it makes in each of its accounts."""
    sandbox.client("guardduty").create_detector(Enable=True)
    sandbox.client("securityhub").enable_security_hub()
    sandbox.client("logs").create_log_group(logGroupName=LOG_GROUP)
    where = {"LocationConstraint": "eu-west-1"}
    sandbox.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration=where)
    sandbox.client("iam").update_account_password_policy(MinimumPasswordLength=20)


def test_adopting_changes_nothing_of_what_the_organisation_made(sandbox: Sandbox) -> None:
    sandbox.reset()
    organisation(sandbox)
    with stack(sandbox, lambda: Account("account", ADOPT)) as made:
        made.up()
        assert changed(made.preview()) == {}
        filters = sandbox.client("logs").describe_metric_filters(logGroupName=LOG_GROUP)["metricFilters"]
        assert len(filters) == 15
        buckets = {each["Name"] for each in sandbox.client("s3").list_buckets()["Buckets"]} - {BUCKET}
        assert [name.rpartition("-")[0] for name in buckets] == ["account-eu-west-1-data-events"]
        assert sandbox.client("cloudtrail").describe_trails()["trailList"] == []
    assert len(sandbox.client("guardduty").list_detectors()["DetectorIds"]) == 1
    assert sandbox.client("securityhub").describe_hub()["HubArn"]
    passwords = sandbox.client("iam").get_account_password_policy()["PasswordPolicy"]
    assert passwords["MinimumPasswordLength"] == 20


def test_creating_the_same_again_is_refused(sandbox: Sandbox) -> None:
    """Else the test before would prove nothing."""
    sandbox.reset()
    organisation(sandbox)
    with stack(sandbox, lambda: Account("account", ARGS)) as made:
        said = fails(lambda: made.up(continue_on_error=True))
    assert "An account has one detector in a Region." in said
    assert "Security Hub is enabled once in an account and Region." in said
