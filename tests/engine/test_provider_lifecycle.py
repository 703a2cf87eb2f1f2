"""The sandbox's AWS provider on the real engine: how one resource comes, changes, drifts, moves and goes."""

import json
import re
from typing import Any

import pulumi
import pytest
from inline_stack import fails, stack
from pulumi_aws import ec2, iam, kms, secretsmanager, sns, sqs, ssm

from conftest import Sandbox

pytestmark = pytest.mark.engine


def queue_of(sandbox: Sandbox, url: str, region: str = "eu-west-1") -> dict[str, str]:
    answer = sandbox.client("sqs", region).get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
    return dict(answer["Attributes"])


def test_names_updates_replacement_and_drift(sandbox: Sandbox) -> None:
    settings: dict[str, Any] = {"delay_seconds": 1}

    def program() -> None:
        queue = sqs.Queue("queue", tags={"own": "x"}, **settings)
        pulumi.export("url", queue.url)
        pulumi.export("name", queue.name)
        pulumi.export("tags", queue.tags_all)

    tags = {"aws:defaultTags": json.dumps({"tags": {"cell": "c"}})}
    with stack(sandbox, program, config=tags, launch=True) as made:
        made.up()
        first = made.outputs()
        assert re.fullmatch(r"queue-[0-9a-f]{7}", first["name"])
        assert first["tags"] == {"cell": "c", "own": "x"}

        settings["delay_seconds"] = 2
        assert made.up()["update"] == 1
        assert made.outputs()["url"] == first["url"]
        assert queue_of(sandbox, first["url"])["DelaySeconds"] == "2"

        aws = sandbox.client("sqs")
        aws.set_queue_attributes(QueueUrl=first["url"], Attributes={"DelaySeconds": "9"})
        aws.tag_queue(QueueUrl=first["url"], Tags={"cell": "other", "stray": "y"})
        assert made.refresh()["update"] == 1
        preview = made.preview_text()
        assert re.search(r"delaySeconds\s*: 9 => 2", preview)
        assert re.search(r"stray", preview)
        assert made.up()["update"] == 1
        assert queue_of(sandbox, first["url"])["DelaySeconds"] == "2"
        assert aws.list_queue_tags(QueueUrl=first["url"])["Tags"] == {"cell": "c", "own": "x"}

        settings["fifo_queue"] = True
        assert made.up()["replace"] == 1
        assert made.outputs()["name"].endswith(".fifo")

        aws.delete_queue(QueueUrl=made.outputs()["url"])
        assert made.refresh()["delete"] == 1
        assert made.up()["create"] == 1


def test_a_chosen_name_is_deleted_before_it_is_made_again(sandbox: Sandbox) -> None:
    path = ["/a/"]

    def program() -> None:
        trust = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
        iam.Role(
            "role", name="chosen", path=path[0], assume_role_policy={"Version": "2012-10-17", "Statement": [trust]}
        )

    with stack(sandbox, program) as made:
        made.up()
        path[0] = "/b/"
        assert made.up()["replace"] == 1
        assert sandbox.client("iam").get_role(RoleName="chosen")["Role"]["Path"] == "/b/"


def test_import_by_id_alone_and_adoption_without_a_change(sandbox: Sandbox) -> None:
    url = sandbox.client("sqs").create_queue(QueueName="found", Attributes={"DelaySeconds": "7"})["QueueUrl"]

    def program() -> None:
        adopt = pulumi.ResourceOptions(import_=url)
        sqs.Queue("found", name="found", delay_seconds=7, opts=adopt)

    with stack(sandbox, program) as made:
        assert made.up()["import"] == 1
        made.assert_stable()

    with stack(sandbox, lambda: None) as empty:
        missing = fails(
            lambda: empty.cli("import", "aws:sqs/queue:Queue", "gone", f"{url}-gone", "--yes", "--protect=false")
        )
        assert "does not exist" in missing


