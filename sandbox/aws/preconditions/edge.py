"""Load balancers, WAF and DNS: what a public entry needs in front of it."""

from typing import Any

from sandbox.aws.preconditions.account import (
    Found,
    ask,
    bucket_exists,
    bucket_policy,
    bucket_region,
    default_encryption,
    foreign,
    items,
    shared_zone,
    subnets,
    too_few_zones,
    without_gateway,
)
from sandbox.aws.preconditions.model import DOCS, ON_CHANGE, ON_CREATE, ON_DELETE, Precondition, Request
from sandbox.aws.preconditions.policies import Caller, allows, principals, statements

BALANCER = "aws:lb/loadBalancer:LoadBalancer"
HEALTH_CHECK = "aws:route53/healthCheck:HealthCheck"
WEB_ACL = "aws:wafv2/webAcl:WebAcl"

API = f"{DOCS}/elasticloadbalancing/latest/APIReference"
ALB = f"{DOCS}/elasticloadbalancing/latest/application"
WAF = f"{DOCS}/waf/latest"

LOG_WRITER = "logdelivery.elasticloadbalancing.amazonaws.com"


def _subnet_ids(request: Request) -> list[str]:
    mapped = [row.get("subnetId") for row in request.given("subnetMappings") or []]
    return [subnet for subnet in [*(request.given("subnets") or []), *mapped] if subnet]


def _is_application(request: Request) -> bool:
    return request.given("loadBalancerType") in (None, "application")


def balancer_in_two_zones(request: Request) -> str | None:
    return too_few_zones(request, _subnet_ids(request)) if _is_application(request) else None


def balancer_one_subnet_a_zone(request: Request) -> str | None:
    return shared_zone(subnets(request, _subnet_ids(request)))


def balancer_vpc_has_gateway(request: Request) -> str | None:
    if request.given("internal"):
        return None
    found = subnets(request, _subnet_ids(request))
    if found and without_gateway(request, found[0]["VpcId"]):
        return f"{found[0]['VpcId']} has no internet gateway"
    return None


def _log_bucket(request: Request) -> str | None:
    logs = request.given("accessLogs") or {}
    return logs.get("bucket") if logs.get("enabled") else None


def log_bucket_lets_balancers_write(request: Request) -> str | None:
    bucket = _log_bucket(request)
    if bucket is None:
        return None
    if not bucket_exists(request, bucket):
        return f"bucket {bucket} does not exist"
    account, region = request.context.account_id, request.context.region
    prefix = request.given("accessLogs", "prefix")
    file = f"arn:aws:s3:::{bucket}/{f'{prefix}/' if prefix else ''}AWSLogs/{account}/log"
    facts = {"aws:SourceAccount": account}
    if name := request.given("name"):
        kind = "net" if request.given("loadBalancerType") == "network" else "app"
        facts["aws:SourceArn"] = (
            f"arn:aws:elasticloadbalancing:{region}:{account}:loadbalancer/{kind}/{name}/0123456789abcdef"
        )
    policy = bucket_policy(request, bucket)
    if allows(policy, Caller(principal=LOG_WRITER, facts=facts), "s3:PutObject", file) or _regional(policy, file):
        return None
    return f"the policy of bucket {bucket} does not allow {LOG_WRITER} s3:PutObject on {file.removesuffix('/log')}/*"


def _regional(policy: Any, file: str) -> bool:
    """Older Regions also deliver from an AWS account of the Region: an account root that is let in counts."""
    roots = [value for row in statements(policy) for _, value in principals(row) if value.endswith(":root")]
    return any(allows(policy, Caller(principal=root), "s3:PutObject", file) for root in roots)


def log_bucket_uses_s3_keys(request: Request) -> str | None:
    bucket = _log_bucket(request)
    if bucket is None or not bucket_exists(request, bucket):
        return None
    algorithm = default_encryption(request, bucket).get("SSEAlgorithm", "AES256")
    return None if algorithm == "AES256" else f"bucket {bucket} is encrypted with {algorithm}"


def log_bucket_is_in_region(request: Request) -> str | None:
    bucket = _log_bucket(request)
    if bucket is None or not bucket_exists(request, bucket):
        return None
    place = bucket_region(request, bucket)
    return (
        None
        if place == request.context.region
        else f"bucket {bucket} is in {place}, the load balancer in {request.context.region}"
    )


def certificate_is_issued(request: Request) -> str | None:
    arn = request.given("certificateArn") or ""
    if ":acm:" not in arn or foreign(request, arn):
        return None
    found = ask(request, "acm", "describe_certificate", CertificateArn=arn)
    status = found["Certificate"].get("Status") if found else None
    return None if status in (None, "ISSUED") else f"certificate {arn} is {status}"


def web_acl_takes_no_nlb(request: Request) -> str | None:
    arn = request.given("resourceArn") or ""
    if ":loadbalancer/" not in arn:
        return None
    rows = items(request, "elbv2", "describe_load_balancers", "LoadBalancers", LoadBalancerArns=[arn])
    return f"{arn} is a Network Load Balancer" if [row for row in rows if row["Type"] == "network"] else None


