"""What an account holds once: trail, recorders, detectors, log buckets."""

import json
from dataclasses import replace
from typing import Any

import pytest
from answers import answers
from mocks import GLOBAL_SERVICES, Registered, assert_children_of_components, run
from moto.events.models import EventPattern

from components.account import Account, AccountArgs, Adopted, Guardrails
from components.account_alarms import TRAIL_ALARMS
from components.account_baseline import AccountBaselineArgs, SecurityContact
from components.break_glass import BreakGlassArgs
from components.buckets import ObjectLock
from components.findings import FINDINGS

ACCOUNT = "123456789012"
ARGS = AccountArgs(
    account_id=ACCOUNT,
    home_region="eu-west-1",
    regions={"eu-west-1": "eu", "us-east-1": "us"},
    evidence_lock=ObjectLock(mode="COMPLIANCE", days=365),
    contact=SecurityContact(name="On call", title="Security", email="sec@example.com", phone="+353 1 555 0100"),
    alarm_subscribers={"sec@example.com": "email"},
    monthly_budget_usd=1000,
)
BREAK_GLASS = BreakGlassArgs(
    account_id=ACCOUNT,
    regions=["eu-west-1", "us-east-1"],
    principal_arns=["arn:aws:iam::210987654321:user/emergency-1"],
    session_h=2,
)
ADOPTED = replace(ARGS, guardrails=Guardrails.ADOPT)
TRAIL, BUCKET, BUCKET_POLICY = "aws:cloudtrail/trail:Trail", "aws:s3/bucket:Bucket", "aws:s3/bucketPolicy:BucketPolicy"
LOCK = "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration"
ENCRYPTION = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
RECORDER, CHANNEL, STATUS = (
    "aws:cfg/recorder:Recorder",
    "aws:cfg/deliveryChannel:DeliveryChannel",
    "aws:cfg/recorderStatus:RecorderStatus",
)
SCANNING = "aws:ecr/registryScanningConfiguration:RegistryScanningConfiguration"
DETECTORS = (
    "aws:guardduty/detector:Detector",
    "aws:securityhub/account:Account",
    "aws:accessanalyzer/analyzer:Analyzer",
    "aws:ebs/encryptionByDefault:EncryptionByDefault",
    "aws:ebs/defaultKmsKey:DefaultKmsKey",
    "aws:backup/regionSettings:RegionSettings",
    SCANNING,
)
ACCOUNT_WIDE = (
    "aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock",
    "aws:iam/accountPasswordPolicy:AccountPasswordPolicy",
    "aws:account/alternativeContact:AlternativeContact",
    "aws:budgets/budget:Budget",
)
FILTER, ALARM = "aws:cloudwatch/logMetricFilter:LogMetricFilter", "aws:cloudwatch/metricAlarm:MetricAlarm"
RULE, TARGET = "aws:cloudwatch/eventRule:EventRule", "aws:cloudwatch/eventTarget:EventTarget"
SUBSCRIPTION, TOPIC_POLICY = "aws:sns/topicSubscription:TopicSubscription", "aws:sns/topicPolicy:TopicPolicy"
LOG_GROUP, TOPIC = "aws:cloudwatch/logGroup:LogGroup", "aws:sns/topic:Topic"


def made(args: AccountArgs = ARGS, *, preview: bool = False) -> Registered:
    return run(lambda: Account("account", args), preview=preview, outputs=answers)


@pytest.fixture(scope="module")
def account() -> Registered:
    return made()


def test_every_regional_resource_names_one_of_the_regions(account: Registered) -> None:
    for resource in account:
        service = resource.type.split(":")[1].split("/")[0]
        if resource.type.startswith("aws:") and service not in GLOBAL_SERVICES:
            account_wide = resource.type in ACCOUNT_WIDE
            assert (resource.inputs.get("region") in ARGS.regions) is not account_wide, resource.name
    assert_children_of_components(account)


