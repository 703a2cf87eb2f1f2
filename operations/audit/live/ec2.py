"""EC2: machines, what they are launched from, and their volumes."""

from collections.abc import Iterator, Mapping
from typing import Any

from operations.audit.live.question import Question
from operations.audit.live.reader import Live, Reader
from operations.audit.live.region import Region
from operations.audit.live.tags import tags
from operations.audit.live.words import arn, camel, given

_MACHINE = ("InstanceId", "ImageId", "InstanceType", "SubnetId", "VpcId", "SecurityGroups", "MetadataOptions")
INSTANCES = Question(
    service="ec2",
    operation="describe_instances",
    keep=tuple(f"Reservations.Instances.{name}" for name in (*_MACHINE, "PublicIpAddress", "State", "Tags")),
    items="Reservations",
)
LAUNCH_CONFIGURATIONS = Question(
    service="autoscaling",
    operation="describe_launch_configurations",
    keep=tuple(
        f"LaunchConfigurations.{name}"
        for name in ("LaunchConfigurationName", "LaunchConfigurationARN", "ImageId", "InstanceType", "MetadataOptions")
    ),
    items="LaunchConfigurations",
)
TEMPLATES = Question(
    service="ec2", operation="describe_launch_templates", keep=("LaunchTemplates",), items="LaunchTemplates"
)
VERSIONS = Question(
    service="ec2",
    operation="describe_launch_template_versions",
    keep=tuple(
        f"LaunchTemplateVersions.{name}"
        for name in (
            *("VersionNumber", "VersionDescription", "LaunchTemplateData.BlockDeviceMappings"),
            *("LaunchTemplateData.MetadataOptions", "LaunchTemplateData.ImageId", "LaunchTemplateData.InstanceType"),
        )
    ),
    items="LaunchTemplateVersions",
    absent=frozenset({"InvalidLaunchTemplateId.NotFound", "InvalidLaunchTemplateId.VersionNotFound"}),
)
DEFAULTS = Question(
    service="ec2",
    operation="get_instance_metadata_defaults",
    keep=("AccountLevel",),
)
VOLUMES = Question(service="ec2", operation="describe_volumes", keep=("Volumes",), items="Volumes")
ENCRYPTION = Question(service="ec2", operation="get_ebs_encryption_by_default", keep=("EbsEncryptionByDefault",))
KEY = Question(service="ec2", operation="get_ebs_default_kms_key_id", keep=("KmsKeyId",))

_GROUP_TAG = "aws:autoscaling:groupName"
"""On what an Auto Scaling group launched; nobody else may write tags that begin with ``aws:``."""

_TEMPLATE_TAG = "aws:ec2launchtemplate"
"""On what was launched from a template: its ``:id`` and ``:version``."""

_CLUSTER_TAG = "ebs.csi.aws.com/cluster"
"""On volumes that the EBS driver of a cluster made."""

_NODE_GROUPS = "AWSServiceRoleForAmazonEKSNodegroup"
"""The role with which EKS copies the launch template of a managed node group."""


def instances(region: Region) -> Iterator[Live]:
    """Machines that are not gone; those of an Auto Scaling group are launched by it."""
    for reservation in region.pages(INSTANCES):
        for one in reservation["Instances"]:
            if one["State"]["Name"] not in ("terminated", "shutting-down"):
                yield _instance(region, one)


def _instance(region: Region, one: Mapping[str, Any]) -> Live:
    tagged = tags(one.get("Tags"))
    return Live(
        id=one["InstanceId"],
        name=tagged.get("Name", ""),
        made_by_aws="instance of an Auto Scaling group"
        if _GROUP_TAG in tagged and _is_as_launched(region, one)
        else "",
        props={
            **given(ami=one.get("ImageId"), instanceType=one.get("InstanceType"), subnetId=one.get("SubnetId")),
            **given(publicIp=one.get("PublicIpAddress"), metadataOptions=_metadata(one)),
            "arn": arn(region, "ec2", f"instance/{one['InstanceId']}"),
            "vpcSecurityGroupIds": [group["GroupId"] for group in one.get("SecurityGroups") or ()],
            "tags": tagged,
        },
    )


def _is_as_launched(region: Region, one: Mapping[str, Any]) -> bool:
    """Whether nobody changed the metadata options that the machine's launch template gave it."""
    tagged = tags(one.get("Tags"))
    template, version = (tagged.get(f"{_TEMPLATE_TAG}:{name}") for name in ("id", "version"))
    if not template or not version:
        return True
    found = region.pages(VERSIONS, LaunchTemplateId=template, Versions=[version])
    launched = _metadata((found[0].get("LaunchTemplateData") or {}) if found else {}) or {}
    has = _metadata(one) or {}
    return all(has.get(name) == value for name, value in launched.items())


def launch_configurations(region: Region) -> Iterator[Live]:
    """What older Auto Scaling groups launch."""
    for one in region.pages(LAUNCH_CONFIGURATIONS):
        yield Live(
            id=one["LaunchConfigurationName"],
            props={
                **given(imageId=one.get("ImageId"), instanceType=one.get("InstanceType")),
                **given(metadataOptions=_metadata(one)),
                "arn": one.get("LaunchConfigurationARN", ""),
                "name": one["LaunchConfigurationName"],
            },
        )