def cloudfront_acl_is_in_us_east_1(request: Request) -> str | None:
    if request.given("scope") != "CLOUDFRONT" or request.context.region == "us-east-1":
        return None
    return f"scope CLOUDFRONT in {request.context.region}"


def waf_log_destination_has_prefix(request: Request) -> str | None:
    for arn in request.given("logDestinationConfigs") or []:
        name = arn.split(":log-group:")[-1] if ":log-group:" in arn else arn.rpartition(":")[2].rpartition("/")[2]
        if not name.startswith("aws-waf-logs-"):
            return f"log destination {name}"
    return None


def web_acl_is_unused(request: Request) -> str | None:
    for row in items(request, "elbv2", "describe_load_balancers", "LoadBalancers"):
        if row["Type"] != "application":
            continue
        found = ask(request, "wafv2", "get_web_acl_for_resource", ResourceArn=row["LoadBalancerArn"])
        if ((found or {}).get("WebACL") or {}).get("Id") == request.id:
            return f"the web ACL protects {row['LoadBalancerArn']}"
    return None


def _zone_name(request: Request) -> str | None:
    found = ask(request, "route53", "get_hosted_zone", Id=request.props["zoneId"])
    return found["HostedZone"]["Name"].rstrip(".").lower() if found else None


def apex_is_no_cname(request: Request) -> str | None:
    name = str(request.props["name"]).rstrip(".").lower()
    if request.given("type") != "CNAME" or name not in ("", _zone_name(request)):
        return None
    return f"CNAME at {_zone_name(request)}, the apex of its zone"


def cname_stands_alone(request: Request) -> str | None:
    zone = _zone_name(request)
    if zone is None:
        return None
    name = str(request.props["name"]).rstrip(".").lower()
    full = name if name == zone or name.endswith(f".{zone}") else f"{name}.{zone}".lstrip(".")
    asked = {"HostedZoneId": request.props["zoneId"], "StartRecordName": full, "MaxItems": "20"}
    for row in items(request, "route53", "list_resource_record_sets", "ResourceRecordSets", **asked):
        other = row["Type"]
        if (
            row["Name"].rstrip(".").lower() == full
            and "CNAME" in (other, request.given("type"))
            and other != request.given("type")
        ):
            return f"{request.given('type')} {full} beside a {other} of that name"
    return None


def _alarm(request: Request) -> Found | None:
    """The metric alarm that a health check names, None where there is none."""
    name, region = request.given("cloudwatchAlarmName"), request.given("cloudwatchAlarmRegion")
    found = ask(request, "cloudwatch", "describe_alarms", region=region, AlarmNames=[name], AlarmTypes=["MetricAlarm"])
    return next(iter((found or {}).get("MetricAlarms") or ()), None)


def alarm_exists(request: Request) -> str | None:
    if request.given("type") != "CLOUDWATCH_METRIC" or _alarm(request):
        return None
    place = f"{request.given('cloudwatchAlarmName')} in {request.given('cloudwatchAlarmRegion')}"
    return f"there is no metric alarm {place}"


def alarm_is_plain(request: Request) -> str | None:
    alarm = _alarm(request) if request.given("type") == "CLOUDWATCH_METRIC" else None
    if alarm is None:
        return None
    if alarm.get("Metrics"):
        return f"alarm {alarm['AlarmName']} is about an expression or a band"
    if alarm.get("ExtendedStatistic"):
        return f"alarm {alarm['AlarmName']} has extended statistic {alarm['ExtendedStatistic']}"
    if alarm.get("Period", 60) < 60:
        return f"alarm {alarm['AlarmName']} has a period of {alarm['Period']} s"
    return None


def children_exist(request: Request) -> str | None:
    for child in request.given("childHealthchecks") or ():
        if ask(request, "route53", "get_health_check", HealthCheckId=child) is None:
            return f"health check {child} does not exist"
    return None


