"""Records: trails, logs, recorders and detectors, and events that somebody has to hear of."""

from collections.abc import Callable
from typing import Any

from drift import CELL, Change, Hands, Undo

from operations.audit.result import Reconciled

ALARM = "aws:cloudwatch/compositeAlarm:CompositeAlarm"
BUCKET = "aws:s3/bucket:Bucket"
CLUSTER = "aws:eks/cluster:Cluster"
DATABASE = "aws:rds/cluster:Cluster"
DETECTOR = "aws:guardduty/detector:Detector"
GROUP = "aws:cloudwatch/logGroup:LogGroup"
HUB = "aws:securityhub/account:Account"
LOCK = "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration"
PARAMETERS = "aws:rds/clusterParameterGroup:ClusterParameterGroup"
QUEUE = "aws:sqs/queue:Queue"
RECORDER = "aws:cfg/recorder:Recorder"
RECORDS = "aws:cfg/recorderStatus:RecorderStatus"
RULE = "aws:cloudwatch/eventRule:EventRule"
SUBSCRIPTION = "aws:sns/topicSubscription:TopicSubscription"
TARGET = "aws:cloudwatch/eventTarget:EventTarget"
TRAIL = "aws:cloudtrail/trail:Trail"

UNCHANGED = {
    "EVT-01 subscriber_has_confirmed": "whoever is subscribed answers the emulator at once, and no call takes it back",
}


def _trail(**other: Any) -> Callable[[Hands], Undo]:
    """The trail with other settings; all are those of UpdateTrail."""

    def does(hands: Hands) -> Undo:
        trails, trail = hands.client("cloudtrail"), hands.outputs(TRAIL, "account", "account")
        was = {
            "IsMultiRegionTrail": trail["isMultiRegionTrail"],
            "EnableLogFileValidation": trail["enableLogFileValidation"],
            "KmsKeyId": trail["kmsKeyId"],
        }
        trails.update_trail(Name=trail["id"], **other)
        return lambda: trails.update_trail(Name=trail["id"], **{name: was[name] for name in other})

    return does


def _stop_the_trail(hands: Hands) -> Undo:
    trails, trail = hands.client("cloudtrail"), hands.outputs(TRAIL, "account", "account")["id"]
    trails.stop_logging(Name=trail)
    return lambda: trails.start_logging(Name=trail)


def _record_data_events_only(hands: Hands) -> Undo:
    trails, trail = hands.client("cloudtrail"), hands.outputs(TRAIL, "account", "account")["id"]

    def select(management: bool) -> None:
        selector = {"ReadWriteType": "All", "IncludeManagementEvents": management, "DataResources": []}
        trails.put_event_selectors(TrailName=trail, EventSelectors=[selector])

    select(False)
    return lambda: select(True)


def _record_no_items(hands: Hands) -> Undo:
    """The cell's trail of data events without those of tables."""
    trails, trail = hands.client("cloudtrail"), hands.outputs(TRAIL, "")["id"]
    was = trails.get_event_selectors(TrailName=trail)["AdvancedEventSelectors"]
    kept = [one for one in was if "AWS::DynamoDB::Table" not in str(one)]
    trails.put_event_selectors(TrailName=trail, AdvancedEventSelectors=kept)
    return lambda: trails.put_event_selectors(TrailName=trail, AdvancedEventSelectors=was)


def _bring_data_events_of_all_regions(hands: Hands) -> Undo:
    trails, trail = hands.client("cloudtrail"), hands.outputs(TRAIL, "")["id"]
    trails.update_trail(Name=trail, IsMultiRegionTrail=True)
    return lambda: trails.update_trail(Name=trail, IsMultiRegionTrail=False)


def _lock(**retention: Any) -> Callable[[Hands], Undo]:
    """The lock of the trail's bucket with another default retention, or with none."""

    def does(hands: Hands) -> Undo:
        s3, bucket = hands.client("s3"), hands.outputs(LOCK, "account-evidence", "account")["id"]
        was = s3.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"]
        wanted: dict[str, Any] = {"ObjectLockEnabled": "Enabled"}
        if retention:
            wanted["Rule"] = {"DefaultRetention": retention}
        s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=wanted)
        return lambda: s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=was)

    return does


def _drop_the_audit_log(hands: Hands) -> Undo:
    eks = hands.client("eks")

    def audit(on: bool) -> None:
        eks.update_cluster_config(name=CELL, logging={"clusterLogging": [{"types": ["audit"], "enabled": on}]})

    audit(False)
    return lambda: audit(True)