def test_ignored_protected_retained_and_renamed_resources(sandbox: Sandbox) -> None:
    now: dict[str, Any] = {"protect": True, "name": "before", "delay": 1}

    def program() -> None:
        ignoring = pulumi.ResourceOptions(ignore_changes=["delaySeconds"])
        pulumi.export("ignoring", sqs.Queue("ignoring", delay_seconds=now["delay"], opts=ignoring).url)
        sqs.Queue("kept", name="kept", opts=pulumi.ResourceOptions(retain_on_delete=True))
        sqs.Queue("safe", opts=pulumi.ResourceOptions(protect=now["protect"]))
        moved = pulumi.ResourceOptions(aliases=[pulumi.Alias(name="before")])
        sqs.Queue(now["name"], opts=moved if now["name"] == "after" else None)

    aws = sandbox.client("sqs")
    with stack(sandbox, program) as made:
        made.up()
        url = made.outputs()["ignoring"]
        aws.set_queue_attributes(QueueUrl=url, Attributes={"DelaySeconds": "8"})
        assert made.refresh()["update"] == 1
        now |= {"name": "after", "delay": 5}
        assert set(made.up()) == {"same"}
        assert queue_of(sandbox, url)["DelaySeconds"] == "8"
        assert "protect" in fails(made.destroy)
        now["protect"] = False
        made.up()
    kept = aws.get_queue_url(QueueName="kept")["QueueUrl"]
    aws.delete_queue(QueueUrl=kept)


def test_secrets_stay_encrypted_in_state_and_write_only_values_are_not_there(sandbox: Sandbox) -> None:
    word = ["first-word"]
    version = [1]

    def program() -> None:
        secret = secretsmanager.Secret("secret", recovery_window_in_days=0)
        secretsmanager.SecretVersion(
            "value", secret_id=secret.id, secret_string_wo=word[0], secret_string_wo_version=version[0]
        )
        ssm.Parameter("known", type="SecureString", value="parameter-word")
        marked = sqs.Queue("marked", name=pulumi.Output.secret("secret-name"))
        pulumi.export("id", secret.id)
        pulumi.export("name", marked.name)

    def value(made: Any) -> str:
        return str(sandbox.client("secretsmanager").get_secret_value(SecretId=made.outputs()["id"])["SecretString"])

    with stack(sandbox, program) as made:
        made.up()
        text = made.state_text()
        for hidden in ("first-word", "parameter-word", '"secret-name"'):
            assert hidden not in text
        assert "secretStringWo" not in made.resource("value")["outputs"]
        assert value(made) == "first-word"

        word[0] = "second-word"
        assert set(made.up()) == {"same"}
        assert value(made) == "first-word"
        version[0] = 2
        assert "same" in made.up()
        assert value(made) == "second-word"
        assert "second-word" not in made.state_text()
        made.assert_stable()


def test_one_provider_serves_every_region_and_three_functions(sandbox: Sandbox) -> None:
    region = ["us-east-1"]

    def program() -> None:
        key = kms.Key("key", region=region[0], deletion_window_in_days=7)
        pulumi.export("arn", key.arn)
        for name, token in {"account": "getCallerIdentity", "place": "getRegion", "part": "getPartition"}.items():
            pulumi.export(name, pulumi.runtime.invoke(f"aws:index/{token}:{token}", {}).value)

    with stack(sandbox, program) as made:
        made.up()
        found = made.outputs()
        assert found["arn"].split(":")[3] == "us-east-1"
        assert found["account"]["accountId"] == "123456789012"
        assert found["place"]["region"] == "eu-west-1"
        assert found["part"]["dnsSuffix"] == "amazonaws.com"
        made.assert_stable()
        region[0] = "eu-central-1"
        assert made.up()["replace"] == 1
        assert made.outputs()["arn"].split(":")[3] == "eu-central-1"


class Elsewhere(pulumi.CustomResource):
    dns_name: pulumi.Output[str]

    def __init__(self, name: str, token: str, props: dict[str, Any]) -> None:
        super().__init__(token, name, props)


