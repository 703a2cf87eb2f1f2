"""How each resource type of a cell is seen from outside: one describe call a type, by boto3 or the cluster's API."""

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jmespath
from botocore.exceptions import ClientError
from cell import Aws, Project, Resource

from sandbox.kubernetes.client import Client
from sandbox.kubernetes.provider import kubeconfig


@dataclass(frozen=True)
class Find:
    """`service.operation(**arguments)`, and the JMESPath of what it answers when the resource is there.

    `{name}` in arguments and path stands for an output in state, `{id}` for the id.
    """

    service: str
    operation: str
    path: str
    arguments: Mapping[str, Any]

    def sees(self, aws: Aws, region: str, values: Mapping[str, Any]) -> bool:
        """False also where AWS refuses the question: it names what does not exist by many codes."""
        call = getattr(aws.client(self.service, region), self.operation)
        try:
            answer = call(**_filled(self.arguments, values))
        except ClientError:
            return False
        return bool(jmespath.search(_filled(self.path, values), answer))


def find(call: str, path: str = "@", **arguments: Any) -> Find:
    service, _, operation = call.partition(".")
    return Find(service, operation, path, arguments)


def _policy(call: str, **arguments: Any) -> Find:
    return find(call, "Policy || policy || Attributes.Policy", **arguments)