def test_one_trail_covers_all_regions_validated_and_encrypted(account: Registered) -> None:
    trail = account.one(TRAIL)
    assert trail.inputs["region"] == "eu-west-1"
    assert trail.inputs["isMultiRegionTrail"] is True
    assert trail.inputs["enableLogFileValidation"] is True
    assert trail.inputs["enableLogging"] is True
    assert trail.inputs["includeGlobalServiceEvents"] is True
    assert trail.inputs["kmsKeyId"].endswith(":account-eu-west-1-audit")
    assert trail.protect


def test_the_trail_waits_for_the_policy_that_lets_it_deliver(account: Registered) -> None:
    waits = account.waits_for(account.one(TRAIL))
    assert {f"{BUCKET_POLICY} account-evidence", f"{LOCK} account-evidence"} <= waits
    policy = account.one(BUCKET_POLICY, "account-evidence")
    delivers = policy.statement("TrailDelivers")
    assert delivers["Principal"] == {"Service": "cloudtrail.amazonaws.com"}
    arn = f"arn:aws:cloudtrail:eu-west-1:{ACCOUNT}:trail/account"
    assert delivers["Condition"]["StringEquals"]["aws:SourceArn"] == arn
    assert delivers["Resource"].endswith(f"/AWSLogs/{ACCOUNT}/*")


def test_evidence_is_locked_and_stays_when_the_stack_goes(account: Registered) -> None:
    names = {"account-evidence", "account-eu-west-1-data-events", "account-us-east-1-data-events"}
    assert set(account.of(LOCK)) == names
    for name in names:
        assert account.one(LOCK, name).inputs["rule"]["defaultRetention"] == {"mode": "COMPLIANCE", "days": 365}
        bucket = account.one(BUCKET, name)
        assert bucket.protect
        assert bucket.retain


def test_trails_of_a_region_deliver_data_events_to_the_bucket_there(account: Registered) -> None:
    for region in ARGS.regions:
        name = f"account-{region}-data-events"
        assert account.one(BUCKET, name).inputs["tags"]["payment-cell:use"] == "audit-trail"
        delivers = account.one(BUCKET_POLICY, name).statement("TrailsDeliver")
        assert delivers["Principal"] == {"Service": "cloudtrail.amazonaws.com"}
        assert delivers["Resource"].endswith(f"/AWSLogs/{ACCOUNT}/*")
        arn = f"arn:aws:cloudtrail:{region}:{ACCOUNT}:trail/*"
        assert delivers["Condition"]["ArnLike"] == {"aws:SourceArn": arn}
        key = account.one("aws:kms/key:Key", f"account-{region}-audit").statement("DeliverCloudtrail")
        assert key["Condition"]["ArnLike"] == {"aws:SourceArn": arn}
    outputs = account.one("payment-cell:components:Account").outputs["dataEventTrails"]
    assert outputs == {
        region: {
            "bucket": f"account-{region}-data-events-1a2b3c4",
            "keyArn": f"arn:aws:kms:{region}:{ACCOUNT}:account-{region}-audit",
        }
        for region in ARGS.regions
    }


def test_each_region_has_detectors_and_defaults_once(account: Registered) -> None:
    for type_ in DETECTORS:
        assert {r.inputs["region"] for r in account.of(type_).values()} == {"eu-west-1", "us-east-1"}, type_


def test_recorders_start_last_and_record_global_types_in_one_region(account: Registered) -> None:
    recorders = {r.inputs["region"]: r for r in account.of(RECORDER).values()}
    groups = {region: r.inputs["recordingGroup"]["includeGlobalResourceTypes"] for region, r in recorders.items()}
    assert groups == {"eu-west-1": True, "us-east-1": False}
    for region in ARGS.regions:
        name = f"account-{region}"
        status = account.one(STATUS, name)
        assert status.inputs["isEnabled"] is True
        assert {f"{RECORDER} {name}", f"{CHANNEL} {name}"} <= account.waits_for(status)
        channel = account.waits_for(account.one(CHANNEL, name))
        assert {f"{RECORDER} {name}", f"{BUCKET_POLICY} {name}-config"} <= channel
        assert "aws:iam/rolePolicyAttachment:RolePolicyAttachment account-config" in account.waits_for(
            recorders[region]
        )


