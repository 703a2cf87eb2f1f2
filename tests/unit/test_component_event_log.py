"""The event log of a cell: order, archive, queues, dead letters, alarms."""

import json
from dataclasses import replace

import pytest
from answers import answers
from mocks import Registered, assert_children_of_components, assert_regional, is_unknown, run

from components.buckets import ObjectLock, PrivateBucketArgs
from components.consumer_queue import ConsumerQueueArgs
from components.event_log import ConsumerArgs, EventLog, EventLogArgs
from components.vocabulary import DataClass, TagKey

ACCOUNT, REGION = "123456789012", "eu-west-1"
ARGS = EventLogArgs(
    region=REGION,
    account_id=ACCOUNT,
    jurisdiction="eu",
    consumers=[
        ConsumerArgs(name="ledger", ordered=True),
        ConsumerArgs(name="invoicing", ordered=True),
        ConsumerArgs(name="tax", ordered=False, event_types=["payment.settled", "payment.refunded"]),
        ConsumerArgs(name="fraud", ordered=False),
    ],
    events_key_arn="arn:aws:kms:eu-west-1:123456789012:key/events",
    archive_key_arn="arn:aws:kms:eu-west-1:123456789012:key/archive",
    logs_key_arn="arn:aws:kms:eu-west-1:123456789012:key/logs",
    alarm_topic_arn="arn:aws:sns:eu-west-1:123456789012:alarms",
    archive_lock=ObjectLock(mode="COMPLIANCE", days=2557),
    archive_retention_days=2557,
    stream_shards=4,
)
STREAM, PIPE = "aws:kinesis/stream:Stream", "aws:pipes/pipe:Pipe"
QUEUE, QUEUE_POLICY = "aws:sqs/queue:Queue", "aws:sqs/queuePolicy:QueuePolicy"
ALARM, COMPOSITE = "aws:cloudwatch/metricAlarm:MetricAlarm", "aws:cloudwatch/compositeAlarm:CompositeAlarm"
RULE, TARGET = "aws:cloudwatch/eventRule:EventRule", "aws:cloudwatch/eventTarget:EventTarget"
BUS, BUS_ARCHIVE = "aws:cloudwatch/eventBus:EventBus", "aws:cloudwatch/eventArchive:EventArchive"
ROLE, ROLE_POLICY = "aws:iam/role:Role", "aws:iam/rolePolicy:RolePolicy"
BUCKET, BUCKET_POLICY = "aws:s3/bucket:Bucket", "aws:s3/bucketPolicy:BucketPolicy"
LOCK = "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration"
CONSUMERS = {"ledger": ".fifo", "invoicing": ".fifo", "tax": "", "fraud": ""}


def made(args: EventLogArgs = ARGS, *, preview: bool = False) -> Registered:
    return run(lambda: EventLog("test", args), preview=preview, outputs=answers)


@pytest.fixture(scope="module")
def log() -> Registered:
    return made()


def test_everything_is_regional_and_has_a_parent(log: Registered) -> None:
    assert_regional(log, REGION)
    assert_children_of_components(log)


def test_the_stream_is_encrypted_provisioned_and_kept(log: Registered) -> None:
    stream = log.one(STREAM)
    assert stream.inputs["encryptionType"] == "KMS"
    assert stream.inputs["kmsKeyId"] == ARGS.events_key_arn
    assert stream.inputs["streamModeDetails"] == {"streamMode": "PROVISIONED"}
    assert (stream.inputs["shardCount"], stream.inputs["retentionPeriod"]) == (4, 168)
    assert stream.protect


def test_a_stream_without_shard_count_is_on_demand() -> None:
    stream = made(replace(ARGS, stream_shards=None)).one(STREAM)
    assert stream.inputs["streamModeDetails"] == {"streamMode": "ON_DEMAND"}
    assert "shardCount" not in stream.inputs


def test_throttled_writers_raise_an_alarm(log: Registered) -> None:
    alarm = log.one(ALARM, "test-stream-throttled").inputs
    assert alarm["metricName"] == "WriteProvisionedThroughputExceeded"
    assert "test-stream-throttled" in log.one(COMPOSITE).inputs["alarmRule"]


