"""A locked vault whose plan backs up whatever carries the backup tags; failed jobs are told to a topic."""

import pulumi

from components.alarm_topic import AlarmTopic, AlarmTopicArgs
from components.backups import BackupRetention, Backups, BackupsArgs, VaultLock
from components.keys import Keys, KeysArgs
from components.vocabulary import KeyUse

region = pulumi.Config("aws").require("region")
config = pulumi.Config()
account_id = config.require("accountId")
keys = Keys("backups", KeysArgs(region=region, account_id=account_id, protected=False))
topic = AlarmTopic(
    "backups",
    AlarmTopicArgs(
        region=region,
        account_id=account_id,
        jurisdiction="eu",
        key_arn=keys.arns[KeyUse.EVENTS],
        subscribers={"oncall@example.com": "email"},
    ),
)
backups = Backups(
    "backups",
    BackupsArgs(
        region=region,
        account_id=account_id,
        jurisdiction="eu",
        key_arn=keys.arns[KeyUse.BACKUP],
        retention=BackupRetention(daily_days=35, weekly_days=90, monthly_days=365),
        lock=VaultLock(),
        topic_arn=topic.arn,
        protected=False,
        disposable=True,
    ),
)

pulumi.export("vaultName", backups.vault_name)
pulumi.export("planId", backups.plan_id)
