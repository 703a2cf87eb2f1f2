"""Ends of support: when a preview warns, when it refuses, and what `cell status` shows. Every date is fixed here."""

import datetime
from dataclasses import replace
from pathlib import Path

import pytest
from config_files import WORKLOADS, cell, fleet, write

from stacks import __main__ as program
from stacks.fleet import load_fleet
from stacks.models import CellSettings
from stacks.problems import ConfigError, Problem
from stacks.settings import StackFile
from stacks.support import NOTICE_DAYS, InUse, Urgency, deadlines, declared, support_problems

KUBERNETES_135_ENDS = datetime.date(2027, 3, 27)
"""https://docs.aws.amazon.com/eks/latest/userguide/kubernetes-versions.html"""
AURORA_176_ENDS = datetime.date(2027, 4, 30)
"""https://docs.aws.amazon.com/AmazonRDS/latest/AuroraPostgreSQLReleaseNotes/aurorapostgresql-release-calendar.html"""
IN_USE = InUse(
    kubernetes="1.35",
    nodes={"system": "1.35", "gateway": "1.34"},
    addons={"kube-proxy": "v1.35.3-eksbuild.5", "metrics-server": "v0.8.0-eksbuild.2", "coredns": "v1.0.0-eksbuild.1"},
    shards={"s00": "17.9", "s01": "17.9", "s02": "17.7"},
    ca="rds-ca-rsa2048-g1",
)
DAY = datetime.timedelta(days=1)


def of(in_use: InUse, today: datetime.date) -> dict[str, tuple[Urgency, int | None]]:
    return {deadline.what: (deadline.urgency, deadline.days_left) for deadline in deadlines(in_use, today)}


@pytest.mark.parametrize(
    ("days_before", "urgency"),
    [
        (NOTICE_DAYS + 1, Urgency.SUPPORTED),
        (NOTICE_DAYS, Urgency.ENDS_SOON),
        (1, Urgency.ENDS_SOON),
        (0, Urgency.ENDED),
        (-1, Urgency.ENDED),
    ],
)
def test_an_end_is_near_ninety_days_before_and_there_on_its_day(days_before: int, urgency: Urgency) -> None:
    found = of(IN_USE, KUBERNETES_135_ENDS - days_before * DAY)
    assert found["control plane"] == (urgency, days_before)


def test_everything_that_a_cell_runs_has_its_own_deadline() -> None:
    found = {deadline.what: deadline for deadline in deadlines(IN_USE, datetime.date(2026, 11, 23))}
    assert {what: str(deadline.ends) for what, deadline in found.items()} == {
        "control plane": "2027-03-27",
        "nodes (gateway)": "2026-12-02",
        "nodes (system)": "2027-03-27",
        "node image": "2029-06-30",
        "add-on coredns": "None",
        "add-on kube-proxy": "2027-03-27",
        "add-on metrics-server": "2027-08-02",
        "Aurora PostgreSQL (s02)": "2030-02-28",
        "Aurora PostgreSQL (s00, s01)": "2027-09-30",
        "Aurora PostgreSQL, major": "2030-02-28",
        "database CA": "2061-05-19",
    }
    assert found["nodes (gateway)"].urgency is Urgency.ENDS_SOON
    assert found["add-on coredns"].urgency is Urgency.UNKNOWN
    assert str(found["control plane"]) == "1.35, supported until 2027-03-27 (124 days)"
    assert all(deadline.source.startswith("https://") for deadline in found.values())


def test_an_unknown_authority_is_not_taken_for_the_catalogues() -> None:
    assert of(replace(IN_USE, ca="rds-ca-2019"), KUBERNETES_135_ENDS)["database CA"] == (Urgency.UNKNOWN, None)


def file_of(folder: Path, versions: str) -> StackFile:
    write(fleet(folder), "one", cell(versions=versions))
    return load_fleet(folder).stacks["one"]


def checked(folder: Path, versions: str, today: datetime.date) -> list[Problem]:
    file = file_of(folder, versions)
    return support_problems(file, load_fleet(folder).plan("one"), today)


def test_a_cell_of_defaults_is_quiet_today(tmp_path: Path) -> None:
    assert checked(tmp_path, "", datetime.date(2026, 11, 23)) == []


def test_a_near_end_is_a_warning_with_place_and_command(tmp_path: Path) -> None:
    (warning,) = checked(tmp_path, "{aurora: '17.6'}", AURORA_176_ENDS - 30 * DAY)
    assert warning.key == "versions.aurora"
    lines = (tmp_path / "Pulumi.one.yaml").read_text().splitlines()
    assert warning.line == 1 + lines.index("    versions: {aurora: '17.6'}")
    said = (
        "versions.aurora: 17.6 reaches its end of support on 2027-04-30, in 30 days: Aurora PostgreSQL (s00, s01) 17.6"
    )
    assert str(warning).startswith(f"{said}; ")
    assert "`cell upgrade one --plan --to-aurora 17.7`" in warning.fix


