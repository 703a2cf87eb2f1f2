from marks import OURS, QUIET, over_tls_only
from pulumi_aws import kms, sqs


def declare() -> None:
    ours = kms.Key("key-03-good", enable_key_rotation=True, rotation_period_in_days=365, tags=OURS)
    theirs = kms.Key("key-03-theirs", enable_key_rotation=True, tags={**QUIET, "payment-cell:cell": "theirs"})
    kms.Key("key-03-bad", enable_key_rotation=False, tags=OURS)
    secret = {**OURS, "payment-cell:data-class": "confidential"}
    over_tls = over_tls_only("sqs")
    sqs.Queue("key-01-bad", sqs_managed_sse_enabled=True, policy=over_tls, tags=secret)
    sqs.Queue("key-02-bad", kms_master_key_id=theirs.arn, policy=over_tls, tags=secret)
    sqs.Queue("key-01-and-02-good", kms_master_key_id=ours.arn, policy=over_tls, tags=secret)
