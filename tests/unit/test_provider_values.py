"""The sandbox's AWS provider: values on the wire, names in botocore's shapes, meaning of two values."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.aws.provider import codec, shapes
from sandbox.aws.provider.codec import UNKNOWN, Secret
from sandbox.aws.provider.compare import covers, project, same

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=5), PLAIN | PLAIN.map(Secret) | st.just(UNKNOWN), max_size=4))
def test_every_value_survives_the_wire(values: dict[str, Any]) -> None:
    assert codec.decode(codec.encode(values)) == values


def test_an_output_value_is_its_value_and_a_secret_one_stays_secret() -> None:
    wire = {codec.SIGNATURE: codec.OUTPUT, "value": "x", "secret": True}
    assert codec.decode(codec.encode({"a": wire}))["a"] == Secret("x")
    assert codec.decode(codec.encode({"a": {codec.SIGNATURE: codec.OUTPUT}}))["a"] is UNKNOWN


def test_a_secret_is_not_shown_when_it_is_printed() -> None:
    assert "hunter2" not in repr({"password": Secret("hunter2")})


def test_a_nested_secret_makes_its_property_secret() -> None:
    assert codec.secret_names({"a": [{"b": Secret("x")}], "c": "y"}) == {"a"}


def test_properties_become_parameters_by_their_letters_alone() -> None:
    made = shapes.request(
        "rds", "CreateDBCluster", {"kmsKeyId": "k", "storageEncrypted": True, "engine": "aurora-postgresql"}
    )
    assert made == {"KmsKeyId": "k", "StorageEncrypted": True, "Engine": "aurora-postgresql"}


def test_properties_without_a_parameter_are_left_for_other_calls() -> None:
    assert shapes.request(
        "kinesis",
        "CreateStream",
        {"name": "s", "shardCount": 2.0, "retentionPeriod": 24},
        renames={"name": "StreamName"},
    ) == {
        "StreamName": "s",
        "ShardCount": 2,
    }


def test_nested_blocks_are_renamed_by_their_path() -> None:
    target = {
        "sqsTarget": {"messageGroupId": "g"},
        "inputTransformer": {"inputPaths": {"a": "$.a"}, "inputTemplate": "<a>"},
    }
    renames = {"sqsTarget": "SqsParameters", "inputTransformer.inputPaths": "InputPathsMap"}
    assert shapes.to_shape("events", "Target", target, renames=renames) == {
        "SqsParameters": {"MessageGroupId": "g"},
        "InputTransformer": {"InputPathsMap": {"a": "$.a"}, "InputTemplate": "<a>"},
    }


@pytest.mark.parametrize(
    ("service", "operation", "expected"),
    [
        ("kms", "CreateKey", [{"TagKey": "a", "TagValue": "b"}]),
        ("sns", "CreateTopic", [{"Key": "a", "Value": "b"}]),
        ("eks", "CreateCluster", {"a": "b"}),
    ],
)
def test_tags_take_the_form_of_each_service(service: str, operation: str, expected: Any) -> None:
    made = shapes.request(service, operation, {"tags": {"a": "b"}})
    assert next(value for name, value in made.items() if name.lower() == "tags") == expected


def test_a_flattened_block_is_wrapped_where_aws_has_a_list() -> None:
    made = shapes.request("ec2", "CreateLaunchTemplate", {"tagSpecifications": {"resourceType": "instance"}})
    assert made == {"TagSpecifications": [{"ResourceType": "instance"}]}


def test_answers_become_outputs_with_the_names_of_the_sdk() -> None:
    answer = {"Arn": "a", "Name": "q", "Unheard": 1, "Tags": [{"Key": "k", "Value": "v"}]}
    assert shapes.outputs("aws:cloudwatch/eventBus:EventBus", answer) == {"arn": "a", "name": "q", "tags": {"k": "v"}}


def test_policies_are_the_same_however_actions_are_spelled() -> None:
    one = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": ["b", "a"], "Resource": ["*"]}}
    two = {"Statement": [{"Resource": "*", "Action": ["a", "b"], "Effect": "Allow"}], "Version": "2012-10-17"}
    assert same(json.dumps(one), json.dumps(two))
    assert not same(json.dumps(one), json.dumps(two).replace("Allow", "Deny"))


def test_lists_are_sets_unless_their_order_counts() -> None:
    assert same(["a", "b"], ["b", "a"], path="x")
    assert not same(["a", "b"], ["b", "a"], ordered={"x"}, path="x")
    assert not same(["a", "a"], ["a", "b"])


def test_nothing_equals_the_empty_value_but_not_another() -> None:
    assert all(same(None, empty) for empty in ([], "", False))
    assert not same(None, "x")
    assert not same(True, 1), "a boolean is not a number"


def test_aws_may_say_more_than_was_asked() -> None:
    assert covers([{"a": 1}], [{"a": 1, "b": 2}])
    assert not covers([{"a": 1, "b": 2}], [{"a": 1}])


def test_drift_is_written_with_the_members_that_the_program_uses() -> None:
    assert project([{"a": 1}], [{"a": 2, "b": 3}, {"a": 4, "b": 5}]) == [{"a": 2}, {"a": 4}]
