"""Mutations of where data lies and goes, and of who may reach it by a resource's policy."""

from changes import ABROAD, Props, abroad, allows, copies_to, setting
from mutations import ACCOUNT, CELL, Mutation, changed, first, new, plus

from policies.resources import Stack

KEY = "aws:kms/key:Key"
TABLE = "aws:dynamodb/table:Table"
CLUSTER = "aws:rds/cluster:Cluster"
SECRET = "aws:secretsmanager/secret:Secret"
PLAN = "aws:backup/plan:Plan"
TOPIC_POLICY = "aws:sns/topicPolicy:TopicPolicy"
EVENT_TARGET = "aws:cloudwatch/eventTarget:EventTarget"
SUBSCRIPTION = "aws:sns/topicSubscription:TopicSubscription"
TABLE_REPLICA = "aws:dynamodb/tableReplica:TableReplica"
REPLICA_KEY = "aws:kms/replicaKey:ReplicaKey"
REPLICATION = "aws:s3/bucketReplicationConfig:BucketReplicationConfig"
API_DESTINATION = "aws:cloudwatch/eventApiDestination:EventApiDestination"
FIREHOSE = "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream"
IMAGES = "aws:ecr/replicationConfiguration:ReplicationConfiguration"
VPC = "aws:ec2/vpc:Vpc"
PEERING = "aws:ec2/vpcPeeringConnection:VpcPeeringConnection"


def _replicated(stack: Stack) -> Stack:
    """with replicas in the recovery region"""
    there = {"regionName": "eu-central-1", "region": "eu-central-1"}
    tables, secrets = stack.of(TABLE), stack.of(SECRET)
    return plus(stack, *(changed(one, setting("replicas", [there])) for one in (*tables, *secrets)))


def _copied(stack: Stack) -> Stack:
    """with a database that was made as a copy of one in the recovery region"""
    return plus(stack, changed(first(stack, CLUSTER), setting("sourceRegion", "eu-central-1")))


def _queue_of_recovery(stack: Stack) -> Stack:
    """with a queue of the recovery region as a subscriber"""
    endpoint = "arn:aws:sqs:eu-central-1:123456789012:alarms"
    return plus(
        stack, changed(first(stack, SUBSCRIPTION), lambda props: props.update(protocol="sqs", endpoint=endpoint))
    )


def _table_replica(stack: Stack) -> Stack:
    """with a replica of a table in the recovery region"""
    table = first(stack, TABLE, "fraud")
    return plus(stack, new(TABLE_REPLICA, "fraud", {"globalTableArn": table}, region="eu-central-1"))


def _replica_key(stack: Stack) -> Stack:
    """with a replica of a key in the recovery region"""
    key = first(stack, KEY, "payments")
    return plus(stack, new(REPLICA_KEY, "payments", {"primaryKeyArn": key}, region="eu-central-1"))


def _images(stack: Stack) -> Stack:
    """with images replicated to the recovery region"""
    return plus(stack, new(IMAGES, "images", replicationConfiguration=_images_to("eu-central-1"), region="eu-west-1"))


def _peering(stack: Stack) -> Stack:
    """with a peering to a network of the recovery region"""
    return plus(stack, new(PEERING, "recovery", {"vpcId": first(stack, VPC)}, peerRegion="eu-central-1"))


def _replication(stack: Stack) -> Stack:
    """with a copy of the archive in the recovery region"""
    archive = first(stack, "aws:s3/bucket:Bucket", "archive")
    destination = {
        "bucket": "arn:aws:s3:::archive-copy",
        "encryptionConfiguration": {"replicaKmsKeyId": "arn:aws:kms:eu-central-1:123456789012:key/archive"},
    }
    rules = [{"status": "Enabled", "destination": destination}]
    return plus(stack, new(REPLICATION, "archive", {"bucket": archive}, rules=rules))


def _firehose(stack: Stack) -> Stack:
    """with a delivery stream into a bucket of another region of its jurisdiction"""
    bucket = first(stack, "aws:s3/bucket:Bucket", "eu-west-1-config")
    props: Props = {
        "region": "eu-central-1",
        "tags": {"payment-cell:jurisdiction": "eu"},
        "extendedS3Configuration": {"bucketArn": bucket.props["arn"]},
    }
    return plus(stack, new(FIREHOSE, "logs", {"extendedS3Configuration": bucket}, **props))


