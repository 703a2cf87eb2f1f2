"""Controls as such: their parts, and that what they name is there. What each says is in `test_<id>.py`."""

import importlib
import re
from pathlib import Path

import pulumi_aws
import pulumi_kubernetes
import pytest

from policies.catalogue import controls
from policies.control import Control, Framework, Severity
from policies.resources import ROOT
from policies.stores import STORES

SDK = Path(pulumi_aws.__file__).parent


@pytest.mark.parametrize("missing", ["title", "clauses", "maps_to", "risk", "remediation"])
def test_a_control_without_one_of_its_parts_is_refused(missing: str) -> None:
    whole = {
        name: getattr(controls()[0], name)
        for name in ("id", "title", "severity", "clauses", "maps_to", "risk", "remediation")
    }
    with pytest.raises(ValueError, match=missing):
        Control(**{**whole, missing: ()})


def test_every_control_claims_a_criterion_of_a_pack() -> None:
    for control in controls():
        assert control.mapped(Framework.GDPR) or control.mapped(Framework.SOC2), control.id
        assert control.severity in Severity


def test_every_resource_type_that_a_control_names_is_one_of_the_sdk() -> None:
    known = set()
    for path in SDK.glob("*/*.py"):
        known.update(re.findall(r'type_token\("(aws:[^"]+)"\)', path.read_text()))
        known.update(re.findall(r"'(aws:\w+/\w+:\w+)'", path.read_text()))
    for path in Path(pulumi_kubernetes.__file__).parent.glob("*/*/*.py"):
        known.update(re.findall(r"'(kubernetes:[^']+:\w+)'", path.read_text()))
    for control in controls():
        for clause in control.clauses:
            assert clause.resource_types <= known | {ROOT}, control.id


@pytest.mark.parametrize("type_", sorted(STORES))
def test_the_key_property_of_every_store_is_an_argument_of_the_sdk(type_: str) -> None:
    module, class_ = type_.split("/")[0].removeprefix("aws:"), type_.rpartition(":")[2]
    arguments = getattr(importlib.import_module(f"pulumi_aws.{module}"), f"{class_}Args").__init__.__annotations__
    entry = STORES[type_]
    paths = [entry.key, *(pair[0] for pair in (entry.switch, entry.only_if) if pair)]
    for path in filter(None, paths):
        assert re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", path.partition(".")[0]).lower() in arguments, path
