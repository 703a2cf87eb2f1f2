"""Data that leaves its jurisdiction. ``ABROAD`` is a region of the account in which another one begins."""

from collections.abc import Callable, Mapping
from secrets import token_hex
from typing import Any

from drift import CELL, Change, Hands, Undo, replicate

from operations.audit.result import Reconciled

ABROAD, ACCOUNT = "us-east-1", "123456789012"

BUCKET, PARAMETER, SECRET = "aws:s3/bucket:Bucket", "aws:ssm/parameter:Parameter", "aws:secretsmanager/secret:Secret"
TABLE = "aws:dynamodb/table:Table"
CLUSTER, GLOBAL = "aws:rds/cluster:Cluster", "aws:rds/globalCluster:GlobalCluster"
REPLICATION = "aws:s3/bucketReplicationConfig:BucketReplicationConfig"
REPLICA = "aws:kms/replicaKey:ReplicaKey"
CHANNEL = "aws:cfg/deliveryChannel:DeliveryChannel"
API_DESTINATION = "aws:cloudwatch/eventApiDestination:EventApiDestination"
FIREHOSE = "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream"
TARGET, SUBSCRIPTION = "aws:cloudwatch/eventTarget:EventTarget", "aws:sns/topicSubscription:TopicSubscription"
IMAGES = "aws:ecr/replicationConfiguration:ReplicationConfiguration"
PEERING = "aws:ec2/vpcPeeringConnection:VpcPeeringConnection"
RECORD = "aws:route53/record:Record"

DoesIt = Callable[[Hands], Undo]


def _bucket_abroad(hands: Hands, use: str = "config") -> str:
    return str(hands.outputs(BUCKET, f"account-{ABROAD}-{use}", "account")["bucket"])


def _parameter_abroad(hands: Hands) -> Undo:
    ssm = hands.client("ssm", ABROAD)
    tags = {"data-class": "internal", "jurisdiction": "eu"}
    listed = [{"Key": f"payment-cell:{name}", "Value": value} for name, value in tags.items()]
    ssm.put_parameter(Name="/by-hand", Value="a", Type="String", Tags=listed)
    return lambda: ssm.delete_parameter(Name="/by-hand")


def _cluster(region: str, engine: str, **settings: str) -> DoesIt:
    """A database of somebody's own, well kept but for where it is or comes from."""

    def does(hands: Hands) -> Undo:
        rds = hands.client("rds", region)
        tags = {"data-class": "internal", "jurisdiction": "eu"}
        rds.create_db_cluster(
            DBClusterIdentifier="by-hand",
            Engine=engine,
            StorageEncrypted=True,
            DeletionProtection=True,
            BackupRetentionPeriod=7,
            EnableIAMDatabaseAuthentication=True,
            EnableCloudwatchLogsExports=["audit" if engine == "aurora-mysql" else "postgresql"],
            Tags=[{"Key": f"payment-cell:{name}", "Value": value} for name, value in tags.items()],
            **settings,
        )

        def undo() -> None:
            if member := settings.get("GlobalClusterIdentifier"):
                arn = f"arn:aws:rds:{region}:{ACCOUNT}:cluster:by-hand"
                rds.remove_from_global_cluster(GlobalClusterIdentifier=member, DbClusterIdentifier=arn)
            rds.modify_db_cluster(DBClusterIdentifier="by-hand", DeletionProtection=False)
            rds.delete_db_cluster(DBClusterIdentifier="by-hand", SkipFinalSnapshot=True)

        return undo

    return does


def _copy_from_abroad(hands: Hands) -> Undo:
    """A copy here of a database there."""
    master = {"MasterUsername": "somebody", "MasterUserPassword": token_hex(16)}
    source = f"arn:aws:rds:{ABROAD}:{ACCOUNT}:cluster:by-hand"
    without_source = _cluster(ABROAD, "aurora-mysql", **master)(hands)
    without_copy = _cluster(CELL, "aurora-mysql", ReplicationSourceIdentifier=source, **master)(hands)

    def undo() -> None:
        without_copy()
        without_source()

    return undo


def _objects_abroad(hands: Hands) -> Undo:
    s3, bucket = hands.client("s3"), hands.outputs(BUCKET, f"{CELL}-archive")["bucket"]
    rule = {
        "ID": "by-hand",
        "Status": "Enabled",
        "Priority": 1,
        "Filter": {"Prefix": ""},
        "DeleteMarkerReplication": {"Status": "Disabled"},
        # What is under Object Lock is replicated only to where that is on.
        "Destination": {"Bucket": f"arn:aws:s3:::{_bucket_abroad(hands, 'data-events')}"},
    }
    role = f"arn:aws:iam::{ACCOUNT}:role/payment-cell-deploy"
    s3.put_bucket_replication(Bucket=bucket, ReplicationConfiguration={"Role": role, "Rules": [rule]})
    return lambda: s3.delete_bucket_replication(Bucket=bucket)