FINDERS: dict[str, Find] = {
    "accessanalyzer/analyzer:Analyzer": find("accessanalyzer.get_analyzer", "analyzer", analyzerName="{analyzerName}"),
    "account/alternativeContact:AlternativeContact": find(
        "account.get_alternate_contact", "AlternateContact.EmailAddress", AlternateContactType="{id}"
    ),
    "acm/certificate:Certificate": find("acm.describe_certificate", "Certificate", CertificateArn="{id}"),
    "acm/certificateValidation:CertificateValidation": find(
        "acm.describe_certificate", "Certificate.Status == 'ISSUED'", CertificateArn="{certificateArn}"
    ),
    "backup/plan:Plan": find("backup.get_backup_plan", "BackupPlan.Rules && !DeletionDate", BackupPlanId="{id}"),
    "backup/regionSettings:RegionSettings": find(
        "backup.describe_region_settings", "ResourceTypeOptInPreference.Aurora"
    ),
    "backup/restoreTestingPlan:RestoreTestingPlan": find(
        "backup.get_restore_testing_plan", "RestoreTestingPlan", RestoreTestingPlanName="{id}"
    ),
    "backup/restoreTestingSelection:RestoreTestingSelection": find(
        "backup.get_restore_testing_selection",
        "RestoreTestingSelection",
        RestoreTestingPlanName="{restoreTestingPlanName}",
        RestoreTestingSelectionName="{name}",
    ),
    "backup/selection:Selection": find(
        "backup.get_backup_selection", "BackupSelection", BackupPlanId="{planId}", SelectionId="{id}"
    ),
    "backup/vault:Vault": find("backup.describe_backup_vault", "EncryptionKeyArn", BackupVaultName="{id}"),
    "backup/vaultLockConfiguration:VaultLockConfiguration": find(
        "backup.describe_backup_vault", "Locked && MaxRetentionDays", BackupVaultName="{id}"
    ),
    "backup/vaultPolicy:VaultPolicy": _policy("backup.get_backup_vault_access_policy", BackupVaultName="{id}"),
    "budgets/budget:Budget": find(
        "budgets.describe_budget", "Budget.BudgetLimit", AccountId="{accountId}", BudgetName="{name}"
    ),
    "cfg/deliveryChannel:DeliveryChannel": find(
        "config.describe_delivery_channels", "DeliveryChannels", DeliveryChannelNames=["{id}"]
    ),
    "cfg/recorder:Recorder": find(
        "config.describe_configuration_recorders", "ConfigurationRecorders", ConfigurationRecorderNames=["{id}"]
    ),
    "cfg/recorderStatus:RecorderStatus": find(
        "config.describe_configuration_recorder_status",
        "ConfigurationRecordersStatus[?recording]",
        ConfigurationRecorderNames=["{id}"],
    ),
    "cloudtrail/trail:Trail": find("cloudtrail.get_trail_status", "IsLogging", Name="{arn}"),
    "cloudwatch/compositeAlarm:CompositeAlarm": find(
        "cloudwatch.describe_alarms", "CompositeAlarms", AlarmNames=["{alarmName}"], AlarmTypes=["CompositeAlarm"]
    ),
    "cloudwatch/dashboard:Dashboard": find("cloudwatch.get_dashboard", "DashboardBody", DashboardName="{id}"),
    "cloudwatch/eventArchive:EventArchive": find("events.describe_archive", ArchiveName="{id}"),
    "cloudwatch/eventBus:EventBus": find("events.describe_event_bus", "Arn", Name="{name}"),
    "cloudwatch/eventRule:EventRule": find(
        "events.describe_rule", "State == 'ENABLED'", Name="{name}", EventBusName="{eventBusName}"
    ),
    "cloudwatch/eventTarget:EventTarget": find(
        "events.list_targets_by_rule", "Targets[?Id=='{targetId}']", Rule="{rule}", EventBusName="{eventBusName}"
    ),
    "cloudwatch/logGroup:LogGroup": find(
        "logs.describe_log_groups", "logGroups[?logGroupName=='{id}']", logGroupNamePrefix="{id}"
    ),
    "cloudwatch/logMetricFilter:LogMetricFilter": find(
        "logs.describe_metric_filters",
        "metricFilters[?filterName=='{name}']",
        logGroupName="{logGroupName}",
        filterNamePrefix="{name}",
    ),
    "cloudwatch/logResourcePolicy:LogResourcePolicy": find(
        "logs.describe_resource_policies", "resourcePolicies[?policyName=='{policyName}']"
    ),
    "cloudwatch/metricAlarm:MetricAlarm": find("cloudwatch.describe_alarms", "MetricAlarms", AlarmNames=["{name}"]),
    "ebs/defaultKmsKey:DefaultKmsKey": find("ec2.get_ebs_default_kms_key_id", "KmsKeyId=='{keyArn}'"),
    "ebs/encryptionByDefault:EncryptionByDefault": find("ec2.get_ebs_encryption_by_default", "EbsEncryptionByDefault"),
    "ec2/defaultSecurityGroup:DefaultSecurityGroup": find(
        "ec2.describe_security_groups",
        "SecurityGroups[?GroupName=='default' && IpPermissions==`[]` && IpPermissionsEgress==`[]`]",
        GroupIds=["{id}"],
    ),
    "ec2/eip:Eip": find("ec2.describe_addresses", "Addresses", AllocationIds=["{id}"]),
    "ec2/flowLog:FlowLog": find("ec2.describe_flow_logs", "FlowLogs", FlowLogIds=["{id}"]),
    "ec2/internetGateway:InternetGateway": find(
        "ec2.describe_internet_gateways",
        "InternetGateways[].Attachments[?VpcId=='{vpcId}'][]",
        InternetGatewayIds=["{id}"],
    ),
    "ec2/launchTemplate:LaunchTemplate": find(
        "ec2.describe_launch_templates", "LaunchTemplates", LaunchTemplateIds=["{id}"]
    ),
    "ec2/natGateway:NatGateway": find(
        "ec2.describe_nat_gateways", "NatGateways[?State=='available']", NatGatewayIds=["{id}"]
    ),
    "ec2/route:Route": find(
        "ec2.describe_route_tables",
        "RouteTables[].Routes[?DestinationCidrBlock=='{destinationCidrBlock}'][]",
        RouteTableIds=["{routeTableId}"],
    ),
    "ec2/routeTable:RouteTable": find("ec2.describe_route_tables", "RouteTables", RouteTableIds=["{id}"]),
    "ec2/routeTableAssociation:RouteTableAssociation": find(
        "ec2.describe_route_tables",
        "RouteTables[].Associations[?RouteTableAssociationId=='{id}'][]",
        RouteTableIds=["{routeTableId}"],
    ),
    "ec2/securityGroup:SecurityGroup": find("ec2.describe_security_groups", "SecurityGroups", GroupIds=["{id}"]),
    "ec2/subnet:Subnet": find("ec2.describe_subnets", "Subnets", SubnetIds=["{id}"]),
    "ec2/vpc:Vpc": find("ec2.describe_vpcs", "Vpcs", VpcIds=["{id}"]),
    "ec2/vpcEndpoint:VpcEndpoint": find("ec2.describe_vpc_endpoints", "VpcEndpoints", VpcEndpointIds=["{id}"]),
    "ecr/lifecyclePolicy:LifecyclePolicy": find(
        "ecr.get_lifecycle_policy", "lifecyclePolicyText", repositoryName="{repository}"
    ),
    "ecr/registryScanningConfiguration:RegistryScanningConfiguration": find(
        "ecr.get_registry_scanning_configuration", "scanningConfiguration.rules[?scanFrequency=='SCAN_ON_PUSH']"
    ),
    "ecr/replicationConfiguration:ReplicationConfiguration": find(
        "ecr.describe_registry", "replicationConfiguration.rules"
    ),
    "ecr/repository:Repository": find("ecr.describe_repositories", "repositories", repositoryNames=["{name}"]),
    "ecr/repositoryPolicy:RepositoryPolicy": find(
        "ecr.get_repository_policy", "policyText", repositoryName="{repository}"
    ),
    "eks/accessEntry:AccessEntry": find(
        "eks.describe_access_entry", "accessEntry", clusterName="{clusterName}", principalArn="{principalArn}"
    ),
    "eks/accessPolicyAssociation:AccessPolicyAssociation": find(
        "eks.list_associated_access_policies",
        "associatedAccessPolicies[?policyArn=='{policyArn}']",
        clusterName="{clusterName}",
        principalArn="{principalArn}",
    ),
    "eks/addon:Addon": find(
        "eks.describe_addon", "addon.status == 'ACTIVE'", clusterName="{clusterName}", addonName="{addonName}"
    ),
    "eks/cluster:Cluster": find("eks.describe_cluster", "cluster.status == 'ACTIVE'", name="{name}"),
    "eks/nodeGroup:NodeGroup": find(
        "eks.describe_nodegroup",
        "nodegroup.status == 'ACTIVE'",
        clusterName="{clusterName}",
        nodegroupName="{nodeGroupName}",
    ),
    "eks/podIdentityAssociation:PodIdentityAssociation": find(
        "eks.describe_pod_identity_association",
        "association",
        clusterName="{clusterName}",
        associationId="{associationId}",
    ),
    "guardduty/detector:Detector": find("guardduty.get_detector", "Status == 'ENABLED'", DetectorId="{id}"),
    "iam/policy:Policy": find("iam.get_policy", "Policy", PolicyArn="{arn}"),
    "iam/accountPasswordPolicy:AccountPasswordPolicy": find(
        "iam.get_account_password_policy", "PasswordPolicy.MinimumPasswordLength == `14`"
    ),
    "iam/role:Role": find("iam.get_role", "Role", RoleName="{id}"),
    "iam/rolePolicy:RolePolicy": find("iam.get_role_policy", "PolicyDocument", RoleName="{role}", PolicyName="{name}"),
    "iam/rolePolicyAttachment:RolePolicyAttachment": find(
        "iam.list_attached_role_policies", "AttachedPolicies[?PolicyArn=='{policyArn}']", RoleName="{role}"
    ),
    "codebuild/project:Project": find("codebuild.batch_get_projects", "projects[0]", names=["{id}"]),
    "dynamodb/table:Table": find("dynamodb.describe_table", "Table.TableStatus == 'ACTIVE'", TableName="{name}"),
    "kinesis/stream:Stream": find(
        "kinesis.describe_stream_summary", "StreamDescriptionSummary.StreamStatus == 'ACTIVE'", StreamName="{name}"
    ),
    "kms/alias:Alias": find("kms.describe_key", "KeyMetadata", KeyId="{name}"),
    "kms/key:Key": find("kms.describe_key", "KeyMetadata.KeyState == 'Enabled'", KeyId="{id}"),
    "lb/listener:Listener": find("elbv2.describe_listeners", "Listeners", ListenerArns=["{id}"]),
    "lb/loadBalancer:LoadBalancer": find("elbv2.describe_load_balancers", "LoadBalancers", LoadBalancerArns=["{id}"]),
    "lb/targetGroup:TargetGroup": find("elbv2.describe_target_groups", "TargetGroups", TargetGroupArns=["{id}"]),
    "pipes/pipe:Pipe": find("pipes.describe_pipe", "CurrentState == 'RUNNING'", Name="{name}"),
    "rds/cluster:Cluster": find(
        "rds.describe_db_clusters", "DBClusters[?Status=='available']", DBClusterIdentifier="{id}"
    ),
    "rds/clusterInstance:ClusterInstance": find(
        "rds.describe_db_instances", "DBInstances[?DBInstanceStatus=='available']", DBInstanceIdentifier="{id}"
    ),
    "rds/clusterParameterGroup:ClusterParameterGroup": find(
        "rds.describe_db_cluster_parameter_groups", "DBClusterParameterGroups", DBClusterParameterGroupName="{id}"
    ),
    "rds/globalCluster:GlobalCluster": find(
        "rds.describe_global_clusters", "GlobalClusters", GlobalClusterIdentifier="{id}"
    ),
    "rds/proxy:Proxy": find("rds.describe_db_proxies", "DBProxies", DBProxyName="{id}"),
    "rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup": find(
        "rds.describe_db_proxy_target_groups", "TargetGroups[?IsDefault]", DBProxyName="{dbProxyName}"
    ),
    "rds/proxyTarget:ProxyTarget": find(
        "rds.describe_db_proxy_targets",
        "Targets[?TrackedClusterId=='{dbClusterIdentifier}' || RdsResourceId=='{dbClusterIdentifier}']",
        DBProxyName="{dbProxyName}",
    ),
    "rds/subnetGroup:SubnetGroup": find("rds.describe_db_subnet_groups", "DBSubnetGroups", DBSubnetGroupName="{id}"),
    "route53/healthCheck:HealthCheck": find("route53.get_health_check", "HealthCheck", HealthCheckId="{id}"),
    "route53/record:Record": find(
        "route53.list_resource_record_sets",
        "ResourceRecordSets[?Type=='{type}' && (Name=='{fqdn}.' || Name=='{fqdn}')]",
        HostedZoneId="{zoneId}",
    ),
    "route53/zone:Zone": find("route53.get_hosted_zone", "HostedZone", Id="{id}"),
    "s3/accountPublicAccessBlock:AccountPublicAccessBlock": find(
        "s3control.get_public_access_block", "PublicAccessBlockConfiguration.BlockPublicAcls", AccountId="{accountId}"
    ),
    "s3/bucket:Bucket": find("s3.head_bucket", Bucket="{id}"),
    "s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": find(
        "s3.get_bucket_lifecycle_configuration", "Rules", Bucket="{bucket}"
    ),
    "s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration": find(
        "s3.get_object_lock_configuration", "ObjectLockConfiguration.Rule.DefaultRetention", Bucket="{bucket}"
    ),
    "s3/bucketOwnershipControls:BucketOwnershipControls": find(
        "s3.get_bucket_ownership_controls", "OwnershipControls", Bucket="{bucket}"
    ),
    "s3/bucketPolicy:BucketPolicy": _policy("s3.get_bucket_policy", Bucket="{bucket}"),
    "s3/bucketPublicAccessBlock:BucketPublicAccessBlock": find(
        "s3.get_public_access_block", "PublicAccessBlockConfiguration.BlockPublicAcls", Bucket="{bucket}"
    ),
    "s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": find(
        "s3.get_bucket_encryption", "ServerSideEncryptionConfiguration", Bucket="{bucket}"
    ),
    "s3/bucketVersioning:BucketVersioning": find("s3.get_bucket_versioning", "Status == 'Enabled'", Bucket="{bucket}"),
    "secretsmanager/secret:Secret": find("secretsmanager.describe_secret", "ARN", SecretId="{id}"),
    "secretsmanager/secretVersion:SecretVersion": find(
        "secretsmanager.get_secret_value", "SecretString", SecretId="{secretId}", VersionId="{versionId}"
    ),
    "securityhub/account:Account": find("securityhub.describe_hub", "HubArn"),
    "sns/topic:Topic": find("sns.get_topic_attributes", "Attributes", TopicArn="{id}"),
    "sns/topicPolicy:TopicPolicy": _policy("sns.get_topic_attributes", TopicArn="{arn}"),
    "sns/topicSubscription:TopicSubscription": find(
        "sns.list_subscriptions_by_topic", "Subscriptions[?Endpoint=='{endpoint}']", TopicArn="{topic}"
    ),
    "sqs/queue:Queue": find("sqs.get_queue_attributes", "Attributes", QueueUrl="{id}", AttributeNames=["QueueArn"]),
    "sqs/queuePolicy:QueuePolicy": _policy(
        "sqs.get_queue_attributes", QueueUrl="{queueUrl}", AttributeNames=["Policy"]
    ),
    "ssm/parameter:Parameter": find("ssm.get_parameter", "Parameter", Name="{id}"),
    "vpc/securityGroupEgressRule:SecurityGroupEgressRule": find(
        "ec2.describe_security_group_rules", "SecurityGroupRules[?IsEgress]", SecurityGroupRuleIds=["{id}"]
    ),
    "vpc/securityGroupIngressRule:SecurityGroupIngressRule": find(
        "ec2.describe_security_group_rules", "SecurityGroupRules[?!IsEgress]", SecurityGroupRuleIds=["{id}"]
    ),
    "wafv2/webAcl:WebAcl": find("wafv2.get_web_acl", "WebACL", Name="{name}", Id="{id}", Scope="REGIONAL"),
    "wafv2/webAclAssociation:WebAclAssociation": find(
        "wafv2.get_web_acl_for_resource", "WebACL.ARN == '{webAclArn}'", ResourceArn="{resourceArn}"
    ),
    "wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration": find(
        "wafv2.get_logging_configuration", "LoggingConfiguration.LogDestinationConfigs", ResourceArn="{resourceArn}"
    ),
}
"""Type, without the package -> what sees it."""