ROWS = (
    Precondition(
        id="lb-balancer-in-two-zones",
        token=BALANCER,
        on=ON_CHANGE,
        rule="An Application Load Balancer needs subnets in at least two Availability Zones.",
        source=f"{API}/API_CreateLoadBalancer.html",
        code="ValidationError",
        check=balancer_in_two_zones,
    ),
    Precondition(
        id="lb-balancer-one-subnet-a-zone",
        token=BALANCER,
        on=ON_CHANGE,
        rule="A load balancer takes one subnet of each Availability Zone.",
        source=f"{API}/API_CreateLoadBalancer.html",
        code="InvalidConfigurationRequest",
        check=balancer_one_subnet_a_zone,
    ),
    Precondition(
        id="lb-balancer-vpc-has-gateway",
        token=BALANCER,
        on=ON_CREATE,
        rule="An internet-facing load balancer needs an internet gateway attached to its VPC.",
        source=f"{ALB}/load-balancer-troubleshooting.html",
        code="InvalidSubnet",
        check=balancer_vpc_has_gateway,
    ),
    Precondition(
        id="lb-log-bucket-lets-balancers-write",
        token=BALANCER,
        on=ON_CHANGE,
        rule="The bucket of access logs must exist and let Elastic Load Balancing write below the prefix.",
        source=f"{ALB}/enable-access-logging.html",
        code="InvalidConfigurationRequest",
        check=log_bucket_lets_balancers_write,
    ),
    Precondition(
        id="lb-log-bucket-uses-s3-keys",
        token=BALANCER,
        on=ON_CHANGE,
        rule="The bucket of access logs is encrypted with keys of S3 (SSE-S3) only.",
        source=f"{ALB}/enable-access-logging.html",
        code="InvalidConfigurationRequest",
        check=log_bucket_uses_s3_keys,
    ),
    Precondition(
        id="lb-log-bucket-is-in-region",
        token=BALANCER,
        on=ON_CHANGE,
        rule="The bucket of access logs is in the load balancer's Region.",
        source=f"{ALB}/enable-access-logging.html",
        code="InvalidConfigurationRequest",
        check=log_bucket_is_in_region,
    ),
    Precondition(
        id="lb-certificate-is-issued",
        token="aws:lb/listener:Listener",
        on=ON_CHANGE,
        rule="A listener takes an issued certificate only.",
        source=f"{ALB}/https-listener-certificates.html",
        code="UnsupportedCertificate",
        check=certificate_is_issued,
    ),
    Precondition(
        id="waf-takes-no-network-load-balancer",
        token="aws:wafv2/webAclAssociation:WebAclAssociation",
        on=ON_CREATE,
        rule="A regional web ACL protects Application Load Balancers and no Network Load Balancers.",
        source=f"{WAF}/APIReference/API_AssociateWebACL.html",
        code="WAFInvalidParameterException",
        check=web_acl_takes_no_nlb,
    ),
    Precondition(
        id="waf-cloudfront-is-in-us-east-1",
        token=WEB_ACL,
        on=ON_CREATE,
        rule="A web ACL of scope CLOUDFRONT is made in us-east-1.",
        source=f"{WAF}/APIReference/API_CreateWebACL.html",
        code="WAFInvalidParameterException",
        check=cloudfront_acl_is_in_us_east_1,
    ),
    Precondition(
        id="waf-log-destination-has-prefix",
        token="aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration",
        on=ON_CHANGE,
        rule="The name of a WAF log destination starts with aws-waf-logs-.",
        source=f"{WAF}/APIReference/API_PutLoggingConfiguration.html",
        code="WAFInvalidParameterException",
        check=waf_log_destination_has_prefix,
    ),
    Precondition(
        id="waf-acl-is-unused",
        token=WEB_ACL,
        on=ON_DELETE,
        rule="A web ACL is deleted only when it protects nothing.",
        source=f"{WAF}/APIReference/API_DeleteWebACL.html",
        code="WAFAssociatedItemException",
        check=web_acl_is_unused,
    ),
    Precondition(
        id="route53-alarm-exists",
        token=HEALTH_CHECK,
        on=ON_CHANGE,
        rule="A health check watches a metric alarm that exists in the named Region, and no composite alarm.",
        source=f"{DOCS}/Route53/latest/APIReference/API_AlarmIdentifier.html",
        code="InvalidInput",
        check=alarm_exists,
    ),
    Precondition(
        id="route53-alarm-is-plain",
        token=HEALTH_CHECK,
        on=ON_CHANGE,
        rule="A health check's alarm has one metric of standard resolution and no extended statistic.",
        source=f"{DOCS}/Route53/latest/DeveloperGuide/health-checks-creating-values.html",
        code="InvalidInput",
        check=alarm_is_plain,
    ),
    Precondition(
        id="route53-children-exist",
        token=HEALTH_CHECK,
        on=ON_CHANGE,
        rule="A calculated health check counts health checks that exist.",
        source=f"{DOCS}/Route53/latest/APIReference/API_HealthCheckConfig.html",
        code="InvalidInput",
        check=children_exist,
    ),
    Precondition(
        id="route53-apex-is-no-cname",
        token="aws:route53/record:Record",
        on=ON_CREATE,
        rule="The apex of a zone takes no CNAME record.",
        source=f"{DOCS}/Route53/latest/DeveloperGuide/ResourceRecordTypes.html",
        code="InvalidChangeBatch",
        check=apex_is_no_cname,
    ),
    Precondition(
        id="route53-cname-stands-alone",
        token="aws:route53/record:Record",
        on=ON_CREATE,
        rule="A name with a CNAME record has no other record.",
        source=f"{DOCS}/Route53/latest/DeveloperGuide/ResourceRecordTypes.html",
        code="InvalidChangeBatch",
        check=cname_stands_alone,
    ),
)
