"""What an account holds once: trail, recorders, detectors, log buckets."""

from dataclasses import replace

import pytest
from answers import answers
from mocks import GLOBAL_SERVICES, Registered, assert_children_of_components, run

from components.account import Account, AccountArgs, Guardrails
from components.buckets import ObjectLock

ACCOUNT = "123456789012"
ARGS = AccountArgs(
    account_id=ACCOUNT,
    home_region="eu-west-1",
    regions={"eu-west-1": "eu", "us-east-1": "us"},
    evidence_lock=ObjectLock(mode="COMPLIANCE", days=365),
)
TRAIL, BUCKET, BUCKET_POLICY = "aws:cloudtrail/trail:Trail", "aws:s3/bucket:Bucket", "aws:s3/bucketPolicy:BucketPolicy"
LOCK = "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration"
ENCRYPTION = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
RECORDER, CHANNEL, STATUS = (
    "aws:cfg/recorder:Recorder",
    "aws:cfg/deliveryChannel:DeliveryChannel",
    "aws:cfg/recorderStatus:RecorderStatus",
)
DETECTORS = (
    "aws:guardduty/detector:Detector",
    "aws:securityhub/account:Account",
    "aws:accessanalyzer/analyzer:Analyzer",
    "aws:ebs/encryptionByDefault:EncryptionByDefault",
)


def made(args: AccountArgs = ARGS, *, preview: bool = False) -> Registered:
    return run(lambda: Account("account", args), preview=preview, outputs=answers)


@pytest.fixture(scope="module")
def account() -> Registered:
    return made()


def test_every_regional_resource_names_one_of_the_regions(account: Registered) -> None:
    for resource in account:
        service = resource.type.split(":")[1].split("/")[0]
        if resource.type.startswith("aws:") and service not in GLOBAL_SERVICES:
            account_wide = resource.type == "aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock"
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
    assert account.one(LOCK).inputs["rule"]["defaultRetention"] == {"mode": "COMPLIANCE", "days": 365}
    bucket = account.one(BUCKET, "account-evidence")
    assert bucket.protect
    assert bucket.retain


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
    assert set(account.of(LOCK)) == {"account-evidence"}
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
    assert outputs["loadBalancerLogBuckets"] == {
        region: f"account-{region}-lb-logs-1a2b3c4" for region in ("eu-west-1", "us-east-1")
    }


def test_what_an_organisation_made_is_adopted_and_not_made_again() -> None:
    account = made(replace(ARGS, guardrails=Guardrails.ADOPT))
    for type_ in (TRAIL, RECORDER, CHANNEL, *DETECTORS[:3]):
        assert account.of(type_) == {}, type_
    assert set(account.of(BUCKET)) == {"account-eu-west-1-lb-logs", "account-us-east-1-lb-logs"}
    assert len(account.of(DETECTORS[3])) == 2


def test_development_leaves_nothing() -> None:
    account = made(replace(ARGS, protected=False, disposable=True, evidence_lock=ObjectLock(mode="GOVERNANCE", days=1)))
    assert not [r.name for r in account if r.protect or r.retain]
    assert all(bucket.inputs["forceDestroy"] for bucket in account.of(BUCKET).values())


def test_a_preview_registers_the_same_resources(account: Registered) -> None:
    assert sorted(r.urn for r in made(preview=True)) == sorted(r.urn for r in account)


def test_a_home_region_that_is_not_covered_is_refused() -> None:
    with pytest.raises(ValueError, match="add the home region eu-west-1"):
        replace(ARGS, regions={"us-east-1": "us"})
    with pytest.raises(ValueError, match="twelve digits"):
        replace(ARGS, account_id="12345")