def _export_no_log(hands: Hands) -> Undo:
    rds, database = hands.client("rds"), f"{CELL}-s00"

    def export(change: str) -> None:
        rds.modify_db_cluster(
            DBClusterIdentifier=database,
            CloudwatchLogsExportConfiguration={change: ["postgresql"]},
            ApplyImmediately=True,
        )

    export("DisableLogTypes")
    return lambda: export("EnableLogTypes")


def _retain(name: str, days: int | None) -> Callable[[Hands], Undo]:
    def does(hands: Hands) -> Undo:
        logs, group = hands.client("logs"), hands.outputs(GROUP, name)
        if days:
            logs.put_retention_policy(logGroupName=group["id"], retentionInDays=days)
        else:
            logs.delete_retention_policy(logGroupName=group["id"])
        return lambda: logs.put_retention_policy(logGroupName=group["id"], retentionInDays=group["retentionInDays"])

    return does


def _stop_the_recorder(hands: Hands) -> Undo:
    config, recorder = hands.client("config"), hands.outputs(RECORDER, CELL, "account")["id"]
    config.stop_configuration_recorder(ConfigurationRecorderName=recorder)
    return lambda: config.start_configuration_recorder(ConfigurationRecorderName=recorder)


def _stop_the_detector(hands: Hands) -> Undo:
    guardduty, detector = hands.client("guardduty"), hands.outputs(DETECTOR, CELL, "account")["id"]
    guardduty.update_detector(DetectorId=detector, Enable=False)
    return lambda: guardduty.update_detector(DetectorId=detector, Enable=True)


def _leave_security_hub(hands: Hands) -> Undo:
    hub, was = hands.client("securityhub"), hands.outputs(HUB, CELL, "account")
    hub.disable_security_hub()

    def undo() -> None:
        hub.enable_security_hub(EnableDefaultStandards=False, ControlFindingGenerator=was["controlFindingGenerator"])
        hub.update_security_hub_configuration(AutoEnableControls=was["autoEnableControls"])

    return undo


def _disable_the_rule(hands: Hands) -> Undo:
    events, rule = hands.client("events"), hands.outputs(RULE, f"{CELL}-guardduty", "account")["name"]
    events.disable_rule(Name=rule)
    return lambda: events.enable_rule(Name=rule)


def _unsubscribe(hands: Hands) -> Undo:
    sns, one = hands.client("sns"), hands.outputs(SUBSCRIPTION, "account-security@example.com", "account")
    sns.unsubscribe(SubscriptionArn=one["id"])
    return lambda: sns.subscribe(TopicArn=one["topic"], Protocol=one["protocol"], Endpoint=one["endpoint"])


def _database_parameter(name: str, value: str) -> Callable[[Hands], Undo]:
    def does(hands: Hands) -> Undo:
        rds, group = hands.client("rds"), hands.outputs(PARAMETERS, CELL)
        was = next(one for one in group["parameters"] if one["name"] == name)

        def put(text: str) -> None:
            parameter = {"ParameterName": name, "ParameterValue": text, "ApplyMethod": was["applyMethod"]}
            rds.modify_db_cluster_parameter_group(DBClusterParameterGroupName=group["id"], Parameters=[parameter])

        put(value)
        return lambda: put(was["value"])

    return does


def _queue(name: str, **attributes: str) -> Callable[[Hands], Undo]:
    def does(hands: Hands) -> Undo:
        sqs, url = hands.client("sqs"), hands.outputs(QUEUE, name)["id"]
        was = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(attributes))["Attributes"]
        sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)
        return lambda: sqs.set_queue_attributes(QueueUrl=url, Attributes=was)

    return does


def _mute_what_is_stuck(hands: Hands) -> Undo:
    alarms, alarm = hands.client("cloudwatch"), hands.outputs(ALARM, "-events-stuck")["id"]
    alarms.disable_alarm_actions(AlarmNames=[alarm])
    return lambda: alarms.enable_alarm_actions(AlarmNames=[alarm])


