"""Live machines, launch templates and volumes, in the words of the provider."""

from typing import Any

from recorded import Refusal, read, region

from operations.audit.live.collect import collect
from policies.catalogue import control
from policies.control import Status, answers
from policies.resources import Stack

INSTANCE, TEMPLATE = "aws:ec2/instance:Instance", "aws:ec2/launchTemplate:LaunchTemplate"
CONFIGURATION = "aws:ec2/launchConfiguration:LaunchConfiguration"
DEFAULTS = "aws:ec2/instanceMetadataDefaults:InstanceMetadataDefaults"
VOLUME, ENCRYPTION = "aws:ebs/volume:Volume", "aws:ebs/encryptionByDefault:EncryptionByDefault"
KEY = "aws:ebs/defaultKmsKey:DefaultKmsKey"
GOOD: dict[str, Any] = {"HttpTokens": "required", "HttpPutResponseHopLimit": 1, "HttpEndpoint": "enabled"}


def instance(instance_id: str = "i-1", state: str = "running", **more: Any) -> dict[str, Any]:
    one = {"InstanceId": instance_id, "State": {"Name": state}, **more}
    return {"ec2.describe_instances": {"Reservations": [{"Instances": [one]}]}}


def statuses(recorded: dict[str, Any], *types: str) -> set[Status]:
    account = collect([region(recorded)], types)
    stack = Stack(tuple(one.resource for one in account.found), account.unobserved)
    return {one.verdict.status for one in answers(control("NET-08"), stack, live=True)}


def test_a_machine_is_read_with_its_metadata_options_and_one_of_a_scaling_group_is_known() -> None:
    group = [{"Key": "aws:autoscaling:groupName", "Value": "eks-nodes"}]
    (found,) = read(INSTANCE, instance(MetadataOptions=GOOD, Tags=group)).found
    assert found.resource.props["metadataOptions"]["httpTokens"] == "required"
    assert found.made_by_aws == "instance of an Auto Scaling group"
    assert read(INSTANCE, instance(state="terminated")).found == []


def test_user_data_is_not_kept() -> None:
    configuration = {"LaunchConfigurationName": "old", "UserData": "c2VjcmV0", "MetadataOptions": GOOD}
    recorded = {"autoscaling.describe_launch_configurations": {"LaunchConfigurations": [configuration]}}
    here = region(recorded)
    (found,) = collect([here], [CONFIGURATION]).found
    assert found.resource.props["metadataOptions"]["httpPutResponseHopLimit"] == 1
    assert "c2VjcmV0" not in str([call.answer for call in here._recorder.calls])


def template(created_by: str = "arn:aws:iam::123456789012:role/deploy", **options: Any) -> dict[str, Any]:
    listed = {"LaunchTemplateId": "lt-1", "LaunchTemplateName": "nodes", "CreatedBy": created_by}
    data = {"MetadataOptions": options, "UserData": "c2VjcmV0"} if options else {}
    return {
        "ec2.describe_launch_templates": {"LaunchTemplates": [listed]},
        "ec2.describe_launch_template_versions": {"LaunchTemplateVersions": [{"LaunchTemplateData": data}]},
    }


def test_a_template_that_leaves_the_token_open_is_held_to_the_accounts_default() -> None:
    defaults = {"ec2.get_instance_metadata_defaults": {"AccountLevel": GOOD}}
    assert statuses(template(**GOOD) | defaults, TEMPLATE, DEFAULTS) == {Status.PASS}
    assert statuses(template() | defaults, TEMPLATE, DEFAULTS) == {Status.PASS}
    assert statuses(template(), TEMPLATE, DEFAULTS) == {Status.FAIL}
    refused = {"ec2.get_instance_metadata_defaults": Refusal("UnauthorizedOperation")}
    assert statuses(template() | refused, TEMPLATE, DEFAULTS) == {Status.NOT_OBSERVED}


def test_what_eks_copies_for_its_nodes_is_known() -> None:
    role = "arn:aws:sts::123456789012:assumed-role/AWSServiceRoleForAmazonEKSNodegroup/EKS"
    assert read(TEMPLATE, template(role)).found[0].made_by_aws == "launch template of a managed node group"


def test_a_machine_whose_metadata_options_were_changed_is_not_its_groups_any_more() -> None:
    launched = {
        "aws:autoscaling:groupName": "g",
        "aws:ec2launchtemplate:id": "lt-1",
        "aws:ec2launchtemplate:version": "3",
    }
    listed = [{"Key": key, "Value": value} for key, value in launched.items()]
    changed = {**GOOD, "HttpTokens": "optional"}
    same = read(INSTANCE, template(**GOOD) | instance(MetadataOptions=GOOD, Tags=listed)).found[0]
    other = read(INSTANCE, template(**GOOD) | instance(MetadataOptions=changed, Tags=listed)).found[0]
    assert (same.made_by_aws, other.made_by_aws) == ("instance of an Auto Scaling group", "")


def test_volumes_say_whether_they_are_encrypted_and_what_made_them() -> None:
    driver = [{"Key": "ebs.csi.aws.com/cluster", "Value": "true"}]
    volumes = [
        {"VolumeId": "vol-1", "Encrypted": True, "KmsKeyId": "arn:key"},
        {"VolumeId": "vol-2", "Encrypted": True, "Attachments": [{"DeleteOnTermination": True}]},
        {"VolumeId": "vol-3", "Encrypted": False, "Attachments": [{"DeleteOnTermination": True}]},
        {"VolumeId": "vol-4", "Encrypted": True, "Tags": driver},
    ]
    found = read(VOLUME, {"ec2.describe_volumes": {"Volumes": volumes}}).found
    assert found[0].resource.props["kmsKeyId"] == "arn:key"
    assert [one.resource.props["encrypted"] for one in found] == [True, True, False, True]
    assert [one.made_by_aws for one in found] == ["", "volume of an instance", "", "volume of a cluster"]


def test_every_region_has_an_answer_on_encryption_by_default() -> None:
    recorded = {"ec2.get_ebs_encryption_by_default": {"EbsEncryptionByDefault": False}}
    found = collect([region(recorded), region(recorded, "eu-central-1")], [ENCRYPTION]).found
    assert [one.identity for one in found] == [("eu-central-1",), ("eu-west-1",)]
    stack = Stack(tuple(one.resource for one in found))
    assert {one.verdict.status for one in answers(control("KEY-08"), stack, live=True)} == {Status.FAIL}


def test_aws_own_key_of_new_volumes_is_known() -> None:
    own = "arn:aws:kms:eu-west-1:123456789012:key/k"
    for key, made_by_aws in ((own, ""), ("alias/aws/ebs", "AWS managed key")):
        (found,) = read(KEY, {"ec2.get_ebs_default_kms_key_id": {"KmsKeyId": key}}).found
        assert (found.resource.props["keyArn"], found.made_by_aws) == (key, made_by_aws)