def _key_abroad(hands: Hands) -> Undo:
    key = hands.outputs("aws:kms/key:Key", f"{CELL}-envelope")["keyId"]
    hands.client("kms").replicate_key(KeyId=key, ReplicaRegion=ABROAD)
    return lambda: hands.client("kms", ABROAD).schedule_key_deletion(KeyId=key, PendingWindowInDays=7)


def _configuration_abroad(hands: Hands) -> Undo:
    config = hands.client("config")
    channel = config.describe_delivery_channels()["DeliveryChannels"][0]
    config.put_delivery_channel(DeliveryChannel={**channel, "s3BucketName": _bucket_abroad(hands)})
    return lambda: config.put_delivery_channel(DeliveryChannel=channel)


def _delivery_abroad(hands: Hands) -> Undo:
    firehose = hands.client("firehose")
    place = {
        "RoleARN": f"arn:aws:iam::{ACCOUNT}:role/payment-cell-deploy",
        "BucketARN": f"arn:aws:s3:::{_bucket_abroad(hands)}",
    }
    firehose.create_delivery_stream(DeliveryStreamName="by-hand", ExtendedS3DestinationConfiguration=place)
    return lambda: firehose.delete_delivery_stream(DeliveryStreamName="by-hand")


def _delivery_to_a_stranger(hands: Hands) -> Undo:
    firehose, role = hands.client("firehose"), f"arn:aws:iam::{ACCOUNT}:role/payment-cell-deploy"
    refused = {"RoleARN": role, "BucketARN": hands.outputs(BUCKET, f"{CELL}-archive")["arn"]}
    endpoint = {"EndpointConfiguration": {"Url": "https://logs.stranger.example/"}, "S3Configuration": refused}
    firehose.create_delivery_stream(DeliveryStreamName="by-hand", HttpEndpointDestinationConfiguration=endpoint)
    return lambda: firehose.delete_delivery_stream(DeliveryStreamName="by-hand")


def _events_to_a_stranger(hands: Hands) -> Undo:
    events = hands.client("events")
    key = {"ApiKeyAuthParameters": {"ApiKeyName": "key", "ApiKeyValue": "not-a-real-one"}}
    made = events.create_connection(Name="by-hand", AuthorizationType="API_KEY", AuthParameters=key)
    about = {"ConnectionArn": made["ConnectionArn"], "HttpMethod": "POST"}
    events.create_api_destination(Name="by-hand", InvocationEndpoint="https://hooks.stranger.example/", **about)

    def undo() -> None:
        events.delete_api_destination(Name="by-hand")
        events.delete_connection(Name="by-hand")

    return undo


def _events_abroad(hands: Hands) -> Undo:
    events, rule = hands.client("events"), hands.outputs(TARGET, f"{CELL}-fraud-retreat")
    target = {"Id": "by-hand", "Arn": f"arn:aws:events:{ABROAD}:{ACCOUNT}:event-bus/default"}
    target["RoleArn"] = f"arn:aws:iam::{ACCOUNT}:role/payment-cell-deploy"
    events.put_targets(Rule=rule["rule"], EventBusName=rule["eventBusName"], Targets=[target])
    named = {"Rule": rule["rule"], "EventBusName": rule["eventBusName"]}
    return lambda: events.remove_targets(**named, Ids=["by-hand"])


def _messages_abroad(hands: Hands) -> Undo:
    sns, topic = hands.client("sns"), hands.outputs("aws:sns/topic:Topic", f"{CELL}-tickets")["arn"]
    endpoint = f"arn:aws:sqs:{ABROAD}:{ACCOUNT}:by-hand"
    made = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=endpoint, ReturnSubscriptionArn=True)
    return lambda: sns.unsubscribe(SubscriptionArn=made["SubscriptionArn"])


def _images_abroad(hands: Hands) -> Undo:
    ecr = hands.client("ecr")

    def replicate(*regions: str) -> None:
        rules = [{"destinations": [{"region": region, "registryId": ACCOUNT}]} for region in regions]
        ecr.put_replication_configuration(replicationConfiguration={"rules": rules})

    replicate(ABROAD)
    return replicate