def test_what_is_not_emulated_is_checked_and_marked(sandbox: Sandbox) -> None:
    token = "aws:globalaccelerator/accelerator:Accelerator"
    props: dict[str, Any] = {"name": "front", "enabled": True}

    def program() -> None:
        Elsewhere("front", token, props)

    with stack(sandbox, program) as made:
        made.up()
        assert made.resource("front")["outputs"]["__notEmulated"] is True
        made.assert_stable()
        props["enabled"] = False
        assert made.up()["update"] == 1


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("aws:sqs/queue:Queue", {"delaySecond": 1}, "delaySecond: unknown argument; did you mean delaySeconds?"),
    ("aws:sqs/queue:Queue", {"delaySeconds": "ten"}, "delaySeconds: expected integer, got string"),
    ("aws:kms/alias:Alias", {}, "targetKeyId: required argument is missing"),
    ("aws:globalaccelerator/accelerator:Accelerator", {"enable": True}, "did you mean enabled?"),
    ("aws:sqs/quue:Quue", {}, "aws:sqs/quue:Quue is not a resource type of pulumi-aws"),
]


def test_wrong_arguments_are_refused_before_any_call(sandbox: Sandbox) -> None:
    case = [WRONG[0]]

    def program() -> None:
        token, props, _ = case[0]
        Elsewhere("wrong", token, props)

    with stack(sandbox, program) as made:
        for row in WRONG:
            case[0] = row
            assert row[2] in fails(made.preview)


def test_failures_name_resource_and_code_and_a_half_made_resource_is_finished_later(sandbox: Sandbox) -> None:
    aws_managed = "arn:aws:iam::aws:policy/AmazonEC2ReadOnlyAccess"
    now: dict[str, Any] = {"queue": "has spaces", "policy": "arn:aws:iam::aws:policy/NoSuchPolicyAnywhere"}

    def program() -> None:
        sqs.Queue("queue", name=now["queue"])
        trust = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
        document = {"Version": "2012-10-17", "Statement": [trust]}
        iam.Role("half", name="half", assume_role_policy=document, managed_policy_arns=[now["policy"]])

    with stack(sandbox, program) as made:
        shown = fails(lambda: made.up(continue_on_error=True))
        assert re.search(r"creating aws:sqs/queue:Queue \(queue\): InvalidParameterValue\w*: ", shown)
        assert re.search(r"creating aws:iam/role:Role \(half\): NoSuchEntity: ", shown)
        assert made.resource("half")["id"] == "half"
        now |= {"queue": "fine", "policy": aws_managed}
        assert made.up() == {"same": 1, "create": 1, "update": 1}
        attached = sandbox.client("iam").list_attached_role_policies(RoleName="half")["AttachedPolicies"]
        assert [policy["PolicyArn"] for policy in attached] == [aws_managed]


def test_a_deletion_that_cannot_happen_ends_with_its_timeout(sandbox: Sandbox) -> None:
    def program() -> None:
        short = pulumi.ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(delete="1s"))
        pulumi.export("vpc", ec2.Vpc("net", cidr_block="10.9.0.0/16", opts=short).id)

    with stack(sandbox, program) as made:
        made.up()
        aws = sandbox.client("ec2")
        subnet = aws.create_subnet(VpcId=made.outputs()["vpc"], CidrBlock="10.9.0.0/24")["Subnet"]["SubnetId"]
        assert re.search(r"deleting aws:ec2/vpc:Vpc \(net\): DependencyViolation: ", fails(made.destroy))
        aws.delete_subnet(SubnetId=subnet)


def test_another_account_is_refused(sandbox: Sandbox) -> None:
    with stack(sandbox, sqs_queue, config={"aws:allowedAccountIds": '["111111111111"]'}) as made:
        assert "AWS account ID not allowed: 123456789012" in fails(made.up)


def sqs_queue() -> None:
    sqs.Queue("queue")


def test_a_role_in_another_account_is_assumed(sandbox: Sandbox) -> None:
    role = {"aws:assumeRoles": json.dumps([{"roleArn": "arn:aws:iam::210987654321:role/payment-cell-deploy"}])}

    def program() -> None:
        pulumi.export("arn", sqs.Queue("queue").arn)

    with stack(sandbox, program, config=role) as made:
        made.up()
        assert made.outputs()["arn"].split(":")[4] == "210987654321"


def test_sixty_four_resources_at_once_in_two_regions(sandbox: Sandbox) -> None:
    def program() -> None:
        for number in range(64):
            sns.Topic(f"topic-{number}", region="us-east-1" if number % 2 else None)

    with stack(sandbox, program) as made:
        assert made.up()["create"] == 65
        made.assert_stable()