def launch_templates(region: Region) -> Iterator[Live]:
    """Launch templates in their latest version, which is the one that the provider reads."""
    for one in region.pages(TEMPLATES):
        template_id = one["LaunchTemplateId"]
        latest = region.pages(VERSIONS, LaunchTemplateId=template_id, Versions=["$Latest"])
        version = latest[0] if latest else {}
        data = version.get("LaunchTemplateData") or {}
        yield Live(
            id=template_id,
            name=one.get("LaunchTemplateName", ""),
            made_by_aws="launch template of a managed node group" if _NODE_GROUPS in one.get("CreatedBy", "") else "",
            props={
                **given(imageId=data.get("ImageId"), instanceType=data.get("InstanceType")),
                **given(description=version.get("VersionDescription"), metadataOptions=_metadata(data)),
                "arn": arn(region, "ec2", f"launch-template/{template_id}"),
                "name": one.get("LaunchTemplateName", ""),
                "defaultVersion": one.get("DefaultVersionNumber"),
                "latestVersion": one.get("LatestVersionNumber"),
                "blockDeviceMappings": [_device(device) for device in data.get("BlockDeviceMappings") or ()],
                "tags": tags(one.get("Tags")),
            },
        )


def _device(device: Mapping[str, Any]) -> dict[str, Any]:
    """The provider keeps the switches of a template's volumes as text."""
    ebs = {
        name: str(value).lower() if isinstance(value, bool) else value
        for name, value in camel(device.get("Ebs") or {}).items()
    }
    return {**given(deviceName=device.get("DeviceName")), "ebs": ebs}


def _metadata(machine: Mapping[str, Any]) -> dict[str, Any] | None:
    options = camel(machine.get("MetadataOptions") or {})
    names = ("httpEndpoint", "httpProtocolIpv6", "httpPutResponseHopLimit", "httpTokens", "instanceMetadataTags")
    return {name: options[name] for name in names if name in options} or None


def metadata_defaults(region: Region) -> Iterator[Live]:
    """What the account gives to machines that say nothing themselves, where it says anything."""
    level = camel((region.ask(DEFAULTS) or {}).get("AccountLevel") or {})
    names = ("httpEndpoint", "httpPutResponseHopLimit", "httpTokens", "instanceMetadataTags")
    if set_here := {name: level[name] for name in names if name in level}:
        yield Live(id=region.name, props=set_here)


def volumes(region: Region) -> Iterator[Live]:
    """Volumes; one that goes with its machine was made when that was launched. One without encryption is somebody's
    omission, whatever made it."""
    for volume in region.pages(VOLUMES):
        tagged = tags(volume.get("Tags"))
        owners = {
            "volume of an instance": any(one.get("DeleteOnTermination") for one in volume.get("Attachments") or ()),
            "volume of a cluster": _CLUSTER_TAG in tagged,
        }
        yield Live(
            id=volume["VolumeId"],
            name=tagged.get("Name", ""),
            made_by_aws=next((name for name, its in owners.items() if its and volume.get("Encrypted")), ""),
            props={
                **given(kmsKeyId=volume.get("KmsKeyId"), size=volume.get("Size"), type=volume.get("VolumeType")),
                **given(snapshotId=volume.get("SnapshotId"), availabilityZone=volume.get("AvailabilityZone")),
                "arn": arn(region, "ec2", f"volume/{volume['VolumeId']}"),
                "encrypted": volume.get("Encrypted", False),
                "tags": tagged,
            },
        )


def encryption_by_default(region: Region) -> Iterator[Live]:
    """Whether new volumes of the region are encrypted. There is always an answer, also where nobody has set it."""
    enabled = (region.ask(ENCRYPTION) or {}).get("EbsEncryptionByDefault", False)
    name = f"ebs-encryption-by-default-{region.name}"
    yield Live(id=name, props={"enabled": enabled}, made_by_aws="" if enabled else "setting that nobody has made")


def default_key(region: Region) -> Iterator[Live]:
    """The key that new volumes get; AWS's own where nobody has chosen one."""
    key = str((region.ask(KEY) or {}).get("KmsKeyId", ""))
    made_by_aws = "" if ":key/" in key else "AWS managed key"
    yield Live(id=key, props={"keyArn": key}, made_by_aws=made_by_aws)


Reader(type="aws:ec2/instance:Instance", read=instances, source=INSTANCES)
Reader(type="aws:ec2/launchConfiguration:LaunchConfiguration", read=launch_configurations, source=LAUNCH_CONFIGURATIONS)
Reader(type="aws:ec2/launchTemplate:LaunchTemplate", read=launch_templates, source=TEMPLATES)
Reader(type="aws:ec2/instanceMetadataDefaults:InstanceMetadataDefaults", read=metadata_defaults, source=DEFAULTS)
Reader(type="aws:ebs/volume:Volume", read=volumes, source=VOLUMES)
Reader(
    type="aws:ebs/encryptionByDefault:EncryptionByDefault",
    read=encryption_by_default,
    source=ENCRYPTION,
    identity=("region",),
)
Reader(type="aws:ebs/defaultKmsKey:DefaultKmsKey", read=default_key, source=KEY)
