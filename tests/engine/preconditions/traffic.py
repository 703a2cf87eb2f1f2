"""Load balancers, WAF, DNS, queues, topics, buses, pipes."""

from typing import Any

from pulumi_aws import acm, cloudwatch, iam, kinesis, kms, lb, pipes, route53, s3, sns, sqs, wafv2

from preconditions.ground import (
    ACCOUNT,
    FAR_KEY,
    MISSING_KEY,
    REGION,
    Ground,
    after,
    allow,
    bucket,
    document,
    key_for,
    role,
    statements,
)

QUIET = {"cloudwatch_metrics_enabled": False, "metric_name": "x", "sampled_requests_enabled": False}


def declare(ground: Ground) -> None:
    balancers(ground)
    firewall(ground)
    records()
    queues(ground)
    buses(ground)
    streams(ground)


def balancers(ground: Ground) -> None:
    logs, encrypted, silent = bucket("lb"), bucket("lb-kms"), bucket("lb-silent")
    far = bucket("lb-far", region="us-east-1")
    writer = {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"}
    ready = [
        s3.BucketPolicy(
            f"lb-{name}",
            bucket=made.bucket,
            region=region,
            policy=document(allow("s3:PutObject", resources=made.arn.apply("{}/*".format), Principal=writer)),
        )
        for name, made, region in (("logs", logs, REGION), ("kms", encrypted, REGION), ("far", far, "us-east-1"))
    ]
    ready.append(
        s3.BucketServerSideEncryptionConfiguration(
            "lb-kms",
            bucket=encrypted.bucket,
            rules=[
                {
                    "apply_server_side_encryption_by_default": {
                        "sse_algorithm": "aws:kms",
                        "kms_master_key_id": ground.key.arn,
                    }
                }
            ],
        )
    )

    def balancer(name: str, short: str, **settings: Any) -> lb.LoadBalancer:
        given = {"subnets": ground.open.two_zones, **settings}
        if given.get("access_logs"):
            given["access_logs"] = {"bucket": given["access_logs"].bucket, "enabled": True}
        return lb.LoadBalancer(name, name=short, opts=after(*ready, *ground.open.ready), **given)

    balancer("lb-balancer-in-two-zones", "zones", subnets=[ground.open.a.id])
    balancer("lb-balancer-one-subnet-a-zone", "twice", subnets=[ground.open.a.id, ground.open.a2.id, ground.open.b.id])
    balancer("lb-balancer-vpc-has-gateway", "gateway", subnets=ground.closed.two_zones)
    balancer("lb-log-bucket-lets-balancers-write", "write", access_logs=silent)
    balancer("lb-log-bucket-uses-s3-keys", "kms", access_logs=encrypted)
    balancer("lb-log-bucket-is-in-region", "far", access_logs=far)
    sound = balancer("sound", "sound", access_logs=logs)
    certificate = acm.Certificate("pending", domain_name="pending.example.com", validation_method="DNS")
    answer = {"type": "fixed-response", "fixed_response": {"content_type": "text/plain", "status_code": "200"}}
    lb.Listener(
        "lb-certificate-is-issued",
        load_balancer_arn=sound.arn,
        port=443,
        protocol="HTTPS",
        certificate_arn=certificate.arn,
        default_actions=[answer],
    )


def firewall(ground: Ground) -> None:
    acl = wafv2.WebAcl("acl", scope="REGIONAL", default_action={"allow": {}}, visibility_config=QUIET)
    network = lb.LoadBalancer(
        "network", name="network", load_balancer_type="network", internal=True, subnets=[ground.closed.a.id]
    )
    wafv2.WebAclAssociation("waf-takes-no-network-load-balancer", resource_arn=network.arn, web_acl_arn=acl.arn)
    wafv2.WebAcl(
        "waf-cloudfront-is-in-us-east-1",
        scope="CLOUDFRONT",
        default_action={"allow": {}},
        visibility_config=QUIET,
    )
    group = cloudwatch.LogGroup("waf", name="waf-logs")
    wafv2.WebAclLoggingConfiguration(
        "waf-log-destination-has-prefix", resource_arn=acl.arn, log_destination_configs=[group.arn]
    )


def records() -> None:
    zone = route53.Zone("zone", name="example.com", force_destroy=True)
    route53.Record(
        "route53-apex-is-no-cname", zone_id=zone.zone_id, name="example.com", type="CNAME", ttl=60, records=["a.test"]
    )
    taken = route53.Record("taken", zone_id=zone.zone_id, name="taken", type="A", ttl=60, records=["192.0.2.1"])
    route53.Record(
        "route53-cname-stands-alone",
        zone_id=zone.zone_id,
        name="taken",
        type="CNAME",
        ttl=60,
        records=["a.test"],
        opts=after(taken),
    )


def queues(ground: Ground) -> None:
    sqs.Queue("sqs-attributes-in-range", message_retention_seconds=1_209_600, kms_data_key_reuse_period_seconds=30)
    sqs.Queue("sqs-throughput-per-group-needs-scope", fifo_queue=True, fifo_throughput_limit="perMessageGroupId")
    sqs.Queue("sqs-key-is-usable", kms_master_key_id=ground.signing.arn)
    sns.Topic("sns-key-is-usable", kms_master_key_id=MISSING_KEY)


def buses(ground: Ground) -> None:
    cloudwatch.EventBus("events-bus-key-is-usable", name="far", kms_key_identifier=FAR_KEY)
    cloudwatch.EventBus("events-bus-key-lets-events-in", name="locked", kms_key_identifier=ground.key.arn)
    open_key = kms.Key("events", policy=key_for("events.amazonaws.com"))
    bus = cloudwatch.EventBus("bus", name="bus", kms_key_identifier=open_key.arn)
    rule = cloudwatch.EventRule("rule", name="rule", event_bus_name=bus.name, event_pattern='{"source": ["a"]}')
    silent = sqs.Queue("silent")
    encrypted = sqs.Queue("encrypted", kms_master_key_id=ground.key.arn)
    sound = sqs.Queue("sound", kms_master_key_id=open_key.arn)
    ready = [
        sqs.QueuePolicy(
            f"{name}-policy",
            queue_url=queue.url,
            policy=document(
                allow(
                    "sqs:SendMessage",
                    resources=queue.arn,
                    Principal={"Service": "events.amazonaws.com"},
                    Condition={"ArnEquals": {"aws:SourceArn": rule.arn}},
                )
            ),
        )
        for name, queue in (("encrypted", encrypted), ("sound", sound))
    ]

    def target(name: str, arn: Any) -> None:
        cloudwatch.EventTarget(name, event_bus_name=bus.name, rule=rule.name, arn=arn, opts=after(*ready))

    target("target", sound.arn)
    target("events-target-queues-exist", f"arn:aws:sqs:{REGION}:{ACCOUNT}:missing")
    target("events-target-queue-lets-rule-in", silent.arn)
    target("events-target-key-lets-events-in", encrypted.arn)


def streams(ground: Ground) -> None:
    stream = kinesis.Stream("pipe", shard_count=1, encryption_type="KMS", kms_key_id=ground.key.arn)
    queue = sqs.Queue("pipe")
    fifo = sqs.Queue("pipe-fifo", fifo_queue=True)
    read = (
        ["kinesis:DescribeStream", "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards"],
        f"arn:aws:kinesis:{REGION}:{ACCOUNT}:*",
    )
    decrypt, write = ("kms:Decrypt", ground.key.arn), ("sqs:SendMessage", f"arn:aws:sqs:{REGION}:{ACCOUNT}:*")
    roles, ready = {}, []
    for name, rights in {
        "full": (read, decrypt, write),
        "blind": (decrypt, write),
        "sealed": (read, write),
        "mute": (read, decrypt),
    }.items():
        roles[name] = role(f"pipe-{name}", "pipes.amazonaws.com")
        ready.append(iam.RolePolicy(f"pipe-{name}", role=roles[name].name, policy=document(*statements(*rights))))

    def pipe(name: str, short: str, **settings: Any) -> None:
        given = {"role_arn": roles["full"].arn, "source": stream.arn, "target": queue.arn, **settings}
        start = {"kinesis_stream_parameters": {"starting_position": "TRIM_HORIZON"}}
        pipes.Pipe(name, name=short, source_parameters=start, opts=after(*ready), **given)

    pipe("pipe", "sound")
    pipe("pipes-source-exists", "source", source=f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/missing")
    pipe("pipes-target-exists", "target", target=f"arn:aws:sqs:{REGION}:{ACCOUNT}:missing")
    pipe("pipes-role-is-trusted", "trust", role_arn=ground.stranger.arn)
    pipe("pipes-role-reads-source", "blind", role_arn=roles["blind"].arn)
    pipe("pipes-role-decrypts-source", "sealed", role_arn=roles["sealed"].arn)
    pipe("pipes-role-writes-target", "mute", role_arn=roles["mute"].arn)
    pipe("pipes-fifo-target-has-group", "fifo", target=fifo.arn)
