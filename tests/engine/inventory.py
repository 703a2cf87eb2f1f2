"""Everything that an account holds, by list calls: what an `up` adds and a `destroy` has to take away again."""

from collections.abc import Iterable, Iterator
from typing import Any

import jmespath
from botocore.exceptions import ClientError
from cell import Aws

KEY_TYPES = ["RSA_2048", "RSA_4096", "EC_prime256v1", "EC_secp384r1"]
"""ACM lists certificates with RSA keys of 2048 bits only, unless it is asked for others."""

LISTS: dict[str, tuple[tuple[str, dict[str, Any], str], ...]] = {
    "accessanalyzer": (("list_analyzers", {}, "analyzers[].arn"),),
    "account": (("get_alternate_contact", {"AlternateContactType": "SECURITY"}, "AlternateContact.EmailAddress"),),
    "acm": (("list_certificates", {"Includes": {"keyTypes": KEY_TYPES}}, "CertificateSummaryList[].CertificateArn"),),
    "backup": (
        ("list_backup_vaults", {}, "BackupVaultList[].BackupVaultName"),
        ("list_backup_plans", {}, "BackupPlansList[].BackupPlanId"),
        ("list_restore_testing_plans", {}, "RestoreTestingPlans[].RestoreTestingPlanName"),
    ),
    "budgets": (("describe_budgets", {"AccountId": "{account}"}, "Budgets[].BudgetName"),),
    "cloudtrail": (("describe_trails", {}, "trailList[].TrailARN"),),
    "cloudwatch": (
        ("describe_alarms", {"AlarmTypes": ["MetricAlarm"]}, "MetricAlarms[].AlarmArn"),
        ("describe_alarms", {"AlarmTypes": ["CompositeAlarm"]}, "CompositeAlarms[].AlarmArn"),
        ("list_dashboards", {}, "DashboardEntries[].DashboardName"),
    ),
    "codebuild": (("list_projects", {}, "projects[]"),),
    "config": (
        ("describe_configuration_recorders", {}, "ConfigurationRecorders[].name"),
        ("describe_delivery_channels", {}, "DeliveryChannels[].name"),
    ),
    "dynamodb": (("list_tables", {}, "TableNames[]"),),
    "ec2": (
        ("describe_vpcs", {}, "Vpcs[].VpcId"),
        ("describe_subnets", {}, "Subnets[].SubnetId"),
        ("describe_internet_gateways", {}, "InternetGateways[].InternetGatewayId"),
        ("describe_nat_gateways", {}, "NatGateways[?State!='deleted'].NatGatewayId"),
        ("describe_addresses", {}, "Addresses[].AllocationId"),
        ("describe_route_tables", {}, "RouteTables[].RouteTableId"),
        ("describe_network_acls", {}, "NetworkAcls[].NetworkAclId"),
        ("describe_security_groups", {}, "SecurityGroups[].GroupId"),
        ("describe_network_interfaces", {}, "NetworkInterfaces[].NetworkInterfaceId"),
        ("describe_vpc_endpoints", {}, "VpcEndpoints[?State!='deleted'].VpcEndpointId"),
        ("describe_flow_logs", {}, "FlowLogs[].FlowLogId"),
        ("describe_launch_templates", {}, "LaunchTemplates[].LaunchTemplateId"),
        ("describe_instances", {}, "Reservations[].Instances[?State.Name!='terminated'][].InstanceId"),
        ("describe_volumes", {}, "Volumes[].VolumeId"),
        ("get_ebs_encryption_by_default", {}, "EbsEncryptionByDefault"),
        ("get_ebs_default_kms_key_id", {}, "KmsKeyId"),
    ),
    "eks": (("list_clusters", {}, "clusters[]"),),
    "elbv2": (
        ("describe_load_balancers", {}, "LoadBalancers[].LoadBalancerArn"),
        ("describe_target_groups", {}, "TargetGroups[].TargetGroupArn"),
    ),
    "events": (
        ("list_event_buses", {}, "EventBuses[].Name"),
        ("list_archives", {}, "Archives[].ArchiveName"),
        ("list_rules", {}, "Rules[].Name"),
    ),
    "guardduty": (("list_detectors", {}, "DetectorIds[]"),),
    "iam": (
        ("list_roles", {}, "Roles[].Arn"),
        ("list_policies", {"Scope": "Local"}, "Policies[].Arn"),
        ("list_instance_profiles", {}, "InstanceProfiles[].Arn"),
        ("list_users", {}, "Users[].Arn"),
        ("get_account_password_policy", {}, "PasswordPolicy.MinimumPasswordLength"),
    ),
    "ecr": (
        ("describe_repositories", {}, "repositories[].repositoryName"),
        ("get_registry_scanning_configuration", {}, "scanningConfiguration.rules[].scanFrequency"),
    ),
    "kinesis": (("list_streams", {}, "StreamNames[]"),),
    "kms": (("list_aliases", {}, "Aliases[?!starts_with(AliasName, 'alias/aws/')].AliasName"),),
    "logs": (
        ("describe_log_groups", {}, "logGroups[].logGroupName"),
        ("describe_resource_policies", {}, "resourcePolicies[].policyName"),
        ("describe_metric_filters", {}, "metricFilters[].filterName"),
    ),
    "pipes": (("list_pipes", {}, "Pipes[].Arn"),),
    "organizations": (("list_policies", {"Filter": "AISERVICES_OPT_OUT_POLICY"}, "Policies[].Id"),),
    "rds": (
        ("describe_db_clusters", {}, "DBClusters[].DBClusterIdentifier"),
        ("describe_db_instances", {}, "DBInstances[].DBInstanceIdentifier"),
        ("describe_global_clusters", {}, "GlobalClusters[].GlobalClusterIdentifier"),
        ("describe_db_subnet_groups", {}, "DBSubnetGroups[].DBSubnetGroupName"),
        ("describe_db_cluster_parameter_groups", {}, "DBClusterParameterGroups[].DBClusterParameterGroupName"),
        (
            "describe_db_parameter_groups",
            {},
            "DBParameterGroups[?!starts_with(DBParameterGroupName, 'default.')].DBParameterGroupName",
        ),
        ("describe_db_proxies", {}, "DBProxies[].DBProxyName"),
        ("describe_db_cluster_snapshots", {}, "DBClusterSnapshots[].DBClusterSnapshotIdentifier"),
    ),
    "route53": (
        ("list_hosted_zones", {}, "HostedZones[].Id"),
        ("list_health_checks", {}, "HealthChecks[].Id"),
    ),
    "s3": (("list_buckets", {}, "Buckets[].Name"),),
    "s3control": (("get_public_access_block", {"AccountId": "{account}"}, "PublicAccessBlockConfiguration"),),
    "secretsmanager": (("list_secrets", {"IncludePlannedDeletion": True}, "SecretList[].ARN"),),
    "securityhub": (("describe_hub", {}, "HubArn"),),
    "sns": (
        ("list_topics", {}, "Topics[].TopicArn"),
        ("list_subscriptions", {}, "Subscriptions[].SubscriptionArn"),
    ),
    "sqs": (("list_queues", {}, "QueueUrls[]"),),
    "ssm": (("describe_parameters", {}, "Parameters[].Name"),),
    "wafv2": (("list_web_acls", {"Scope": "REGIONAL"}, "WebACLs[].ARN"),),
}
"""botocore service -> (operation, arguments, JMESPath to what it lists). AWS's own aliases come with its own
keys, its default parameter groups with the first instance of a family; both stay."""

