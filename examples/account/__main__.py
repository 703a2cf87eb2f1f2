"""What an account holds once: trail, recorders, detectors, alarms on the trail, a budget."""

import pulumi

from components.account import Account, AccountArgs
from components.account_baseline import SecurityContact
from components.buckets import ObjectLock

region = pulumi.Config("aws").require("region")
config = pulumi.Config()
account = Account(
    "account",
    AccountArgs(
        account_id=config.require("accountId"),
        home_region=region,
        regions={region: "eu"},
        evidence_lock=ObjectLock(mode="GOVERNANCE", days=1),
        contact=SecurityContact(
            name="On call", title="Security", email="security@example.com", phone="+353 1 555 0100"
        ),
        alarm_subscribers={"security@example.com": "email"},
        monthly_budget_usd=1000,
        protected=False,
        disposable=True,
    ),
)

pulumi.export("trailArn", account.trail_arn)
pulumi.export("loadBalancerLogBuckets", account.load_balancer_log_buckets)
pulumi.export("dataEventTrails", account.data_event_trails)