def _secret_abroad(hands: Hands) -> Undo:
    secrets, arn = hands.client("secretsmanager"), hands.outputs(SECRET, f"{CELL}-api-keys")["arn"]
    secrets.replicate_secret_to_regions(SecretId=arn, AddReplicaRegions=[{"Region": ABROAD}])
    return lambda: secrets.remove_regions_from_replication(SecretId=arn, RemoveReplicaRegions=[ABROAD])


def _peer_abroad(hands: Hands) -> Undo:
    ec2, vpc = hands.client("ec2"), hands.outputs("aws:ec2/vpc:Vpc", CELL)["id"]
    there = hands.client("ec2", ABROAD)
    peer = there.create_vpc(CidrBlock="10.250.0.0/16")["Vpc"]["VpcId"]
    made = ec2.create_vpc_peering_connection(VpcId=vpc, PeerVpcId=peer, PeerRegion=ABROAD)["VpcPeeringConnection"]

    def undo() -> None:
        ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=made["VpcPeeringConnectionId"])
        there.delete_vpc(VpcId=peer)

    return undo


def _name_over_two(hands: Hands) -> Undo:
    """One name by latency into two jurisdictions."""
    route53, zone = hands.client("route53"), hands.outputs("aws:route53/zone:Zone", CELL)

    def change(action: str) -> None:
        changes = [{"Action": action, "ResourceRecordSet": _latency(region, zone)} for region in (CELL, ABROAD)]
        route53.change_resource_record_sets(HostedZoneId=zone["zoneId"], ChangeBatch={"Changes": changes})

    change("CREATE")
    return lambda: change("DELETE")


def _latency(region: str, zone: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "Name": f"by-hand.{zone['name']}",
        "Type": "A",
        "SetIdentifier": region,
        "Region": region,
        "TTL": 60,
        "ResourceRecords": [{"Value": "192.0.2.1"}],
    }


def _unmanaged(sees: str, does: DoesIt, *reads: str, also: frozenset[str] = frozenset()) -> Change:
    return Change(sees=sees, does=does, reads=reads, also=also, reconciled=Reconciled.UNMANAGED)


CHANGES = (
    _unmanaged("RES-01 lies_in_the_jurisdiction", _parameter_abroad, PARAMETER),
    _unmanaged(
        "RES-02 member_stays_inside",
        _cluster(ABROAD, "aurora-postgresql", GlobalClusterIdentifier=f"{CELL}-s00-global"),
        *(CLUSTER, GLOBAL),
        also=frozenset({"RES-01 lies_in_the_jurisdiction"}),
    ),
    _unmanaged(
        "RES-02 source_stays_inside",
        _copy_from_abroad,
        CLUSTER,
        also=frozenset({"RES-01 lies_in_the_jurisdiction"}),
    ),
    Change(
        sees="RES-03 replicas_stay_inside",
        does=lambda hands: replicate(hands, hands.outputs(TABLE, f"{CELL}-fraud")["name"], ABROAD),
        reads=(TABLE,),
        also=frozenset({"RES-01 lies_in_the_jurisdiction"}),
    ),
    Change(sees="RES-04 replicas_stay_inside", does=_objects_abroad, reads=(REPLICATION,)),
    Change(sees="RES-07 sink_stays_inside", does=_configuration_abroad, reads=(CHANNEL,)),
    _unmanaged("RES-07 firehose_stays_inside", _delivery_abroad, FIREHOSE),
    _unmanaged("RES-07 http_endpoint_stays_inside", _delivery_to_a_stranger, FIREHOSE),
    _unmanaged("RES-08 api_destination_stays_inside", _events_to_a_stranger, API_DESTINATION),
    _unmanaged("RES-08 target_stays_inside", _events_abroad, TARGET),
    _unmanaged("RES-08 subscriber_stays_inside", _messages_abroad, SUBSCRIPTION),
    _unmanaged("RES-09 images_stay_inside", _images_abroad, IMAGES),
    Change(sees="RES-09 secret_stays_inside", does=_secret_abroad, reads=(SECRET,)),
    _unmanaged("RES-10 peer_stays_inside", _peer_abroad, PEERING),
    _unmanaged("RES-11 set_leads_into_one_jurisdiction", _name_over_two, RECORD),
    # The last: a replica is pending deletion for seven days, whoever reads replicas again sees it.
    _unmanaged("RES-06 replica_stays_inside", _key_abroad, REPLICA),
)

UNCHANGED = {
    "RES-03 replica_resource_stays_inside": "live a replica is the table itself: see RES-03 replicas_stay_inside",
    "RES-10 service_stays_inside": "the emulator keeps no region of a service: see test_res_10",
}
