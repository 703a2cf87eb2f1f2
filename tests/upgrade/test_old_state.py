"""Cells of earlier releases under today's program: nothing that holds data is replaced or deleted.

`states/` has a cell's state as each release left it (docs/upgrades.md says how a release adds its own). It is imported
into a stack of an empty account; a preview then compares it with the program without asking AWS.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cell import Project, events
from record import SECRET_MARK, STATES, packed, read_state, trimmed

from conftest import Sandbox

RELEASES = sorted(path.name for path in STATES.iterdir())
CELLS = [
    (path.parent.name, path.name.removesuffix(".json.gz"))
    for path in sorted(STATES.glob("*/*.json.gz"))
    if not path.name.startswith("account")
]
"""(release, cell) of each fixture; those of accounts hold the outputs that cells read."""

PROTECTED = {"eu-west-1": 60}
"""Cell of production -> protected resources that its fixture has at least; a development cell protects nothing."""

ADD_ON_IMAGES = "602401143452"
"""AWS's own account with the images of EKS add-ons (https://docs.aws.amazon.com/eks/latest/userguide/add-ons-images.html)."""

STATEFUL = frozenset(
    {
        "aws:acm/certificate:Certificate",
        "aws:dynamodb/table:Table",
        "aws:ec2/eip:Eip",
        "aws:ec2/vpc:Vpc",
        "aws:eks/cluster:Cluster",
        "aws:kinesis/stream:Stream",
        "aws:kms/key:Key",
        "aws:rds/cluster:Cluster",
        "aws:rds/clusterInstance:ClusterInstance",
        "aws:rds/globalCluster:GlobalCluster",
        "aws:route53/zone:Zone",
        "aws:s3/bucket:Bucket",
        "aws:secretsmanager/secret:Secret",
        "aws:sqs/queue:Queue",
    }
)
"""Types that hold data, or an address or name that others have written down."""

HARMLESS = frozenset({"same", "update", "refresh", "read"})


NEW_OUTPUTS = {
    "dataEventTrails": {
        "eu-west-1": {
            "bucket": "account-eu-west-1-data-events",
            "keyArn": "arn:aws:kms:eu-west-1:123456789012:key/12345678-1234-1234-1234-123456789012",
        }
    }
}
"""Of an account since the release: it is brought up before its cells, which read them (UPGRADE.md)."""


def with_new_outputs(state: dict[str, Any]) -> dict[str, Any]:
    for resource in state["deployment"]["resources"]:
        if resource["type"] == "pulumi:pulumi:Stack" and "loadBalancerLogBuckets" in resource.get("outputs", {}):
            resource["outputs"] = NEW_OUTPUTS | resource["outputs"]
    return state


@pytest.mark.engine
@pytest.mark.parametrize(("release", "cell"), CELLS)
def test_todays_program_replaces_nothing_that_holds_data(
    release: str, cell: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    sandbox.reset()  # the roles that earlier tests made in the accounts of these states
    project = Project.copy(sandbox, tmp_path / "project")
    for path in sorted((STATES / release).glob("*.json.gz")):
        stack = path.name.removesuffix(".json.gz")
        project.pulumi("stack", "init", stack, "--no-select")
        state = tmp_path / f"{stack}.json"
        empty = json.loads(project.pulumi("stack", "export", "--stack", stack).stdout)["deployment"]
        imported = with_new_outputs(read_state(path))
        # The engine encrypts the state's secrets again, with the new stack's own passphrase.
        imported["deployment"]["secrets_providers"] = empty["secrets_providers"]
        state.write_text(json.dumps(imported))
        project.pulumi("stack", "import", "--stack", stack, "--file", str(state))

    log = tmp_path / "events.json"
    try:
        project.pulumi("preview", "--stack", cell, f"--event-log={log}")
        steps = {
            event["resourcePreEvent"]["metadata"]["urn"]: event["resourcePreEvent"]["metadata"]
            for event in events(log)
            if "resourcePreEvent" in event
        }
    finally:
        for path in (STATES / release).glob("*.json.gz"):
            project.pulumi("stack", "rm", path.name.removesuffix(".json.gz"), "--force", "--yes", "--preserve-config")

    rows = {row["urn"]: row for row in read_state(STATES / release / f"{cell}.json.gz")["deployment"]["resources"]}
    kept = {urn for urn, row in rows.items() if row["type"] in STATEFUL or row.get("protect")}
    assert len(kept) >= 25, "the fixture holds too little to say anything"
    protected = {urn for urn, row in rows.items() if row.get("protect")}
    assert len(protected) >= PROTECTED.get(cell, 0), "the fixture has lost what production protects"
    assert kept <= steps.keys(), f"the engine said nothing of {kept - steps.keys()}"
    assert {urn: steps[urn]["op"] for urn in kept if steps[urn]["op"] not in HARMLESS} == {}


def strings(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for item in value.values():
                yield from strings(item)
        case list():
            for item in value:
                yield from strings(item)


@pytest.mark.parametrize("release", RELEASES)
def test_a_fixture_holds_no_secret_and_nobodys_real_account(release: str) -> None:
    for path in (STATES / release).glob("*.json.gz"):
        state = read_state(path)
        text = json.dumps(state)
        assert '"ciphertext"' not in text
        assert "/root/" not in text
        assert "/home/" not in text
        assert set(re.findall(r'"plaintext": ("(?:[^"\\]|\\.)*")', text)) <= {'"null"'}
        assert not re.search(r"\b(AKIA|ASIA)[A-Z0-9]{16}\b|BEGIN [A-Z ]*PRIVATE KEY", text)
        accounts = {
            match for value in strings(state) for match in re.findall(r"arn:aws:[a-z0-9-]+:[a-z0-9-]*:(\d{12}):", value)
        }
        assert accounts <= {"210987654321", "123456789012", ADD_ON_IMAGES}


def test_recording_leaves_out_secrets_and_times_and_gives_the_same_bytes() -> None:
    secret = {SECRET_MARK: "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "v1:abc:def"}
    row = {"urn": "u", "type": "t", "created": "2026-11-23T00:00:00Z", "inputs": {"password": secret, "list": [secret]}}
    found = trimmed({"manifest": {"time": "2026-11-23T00:00:00Z", "magic": "m"}, "resources": [row]})
    hidden = {SECRET_MARK: secret[SECRET_MARK], "plaintext": "null"}
    assert found["resources"] == [{"urn": "u", "type": "t", "inputs": {"password": hidden, "list": [hidden]}}]
    assert packed(found) == packed(json.loads(json.dumps(found)))
    assert trimmed({"manifest": {}, "resources": [row]}, ("other",))["resources"] == []
