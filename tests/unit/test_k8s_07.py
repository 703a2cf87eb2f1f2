"""K8S-07: tags and scans of the registry."""

from typing import Any

from policies.control import Status
from policies.resources import Resource
from policies.testing import UNKNOWN, resource, verdicts

TAGS, SCANS = "keeps_its_tags", "scans_its_images"


def registry(frequency: str = "SCAN_ON_PUSH", only: str = "*", region: str = "eu-west-1") -> Resource:
    rule = {"scanFrequency": frequency, "repositoryFilters": [{"filter": only, "filterType": "WILDCARD"}]}
    type_ = "aws:ecr/registryScanningConfiguration:RegistryScanningConfiguration"
    return resource(type_, "registry", rules=[rule], region=region)


def answered(*others: Resource, **props: Any) -> dict[str, Status]:
    found = verdicts("K8S-07", resource("aws:ecr/repository:Repository", "r", region="eu-west-1", **props), *others)
    return {clause: status for (name, clause), status in found.items() if name == "r"}


def test_tags_never_move() -> None:
    assert answered(imageTagMutability="IMMUTABLE")[TAGS] is Status.PASS
    assert answered(imageTagMutability="MUTABLE")[TAGS] is Status.FAIL
    assert answered()[TAGS] is Status.FAIL
    assert answered(imageTagMutability=UNKNOWN)[TAGS] is Status.UNDETERMINED


def test_images_are_scanned_by_the_repository_or_the_registry() -> None:
    assert answered(imageScanningConfiguration={"scanOnPush": True})[SCANS] is Status.PASS
    assert answered(imageScanningConfiguration={"scanOnPush": UNKNOWN})[SCANS] is Status.UNDETERMINED
    assert answered()[SCANS] is Status.FAIL
    assert answered(registry())[SCANS] is Status.PASS
    assert answered(registry(region="us-east-1"))[SCANS] is Status.FAIL
    assert answered(registry("MANUAL"))[SCANS] is Status.FAIL


def test_the_registry_scans_every_repository() -> None:
    def scans(**changed: Any) -> Status:
        return verdicts("K8S-07", registry(**changed))["registry", "registry_scans_its_images"]

    assert scans() is Status.PASS
    assert scans(frequency="CONTINUOUS_SCAN") is Status.PASS
    assert scans(frequency="MANUAL") is Status.FAIL
    assert scans(only="prod*") is Status.FAIL
    assert scans(only=UNKNOWN) is Status.UNDETERMINED
    type_ = "aws:ecr/registryScanningConfiguration:RegistryScanningConfiguration"
    assert verdicts("K8S-07", resource(type_, "x"))["x", "registry_scans_its_images"] is Status.FAIL