CHANGES = (
    Change(sees="LOG-01 covers_all_regions", does=_trail(IsMultiRegionTrail=False), reads=(TRAIL,)),
    Change(sees="LOG-01 validates_its_files", does=_trail(EnableLogFileValidation=False), reads=(TRAIL,)),
    Change(
        sees="LOG-01 is_encrypted_with_a_key",
        does=_trail(KmsKeyId=""),
        reads=(TRAIL,),
        also=frozenset({"KEY-01 uses_a_customer_managed_key"}),
    ),
    Change(sees="LOG-01 records_management_events", does=_record_data_events_only, reads=(TRAIL,)),
    Change(
        sees="LOG-01 is_logging",
        does=_stop_the_trail,
        reads=(TRAIL,),
        also=frozenset({"LOG-01 delivers_its_files_now"}),
    ),
    Change(
        sees="LOG-01 delivers_its_files_now",
        does=_stop_the_trail,
        reads=(TRAIL,),
        also=frozenset({"LOG-01 is_logging"}),
        reconciled=Reconciled.ONE_PLACE,
    ),
    Change(sees="LOG-02 data_events_are_recorded", does=_record_no_items, reads=(TRAIL,)),
    Change(sees="LOG-02 data_events_stay_in_their_region", does=_bring_data_events_of_all_regions, reads=(TRAIL,)),
    Change(
        sees="LOG-03 audit_bucket_locks_its_objects",
        does=_lock(),
        reads=(BUCKET, LOCK),
        also=frozenset({"LOG-03 audit_lock_is_in_compliance_mode", "LOG-03 audit_lock_lasts"}),
    ),
    Change(sees="LOG-03 audit_lock_lasts", does=_lock(Mode="COMPLIANCE", Days=30), reads=(BUCKET, LOCK)),
    Change(
        sees="LOG-03 audit_lock_is_in_compliance_mode",
        does=_lock(Mode="GOVERNANCE", Days=365),
        reads=(BUCKET, LOCK),
    ),
    Change(sees="LOG-04 cluster_sends_all_logs", does=_drop_the_audit_log, reads=(CLUSTER,)),
    Change(sees="LOG-05 database_sends_its_log", does=_export_no_log, reads=(DATABASE,)),
    Change(sees="LOG-06 security_log_is_kept_a_year", does=_retain("-flow-logs", 30), reads=(GROUP,)),
    Change(sees="LOG-06 log_group_forgets", does=_retain("-waf", None), reads=(GROUP,)),
    Change(sees="LOG-06 log_group_forgets", does=_retain("-waf", 3653), reads=(GROUP,)),
    Change(
        sees="LOG-07 config_records",
        does=_stop_the_recorder,
        reads=(RECORDER, RECORDS),
        also=frozenset({"LOG-07 recorder_records_now"}),
    ),
    Change(
        sees="LOG-07 recorder_records_now",
        does=_stop_the_recorder,
        reads=(RECORDER, RECORDS),
        also=frozenset({"LOG-07 config_records"}),
        reconciled=Reconciled.ONE_PLACE,
    ),
    Change(sees="LOG-07 guardduty_detects", does=_stop_the_detector, reads=(DETECTOR,)),
    Change(sees="LOG-07 security_hub_collects", does=_leave_security_hub, reads=(HUB,)),
    Change(
        sees="LOG-08 findings_reach_a_topic",
        does=_disable_the_rule,
        reads=(RULE,),
        also=frozenset({"LOG-08 somebody_confirmed_the_subscription"}),
    ),
    Change(
        sees="LOG-08 somebody_confirmed_the_subscription",
        does=_unsubscribe,
        reads=(SUBSCRIPTION,),
        reconciled=Reconciled.ONE_PLACE,
    ),
    Change(
        sees="LOG-09 audits_access_to_personal_data",
        does=_database_parameter("shared_preload_libraries", "pg_stat_statements"),
        reads=(PARAMETERS,),
    ),
    Change(
        sees="LOG-09 keeps_values_out_of_the_log",
        does=_database_parameter("log_parameter_max_length", "-1"),
        reads=(PARAMETERS,),
    ),
    Change(
        sees="EVT-01 consumer_has_a_dead_letter_queue",
        does=_queue("-tax", RedrivePolicy=""),
        reads=(QUEUE,),
        also=frozenset({"EVT-01 dead_letters_outlive_the_queue", "EVT-01 somebody_hears_of_dead_letters"}),
    ),
    Change(
        sees="EVT-01 dead_letters_outlive_the_queue",
        does=_queue("-tax-dlq", MessageRetentionPeriod="60"),
        reads=(QUEUE,),
    ),
    Change(sees="EVT-01 somebody_hears_of_dead_letters", does=_mute_what_is_stuck, reads=(ALARM,)),
)