SETTINGS = frozenset(
    {
        "backup/regionSettings:RegionSettings",
        "ebs/encryptionByDefault:EncryptionByDefault",
        "ecr/registryScanningConfiguration:RegistryScanningConfiguration",
        "ecr/replicationConfiguration:ReplicationConfiguration",
        "iam/accountPasswordPolicy:AccountPasswordPolicy",
        "securityhub/account:Account",
    }
)
"""Types that an account has once, or once a region: nothing names a single one of them."""


def missing(project: Project, aws: Aws, stacks: Iterable[str]) -> list[str]:
    """Resources in state that are not there, as `type name`. KeyError for a type without a finder."""
    gone = []
    for stack in stacks:
        cluster = Cluster(project, aws, stack.removesuffix("-workloads")) if stack.endswith("-workloads") else None
        for resource in project.resources(stack):
            there = cluster.holds(resource) if cluster else seen(aws, resource, project.region(stack))
            if not there:
                gone.append(f"{resource.type} {resource.name}")
    return gone


def seen(aws: Aws, resource: Resource, region: str) -> bool:
    """Whether AWS shows a resource; `region` for types without one."""
    values = {**resource.outputs, "id": resource.id}
    return FINDERS[resource.type.removeprefix("aws:")].sees(aws, resource.outputs.get("region") or region, values)


