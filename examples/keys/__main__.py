"""Customer-managed keys of one cell, and a bucket of your own that uses one of them."""

import pulumi
from pulumi_aws import s3

from components.keys import Keys, KeysArgs
from components.vocabulary import KeyUse

region = pulumi.Config("aws").require("region")
config = pulumi.Config()
account_id = config.require("accountId")
keys = Keys("keys", KeysArgs(region=region, account_id=account_id, protected=False))
bucket = s3.Bucket("keys", region=region)
s3.BucketServerSideEncryptionConfiguration(
    "keys",
    region=region,
    bucket=bucket.bucket,
    rules=[
        {
            "apply_server_side_encryption_by_default": {
                "sse_algorithm": "aws:kms",
                "kms_master_key_id": keys.arns[KeyUse.ARCHIVE],
            },
            "bucket_key_enabled": True,
        }
    ],
)

pulumi.export("keyArns", {use.value: arn for use, arn in keys.arns.items()})
pulumi.export("bucket", bucket.bucket)
