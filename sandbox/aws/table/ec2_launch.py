"""Launch templates."""

from typing import Any

from sandbox.aws.provider.calls import tag_map
from sandbox.aws.provider.model import Autoname, Context, Props, ResourceType
from sandbox.aws.provider.shapes import outputs, to_shape
from sandbox.aws.table.ec2 import first, retag, tagged

LAUNCH_TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"

OUTSIDE = {"name", "namePrefix", "description", "tags", "defaultVersion", "updateDefaultVersion", "region"}
"""Arguments that belong to the template and not to a version's data."""

RENAMES = {
    "kernelId": "KernelId",
    "ramDiskId": "RamDiskId",
    "securityGroupNames": "SecurityGroups",
    "vpcSecurityGroupIds": "SecurityGroupIds",
    "networkInterfaces.ipv4AddressCount": "SecondaryPrivateIpAddressCount",
    "networkInterfaces.securityGroups": "Groups",
}


def template_data(props: Props) -> dict[str, Any]:
    """``LaunchTemplateData`` of a version."""
    inside = {name: value for name, value in props.items() if name not in OUTSIDE}
    data: dict[str, Any] = to_shape("ec2", "RequestLaunchTemplateData", inside, renames=RENAMES)
    return data


def create_template(ctx: Context, props: Props) -> str:
    about = {"VersionDescription": props["description"]} if props.get("description") else {}
    made = ctx.client("ec2").create_launch_template(
        LaunchTemplateName=props["name"],
        LaunchTemplateData=template_data(props),
        **about,
        **tagged("launch-template", props),
    )
    return str(made["LaunchTemplate"]["LaunchTemplateId"])


def read_template(ctx: Context, id_: str, _last: Props) -> Props | None:
    ec2 = ctx.client("ec2")
    found = first(ec2.describe_launch_templates(LaunchTemplateIds=[id_])["LaunchTemplates"])
    if found is None:
        return None
    latest = str(found["LatestVersionNumber"])
    rows = ec2.describe_launch_template_versions(LaunchTemplateId=id_, Versions=[latest])["LaunchTemplateVersions"]
    version = first(rows) or {}
    data = version.get("LaunchTemplateData", {})
    specifications = [
        {"resourceType": row.get("ResourceType"), "tags": tag_map(row.get("Tags"))}
        for row in data.get("TagSpecifications") or []
        # moto keeps the template's own tags among those for what is launched from it.
        if row.get("ResourceType") != "launch-template"
    ]
    # What the program takes out of the template is gone from the data: absent there means not set.
    blank = dict.fromkeys(TOP_LEVEL)
    return (
        blank
        | outputs(LAUNCH_TEMPLATE, data, renames=RENAMES)
        | {
            "arn": ctx.arn("ec2", f"launch-template/{id_}"),
            "defaultVersion": int(found["DefaultVersionNumber"]),
            "description": version.get("VersionDescription") or None,
            "latestVersion": int(latest),
            "name": found["LaunchTemplateName"],
            "tagSpecifications": specifications,
            "tags": tag_map(found.get("Tags")),
        }
    )


TOP_LEVEL = (
    "ebsOptimized",
    "imageId",
    "instanceType",
    "keyName",
    "userData",
    "disableApiStop",
    "disableApiTermination",
)


def update_template(ctx: Context, id_: str, old: Props, new: Props) -> None:
    """A change makes a new version; which one is the default is a choice of its own."""
    ec2 = ctx.client("ec2")
    latest = int(old["latestVersion"])
    if template_data(new) != template_data({name: old.get(name) for name in new}) or new.get("description") != old.get(
        "description"
    ):
        about = {"VersionDescription": new["description"]} if new.get("description") else {}
        made = ec2.create_launch_template_version(LaunchTemplateId=id_, LaunchTemplateData=template_data(new), **about)
        latest = int(made["LaunchTemplateVersion"]["VersionNumber"])
    wanted = latest if new.get("updateDefaultVersion") else new.get("defaultVersion")
    if wanted and int(wanted) != int(old["defaultVersion"]):
        ec2.modify_launch_template(LaunchTemplateId=id_, DefaultVersion=str(int(wanted)))


LAUNCH_TEMPLATE_TYPE = ResourceType(
    token=LAUNCH_TEMPLATE,
    service="ec2",
    create=create_template,
    read=read_template,
    update=update_template,
    delete=lambda ctx, id_, _last: ctx.client("ec2").delete_launch_template(LaunchTemplateId=id_),
    tag=retag,
    force_new=frozenset({"name", "namePrefix"}),
    autoname=Autoname(max_length=125),
    computed_on_update=frozenset({"latestVersion", "defaultVersion"}),
)

TYPES = [LAUNCH_TEMPLATE_TYPE]
