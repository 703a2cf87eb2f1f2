"""Live keys in the words of the provider."""

from typing import Any

from recorded import Refusal, read

from policies.catalogue import control
from policies.control import Status, answers
from policies.resources import Stack

KEY = "aws:kms/key:Key"
PRIMARY = "arn:aws:kms:eu-central-1:123456789012:key/mrk-1"


def recorded(**more: Any) -> dict[str, Any]:
    metadata = {"KeyId": "k", "Arn": "arn:aws:kms:eu-west-1:123456789012:key/k", "KeyManager": "CUSTOMER", **more}
    return {
        "kms.list_keys": {"Keys": [{"KeyId": "k", "KeyArn": metadata["Arn"]}]},
        "kms.describe_key": {"KeyMetadata": metadata},
        "kms.get_key_rotation_status": {"KeyRotationEnabled": True, "RotationPeriodInDays": 90},
        "kms.get_key_policy": {"Policy": "{}"},
        "kms.list_resource_tags": {"Tags": [{"TagKey": "a", "TagValue": "b"}]},
    }


def test_a_key_is_read_with_rotation_policy_and_tags() -> None:
    (found,) = read(KEY, recorded()).found
    props = found.resource.props
    assert (props["enableKeyRotation"], props["rotationPeriodInDays"]) == (True, 90)
    assert (props["tags"]["a"], props["policy"], props["region"]) == ("b", "{}", "eu-west-1")
    assert found.evidence[0] == 0


def test_a_key_of_aws_is_known_as_such_and_its_rotation_is_not_asked() -> None:
    (found,) = read(KEY, recorded(KeyManager="AWS") | {"kms.get_key_rotation_status": Refusal("AccessDenied")}).found
    assert found.made_by_aws
    assert found.resource.props["enableKeyRotation"] is False


def test_a_refused_call_leaves_the_answer_not_observed() -> None:
    account = read(KEY, recorded() | {"kms.get_key_rotation_status": Refusal("AccessDeniedException")})
    stack = Stack(tuple(one.resource for one in account.found))
    (finding,) = answers(control("KEY-03"), stack, live=True)
    assert finding.verdict.status is Status.NOT_OBSERVED
    assert "kms:GetKeyRotationStatus: AccessDeniedException" in finding.verdict.reason


def test_keys_with_imported_material_and_replicas_are_types_of_their_own() -> None:
    types = ("key:Key", "externalKey:ExternalKey", "replicaKey:ReplicaKey", "replicaExternalKey:ReplicaExternalKey")
    primary = {"MultiRegionKeyType": "REPLICA", "PrimaryKey": {"Arn": PRIMARY, "Region": "eu-central-1"}}
    cases: list[tuple[dict[str, Any], str]] = [
        ({}, types[0]),
        ({"Origin": "EXTERNAL"}, types[1]),
        ({"MultiRegionConfiguration": primary}, types[2]),
        ({"MultiRegionConfiguration": primary, "Origin": "EXTERNAL"}, types[3]),
    ]
    for more, type_ in cases:
        found = [one for kind in types for one in read(f"aws:kms/{kind}", recorded(**more)).found]
        assert [one.resource.type for one in found] == [f"aws:kms/{type_}"]
        assert found[0].resource.props.get("primaryKeyArn") == (PRIMARY if "MultiRegionConfiguration" in more else None)


def test_keys_that_cannot_be_listed_are_not_observed_as_a_whole() -> None:
    account = read(KEY, {"kms.list_keys": Refusal("AccessDeniedException")})
    assert account.found == []
    assert account.unobserved == {KEY: "eu-west-1: kms:ListKeys: AccessDeniedException"}
    assert account.populations[0].listed is None
