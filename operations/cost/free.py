"""Resource types without a charge of their own, and those that a declaration is not enough to price."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_CONFIGURATION = "a setting of what it belongs to, which is charged"
_VPC = "AWS charges nothing for it"
_LISTENER = "charged with its load balancer"
_S3 = "a setting of its bucket"


def _each(reason: str, *types: str) -> dict[str, str]:
    return dict.fromkeys(types, reason)


FREE: Mapping[str, str] = MappingProxyType(
    {
        **_each("issued without charge for load balancers", "aws:acm/certificate:Certificate"),
        **_each(
            _CONFIGURATION,
            "aws:account/alternativeContact:AlternativeContact",
            "aws:acm/certificateValidation:CertificateValidation",
            "aws:backup/plan:Plan",
            "aws:backup/regionSettings:RegionSettings",
            "aws:backup/restoreTestingSelection:RestoreTestingSelection",
            "aws:backup/selection:Selection",
            "aws:backup/vaultLockConfiguration:VaultLockConfiguration",
            "aws:backup/vaultPolicy:VaultPolicy",
            "aws:budgets/budget:Budget",
            "aws:cfg/deliveryChannel:DeliveryChannel",
            "aws:cfg/recorderStatus:RecorderStatus",
            "aws:cloudwatch/eventRule:EventRule",
            "aws:cloudwatch/eventTarget:EventTarget",
            "aws:cloudwatch/logResourcePolicy:LogResourcePolicy",
            "aws:ebs/defaultKmsKey:DefaultKmsKey",
            "aws:ebs/encryptionByDefault:EncryptionByDefault",
            "aws:ecr/lifecyclePolicy:LifecyclePolicy",
            "aws:ecr/registryScanningConfiguration:RegistryScanningConfiguration",
            "aws:ecr/replicationConfiguration:ReplicationConfiguration",
            "aws:ecr/repositoryPolicy:RepositoryPolicy",
            "aws:eks/accessEntry:AccessEntry",
            "aws:eks/accessPolicyAssociation:AccessPolicyAssociation",
            "aws:eks/podIdentityAssociation:PodIdentityAssociation",
            "aws:kms/alias:Alias",
            "aws:rds/clusterParameterGroup:ClusterParameterGroup",
            "aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup",
            "aws:rds/proxyTarget:ProxyTarget",
            "aws:rds/subnetGroup:SubnetGroup",
            "aws:route53/record:Record",
            "aws:secretsmanager/secretVersion:SecretVersion",
            "aws:sns/topicPolicy:TopicPolicy",
            "aws:sns/topicSubscription:TopicSubscription",
            "aws:sqs/queuePolicy:QueuePolicy",
            "aws:wafv2/webAclAssociation:WebAclAssociation",
            "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration",
        ),
        **_each(
            _VPC,
            "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
            "aws:ec2/internetGateway:InternetGateway",
            "aws:ec2/launchTemplate:LaunchTemplate",
            "aws:ec2/route:Route",
            "aws:ec2/routeTable:RouteTable",
            "aws:ec2/routeTableAssociation:RouteTableAssociation",
            "aws:ec2/securityGroup:SecurityGroup",
            "aws:ec2/subnet:Subnet",
            "aws:ec2/vpc:Vpc",
            "aws:iam/accountPasswordPolicy:AccountPasswordPolicy",
            "aws:iam/policy:Policy",
            "aws:iam/role:Role",
            "aws:iam/rolePolicy:RolePolicy",
            "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
            "aws:organizations/policy:Policy",
            "aws:organizations/policyAttachment:PolicyAttachment",
            "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
            "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        ),
        **_each("its log group is charged", "aws:ec2/flowLog:FlowLog"),
        **_each("AWS's own add-ons run on the nodes", "aws:eks/addon:Addon"),
        **_each(
            "its members are charged; replicated writes begin with a replica", "aws:rds/globalCluster:GlobalCluster"
        ),
        **_each("a standard parameter", "aws:ssm/parameter:Parameter"),
        **_each(
            _LISTENER,
            "aws:lb/listener:Listener",
            "aws:lb/listenerCertificate:ListenerCertificate",
            "aws:lb/targetGroup:TargetGroup",
        ),
        **_each(
            _S3,
            "aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock",
            "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
            "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration",
            "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
            "aws:s3/bucketPolicy:BucketPolicy",
            "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
            "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
            "aws:s3/bucketVersioning:BucketVersioning",
        ),
    }
)
"""Type -> why it costs nothing by itself."""

FREE_PREFIXES: Mapping[str, str] = MappingProxyType(
    {"kubernetes:": "runs on the nodes, which are charged with the cell"}
)

NOT_PRICED: Mapping[str, str] = MappingProxyType(
    {
        "aws:accessanalyzer/analyzer:Analyzer": "unused-access analyzers are charged by role and month",
        "aws:backup/restoreTestingPlan:RestoreTestingPlan": "charged by restored recovery point and while it stands",
        "aws:backup/vault:Vault": "charged by stored gigabyte of backups and copies",
        "aws:codebuild/project:Project": "charged by minute of a build",
        "aws:dynamodb/table:Table": "charged by request and stored gigabyte",
        "aws:dynamodb/tableReplica:TableReplica": "charged by replicated write and stored gigabyte",
        "aws:s3/bucketReplicationConfig:BucketReplicationConfig": "charged by gigabyte: transfer between regions, and "
        "Replication Time Control (https://aws.amazon.com/s3/pricing/); the copies are charged with their bucket",
        "aws:cfg/recorder:Recorder": "charged by recorded change",
        "aws:cloudtrail/trail:Trail": "first copy of management events free; a million data events cost a dollar, and "
        "each read or write of a recorded object or item is one (https://aws.amazon.com/cloudtrail/pricing/)",
        "aws:ecr/repository:Repository": "charged by stored gigabyte of images; a pull within the region is free",
        "aws:guardduty/detector:Detector": "charged by analysed events and logs",
        "aws:securityhub/account:Account": "charged by checks and findings",
        "aws:sns/topic:Topic": "charged by message; alarms send a handful",
    }
)
"""Type -> what its charge depends on that no declaration says."""

LEFT_OUT = (
    "data transfer to the internet, between zones and between regions",
    "requests to S3, Route 53 and Secrets Manager, and logs of databases, pipes and programs",
    "tax, support plans, discounts, savings plans and free allowances",
)
"""Charges that no rule computes."""