def test_the_archive_is_locked_before_it_is_used(log: Registered) -> None:
    bucket = log.one(BUCKET)
    assert bucket.inputs["objectLockEnabled"] is True
    assert bucket.protect
    assert bucket.retain
    rule = log.one(LOCK).inputs["rule"]["defaultRetention"]
    assert rule == {"mode": "COMPLIANCE", "days": 2557}
    assert "aws:s3/bucketVersioning:BucketVersioning test-archive" in log.waits_for(log.one(LOCK))


def test_the_archive_is_encrypted_private_and_owned(log: Registered) -> None:
    kind = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    (rule,) = log.one(kind).inputs["rules"]
    assert rule["applyServerSideEncryptionByDefault"] == {
        "sseAlgorithm": "aws:kms",
        "kmsMasterKeyId": ARGS.archive_key_arn,
    }
    assert rule["bucketKeyEnabled"] is True
    block = log.one("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock").inputs
    settings = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    assert all(block[key] is True for key in settings)
    ownership = log.one("aws:s3/bucketOwnershipControls:BucketOwnershipControls").inputs
    assert ownership["rule"] == {"objectOwnership": "BucketOwnerEnforced"}


def test_the_archive_refuses_plain_http_and_other_keys(log: Registered) -> None:
    policy = log.one(BUCKET_POLICY)
    http = policy.statement("DenyInsecureTransport")
    assert http["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert set(http["Resource"]) == {"arn:aws:s3:::test-archive-1a2b3c4", "arn:aws:s3:::test-archive-1a2b3c4/*"}
    key = policy.statement("DenyOtherKey")
    header = "s3:x-amz-server-side-encryption-aws-kms-key-id"
    assert key["Effect"] == "Deny"
    assert key["Condition"] == {"Null": {header: "false"}, "StringNotEquals": {header: ARGS.archive_key_arn}}


def test_the_archive_expires_with_the_register(log: Registered) -> None:
    rules = log.one("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration").inputs["rules"]
    retention = next(rule for rule in rules if rule["id"] == "retention")
    assert retention["expiration"] == {"days": 2557}
    assert retention["noncurrentVersionExpiration"] == {"noncurrentDays": 30}
    assert retention["transitions"] == [{"days": 90, "storageClass": "GLACIER_IR"}]
    assert retention["abortIncompleteMultipartUpload"] == {"daysAfterInitiation": 7}


def test_development_locks_lightly_and_goes_with_its_objects() -> None:
    lock = ObjectLock(mode="GOVERNANCE", days=1)
    log = made(replace(ARGS, protected=False, disposable=True, archive_lock=lock, archive_retention_days=1))
    assert log.one(LOCK).inputs["rule"]["defaultRetention"]["mode"] == "GOVERNANCE"
    assert log.one(BUCKET).inputs["forceDestroy"] is True
    assert not [r.name for r in log if r.protect or r.retain]


def test_the_bus_is_encrypted_and_can_replay(log: Registered) -> None:
    assert log.one(BUS).inputs["kmsKeyIdentifier"] == ARGS.events_key_arn
    archive = log.one(BUS_ARCHIVE)
    assert archive.inputs["retentionDays"] == 30
    assert archive.inputs["kmsKeyIdentifier"] == ARGS.events_key_arn
    assert archive.protect


def test_each_consumer_has_a_queue_and_a_dead_letter_queue_that_name_each_other(log: Registered) -> None:
    for consumer, suffix in CONSUMERS.items():
        queue, dead = log.of(QUEUE)[f"test-{consumer}"], log.of(QUEUE)[f"test-{consumer}-dlq"]
        assert queue.inputs["name"] == f"test-{consumer}{suffix}"
        assert dead.inputs["name"] == f"test-{consumer}-dlq{suffix}"
        redrive = json.loads(queue.inputs["redrivePolicy"])
        assert redrive["deadLetterTargetArn"].endswith(f"test-{consumer}-dlq")
        assert redrive["maxReceiveCount"] == 5
        allowed = json.loads(dead.inputs["redriveAllowPolicy"])
        source = f"arn:aws:sqs:{REGION}:{ACCOUNT}:test-{consumer}{suffix}"
        assert allowed == {"redrivePermission": "byQueue", "sourceQueueArns": [source]}


def test_dead_letters_outlive_the_messages(log: Registered) -> None:
    for consumer in CONSUMERS:
        queue, dead = log.of(QUEUE)[f"test-{consumer}"], log.of(QUEUE)[f"test-{consumer}-dlq"]
        assert dead.inputs["messageRetentionSeconds"] > queue.inputs["messageRetentionSeconds"]
        assert dead.inputs["messageRetentionSeconds"] == 14 * 86_400


def test_queues_are_encrypted_tagged_and_refuse_plain_http(log: Registered) -> None:
    assert len(log.of(QUEUE)) == 8
    for name, queue in log.of(QUEUE).items():
        assert queue.inputs["kmsMasterKeyId"] == ARGS.events_key_arn
        assert queue.inputs["tags"][TagKey.DATA_CLASS] == DataClass.PAYMENTS
        denied = log.of(QUEUE_POLICY)[name].statement("DenyInsecureTransport")
        assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_ordered_queues_keep_order_per_account_at_high_throughput(log: Registered) -> None:
    for name, queue in log.of(QUEUE).items():
        fifo = name.removesuffix("-dlq") in {"test-ledger", "test-invoicing"}
        assert queue.inputs.get("fifoQueue", False) is fifo
        assert queue.inputs.get("deduplicationScope") == ("messageGroup" if fifo else None)
        assert queue.inputs.get("fifoThroughputLimit") == ("perMessageGroupId" if fifo else None)
    pipe = log.one(PIPE, "test-ledger").inputs
    assert pipe["targetParameters"]["sqsQueueParameters"] == {
        "messageGroupId": "$.partitionKey",
        "messageDeduplicationId": "$.eventID",
    }


def test_pipes_never_skip_a_record(log: Registered) -> None:
    assert set(log.of(PIPE)) == {"test-ledger", "test-invoicing", "test-bus"}
    for pipe in log.of(PIPE).values():
        source = pipe.inputs["sourceParameters"]["kinesisStreamParameters"]
        assert source["startingPosition"] == "TRIM_HORIZON"
        assert source["maximumRetryAttempts"] == -1
        assert source["maximumRecordAgeInSeconds"] == -1


def test_a_pipe_starts_with_its_permissions_and_logs(log: Registered) -> None:
    for name, pipe in log.of(PIPE).items():
        waits = log.waits_for(pipe)
        assert f"{ROLE_POLICY} {name}" in waits
        assert "aws:cloudwatch/logResourcePolicy:LogResourcePolicy test-pipes" in waits
        assert pipe.inputs["logConfiguration"]["level"] == "ERROR"
        group = log.one("aws:cloudwatch/logGroup:LogGroup", name)
        assert group.inputs["name"] == f"/aws/vendedlogs/pipes/{name}"


def test_a_pipes_role_reads_the_stream_and_writes_its_target_only(log: Registered) -> None:
    policy = log.one(ROLE_POLICY, "test-ledger")
    assert {statement["Sid"] for statement in policy.document()["Statement"]} == {
        "ReadStream", "DecryptStream", "SendMessages", "EncryptMessages",
    }  # fmt: skip
    assert (
        policy.statement("SendMessages")["Resource"]
        == log.one(QUEUE_POLICY, "test-ledger").statement("FromPipe")["Resource"]
    )
    trust = log.one(ROLE, "test-ledger-pipe").document("assumeRolePolicy")["Statement"][0]
    assert trust["Principal"] == {"Service": "pipes.amazonaws.com"}
    assert trust["Condition"]["ArnLike"] == {"aws:SourceArn": f"arn:aws:pipes:{REGION}:{ACCOUNT}:pipe/test-ledger"}


def test_a_failing_pipe_raises_an_alarm(log: Registered) -> None:
    for name in log.of(PIPE):
        alarm = log.one(ALARM, f"{name}-pipe-failing").inputs
        assert alarm["dimensions"] == {"PipeName": name}
        assert f"{name}-pipe-failing" in log.one(COMPOSITE).inputs["alarmRule"]


def test_unordered_consumers_are_fed_by_a_rule_with_a_dead_letter_queue(log: Registered) -> None:
    assert set(log.of(RULE)) == {"test-tax", "test-fraud"}
    assert json.loads(log.of(RULE)["test-tax"].inputs["eventPattern"]) == {
        "source": ["payment-cell.test"],
        "detail-type": ["payment.refunded", "payment.settled"],
    }
    assert json.loads(log.of(RULE)["test-fraud"].inputs["eventPattern"]) == {"source": ["payment-cell.test"]}
    target = log.of(TARGET)["test-tax"]
    assert target.inputs["deadLetterConfig"]["arn"].endswith("test-tax-dlq")
    assert f"{QUEUE_POLICY} test-tax" in log.waits_for(target)
    assert f"{QUEUE_POLICY} test-tax-dlq" in log.waits_for(target)


def test_only_the_consumers_own_rule_may_send(log: Registered) -> None:
    for name in ("test-tax", "test-tax-dlq"):
        statement = log.of(QUEUE_POLICY)[name].statement("FromRule")
        assert statement["Principal"] == {"Service": "events.amazonaws.com"}
        assert statement["Condition"]["ArnLike"]["aws:SourceArn"].endswith(":test-tax")
        assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT}


def test_dead_letters_and_old_messages_page_somebody(log: Registered) -> None:
    for consumer, suffix in CONSUMERS.items():
        dead = log.one(ALARM, f"test-{consumer}-dead-letters").inputs
        assert dead["metricName"] == "ApproximateNumberOfMessagesVisible"
        assert dead["dimensions"] == {"QueueName": f"test-{consumer}-dlq{suffix}"}
        assert (dead["threshold"], dead["comparisonOperator"]) == (0, "GreaterThanThreshold")
        age = log.one(ALARM, f"test-{consumer}-age").inputs
        assert age["metricName"] == "ApproximateAgeOfOldestMessage"
        assert age["dimensions"] == {"QueueName": f"test-{consumer}{suffix}"}
        page = log.one(COMPOSITE).inputs
        assert page["alarmActions"] == [ARGS.alarm_topic_arn]
        assert f"test-{consumer}-dead-letters" in page["alarmRule"]
        assert f"test-{consumer}-age" in page["alarmRule"]


def test_one_composite_alarm_watches_the_whole_flow(log: Registered) -> None:
    rule = log.one(COMPOSITE).inputs["alarmRule"]
    assert rule.count("ALARM(") == 2 * len(CONSUMERS) + 3 + 1


def test_ordered_consumers_alone_need_no_pipe_to_the_bus() -> None:
    log = made(replace(ARGS, consumers=[ConsumerArgs(name="ledger", ordered=True)]))
    assert set(log.of(PIPE)) == {"test-ledger"}


def test_a_preview_registers_the_same_resources(log: Registered) -> None:
    preview = made(preview=True)
    assert sorted(r.urn for r in preview) == sorted(r.urn for r in log)
    assert is_unknown(preview.one(COMPOSITE).inputs["alarmRule"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"consumers": [ConsumerArgs(name="tax", ordered=False)] * 2}, "tax more than once"),
        ({"consumers": [ConsumerArgs(name="bus", ordered=True)]}, "choose another"),
        ({"stream_retention_h": 12}, "12 is outside 24..8760 h"),
        ({"stream_shards": 0}, "leave it out for on-demand"),
        ({"replay_days": 0}, "below 1 day"),
    ],
)
def test_what_aws_would_refuse_is_refused_at_once(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(ARGS, **change)  # type: ignore[arg-type]


def test_consumers_with_impossible_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="a letter first"):
        ConsumerArgs(name="Ledger", ordered=True)
    with pytest.raises(ValueError, match="filter in the consumer"):
        ConsumerArgs(name="ledger", ordered=True, event_types=["payment.settled"])
    queue = {"region": REGION, "account_id": ACCOUNT, "jurisdiction": "eu", "ordered": True, "grants": lambda _arn: []}
    with pytest.raises(ValueError, match=r"43201 is outside 1\.\.43200 s"):
        ConsumerQueueArgs(**queue, key_arn="k", visibility_timeout_s=43_201)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="59 is outside"):
        ConsumerQueueArgs(**queue, key_arn="k", max_age_s=59)  # type: ignore[arg-type]


def test_a_lock_that_outlives_the_retention_is_refused() -> None:
    with pytest.raises(ValueError, match="may not outlive the register"):
        PrivateBucketArgs(
            region=REGION,
            data_class=DataClass.PAYMENTS,
            jurisdiction="eu",
            retention_days=30,
            key_arn=None,
            lock=ObjectLock(mode="GOVERNANCE", days=31),
        )
    with pytest.raises(ValueError, match="COMPLIANCE or GOVERNANCE"):
        ObjectLock(mode="LEGAL", days=1)