EVERYWHERE = frozenset({"account", "budgets", "iam", "organizations", "route53", "s3", "s3control"})
"""Services whose lists are the same in all regions."""

NOT_SWITCHED_ON = frozenset(
    {
        "InvalidAccessException",
        "NoSuchEntity",
        "NoSuchPublicAccessBlockConfiguration",
        "ResourceNotFoundException",
    }
)
"""How services answer that an account-wide setting was never made."""


def inventory(aws: Aws, regions: Iterable[str]) -> set[str]:
    """Lines `service region operation what`. A key that is pending deletion is left out: AWS keeps it for seven days
    at least, and nothing else of it remains."""
    first, *others = regions
    found = {line for service in LISTS for line in _lines(aws, service, first)}
    for region in others:
        found |= {line for service in LISTS if service not in EVERYWHERE for line in _lines(aws, service, region)}
    return found.union(*(_keys(aws, region) for region in (first, *others)))


def _lines(aws: Aws, service: str, region: str) -> Iterator[str]:
    client = aws.client(service, region)
    for operation, arguments, path in LISTS[service]:
        arguments = {key: aws.account if value == "{account}" else value for key, value in arguments.items()}
        try:
            listed = _all(client, operation, arguments, path)
        except ClientError as error:
            if error.response["Error"]["Code"] not in NOT_SWITCHED_ON:
                raise
            continue
        for what in listed:
            yield f"{service} {region} {operation} {what}"


def _all(client: Any, operation: str, arguments: dict[str, Any], path: str) -> list[Any]:
    if client.can_paginate(operation):
        found = client.get_paginator(operation).paginate(**arguments).search(path)
        return [what for what in found if what is not None]
    found = jmespath.search(path, getattr(client, operation)(**arguments))
    return found if isinstance(found, list) else [found]


def _keys(aws: Aws, region: str) -> set[str]:
    kms = aws.client("kms", region)
    ids = _all(kms, "list_keys", {}, "Keys[].KeyId")
    states = {key: kms.describe_key(KeyId=key)["KeyMetadata"] for key in ids}
    return {
        f"kms {region} list_keys {key}"
        for key, metadata in states.items()
        if metadata["KeyState"] != "PendingDeletion" and metadata["KeyManager"] == "CUSTOMER"
    }
