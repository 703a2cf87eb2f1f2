"""What AWS makes by itself in an account: no drift, and nothing that a stack has forgotten."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, kw_only=True, slots=True)
class Owned:
    """A kind of thing that AWS makes, and how it is recognised."""

    recognised: str
    page: str
    """AWS's documentation that says so, or that of Kubernetes."""
    seen: date


OWNED: dict[str, Owned] = {
    "AWS managed key": Owned(
        recognised="KeyManager is AWS; of aliases the name begins with alias/aws/",
        page="https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html#aws-managed-cmk",
        seen=date(2026, 11, 29),
    ),
    "AWS-managed prefix list": Owned(
        recognised="OwnerId is AWS",
        page="https://docs.aws.amazon.com/vpc/latest/userguide/working-with-aws-managed-prefix-lists.html",
        seen=date(2026, 11, 29),
    ),
    "Backup vault of the console": Owned(
        recognised="the name is Default",
        page="https://docs.aws.amazon.com/aws-backup/latest/devguide/create-a-vault.html",
        seen=date(2026, 11, 29),
    ),
    "Backups of EFS": Owned(
        recognised="the name begins with aws/efs/automatic-backup-",
        page="https://docs.aws.amazon.com/efs/latest/ug/awsbackup.html",
        seen=date(2026, 11, 29),
    ),
    "Default encryption of a bucket": Owned(
        recognised="sseAlgorithm is AES256, AWS's own key",
        page="https://docs.aws.amazon.com/AmazonS3/latest/userguide/default-encryption-faq.html",
        seen=date(2026, 11, 29),
    ),
    "Default parameter group": Owned(
        recognised="the name begins with default.",
        page="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/parameter-groups-overview.html",
        seen=date(2026, 11, 29),
    ),
    "Default settings of a bucket": Owned(
        recognised="all public access is blocked, objects belong to the bucket's owner",
        page="https://docs.aws.amazon.com/AmazonS3/latest/userguide/create-bucket-faq.html",
        seen=date(2026, 11, 29),
    ),
    "EKS cluster security group": Owned(
        recognised="the tag aws:eks:cluster-name; of its rules those without tags that let in the group "
        "itself or let out everything",
        page="https://docs.aws.amazon.com/eks/latest/userguide/sec-group-reqs.html",
        seen=date(2026, 11, 29),
    ),
    "Firewall Manager web ACL": Owned(
        recognised="ManagedByFirewallManager is true",
        page="https://docs.aws.amazon.com/waf/latest/developerguide/waf-policies.html",
        seen=date(2026, 11, 29),
    ),
    "Instance of a Multi-AZ cluster": Owned(
        recognised="in a cluster whose engine is none of Aurora's",
        page="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/multi-az-db-clusters-concepts.html",
        seen=date(2026, 11, 29),
    ),
    "Replica of a secret": Owned(
        recognised="PrimaryRegion is another region",
        page="https://docs.aws.amazon.com/secretsmanager/latest/userguide/replicate-secrets.html",
        seen=date(2026, 11, 29),
    ),
    "Secret of a service": Owned(
        recognised="OwningService is set",
        page="https://docs.aws.amazon.com/secretsmanager/latest/userguide/service-linked-secrets.html",
        seen=date(2026, 11, 29),
    ),
    "access entry of nodes": Owned(
        recognised="the entry's type is not STANDARD: it can hold no groups and no policies",
        page="https://docs.aws.amazon.com/eks/latest/userguide/creating-access-entries.html",
        seen=date(2026, 11, 29),
    ),
    "address of a service": Owned(
        recognised="ServiceManaged names a service",
        page="https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Address.html",
        seen=date(2026, 11, 29),
    ),
    "analyzer of a service": Owned(
        recognised="managedBy names the service",
        page="https://docs.aws.amazon.com/access-analyzer/latest/APIReference/API_AnalyzerSummary.html",
        seen=date(2026, 11, 29),
    ),
    "default VPC": Owned(
        recognised="IsDefault is true, and in its route tables the route to an internet gateway",
        page="https://docs.aws.amazon.com/vpc/latest/userguide/default-vpc-components.html",
        seen=date(2026, 11, 29),
    ),
    "default event bus": Owned(
        recognised="its name is default",
        page="https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-bus.html",
        seen=date(2026, 11, 29),
    ),
    "default security group": Owned(
        recognised="the default group of the default VPC that holds only rules without tags that let in the "
        "group itself or let out everything; of every VPC such rules in that group",
        page="https://docs.aws.amazon.com/vpc/latest/userguide/default-security-group.html",
        seen=date(2026, 11, 29),
    ),
    "default subnet": Owned(
        recognised="DefaultForAz is true",
        page="https://docs.aws.amazon.com/vpc/latest/userguide/default-vpc-components.html",
        seen=date(2026, 11, 29),
    ),
    "default topic policy": Owned(
        recognised="its one statement is __default_statement_ID and holds everyone to SourceOwner, this account",
        page="https://docs.aws.amazon.com/sns/latest/dg/sns-using-identity-based-policies.html",
        seen=date(2026, 11, 29),
    ),
    "first records of a zone": Owned(
        recognised="the NS and SOA records of the zone's own name",
        page="https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/SOA-NSrecords.html",
        seen=date(2026, 11, 29),
    ),
    "gateway endpoint route": Owned(
        recognised="the target is an endpoint and the destination a prefix list",
        page="https://docs.aws.amazon.com/vpc/latest/privatelink/gateway-endpoints.html",
        seen=date(2026, 11, 29),
    ),
    "instance of an Auto Scaling group": Owned(
        recognised="the tag aws:autoscaling:groupName, and the metadata options of its launch template",
        page="https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-tagging.html",
        seen=date(2026, 11, 29),
    ),
    "launch template of a managed node group": Owned(
        recognised="CreatedBy is the service-linked role AWSServiceRoleForAmazonEKSNodegroup",
        page="https://docs.aws.amazon.com/eks/latest/userguide/launch-templates.html",
        seen=date(2026, 11, 29),
    ),
    "local route": Owned(
        recognised="Origin is CreateRouteTable",
        page="https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Route.html",
        seen=date(2026, 11, 29),
    ),
    "main route table": Owned(
        recognised="an association with Main true",
        page="https://docs.aws.amazon.com/vpc/latest/userguide/subnet-route-tables.html",
        seen=date(2026, 11, 29),
    ),
    "opt-in of AWS Backup": Owned(
        recognised="each region has one, and nothing tells what it was before somebody set it",
        page="https://docs.aws.amazon.com/aws-backup/latest/devguide/API_DescribeRegionSettings.html",
        seen=date(2026, 11, 29),
    ),
    "object of EKS": Owned(
        recognised="the name of a role or binding begins with eks:, or the fields have the manager eks and "
        "else only parts of the control plane; a binding gives its role to parts of the cluster "
        "only",
        page="https://docs.aws.amazon.com/eks/latest/userguide/kubernetes-field-management.html",
        seen=date(2026, 11, 29),
    ),
    "object of Kubernetes": Owned(
        recognised="one of the names that a cluster begins with, or the label kubernetes.io/bootstrapping at "
        "a default role or binding; a binding gives its role to parts of the cluster only",
        page="https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings",
        seen=date(2026, 11, 29),
    ),
    "object of a controller": Owned(
        recognised="an owner reference with controller true to an object that is there; a pod also runs the images "
        "with the rights of that one's template",
        page="https://kubernetes.io/docs/concepts/overview/working-with-objects/owners-dependents/",
        seen=date(2026, 11, 29),
    ),
    "pod identity of an add-on": Owned(
        recognised="OwnerArn is that of an add-on",
        page="https://docs.aws.amazon.com/eks/latest/APIReference/API_PodIdentityAssociation.html",
        seen=date(2026, 11, 29),
    ),
    "propagated route": Owned(
        recognised="Origin is EnableVgwRoutePropagation",
        page="https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Route.html",
        seen=date(2026, 11, 29),
    ),
    "recorder linked to a service": Owned(
        recognised="servicePrincipal names the service",
        page="https://docs.aws.amazon.com/config/latest/APIReference/API_ConfigurationRecorder.html",
        seen=date(2026, 11, 29),
    ),
    "registered target": Owned(
        recognised="a target of a group whose targets are instances or addresses, which Auto Scaling and the "
        "load balancer controller of a cluster register",
        page="https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-register-targets.html",
        seen=date(2026, 11, 29),
    ),
    "requester-managed endpoint": Owned(
        recognised="RequesterManaged is true",
        page="https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_VpcEndpoint.html",
        seen=date(2026, 11, 29),
    ),
    "role of IAM Identity Center": Owned(
        recognised="its path begins with /aws-reserved/sso.amazonaws.com/",
        page="https://docs.aws.amazon.com/singlesignon/latest/userguide/using-service-linked-roles.html",
        seen=date(2026, 11, 29),
    ),
    "root user": Owned(
        recognised="every account has one",
        page="https://docs.aws.amazon.com/IAM/latest/UserGuide/id_root-user.html",
        seen=date(2026, 11, 29),
    ),
    "rule managed by a service": Owned(
        recognised="ManagedBy names the service",
        page="https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rules.html",
        seen=date(2026, 11, 29),
    ),
    "service-linked role": Owned(
        recognised="its path begins with /aws-service-role/",
        page="https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create-service-linked-role.html",
        seen=date(2026, 11, 29),
    ),
    "setting that nobody has made": Owned(
        recognised="it has the value that it has in a new account",
        page="https://docs.aws.amazon.com/ebs/latest/userguide/encryption-by-default.html",
        seen=date(2026, 11, 29),
    ),
    "volume of a cluster": Owned(
        recognised="the tag ebs.csi.aws.com/cluster, and encrypted",
        page="https://docs.aws.amazon.com/eks/latest/userguide/ebs-csi.html",
        seen=date(2026, 11, 29),
    ),
    "volume of an instance": Owned(
        recognised="an attachment with DeleteOnTermination true, and encrypted",
        page="https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/preserving-volumes-on-termination.html",
        seen=date(2026, 11, 29),
    ),
    "zone or check of a service": Owned(
        recognised="LinkedService names a service principal",
        page="https://docs.aws.amazon.com/Route53/latest/APIReference/API_LinkedService.html",
        seen=date(2026, 11, 29),
    ),
}
"""Name -> rule, by name."""
