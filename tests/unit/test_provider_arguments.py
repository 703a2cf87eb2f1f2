"""The sandbox's AWS provider: arguments against the SDK's types, names, defaults, tags, differences."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from sandbox.aws.provider import config, schema
from sandbox.aws.provider.check import DEFAULTS, Checked, Naming, check
from sandbox.aws.provider.codec import UNKNOWN, Secret
from sandbox.aws.provider.config import ProviderConfig
from sandbox.aws.provider.diff import Change, Difference, diff
from sandbox.aws.provider.schema import Kind
from sandbox.aws.provider.state import drifted, imported, planned
from sandbox.aws.table import entries

QUEUE = "aws:sqs/queue:Queue"
CLUSTER = "aws:rds/cluster:Cluster"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
CONFIG = ProviderConfig(region="eu-west-1", default_tags={"cell": "c"})


def known(token: str) -> schema.ResourceSchema:
    found = schema.resource(token)
    assert found
    return found


def checked(token: str, news: Mapping[str, Any], **options: Any) -> Checked:
    values: dict[str, Any] = {"olds": {}, "config": CONFIG, "naming": Naming(seed=b"seed"), "name": "name"} | options
    return check(types=known(token), entry=entries().get(token), news=news, **values)


def problems(token: str, news: Mapping[str, Any]) -> dict[str, str]:
    return {problem.path: problem.reason for problem in checked(token, news).problems}


def test_an_unknown_argument_is_refused_with_the_nearest_name() -> None:
    assert problems(QUEUE, {"delaySecond": 1}) == {"delaySecond": "unknown argument; did you mean delaySeconds?"}


def test_a_mistyped_argument_is_refused_with_its_path() -> None:
    assert problems(QUEUE, {"delaySeconds": "ten"}) == {"delaySeconds": "expected integer, got string"}
    vpc_config = {"subnetIds": ["a", 5], "endpointPrivateAcces": True}
    found = problems("aws:eks/cluster:Cluster", {"roleArn": "r", "vpcConfig": vpc_config})
    assert found["vpcConfig.subnetIds[1]"] == "expected string, got number 5"
    assert "did you mean endpointPrivateAccess?" in found["vpcConfig.endpointPrivateAcces"]


def test_a_missing_required_argument_is_refused_nested_ones_too() -> None:
    assert problems("aws:kms/alias:Alias", {}) == {"targetKeyId": "required argument is missing"}
    found = problems(ALARM, {"evaluationPeriods": 1, "metricQueries": [{"metric": {"period": 1, "stat": "Sum"}}]})
    assert set(found) == {"metricQueries[0].id", "metricQueries[0].metric.metricName"}


def test_what_is_not_known_yet_is_not_judged() -> None:
    assert problems("aws:kms/alias:Alias", {"targetKeyId": UNKNOWN}) == {}


def test_a_mistyped_secret_is_refused_without_being_shown() -> None:
    found = problems(CLUSTER, {"engine": "x", "masterPassword": Secret(12345)})
    assert found == {"masterPassword": "expected string, got number"}


def test_a_policy_may_be_text_or_an_object_and_travels_as_text() -> None:
    document = {"Version": "2012-10-17", "Statement": []}
    inputs = checked("aws:iam/role:Role", {"assumeRolePolicy": document}).inputs
    assert json.loads(inputs["assumeRolePolicy"]) == document


def test_names_are_the_logical_name_and_seven_hex_digits() -> None:
    inputs = checked(QUEUE, {}).inputs
    assert re.fullmatch(r"name-[0-9a-f]{7}", inputs["name"])
    assert "name" in inputs[DEFAULTS]
    assert re.fullmatch(r"name-[0-9a-f]{7}\.fifo", checked(QUEUE, {"fifoQueue": True}).inputs["name"])
    assert re.fullmatch(r"pre[0-9a-f]{7}", checked(QUEUE, {"namePrefix": "pre"}).inputs["name"])


def test_a_long_logical_name_still_fits() -> None:
    assert len(checked(QUEUE, {"fifoQueue": True}, name="n" * 100).inputs["name"]) == 80


def test_the_name_stays_over_runs_and_another_seed_gives_another() -> None:
    first = checked(QUEUE, {}).inputs
    assert checked(QUEUE, {}, olds=first, naming=Naming(seed=b"other")).inputs["name"] == first["name"]
    assert checked(QUEUE, {}, naming=Naming(seed=b"other")).inputs["name"] != first["name"]


def test_autonaming_can_be_switched_off_for_a_stack() -> None:
    found = checked(QUEUE, {}, naming=Naming(mode="DISABLE")).problems
    assert [problem.path for problem in found] == ["name"]


def test_default_tags_are_below_a_resources_own() -> None:
    assert checked(QUEUE, {"tags": {"a": "b"}}).inputs["tags"] == {"cell": "c", "a": "b"}
    assert checked(QUEUE, {"tags": {"cell": "mine"}}).inputs["tags"] == {"cell": "mine"}
    ignoring = replace(CONFIG, ignore_tags=frozenset({"cell"}), ignore_tag_prefixes=("kubernetes.io/",))
    assert checked(QUEUE, {"tags": {"a": "b", "kubernetes.io/x": "y"}}, config=ignoring).inputs["tags"] == {"a": "b"}


def test_write_only_and_known_secret_arguments_are_secret_in_state() -> None:
    inputs = checked(
        CLUSTER, {"engine": "aurora-postgresql", "masterPasswordWo": "p", "masterPasswordWoVersion": 1}
    ).inputs
    assert inputs["masterPasswordWo"] == Secret("p")
    assert checked(CLUSTER, {"engine": "x", "masterPassword": "p"}).inputs["masterPassword"] == Secret("p")


def difference(
    token: str, old: Mapping[str, Any], new: Mapping[str, Any], outputs: Mapping[str, Any] | None = None
) -> Difference:
    return diff(
        types=known(token),
        entry=entries().get(token),
        outputs=outputs or {},
        old=old,
        new=new,
        region="eu-west-1",
    )


def test_a_nested_change_is_named_by_its_path() -> None:
    found = difference(QUEUE, {"tags": {"a": "1", "b.c": "1"}}, {"tags": {"a": "2", "d": "3"}})
    assert found.changes == {"tags.a": Change.UPDATE, 'tags["b.c"]': Change.DELETE, "tags.d": Change.ADD}
    assert not found.replaces


def test_what_aws_cannot_change_replaces_the_resource() -> None:
    found = difference(QUEUE, {"fifoQueue": False, DEFAULTS: ["name"]}, {"fifoQueue": True, DEFAULTS: ["name"]})
    assert found.replaces == {"fifoQueue"}
    assert not found.delete_first


def test_a_chosen_name_is_freed_before_it_is_taken_again() -> None:
    same_name = {"name": "q", "fifoQueue": False}
    assert difference(QUEUE, same_name, same_name | {"fifoQueue": True}).delete_first


def test_another_region_replaces() -> None:
    found = difference(QUEUE, {}, {"region": "eu-central-1"}, {"region": "eu-west-1"})
    assert found.replaces == {"region"}


def test_a_write_only_value_changes_nothing_until_its_version_does() -> None:
    old = {"masterPasswordWo": "p", "masterPasswordWoVersion": 1}
    assert difference(CLUSTER, old, old | {"masterPasswordWo": "q"}).changes == {}
    assert set(difference(CLUSTER, old, old | {"masterPasswordWoVersion": 2}).changes) == {"masterPasswordWoVersion"}


def test_a_value_that_aws_chose_stays_when_the_program_says_nothing() -> None:
    assert difference(CLUSTER, {"engineVersion": "17.5"}, {}).changes == {}


def test_writing_down_what_aws_already_has_changes_nothing() -> None:
    assert difference(CLUSTER, {}, {"engineVersion": "17.5"}, {"engineVersion": "17.5"}).changes == {}
    assert set(difference(CLUSTER, {}, {"engineVersion": "17.6"}, {"engineVersion": "17.5"}).changes) == {
        "engineVersion"
    }


def test_drift_appears_in_the_inputs_so_that_the_next_run_repairs_it() -> None:
    entry, types = entries()[QUEUE], known(QUEUE)
    inputs = {"delaySeconds": 0, "tags": {"cell": "c"}, "policy": '{"a": 1}'}
    live = {"delaySeconds": 5, "tags": {"cell": "c", "x": "y"}, "policy": '{ "a":1 }', "kmsMasterKeyId": "k"}
    found = drifted(types=types, entry=entry, inputs=inputs, outputs=live)
    assert found == {"delaySeconds": 5, "tags": {"cell": "c", "x": "y"}, "policy": '{"a": 1}', "kmsMasterKeyId": "k"}


def test_an_import_has_the_inputs_that_would_make_it() -> None:
    found = imported(types=known(QUEUE), entry=entries()[QUEUE], outputs={"arn": "a", "name": "q", "delaySeconds": 3})
    assert found["name"] == "q"
    assert found["delaySeconds"] == 3
    assert "arn" not in found


def test_a_preview_knows_inputs_and_not_what_aws_decides() -> None:
    found = planned(types=known(QUEUE), entry=entries()[QUEUE], inputs={"name": "q", "tags": {"a": "b"}})
    assert found["arn"] is UNKNOWN
    assert found["name"] == "q"
    assert found["tagsAll"] == {"a": "b"}
    assert "kmsMasterKeyId" not in found, "an optional argument that was left out is known to be absent"


def test_a_type_without_entry_is_marked_and_its_arguments_are_checked() -> None:
    token = "aws:globalaccelerator/accelerator:Accelerator"
    assert token not in entries()
    assert planned(types=known(token), entry=None, inputs={"name": "a"}) == {"name": "a", "__notEmulated": True}
    assert problems(token, {"nam": "a"})


@pytest.mark.parametrize("token", sorted(entries()))
def test_every_entry_speaks_of_arguments_that_the_sdk_has(token: str) -> None:
    entry, types = entries()[token], known(token)
    for path in entry.force_new | entry.ordered:
        properties: Mapping[str, schema.Property] = types.inputs
        for part in path.split("."):
            assert part in properties, f"{token}: {path}"
            inner = properties[part].type
            while inner.kind in (Kind.LIST, Kind.MAP) and inner.item:
                inner = inner.item
            properties = inner.properties()
    named = {*entry.defaults, *entry.equal, *entry.unread, *([entry.autoname.prop] if entry.autoname else [])}
    assert named <= {*types.inputs, *types.outputs}, token
    assert entry.computed_on_update <= {*types.outputs}, token
    assert entry.tag or "tags" not in types.inputs, f"{token} has tags and its entry no `tag`"
    assert entry.global_service == ("region" not in types.inputs), token


def test_the_provider_refuses_arguments_that_the_official_one_does_not_have() -> None:
    found = config.check({"region": "eu-west-1", "regoin": "x", "maxRetries": '"many"'})
    assert {problem.path for problem in found} == {"regoin", "maxRetries"}
    assert [p.reason for p in config.check({"region": "eu-west-9"})] == [
        "invalid AWS Region: eu-west-9; did you mean eu-west-3?"
    ]


def test_structured_provider_arguments_arrive_as_json() -> None:
    loaded = config.load(
        {
            "region": "eu-west-1",
            "defaultTags": '{"tags": {"a": "b"}}',
            "assumeRoles": '[{"roleArn": "arn:aws:iam::1:role/r", "duration": "1h"}]',
            "allowedAccountIds": '["123456789012"]',
            "skipCredentialsValidation": "true",
            "endpoints": '[{"sqs": "http://q", "cloudwatchlogs": "http://l"}]',
        },
        {},
    )
    assert loaded.default_tags == {"a": "b"}
    assert loaded.assume_roles[0]["roleArn"] == "arn:aws:iam::1:role/r"
    assert loaded.allowed_account_ids == {"123456789012"}
    assert loaded.skip_credentials
    assert loaded.endpoints == {"sqs": "http://q", "logs": "http://l"}


def test_the_region_comes_from_the_environment_when_nothing_says_it() -> None:
    assert config.load({}, {"AWS_REGION": "sa-east-1"}).region == "sa-east-1"


def test_secrets_of_the_provider_are_not_printed() -> None:
    assert "hunter2" not in repr(ProviderConfig(secret_key="hunter2", token="hunter2"))