def test_the_config_bucket_is_not_locked(account: Registered) -> None:
    assert not [name for name in account.of(LOCK) if "config" in name]
    policy = account.one(BUCKET_POLICY, "account-us-east-1-config")
    delivers = policy.statement("ConfigDelivers")
    assert delivers["Condition"]["StringEquals"] == {
        "aws:SourceAccount": ACCOUNT,
        "s3:x-amz-acl": "bucket-owner-full-control",
    }
    assert delivers["Resource"].endswith(f"/AWSLogs/{ACCOUNT}/Config/*")


def test_load_balancers_deliver_to_a_bucket_with_keys_of_s3(account: Registered) -> None:
    for region in ARGS.regions:
        name = f"account-{region}-lb-logs"
        (rule,) = account.one(ENCRYPTION, name).inputs["rules"]
        assert rule["applyServerSideEncryptionByDefault"] == {"sseAlgorithm": "AES256"}
        delivers = account.one(BUCKET_POLICY, name).statement("LoadBalancerLogs")
        assert delivers["Principal"] == {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"}
        assert delivers["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT}
        balancers = f"arn:aws:elasticloadbalancing:{region}:{ACCOUNT}:loadbalancer/*"
        assert delivers["Condition"]["ArnLike"] == {"aws:SourceArn": balancers}


def test_other_logs_are_encrypted_with_the_regions_audit_key(account: Registered) -> None:
    for name in ("account-evidence", "account-eu-west-1-config"):
        (rule,) = account.one(ENCRYPTION, name).inputs["rules"]
        key = rule["applyServerSideEncryptionByDefault"]["kmsMasterKeyId"]
        assert key.endswith(":account-eu-west-1-audit")


def test_the_account_is_closed_to_the_public(account: Registered) -> None:
    block = account.one("aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock").inputs
    settings = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    assert all(block[key] is True for key in settings)


def test_stores_carry_the_jurisdiction_of_their_region(account: Registered) -> None:
    tags = {b.inputs["region"]: b.inputs["tags"]["payment-cell:jurisdiction"] for b in account.of(BUCKET).values()}
    assert tags == {"eu-west-1": "eu", "us-east-1": "us"}


def test_outputs_name_the_bucket_for_load_balancer_logs_of_each_region(account: Registered) -> None:
    outputs = account.one("payment-cell:components:Account").outputs
    assert outputs["alarmTopicArn"].endswith(":account-alarms")
    assert outputs["loadBalancerLogBuckets"] == {
        region: f"account-{region}-lb-logs-1a2b3c4" for region in ("eu-west-1", "us-east-1")
    }


def test_every_alarm_of_the_benchmark_reads_the_trail_and_reaches_the_topic(account: Registered) -> None:
    filters, alarms = account.of(FILTER), account.of(ALARM)
    assert set(filters) == set(alarms) == {f"account-{row.key}" for row in TRAIL_ALARMS}
    assert len(filters) == 15
    topic = account.one(TOPIC, "account-alarms")
    for name, alarm in alarms.items():
        counted = filters[name].inputs
        assert counted["logGroupName"] == "/payment-cell/account/trail"
        metric = counted["metricTransformation"]
        assert (alarm.inputs["namespace"], alarm.inputs["metricName"]) == (metric["namespace"], metric["name"])
        assert alarm.inputs["alarmActions"] == [f"arn:aws:sns:eu-west-1:{ACCOUNT}:{topic.name}"]
        assert (alarm.inputs["threshold"], alarm.inputs["treatMissingData"]) == (1, "notBreaching")
        assert len(counted["pattern"]) <= 1024, "CloudWatch Logs takes 1024 characters"


def test_the_alarms_together_watch_what_the_benchmark_lists() -> None:
    patterns = {row.key: row.pattern for row in TRAIL_ALARMS}
    assert all(pattern.startswith("{") and pattern.endswith("}") for pattern in patterns.values())
    assert all(pattern.count("(") == pattern.count(")") for pattern in patterns.values())
    assert len({row.metric for row in TRAIL_ALARMS}) == len({*patterns.values()}) == 15
    numbers = {row.benchmark.split(",")[0] for row in TRAIL_ALARMS}
    assert numbers == {f"CIS 4.{number}" for number in range(1, 16)}
    assert "StopLogging" in patterns["trail"]
    assert "ScheduleKeyDeletion" in patterns["keys"]


def test_the_alarm_topic_is_encrypted_and_has_a_reader(account: Registered) -> None:
    assert account.one(TOPIC, "account-alarms").inputs["kmsMasterKeyId"].endswith(":account-eu-west-1-audit")
    subscription = account.one(SUBSCRIPTION, "account-sec@example.com").inputs
    assert (subscription["endpoint"], subscription["protocol"]) == ("sec@example.com", "email")
    delivers = account.one("aws:kms/key:Key", "account-eu-west-1-audit").statement("DeliverCloudwatch")
    assert delivers["Principal"] == {"Service": "cloudwatch.amazonaws.com"}


def test_findings_of_each_region_go_to_a_topic_of_that_region(account: Registered) -> None:
    topics = {"eu-west-1": "account-alarms", "us-east-1": "account-us-east-1-alarms"}
    assert set(account.of(TOPIC)) == set(topics.values())
    assert len(account.of(RULE)) == len(ARGS.regions) * len(FINDINGS)
    for region, topic in topics.items():
        assert account.one(TOPIC, topic).inputs["kmsMasterKeyId"].endswith(f":account-{region}-audit")
        for key in FINDINGS:
            target = account.one(TARGET, f"account-{region}-{key}")
            assert account.one(RULE, target.name).inputs["region"] == target.inputs["region"] == region
            assert target.inputs["rule"].startswith(target.name)
            assert target.inputs["arn"] == f"arn:aws:sns:{region}:{ACCOUNT}:{topic}"
            assert f"{TOPIC_POLICY} {topic}" in account.waits_for(target)
    findings = account.one(TOPIC, topics["us-east-1"]).inputs["tags"]
    assert findings["payment-cell:jurisdiction"] == "us", "data of the United States, wherever the account is at home"
    readers = {(s.inputs["region"], s.inputs["endpoint"]) for s in account.of(SUBSCRIPTION).values()}
    assert readers == {(region, "sec@example.com") for region in ARGS.regions}


def test_findings_that_are_grave_new_and_not_suppressed_page_once(account: Registered) -> None:
    def pages(event: dict[str, Any]) -> list[str]:
        # An event has one finding in a list, which EventBridge looks into and this matcher does not.
        rules = {key: account.one(RULE, f"account-us-east-1-{key}").inputs["eventPattern"] for key in FINDINGS}
        return [key for key, pattern in rules.items() if EventPattern.load(pattern).matches_event(event)]

    def found(severity: float) -> dict[str, Any]:
        return {"source": "aws.guardduty", "detail-type": "GuardDuty Finding", "detail": {"severity": severity}}

    def imported(**changed: Any) -> dict[str, Any]:
        finding = {
            "Severity": {"Label": "HIGH"}, "Workflow": {"Status": "NEW"}, "RecordState": "ACTIVE",
            "ProductName": "Security Hub", **changed,
        }  # fmt: skip
        kind = "Security Hub Findings - Imported"
        return {"source": "aws.securityhub", "detail-type": kind, "detail": {"findings": finding}}

    assert [pages(found(severity)) for severity in (6.9, 7, 9.5)] == [[], ["guardduty"], ["guardduty"]]
    assert pages(imported()) == pages(imported(Severity={"Label": "CRITICAL"})) == ["security-hub"]
    for change in (
        {"Severity": {"Label": "MEDIUM"}},
        {"Workflow": {"Status": "SUPPRESSED"}},
        {"RecordState": "ARCHIVED"},
        {"ProductName": "GuardDuty"},
    ):
        assert pages(imported(**change)) == [], change


def test_an_unconfirmed_subscriber_is_named_with_the_region_of_its_topic(account: Registered) -> None:
    unconfirmed = account.one("payment-cell:components:Account").outputs["unconfirmed"]
    assert unconfirmed == ["sec@example.com (eu-west-1)", "sec@example.com (us-east-1)"]
    assert made(ADOPTED).one("payment-cell:components:Account").outputs["unconfirmed"] == []


def test_the_trail_delivers_to_an_encrypted_log_group_it_may_write(account: Registered) -> None:
    group, trail = account.one(LOG_GROUP), account.one(TRAIL)
    assert group.inputs["kmsKeyId"].endswith(":account-eu-west-1-audit")
    assert group.inputs["retentionInDays"] == 365
    assert trail.inputs["cloudWatchLogsGroupArn"].endswith(":*")
    writes = account.one("aws:iam/rolePolicy:RolePolicy", "account-trail")
    assert f"{writes.type} {writes.name}" in account.waits_for(trail)
    statement = writes.statement("Write")
    assert statement["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]
    assert statement["Resource"].endswith(f":log-stream:{ACCOUNT}_CloudTrail_*")


def test_volumes_are_encrypted_with_the_regions_own_key(account: Registered) -> None:
    for region in ARGS.regions:
        default = account.one("aws:ebs/defaultKmsKey:DefaultKmsKey", f"account-{region}")
        assert default.inputs["keyArn"].endswith(f":account-{region}-volumes")


def test_aws_backup_may_take_aurora_in_each_region(account: Registered) -> None:
    for settings in account.of("aws:backup/regionSettings:RegionSettings").values():
        assert settings.inputs["resourceTypeOptInPreference"] == {"Aurora": True, "DynamoDB": True}
        assert settings.ignore_changes == ("resourceTypeOptInPreference",)


def test_every_image_that_is_pushed_is_scanned_in_each_region(account: Registered) -> None:
    for scanning in account.of(SCANNING).values():
        (rule,) = scanning.inputs["rules"]
        assert rule["scanFrequency"] == "SCAN_ON_PUSH"
        assert rule["repositoryFilters"] == [{"filter": "*", "filterType": "WILDCARD"}]


def test_passwords_are_long_and_not_used_again(account: Registered) -> None:
    policy = account.one("aws:iam/accountPasswordPolicy:AccountPasswordPolicy").inputs
    assert (policy["minimumPasswordLength"], policy["passwordReusePrevention"]) == (14, 24)
    kinds = ("LowercaseCharacters", "UppercaseCharacters", "Numbers", "Symbols")
    assert all(policy[f"require{kind}"] is True for kind in kinds)


def test_people_may_open_support_cases(account: Registered) -> None:
    role = account.one("aws:iam/role:Role", "account-support")
    trust = role.statement("Trust", "assumeRolePolicy")
    assert trust["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    people = f"arn:aws:iam::{ACCOUNT}:role/aws-reserved/sso.amazonaws.com/*"
    assert trust["Condition"] == {"ArnLike": {"aws:PrincipalArn": people}}
    attached = account.one("aws:iam/rolePolicyAttachment:RolePolicyAttachment", "account-support")
    assert attached.inputs["policyArn"] == "arn:aws:iam::aws:policy/AWSSupportAccess"


def test_aws_knows_whom_to_call_about_security(account: Registered) -> None:
    contact = account.one("aws:account/alternativeContact:AlternativeContact").inputs
    assert (contact["alternateContactType"], contact["emailAddress"]) == ("SECURITY", "sec@example.com")
    assert not made(replace(ARGS, contact=None)).of("aws:account/alternativeContact:AlternativeContact")


def test_spending_is_announced_before_the_budget_is_gone(account: Registered) -> None:
    budget = account.one("aws:budgets/budget:Budget").inputs
    assert (budget["limitAmount"], budget["limitUnit"], budget["timeUnit"]) == ("1000", "USD", "MONTHLY")
    told = {row["notificationType"]: row for row in budget["notifications"]}
    assert {kind: row["threshold"] for kind, row in told.items()} == {"ACTUAL": 80, "FORECASTED": 100}
    assert all(row["subscriberEmailAddresses"] == ["sec@example.com"] for row in told.values())
    assert not made(replace(ARGS, monthly_budget_usd=None)).of("aws:budgets/budget:Budget")


def test_the_management_account_opts_its_organisation_out_of_ai_services(account: Registered) -> None:
    policy, attachment = "aws:organizations/policy:Policy", "aws:organizations/policyAttachment:PolicyAttachment"
    assert account.of(policy) == {}
    managing = made(replace(ARGS, organization_root_id="r-ab12"))
    made_policy = managing.one(policy)
    assert made_policy.inputs["type"] == "AISERVICES_OPT_OUT_POLICY"
    assert json.loads(made_policy.inputs["content"]) == {
        "services": {"default": {"opt_out_policy": {"@@assign": "optOut"}}}
    }
    attached = managing.one(attachment).inputs
    assert attached["targetId"] == "r-ab12"
    assert f"{policy} {made_policy.name}" in managing.waits_for(managing.one(attachment))


def test_what_an_organisation_made_is_adopted_and_not_made_again() -> None:
    account = made(ADOPTED)
    kept = (TRAIL, RECORDER, CHANNEL, FILTER, TOPIC, RULE, LOG_GROUP, *DETECTORS, *ACCOUNT_WIDE[:2])
    for type_ in kept:
        assert account.of(type_) == {}, type_
    assert set(account.of("aws:kms/key:Key")) == {"account-eu-west-1-audit", "account-us-east-1-audit"}
    assert set(account.of(BUCKET)) == {
        f"account-{region}-{what}" for region in ARGS.regions for what in ("data-events", "lb-logs")
    }


def test_adopted_buckets_and_log_groups_are_used_by_their_names() -> None:
    buckets = {"eu-west-1": "org-logs-eu", "us-east-1": "org-logs-us"}
    arn = f"arn:aws:cloudtrail:eu-west-1:{ACCOUNT}:trail/org"
    adopted = Adopted(trail_arn=arn, trail_log_group="org-trail", load_balancer_log_buckets=buckets)
    account = made(replace(ADOPTED, adopted=adopted))
    outputs = account.one("payment-cell:components:Account").outputs
    assert (outputs["trailArn"], outputs["loadBalancerLogBuckets"]) == (arn, buckets)
    assert set(account.of(BUCKET)) == {"account-eu-west-1-data-events", "account-us-east-1-data-events"}
    assert {each.inputs["logGroupName"] for each in account.of(FILTER).values()} == {"org-trail"}
    assert len(account.of(ALARM)) == 15


def test_one_adopted_bucket_leaves_the_other_region_its_own() -> None:
    account = made(replace(ADOPTED, adopted=Adopted(load_balancer_log_buckets={"us-east-1": "org-logs-us"})))
    logs = {name for name in account.of(BUCKET) if name.endswith("-lb-logs")}
    assert logs == {"account-eu-west-1-lb-logs"}


def test_development_leaves_nothing() -> None:
    account = made(replace(ARGS, protected=False, disposable=True, evidence_lock=ObjectLock(mode="GOVERNANCE", days=1)))
    assert not [r.name for r in account if r.protect or r.retain]
    assert all(bucket.inputs["forceDestroy"] for bucket in account.of(BUCKET).values())


def test_a_preview_registers_the_same_resources(account: Registered) -> None:
    assert sorted(r.urn for r in made(preview=True)) == sorted(r.urn for r in account)


@pytest.fixture(scope="module")
def emergencies() -> Registered:
    return made(replace(ARGS, break_glass=BREAK_GLASS))


def test_people_break_the_glass_with_mfa_and_for_hours_only(emergencies: Registered) -> None:
    role = emergencies.one("aws:iam/role:Role", "account-break-glass")
    (trusted,) = role.document("assumeRolePolicy")["Statement"]
    assert trusted["Principal"] == {"AWS": "arn:aws:iam::210987654321:root"}
    assert trusted["Condition"] == {
        "ArnEquals": {"aws:PrincipalArn": list(BREAK_GLASS.principal_arns)},
        "Bool": {"aws:MultiFactorAuthPresent": "true"},
    }
    assert role.inputs["maxSessionDuration"] == 7200
    assert role.inputs["permissionsBoundary"].endswith(":payment-cell-boundary-account")


def test_who_breaks_the_glass_sees_everything_and_does_what_brings_payments_back(emergencies: Registered) -> None:
    attached = emergencies.one("aws:iam/rolePolicyAttachment:RolePolicyAttachment", "account-break-glass")
    assert attached.inputs["policyArn"].endswith("/job-function/ViewOnlyAccess")
    rows = emergencies.one("aws:iam/rolePolicy:RolePolicy", "account-break-glass").document()["Statement"]
    assert {row["Sid"] for row in rows} == {"FailOver", "EnterDatabases", "EnterClusters"}
    assert all(f":{ACCOUNT}:" in arn for row in rows for arn in _listed(row["Resource"]))


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def test_each_use_of_the_break_glass_role_sounds_an_alarm(emergencies: Registered, account: Registered) -> None:
    new = set(emergencies.of(FILTER)) - set(account.of(FILTER))
    assert new == set(emergencies.of(ALARM)) - set(account.of(ALARM)) == {"account-break-glass"}
    pattern = emergencies.one(FILTER, "account-break-glass").inputs["pattern"]
    assert f'$.requestParameters.roleArn = "arn:aws:iam::{ACCOUNT}:role/account-break-glass"' in pattern
    assert emergencies.one("aws:iam/role:Role", "account-break-glass").inputs["name"] == "account-break-glass"
    (action,) = emergencies.one(ALARM, "account-break-glass").inputs["alarmActions"]
    assert action.endswith(":account-alarms")


def test_a_break_glass_role_that_breaks_its_rules_is_refused() -> None:
    with pytest.raises(ValueError, match=r"outside 1\.\.4 hours"):
        replace(BREAK_GLASS, session_h=5)
    with pytest.raises(ValueError, match="name the IAM users"):
        replace(BREAK_GLASS, principal_arns=())
    with pytest.raises(ValueError, match="nobody would hear of its use"):
        replace(ADOPTED, break_glass=BREAK_GLASS)


def test_a_home_region_that_is_not_covered_is_refused() -> None:
    with pytest.raises(ValueError, match="add the home region eu-west-1"):
        replace(ARGS, regions={"us-east-1": "us"})
    with pytest.raises(ValueError, match="twelve digits"):
        replace(ARGS, account_id="12345")
    with pytest.raises(ValueError, match="use ADOPT"):
        replace(ARGS, adopted=Adopted(trail_log_group="org-trail"))
    with pytest.raises(ValueError, match="tells 1 to 10"):
        AccountBaselineArgs(account_id=ACCOUNT, monthly_budget_usd=1000)