def _http_endpoint(stack: Stack) -> Stack:
    """with a delivery stream to an HTTP endpoint of AWS"""
    props: Props = {"region": "eu-central-1", "tags": {"payment-cell:jurisdiction": "eu"}}
    props |= {"httpEndpointConfiguration": {"url": "https://a.execute-api.eu-central-1.amazonaws.com/logs"}}
    bucket = first(stack, "aws:s3/bucket:Bucket", "eu-west-1-config")
    return plus(stack, new(FIREHOSE, "logs", {"httpEndpointConfiguration": bucket}, **props))


def _api_destination(stack: Stack) -> Stack:
    """with an API destination of AWS"""
    url = "https://a.execute-api.eu-central-1.amazonaws.com/events"
    return plus(stack, new(API_DESTINATION, "events", region="eu-central-1", invocationEndpoint=url))


def _images_to(region: str) -> Props:
    return {"rules": [{"destinations": [{"region": region, "registryId": "123456789012"}]}]}


MUTATIONS = (
    Mutation(
        sees="RES-01 lies_in_the_jurisdiction",
        stack=ACCOUNT,
        type="aws:s3/bucket:Bucket",
        name="account-eu-west-1-lb-logs",
        change=setting("region", ABROAD),
    ),
    Mutation(
        sees="RES-01 lies_in_the_jurisdiction",
        stack=CELL,
        type=TABLE,
        change=setting("tags.payment-cell:jurisdiction", "us"),
    ),
    Mutation(
        sees="RES-01 lies_in_the_jurisdiction",
        also=frozenset({"KEY-02 uses_the_cells_own_key"}),
        stack=CELL,
        type=SECRET,
        change=setting("region", ABROAD),
    ),
    Mutation(
        sees="RES-02 member_stays_inside",
        stack=CELL,
        type="aws:rds/globalCluster:GlobalCluster",
        change=setting("tags.payment-cell:jurisdiction", "us"),
    ),
    Mutation(
        sees="RES-02 source_stays_inside",
        stack=CELL,
        type=CLUSTER,
        prepared=_copied,
        change=setting("sourceRegion", ABROAD),
    ),
    Mutation(
        sees="RES-03 replicas_stay_inside",
        stack=CELL,
        type=TABLE,
        name="fraud",
        prepared=_replicated,
        change=setting("replicas", [{"regionName": ABROAD}]),
    ),
    Mutation(
        sees="RES-05 copies_stay_inside",
        stack=CELL,
        type=PLAN,
        change=copies_to(f"arn:aws:backup:{ABROAD}:111122223333:backup-vault:copies"),
    ),
    Mutation(
        sees="RES-07 sink_stays_inside",
        stack=CELL,
        type="aws:ec2/flowLog:FlowLog",
        change=setting("logDestination", abroad("logs", "log-group:flow-logs")),
    ),
    Mutation(
        sees="RES-07 sink_stays_inside",
        stack=CELL,
        type="aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration",
        change=setting("logDestinationConfigs", [abroad("logs", "log-group:aws-waf-logs-other")]),
    ),
    Mutation(
        sees="RES-07 http_endpoint_stays_inside",
        stack=ACCOUNT,
        type=FIREHOSE,
        prepared=_http_endpoint,
        change=setting("httpEndpointConfiguration.url", "https://logs.stranger.example/"),
    ),
    Mutation(
        sees="RES-08 api_destination_stays_inside",
        stack=CELL,
        type=API_DESTINATION,
        prepared=_api_destination,
        change=setting("invocationEndpoint", "https://hooks.stranger.example/"),
    ),
    Mutation(
        sees="RES-08 subscriber_stays_inside",
        stack=ACCOUNT,
        type=SUBSCRIPTION,
        change=setting("endpoint", "security@stranger.example"),
    ),
    Mutation(
        sees="RES-13 lets_no_stranger_in",
        stack=CELL,
        type=TOPIC_POLICY,
        change=allows({"AWS": "999999999999"}, "sns:Publish"),
    ),
    Mutation(
        sees="RES-08 subscriber_stays_inside",
        stack=CELL,
        type=SUBSCRIPTION,
        prepared=_queue_of_recovery,
        change=setting("endpoint", abroad("sqs", "other")),
    ),
    Mutation(
        sees="RES-08 target_stays_inside",
        stack=CELL,
        type="aws:pipes/pipe:Pipe",
        change=setting("target", abroad("events", "event-bus/other")),
    ),
    Mutation(
        sees="RES-08 target_stays_inside",
        stack=CELL,
        type=EVENT_TARGET,
        name="backup-failed",
        change=setting("arn", abroad("sns", "other")),
    ),
    Mutation(
        sees="RES-09 secret_stays_inside",
        stack=CELL,
        type=SECRET,
        prepared=_replicated,
        change=setting("replicas", [{"region": ABROAD}]),
    ),
    Mutation(
        sees="RES-10 service_stays_inside",
        stack=CELL,
        type="aws:ec2/vpcEndpoint:VpcEndpoint",
        name="kms",
        change=setting("serviceRegion", ABROAD),
    ),
    Mutation(
        sees="RES-11 set_leads_into_one_jurisdiction",
        stack=CELL,
        type="aws:route53/record:Record",
        name="edge",
        change=setting("latencyRoutingPolicies", [{"region": ABROAD}]),
    ),
    Mutation(
        sees="RES-13 everyone_is_held_to_an_account",
        stack=CELL,
        type=TOPIC_POLICY,
        change=allows({"AWS": "*"}, "sns:Publish"),
    ),
    Mutation(
        sees="RES-13 everyone_is_held_to_an_account",
        stack=CELL,
        type="aws:ecr/repositoryPolicy:RepositoryPolicy",
        change=allows({"AWS": "*"}, "ecr:BatchGetImage"),
    ),
    Mutation(
        sees="RES-13 everyone_is_held_to_an_account",
        stack=CELL,
        type="aws:backup/vaultPolicy:VaultPolicy",
        change=allows({"AWS": "*"}, "backup:CopyIntoBackupVault"),
    ),
    Mutation(
        sees="RES-13 services_act_for_a_known_source",
        stack=CELL,
        type=TOPIC_POLICY,
        change=allows({"Service": "events.amazonaws.com"}, "sns:Publish"),
    ),
    Mutation(
        sees="RES-13 services_act_for_a_known_source",
        stack=CELL,
        type=KEY,
        name="events",
        change=allows({"Service": "events.amazonaws.com"}, "kms:Decrypt"),
    ),
    Mutation(
        sees="RES-13 services_act_for_a_known_source",
        stack=ACCOUNT,
        type="aws:s3/bucketPolicy:BucketPolicy",
        name="evidence",
        change=allows({"Service": "cloudtrail.amazonaws.com"}, "s3:PutObject"),
    ),
    Mutation(
        sees="RES-03 replica_resource_stays_inside",
        stack=CELL,
        type=TABLE_REPLICA,
        prepared=_table_replica,
        change=setting("region", ABROAD),
    ),
    Mutation(
        sees="RES-04 replicas_stay_inside",
        stack=CELL,
        type=REPLICATION,
        prepared=_replication,
        change=setting("rules.0.destination.encryptionConfiguration.replicaKmsKeyId", abroad("kms", "key/archive")),
    ),
    Mutation(
        sees="RES-06 replica_stays_inside",
        stack=CELL,
        type=REPLICA_KEY,
        prepared=_replica_key,
        change=setting("region", ABROAD),
    ),
    Mutation(
        sees="RES-07 firehose_stays_inside",
        stack=ACCOUNT,
        type=FIREHOSE,
        prepared=_firehose,
        change=setting("tags.payment-cell:jurisdiction", "us"),
    ),
    Mutation(
        sees="RES-09 images_stay_inside",
        stack=ACCOUNT,
        type=IMAGES,
        prepared=_images,
        change=setting("replicationConfiguration", _images_to(ABROAD)),
    ),
    Mutation(
        sees="RES-10 peer_stays_inside",
        stack=CELL,
        type=PEERING,
        prepared=_peering,
        change=setting("peerRegion", ABROAD),
    ),
)
