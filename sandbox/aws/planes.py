"""Which calls to AWS belong to a data plane, and go on where a region's control plane is out of order.

All others, those that describe and list among them, are the control plane's: "the administrative APIs used to create,
read/describe, update, delete, and list (CRUDL) resources"
(https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/control-planes-and-data-planes.html).
"""

_TABLE = """
dynamodb        BatchGetItem BatchWriteItem DeleteItem ExecuteStatement ExecuteTransaction GetItem GetRecords
dynamodb        GetShardIterator PutItem Query Scan TransactGetItems TransactWriteItems UpdateItem
ecr             BatchCheckLayerAvailability BatchGetImage GetAuthorizationToken GetDownloadUrlForLayer
eks-auth        AssumeRoleForPodIdentity
events          PutEvents
kinesis         GetRecords GetShardIterator PutRecord PutRecords SubscribeToShard
kms             Decrypt Encrypt GenerateDataKey GenerateDataKeyPair GenerateDataKeyPairWithoutPlaintext
kms             GenerateDataKeyWithoutPlaintext GenerateMac GenerateRandom GetPublicKey ReEncrypt Sign Verify
kms             VerifyMac
logs            FilterLogEvents GetLogEvents PutLogEvents StartLiveTail
monitoring      GetMetricData GetMetricStatistics PutMetricData
s3              AbortMultipartUpload CompleteMultipartUpload CopyObject CreateMultipartUpload DeleteObject
s3              DeleteObjectTagging DeleteObjects GetObject GetObjectAttributes GetObjectLegalHold
s3              GetObjectRetention GetObjectTagging HeadBucket HeadObject ListMultipartUploads ListObjectVersions
s3              ListObjects ListObjectsV2 ListParts PutObject PutObjectLegalHold PutObjectRetention PutObjectTagging
s3              UploadPart UploadPartCopy
secretsmanager  BatchGetSecretValue GetSecretValue
sns             Publish PublishBatch
sqs             ChangeMessageVisibility ChangeMessageVisibilityBatch DeleteMessage DeleteMessageBatch ReceiveMessage
sqs             SendMessage SendMessageBatch
ssm             GetParameter GetParameters GetParametersByPath
sts             AssumeRole AssumeRoleWithSAML AssumeRoleWithWebIdentity DecodeAuthorizationMessage GetCallerIdentity
sts             GetFederationToken GetSessionToken
xray            PutTelemetryRecords PutTraceSegments
"""
"""Service, as requests are signed for it, and operations on what a customer keeps in it. By the services' own
references, such as https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations.html."""

DATA = frozenset((line.split()[0], operation) for line in _TABLE.split("\n") for operation in line.split()[1:])
"""(service, operation)."""

GLOBAL = frozenset({"budgets", "ce", "cloudfront", "iam", "organizations", "route53", "support"})
"""Services with one endpoint for all regions
(https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/global-services.html). SDKs that are led
to the emulator sign for a region all the same."""

STS, STS_REGION = "sts", "us-east-1"
"""Has both: the global endpoint is that of this region."""


def is_global(service: str, region: str) -> bool:
    """Whether a request is for what is in no region: it outlives each of them."""
    return service in GLOBAL or (service, region) == (STS, STS_REGION)


def is_data(service: str, operation: str) -> bool:
    """Whether an operation goes on without a control plane."""
    return (service, operation) in DATA