def _filled(template: Any, values: Mapping[str, Any]) -> Any:
    """The template with `{name}` replaced by its value."""
    if isinstance(template, str):
        return re.sub(r"\{(\w+)\}", lambda match: str(values[match[1]]), template)
    if isinstance(template, list):
        return [_filled(one, values) for one in template]
    return {key: _filled(one, values) for key, one in template.items()} if isinstance(template, Mapping) else template


class Cluster:
    """The Kubernetes API of a cell, entered by the account's deploy role as the workloads stack does."""

    def __init__(self, project: Project, aws: Aws, cell: str) -> None:
        region = project.region(cell)
        described = aws.client("eks", region).describe_cluster(name=cell)["cluster"]
        role = f"arn:aws:iam::{aws.account}:role/payment-cell-deploy"
        arguments = ["eks", "get-token", "--cluster-name", cell, "--region", region, "--output", "json"]
        plugin = {
            "apiVersion": "client.authentication.k8s.io/v1beta1",
            "command": str(project.sandbox.home / "bin" / "aws"),
            "args": [*arguments, "--role-arn", role],
            "env": [{"name": key, "value": value} for key, value in project.env.items() if "AWS" in key],
        }
        place = {
            "server": described["endpoint"],
            "certificate-authority-data": described["certificateAuthority"]["data"],
        }
        assert base64.b64decode(place["certificate-authority-data"]).startswith(b"-----BEGIN CERTIFICATE")
        target = kubeconfig.load(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "clusters": [{"name": "cluster", "cluster": place}],
                    "users": [{"name": "user", "user": {"exec": plugin}}],
                    "contexts": [{"name": "context", "context": {"cluster": "cluster", "user": "user"}}],
                    "current-context": "context",
                }
            )
        )
        headers = kubeconfig.Credentials(target).headers
        self.client = Client(url=target.server, context=kubeconfig.tls(target), headers=headers)

    def holds(self, resource: Resource) -> bool:
        """Whether the API server has the object with the uid that is in state."""
        wanted = resource.outputs["metadata"]
        kind = self.client.resource(resource.outputs["apiVersion"], resource.outputs["kind"])
        found = self.client.find(kind.path(wanted.get("namespace"), wanted["name"]))
        return found is not None and found["metadata"]["uid"] == wanted["uid"]


def names_of(resource: Resource) -> Iterator[str]:
    """What identifies a resource in its account: id and ARN; for a Kubernetes object its uid."""
    if resource.type.startswith("kubernetes:"):
        yield str(resource.outputs["metadata"]["uid"])
        return
    yield f"{resource.type} {resource.id}"
    if arn := resource.outputs.get("arn"):
        yield str(arn)


def elsewhere(project: Project, stack: str) -> list[str]:
    """Regional resources of a cell that are not in the cell's region, as `type name: region`."""
    region = project.region(stack)
    found = []
    for resource in project.resources(stack):
        parts = str(resource.outputs.get("arn", "")).split(":")
        places = {resource.outputs.get("region"), parts[3] if len(parts) > 5 else None} - {None, ""}
        if places - {region}:
            found.append(f"{resource.type} {resource.name}: {', '.join(sorted(map(str, places)))}")
    return found
