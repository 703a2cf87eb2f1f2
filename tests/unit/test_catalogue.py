"""The catalogue: dated, sourced, consistent; indices of the address plan stay as they are."""

import datetime
import re
from pathlib import Path

import pytest
from pydantic import ValidationError

import catalogue
from catalogue.load import DIRECTORY, read
from catalogue.model import Regions
from catalogue.parties_model import Processors

INDICES = {
    "eu-west-1": 0,
    "eu-central-1": 1,
    "us-east-1": 2,
    "us-west-2": 3,
    "ap-southeast-2": 4,
    "sa-east-1": 5,
    "ap-southeast-4": 6,
    "us-east-2": 7,
    "us-west-1": 8,
    "eu-west-3": 9,
    "eu-north-1": 10,
    "eu-south-1": 11,
    "eu-south-2": 12,
    "eu-west-2": 13,
}
"""Given once: a change would move a cell's addresses. New regions are added with the next free index."""


def test_indices_that_were_given_never_change() -> None:
    assert {name: region.index for name, region in catalogue.regions().items()} == INDICES


def test_recovery_stays_in_the_jurisdiction_or_says_why_there_is_none() -> None:
    for name, region in catalogue.regions().items():
        if region.recovery is None:
            assert region.no_recovery
            assert catalogue.regions_of(region.jurisdiction) == (name,)
        else:
            assert region.recovery in catalogue.regions_of(region.jurisdiction)


def test_pairs_that_the_design_names() -> None:
    pairs = {name: catalogue.region(name).recovery for name in list(INDICES)[:6]}
    assert pairs == {
        "eu-west-1": "eu-central-1",
        "eu-central-1": "eu-west-1",
        "us-east-1": "us-west-2",
        "us-west-2": "us-east-1",
        "ap-southeast-2": "ap-southeast-4",
        "sa-east-1": None,
    }


def test_the_european_jurisdiction_has_regions_of_the_eea_only() -> None:
    eea = catalogue.jurisdictions().jurisdictions["eu"].countries
    assert {catalogue.region(name).country for name in catalogue.regions_of("eu")} <= eea
    assert not eea & {"GB", "CH", "US"}
    assert "eu-west-2" not in catalogue.regions_of("eu")


def test_zones_without_a_control_plane_are_excluded() -> None:
    excluded = {zone for region in catalogue.regions().values() for zone in region.excluded}
    assert excluded == {"use1-az3", "usw1-az2"}


@pytest.mark.parametrize("path", sorted(DIRECTORY.glob("*.yaml")), ids=lambda path: path.name)
def test_every_file_has_a_date_a_review_and_sources(path: Path) -> None:
    text = path.read_text()
    assert "\ndate: 20" in text
    assert "\nreview_by: 20" in text
    assert "source: " in text


def test_a_date_past_review_is_noticed() -> None:
    assert catalogue.stale(datetime.date(2026, 11, 24)) == {}
    assert "versions.yaml" in catalogue.stale(datetime.date(2027, 3, 1))


def test_new_cells_get_a_version_that_aws_supports_for_longest() -> None:
    kubernetes = catalogue.versions().kubernetes
    newest = max(kubernetes.versions.items(), key=lambda item: item[1].standard_until)
    assert kubernetes.default == newest[0]
    for version in kubernetes.versions.values():
        assert version.released < version.standard_until < version.extended_until


@pytest.mark.parametrize(
    ("name", "region", "value"),
    [("sqs-fifo-requests", "sa-east-1", 4500), ("sqs-fifo-requests", "eu-south-2", 2400), ("db-clusters", "dev", 40)],
)
def test_a_quota_is_the_regions_own_or_the_default(name: str, region: str, value: int) -> None:
    assert catalogue.quota(name, region) == value


@pytest.mark.parametrize(
    ("kind", "pods"),
    [("m7g.large", 29), ("m7g.2xlarge", 58), ("t4g.large", 35), ("t4g.medium", 17), ("m7g.4xlarge", 110)],
)
def test_pods_of_a_node_are_the_published_ones(kind: str, pods: int) -> None:
    assert catalogue.instances().nodes.types[kind].pods == pods


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (("index: 1\n", "index: 0\n"), "an index of the address plan is used twice"),
        (("recovery: eu-central-1", "recovery: us-east-1"), "not another region of eu"),
        (("recovery: eu-central-1", "recovry: eu-central-1"), "recovry"),
        (("euw1-az1", "eu-west-1a"), "zones"),
        (("review_by: 2027", "review_by: 2020"), "review_by must lie after date"),
        (("regions:", "regions: ["), "regions.yaml"),
    ],
)
def test_a_broken_file_is_refused_with_its_place(tmp_path: Path, change: tuple[str, str], rule: str) -> None:
    path = tmp_path / "regions.yaml"
    path.write_text((DIRECTORY / "regions.yaml").read_text().replace(*change))
    with pytest.raises(catalogue.CatalogueError, match=rule):
        read(path, Regions)


def test_every_account_that_a_committed_stack_names_is_listed() -> None:
    stacks = (Path(__file__).parents[2] / "stacks").glob("Pulumi.*.yaml")
    named = {account for path in stacks for account in re.findall(r"\b\d{12}\b", path.read_text(encoding="utf-8"))}
    assert named
    assert named <= set(catalogue.accounts().own)


def test_a_processor_abroad_needs_a_registered_transfer(monkeypatch: pytest.MonkeyPatch) -> None:
    mail = catalogue.processors().processors["company mail"]
    abroad = mail.model_copy(update={"countries": ("US",), "leaves": {"eu": "a"}})
    changed = catalogue.processors().model_copy(update={"processors": {"company mail": abroad}})
    monkeypatch.setattr(
        "catalogue.load.read", lambda path, shape: changed if shape is Processors else read(path, shape)
    )
    with pytest.raises(catalogue.CatalogueError, match=r"company mail: leaves: eu needs an entry of transfers"):
        catalogue.processors.__wrapped__()


def test_a_host_belongs_to_one_processor() -> None:
    one = {"purpose": "p", "contract": "c", "countries": ["IE"], "hosts": ["a.example"]}
    about = {"source": "https://a.example", "date": "2026-01-01", "review_by": "2026-02-01"}
    with pytest.raises(ValidationError, match=r"hosts: a.example belongs to two processors"):
        Processors.model_validate({**about, "processors": {"a": one, "b": one}})
    with pytest.raises(ValidationError, match="give hosts or mail_domains"):
        Processors.model_validate({**about, "processors": {"a": {**one, "hosts": []}}})