def test_an_end_that_is_reached_refuses_with_file_line_key_rule_and_fix(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        checked(tmp_path, "{kubernetes: '1.35'}", KUBERNETES_135_ENDS)
    keys = {problem.key: problem for problem in refused.value.problems}
    # The nodes and add-ons of 1.35 end on the same day.
    assert set(keys) == {"versions.kubernetes", "versions.nodes", "versions.addons"}
    problem = keys["versions.kubernetes"]
    assert problem.file.endswith("Pulumi.one.yaml")
    assert problem.line is not None
    assert problem.rule == "is past its end of support, which was on 2027-03-27: control plane 1.35"
    assert "cell upgrade one --plan --to-kubernetes 1.36" in problem.fix


def test_a_day_of_grace_makes_an_ended_version_a_warning_until_it_has_passed(tmp_path: Path) -> None:
    chosen = "{kubernetes: '1.35', graceUntil: 2027-04-30}"
    assert {p.key for p in checked(tmp_path, chosen, datetime.date(2027, 4, 30))} >= {"versions.kubernetes"}
    with pytest.raises(ConfigError):
        checked(tmp_path, chosen, datetime.date(2027, 5, 1))


def test_what_an_upgrade_leaves_behind_only_warns_past_its_end(tmp_path: Path) -> None:
    halfway = "{kubernetes: '1.36', addons: '1.35', nodes: '1.35', aurora: '17.7', shards: {s00: '17.5'}}"
    found = {problem.key for problem in checked(tmp_path, halfway, datetime.date(2027, 4, 1))}
    assert found == {"versions.nodes", "versions.addons", "versions.aurora"}


def test_the_program_says_so_in_the_engines_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = file_of(tmp_path, "{aurora: '17.6'}").settings
    assert isinstance(settings, CellSettings)
    said: list[str] = []
    monkeypatch.setattr(program.pulumi.log, "warn", said.append)
    monkeypatch.setattr(program, "__file__", str(tmp_path / "__main__.py"))
    program.warn_of_ends_of_support("one", settings, datetime.date(2026, 11, 23))
    assert said == []
    program.warn_of_ends_of_support("one", settings, datetime.date(2027, 3, 31))
    assert len(said) == 1
    assert "17.6 reaches its end of support on 2027-04-30" in said[0]
    with pytest.raises(ConfigError, match="past its end of support, which was on 2027-04-30"):
        program.warn_of_ends_of_support("one", settings, datetime.date(2027, 4, 30))
    program.warn_of_ends_of_support("elsewhere", settings, datetime.date(2027, 3, 31))
    assert len(said) == 2


def test_shards_that_a_plan_names_are_the_cells_own(tmp_path: Path) -> None:
    write(fleet(tmp_path), "one", cell(versions="{shards: {s07: '17.9'}, upgrading: s08}"))
    with pytest.raises(ConfigError) as refused:
        load_fleet(tmp_path)
    assert {problem.key for problem in refused.value.problems} == {"versions.shards.s07", "versions.upgrading"}


def test_a_plan_declares_what_its_settings_choose(tmp_path: Path) -> None:
    write(fleet(tmp_path), "one", cell(versions="{kubernetes: '1.36', nodes: '1.35', shards: {s00: '17.9'}}"))
    in_use = declared(load_fleet(tmp_path).plan("one"))
    assert (in_use.kubernetes, set(in_use.nodes.values()), in_use.shards["s00"]) == ("1.36", {"1.35"}, "17.9")
    assert in_use.addons["kube-proxy"].startswith("v1.36.")


def test_an_auto_mode_cell_has_no_deadline_of_what_aws_runs_for_it(tmp_path: Path) -> None:
    write(fleet(tmp_path), "one", cell(cluster="{compute: auto}", versions="{kubernetes: '1.36', nodes: '1.35'}"))
    write(tmp_path, "one-workloads", WORKLOADS.partition("    images:")[0])
    found = [d.what for d in deadlines(declared(load_fleet(tmp_path).plan("one")), datetime.date(2026, 11, 23))]
    assert found == [
        "control plane",
        "add-on amazon-cloudwatch-observability",
        "add-on metrics-server",
        "Aurora PostgreSQL (s00, s01)",
        "Aurora PostgreSQL, major",
        "database CA",
    ]
