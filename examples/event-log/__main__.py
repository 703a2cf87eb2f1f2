"""A stream of immutable events with a locked archive; one ordered consumer, one unordered."""

import pulumi

from components.alarm_topic import AlarmTopic, AlarmTopicArgs
from components.buckets import ObjectLock
from components.event_log import ConsumerArgs, EventLog, EventLogArgs
from components.keys import Keys, KeysArgs
from components.vocabulary import KeyUse

region = pulumi.Config("aws").require("region")
config = pulumi.Config()
account_id = config.require("accountId")
keys = Keys("event-log", KeysArgs(region=region, account_id=account_id, protected=False))
alarms = AlarmTopic(
    "event-log",
    AlarmTopicArgs(
        region=region,
        account_id=account_id,
        jurisdiction="eu",
        key_arn=keys.arns[KeyUse.EVENTS],
        subscribers={"oncall@example.com": "email"},
    ),
)
log = EventLog(
    "event-log",
    EventLogArgs(
        region=region,
        account_id=account_id,
        jurisdiction="eu",
        consumers=[ConsumerArgs(name="ledger", ordered=True), ConsumerArgs(name="tax", ordered=False)],
        events_key_arn=keys.arns[KeyUse.EVENTS],
        archive_key_arn=keys.arns[KeyUse.ARCHIVE],
        logs_key_arn=keys.arns[KeyUse.LOGS],
        alarm_topic_arn=alarms.arn,
        archive_lock=ObjectLock(mode="GOVERNANCE", days=1),
        archive_retention_days=30,
        stream_shards=1,
        protected=False,
        disposable=True,
    ),
)

pulumi.export("streamName", log.stream_name)
pulumi.export("queueUrls", log.queue_urls)
